//! Ways out of the granted directories, and ways to write where only reading is granted.

use std::{fs, os::unix::fs::symlink, process::Command};

use serde_json::{Value, json};

use super::scene::{Scene, Seen, denied, never};

/// `in/` may be read, `out/` may be written; `hidden.txt` and what lies outside of the project is nobody's business. Links of
/// every kind lead there.
fn project(scene: Scene) -> Scene {
    let scene = scene
        .file("in/a.txt", "may be read")
        .file("in/deep/b.txt", "deep")
        .file("out/old.txt", "may be written")
        .file("hidden.txt", "may not be seen")
        .file_outside("victim", "outside of the project");
    let outside = scene.outside.path().join("victim");
    for (target, link) in [
        ("../hidden.txt", "in/link"),
        ("/etc/passwd", "in/absolute"),
        (&*outside.to_string_lossy(), "in/outside"),
        ("..", "in/up"),
        ("/proc/self", "in/proc"),
        ("/dev/zero", "in/device"),
        ("loop", "in/loop"),
        ("../in/a.txt", "out/link"),
        ("../in", "out/dirlink"),
    ] {
        symlink(target, scene.project.path(link)).expect("a link");
    }
    fs::hard_link(scene.project.path("hidden.txt"), scene.project.path("out/hard")).expect("a link");
    let made = Command::new("mkfifo").arg(scene.project.path("in/pipe")).status().expect("mkfifo runs");
    assert!(made.success());
    scene
}

fn grants() -> Value {
    json!({
        "network": ["GET http://127.0.0.1:1/", "tcp://127.0.0.1:1"],
        "filesystem": { "read": ["in/"], "write": ["out/"] },
    })
}

/// Runs these attempts of a guest that uses our interface.
fn reach(attempts: &[(Value, Value)]) -> (Scene, Seen) {
    let tries: Vec<&Value> = attempts.iter().map(|(attempt, _)| attempt).collect();
    let scene = project(Scene::guest("gate_reach")).grants(grants()).with(json!({ "tries": tries }));
    let seen = scene.run();
    (scene, seen)
}

/// Runs these attempts of a guest that uses WASI.
fn wasi(attempts: &[(Value, &str)]) -> (Scene, Seen) {
    let tries: Vec<&Value> = attempts.iter().map(|(attempt, _)| attempt).collect();
    let scene = project(Scene::guest("wasip2_raw")).grants(grants()).with(json!({ "tries": tries }));
    let seen = scene.run();
    (scene, seen)
}

fn outcomes<'a, T: 'a + Clone + Into<Value>>(attempts: impl IntoIterator<Item = &'a (Value, T)>) -> Value {
    json!({ "tried": attempts.into_iter().map(|(_, outcome)| outcome.clone().into()).collect::<Vec<Value>>() })
}

#[test]
fn what_is_granted_works() {
    let attempts = [
        (json!({ "read": "in/a.txt" }), json!({ "text": "may be read" })),
        (json!({ "read": "./in//deep/b.txt" }), json!({ "text": "deep" })),
        (json!({ "list": "in/deep" }), json!({ "names": ["b.txt"] })),
        (json!({ "stat": "in/a.txt" }), json!({ "size": 11 })),
        (json!({ "stat": "in/none" }), json!({ "size": null })),
        (json!({ "write": { "path": "out/new.txt", "text": "new" } }), json!({})),
        (json!({ "read": "out/new.txt" }), json!({ "text": "new" })),
        (json!({ "read": "out/link" }), json!({ "text": "may be read" })),
    ];
    let (_, seen) = reach(&attempts);
    let expected = Seen::passed("pass: reached", outcomes(&attempts)).touched(&["project/out/new.txt"]);
    assert_eq!(seen, expected);
}

#[test]
fn no_path_leads_out() {
    let no = |what: &str| json!(format!("Denied: {what}: denied, no grant of this step covers it"));
    let attempts = [
        (json!({ "read": "hidden.txt" }), no("read `hidden.txt`")),
        (json!({ "read": "in/../hidden.txt" }), no("read `in/../hidden.txt`")),
        (json!({ "read": "../victim" }), no("read `../victim`")),
        (json!({ "read": "/etc/passwd" }), no("read `/etc/passwd`")),
        (json!({ "read": "in/\u{0}/a.txt" }), no("read `in/\u{0}/a.txt`")),
        (json!({ "read": "in\\..\\hidden.txt" }), no("read `in\\..\\hidden.txt`")),
        (json!({ "read": "IN/a.txt" }), no("read `IN/a.txt`")),
        (json!({ "read": "in/link" }), no("read `in/link`")),
        (json!({ "read": "in/absolute" }), no("read `in/absolute`")),
        (json!({ "read": "in/outside" }), no("read `in/outside`")),
        (json!({ "read": "in/up/hidden.txt" }), no("read `in/up/hidden.txt`")),
        (json!({ "read": "in/proc/environ" }), no("read `in/proc/environ`")),
        (json!({ "read": "in/device" }), no("read `in/device`")),
        (json!({ "list": "." }), no("list `.`")),
        (json!({ "list": "in/up" }), no("list `in/up`")),
        (json!({ "stat": "in/link" }), no("look at `in/link`")),
        (json!({ "write": { "path": "in/a.txt", "text": "x" } }), no("write `in/a.txt`")),
        (json!({ "write": { "path": "in/new.txt", "text": "x" } }), no("write `in/new.txt`")),
        (json!({ "write": { "path": "hidden.txt", "text": "x" } }), no("write `hidden.txt`")),
        (
            json!({ "write": { "path": "out/dirlink/new.txt", "text": "x" } }),
            no("write `out/dirlink/new.txt`"),
        ),
        (json!({ "write": { "path": "out/../in/a.txt", "text": "x" } }), no("write `out/../in/a.txt`")),
    ];
    let (_, seen) = reach(&attempts);
    let (parents, signs) = ("a path holds no `..`", "a path holds no `\\` and no NUL");
    let relative = "paths are relative to the pipeline's directory";
    let (rules, out) =
        ("none of its filesystem rules covers this", "it leads out of the pipeline's directory");
    let only = "it is granted for reading only";
    let hidden = "filesystem: { read: [hidden.txt] }";
    let astray = "it leads to `hidden.txt`, and none of its filesystem rules covers this";
    let expected = Seen::passed("pass: reached", outcomes(&attempts)).denied([
        denied("read hidden.txt", rules, hidden),
        never("read in/../hidden.txt", parents),
        never("read ../victim", parents),
        never("read /etc/passwd", relative),
        never("read in/\\0/a.txt", signs),
        never("read in\\\\..\\\\hidden.txt", signs),
        denied("read IN/a.txt", rules, "filesystem: { read: [IN/a.txt] }"),
        denied("follow `in/link`", astray, hidden),
        never("follow `in/absolute`", out),
        never("follow `in/outside`", out),
        denied("follow `in/up/hidden.txt`", astray, hidden),
        never("follow `in/proc/environ`", out),
        never("follow `in/device`", out),
        denied("read .", rules, "filesystem: { read: [.] }"),
        denied(
            "follow `in/up`",
            "it leads to `.`, and none of its filesystem rules covers this",
            "filesystem: { read: [.] }",
        ),
        denied("write in/a.txt", only, "filesystem: { write: [in/a.txt] }"),
        denied("write in/new.txt", only, "filesystem: { write: [in/new.txt] }"),
        denied(
            "write hidden.txt",
            "none of its `write` rules covers this",
            "filesystem: { write: [hidden.txt] }",
        ),
        denied(
            "follow `out/dirlink/new.txt`",
            "it leads to `in/new.txt`, and it is granted for reading only",
            "filesystem: { write: [in/new.txt] }",
        ),
        never("write out/../in/a.txt", parents),
    ]);
    assert_eq!(seen, expected);
}

/// What is no file is not opened: a pipe would wait for ever, and a device may do something.
#[test]
fn what_is_no_file_is_not_opened() {
    let long = format!("in/{}", "x".repeat(300));
    let attempts = [
        (
            json!({ "read": "in/pipe" }),
            json!("InvalidConfig: read `in/pipe`: `in/pipe` is not a regular file"),
        ),
        (json!({ "read": "in/deep" }), json!("InvalidConfig: read `in/deep`: `in/deep` is a directory")),
        (
            json!({ "read": "in/loop" }),
            json!("Unavailable: read `in/loop`: `in/loop`: too many levels of symbolic links"),
        ),
        (
            json!({ "read": "in/a.txt/b" }),
            json!("Unavailable: read `in/a.txt/b`: `in/a.txt/b`: not a directory"),
        ),
        (
            json!({ "list": "in/a.txt" }),
            json!("InvalidConfig: list `in/a.txt`: `in/a.txt` is not a directory"),
        ),
        (
            json!({ "write": { "path": "out", "text": "x" } }),
            json!("InvalidConfig: write `out`: `out` is a directory"),
        ),
        (
            json!({ "write": { "path": "out/none/new.txt", "text": "x" } }),
            json!("Unavailable: write `out/none/new.txt`: `out/none/new.txt`: no such file or directory"),
        ),
        (json!({ "read": long }), json!(format!("Unavailable: read `{long}`: `{long}`: file name too long"))),
    ];
    let (_, seen) = reach(&attempts);
    assert_eq!(seen, Seen::passed("pass: reached", outcomes(&attempts)));
}

/// Writing makes a new file of that name: what the old name led to stays as it was.
#[test]
fn writing_over_a_link_does_not_write_through_it() {
    let attempts = [
        (json!({ "write": { "path": "out/link", "text": "hostile" } }), json!({})),
        (json!({ "write": { "path": "out/hard", "text": "hostile" } }), json!({})),
        (json!({ "read": "in/a.txt" }), json!({ "text": "may be read" })),
    ];
    let (scene, seen) = reach(&attempts);
    let expected =
        Seen::passed("pass: reached", outcomes(&attempts)).touched(&["project/out/hard", "project/out/link"]);
    assert_eq!((seen, scene.project.read("hidden.txt")), (expected, "may not be seen".to_owned()));
}

fn file(base: &str, call: Value) -> Value {
    json!({ "file": { "in": base, "do": call } })
}

fn open(base: &str, path: &str, how: &[&str], then: &str) -> Value {
    let then = if then.is_empty() { Value::Null } else { json!(then) };
    file(base, json!({ "open": { "path": path, "how": how, "then": then } }))
}

fn pair(what: &str, base: &str, from: &str, other: &str, to: &str) -> Value {
    file(base, json!({ (what): { "from": from, "to": to, "in": other } }))
}

#[test]
fn a_wasi_guest_can_do_what_is_granted() {
    let attempts = [
        (open("in", "a.txt", &["read"], "read"), "ok: may be read"),
        (open("in", "deep", &["read", "directory"], "list"), "ok: b.txt"),
        (open("out", "new.txt", &["write", "create", "exclusive"], "write"), "ok"),
        (open("out", "old.txt", &["write", "truncate"], "append"), "ok"),
        (open("out", "new.txt", &["read"], "read"), "ok: hostile"),
        (pair("link", "out", "new.txt", "out", "second.txt"), "ok"),
        (pair("rename", "out", "second.txt", "out", "third.txt"), "ok"),
        (file("out", json!({ "mkdir": "folder" })), "ok"),
        (file("out", json!({ "rmdir": "folder" })), "ok"),
        (file("out", json!({ "unlink": "third.txt" })), "ok"),
    ];
    let (_, seen) = wasi(&attempts);
    let touched = ["project/out/new.txt", "project/out/old.txt"];
    assert_eq!(seen, Seen::passed("pass: tried", outcomes(&attempts)).touched(&touched));
}

#[test]
fn no_path_leads_a_wasi_guest_out() {
    let attempts = [
        (open("in", "../hidden.txt", &["read"], "read"), "not-permitted"),
        (open("in", "deep/../../hidden.txt", &["read"], "read"), "not-permitted"),
        (open("in", "..", &["read", "directory"], "list"), "not-permitted"),
        (open("in", "/etc/passwd", &["read"], "read"), "not-permitted"),
        (open("in", "link", &["read", "follow"], "read"), "not-permitted"),
        (open("in", "link", &["read"], "read"), "loop"),
        (open("in", "absolute", &["read", "follow"], "read"), "not-permitted"),
        (open("in", "outside", &["read", "follow"], "read"), "not-permitted"),
        (open("in", "up/hidden.txt", &["read", "follow"], "read"), "not-permitted"),
        (open("in", "up", &["read", "follow", "directory"], "list"), "not-permitted"),
        (open("in", "proc/environ", &["read", "follow"], "read"), "not-permitted"),
        (open("in", "device", &["read", "follow"], "read"), "not-permitted"),
        (open("in", "loop", &["read", "follow"], "read"), "loop"),
        (open("in", "a\u{0}.txt", &["read"], "read"), "invalid"),
        (open("in", "", &["read"], "read"), "no-entry"),
        (open("in", "a.txt/b", &["read"], "read"), "not-directory"),
        (open("in", "deep", &["read"], "read"), "opened, then bad-descriptor"),
        (open("in", "a.txt", &["read", "directory"], "list"), "not-directory"),
        (open(".", "hidden.txt", &["read"], "read"), "not handed over, only [\"out\", \"in\"]"),
        (open("out", "link", &["read", "follow"], "read"), "not-permitted"),
        (open("out", "dirlink/new.txt", &["write", "create", "follow"], "write"), "not-permitted"),
        (file("in", json!({ "stat": "link" })), "not-permitted"),
        (file("in", json!({ "stat": "../hidden.txt" })), "not-permitted"),
        (file("in", json!({ "readlink": "absolute" })), "not-permitted"),
        (pair("symlink", "out", "/etc/passwd", "out", "escape"), "not-permitted"),
    ];
    let (_, seen) = wasi(&attempts);
    let uncovered = "none of its filesystem rules covers this";
    let denials = [
        denied("read hidden.txt", uncovered, "filesystem: { read: [hidden.txt] }"),
        denied("read .", uncovered, "filesystem: { read: [.] }"),
        never("read in/a\\0.txt", "a path holds no `\\` and no NUL"),
    ];
    assert_eq!(seen, Seen::passed("pass: tried", outcomes(&attempts)).denied(denials));
}

/// Also a link that the guest made itself leads nowhere, for itself and for others.
#[test]
fn a_link_that_a_wasi_guest_makes_leads_nowhere() {
    let attempts = [
        (pair("symlink", "out", "../hidden.txt", "out", "escape"), "ok"),
        (open("out", "escape", &["read", "follow"], "read"), "not-permitted"),
        (open("out", "escape", &["write", "truncate", "follow"], "write"), "not-permitted"),
        (pair("link", "out", "escape", "out", "stolen"), "ok"),
        (file("out", json!({ "unlink": "../hidden.txt" })), "not-permitted"),
        (pair("rename", "out", "escape", "out", "../escape"), "not-permitted"),
    ];
    let (_, seen) = wasi(&attempts);
    assert_eq!(
        seen,
        Seen::passed("pass: tried", outcomes(&attempts))
            .touched(&["project/out/escape", "project/out/stolen"])
    );
}

/// CVE-2026-47261: opening with `truncate` used to empty a file that may only be read.
#[test]
fn nothing_that_may_only_be_read_is_changed() {
    let attempts = [
        (open("in", "a.txt", &["truncate"], ""), "not-permitted"),
        (open("in", "a.txt", &["read", "truncate"], ""), "not-permitted"),
        (open("in", "a.txt", &["write"], "write"), "not-permitted"),
        (open("in", "a.txt", &["write", "truncate"], ""), "not-permitted"),
        (open("in", "a.txt", &["read"], "write"), "opened, then not-permitted"),
        (open("in", "a.txt", &["read"], "append"), "opened, then not-permitted"),
        (open("in", "a.txt", &["read"], "empty"), "opened, then not-permitted"),
        (open("in", "a.txt", &["read"], "set-times"), "opened, then not-permitted"),
        (open("in", "new.txt", &["create"], ""), "not-permitted"),
        (open("in", "new.txt", &["read", "create", "exclusive"], ""), "not-permitted"),
        (file("in", json!({ "set-times": "a.txt" })), "not-permitted"),
        (file("in", json!({ "unlink": "a.txt" })), "not-permitted"),
        (file("in", json!({ "mkdir": "folder" })), "not-permitted"),
        (file("in", json!({ "rmdir": "deep" })), "not-permitted"),
        (pair("symlink", "in", "a.txt", "in", "new"), "not-permitted"),
        (pair("link", "in", "a.txt", "in", "new"), "not-permitted"),
        (pair("rename", "in", "a.txt", "in", "new"), "not-permitted"),
    ];
    let (_, seen) = wasi(&attempts);
    let reading = "it is granted for reading only";
    let denials = [
        denied("write in/a.txt", reading, "filesystem: { write: [in/a.txt] }"),
        denied("write in/new.txt", reading, "filesystem: { write: [in/new.txt] }"),
    ];
    assert_eq!(seen, Seen::passed("pass: tried", outcomes(&attempts)).denied(denials));
}

/// CVE-2026-58494: linking and renaming used to look at the rights of one directory only.
#[test]
fn nothing_moves_between_what_may_be_read_and_what_may_be_written() {
    let attempts = [
        (pair("link", "in", "a.txt", "out", "stolen"), "not-permitted"),
        (pair("link", "out", "old.txt", "in", "planted"), "not-permitted"),
        (pair("rename", "in", "a.txt", "out", "stolen"), "not-permitted"),
        (pair("rename", "out", "old.txt", "in", "planted"), "not-permitted"),
        (pair("rename", "out", "old.txt", "in", "a.txt"), "not-permitted"),
    ];
    let (_, seen) = wasi(&attempts);
    assert_eq!(seen, Seen::passed("pass: tried", outcomes(&attempts)));
}

/// The system call of a guest that waits for ever must not keep the runner from ending.
#[test]
fn a_wasi_guest_that_waits_for_a_pipe_is_left_behind() {
    let attempts = json!({ "tries": [open("in", "pipe", &["read"], "read")] });
    let scene = project(Scene::guest("wasip2_raw")).grants(grants()).with(attempts).limit("time", "300ms");
    let expected = "timed-out: time: the plugin call took longer than its limit of 300ms";
    assert_eq!(scene.run(), Seen::failed(expected));
}
