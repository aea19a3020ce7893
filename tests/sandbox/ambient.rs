//! What a process inherits and a guest does not: environment, arguments, standard input, the terminal, directories.

use std::{io::Write as _, process::Stdio};

use serde_json::{Value, json};

use super::scene::{Scene, Seen, never};

fn look(grants: Value) -> Scene {
    let looks = ["environment", "arguments", "directory", "stdin", "terminal", "preopens", "random", "seed"];
    let tries: Vec<Value> = looks.iter().map(|look| json!({ "look": look })).collect();
    Scene::guest("wasip2_raw").grants(grants).with(json!({ "tries": tries }))
}

fn grants() -> Value {
    json!({ "network": ["GET http://127.0.0.1:1/", "tcp://127.0.0.1:1"], "filesystem": { "read": ["nothing/"] } })
}

#[test]
fn a_guest_inherits_nothing() {
    let expected = ["ok", "ok", "ok", "closed", "ok", "ok", "ok: different", "ok: the same"];
    assert_eq!(look(grants()).run(), Seen::passed("pass: tried", json!({ "tried": expected })));
}

/// The same guest with the grant sees just what it names.
#[test]
fn a_guest_sees_the_variables_it_is_granted() {
    let mut grants = grants();
    grants["env"] = json!(["USER", "NOT_SET"]);
    grants["filesystem"]["read"] = json!(["folder/"]);
    let expected =
        ["ok: USER=ada", "ok", "ok", "closed", "ok", "ok: folder", "ok: different", "ok: the same"];
    let scene = look(grants).file("folder/file", "x");
    assert_eq!(scene.run(), Seen::passed("pass: tried", json!({ "tried": expected })));
}

/// The runner's own standard input is for approvals.
#[test]
fn what_stands_in_the_runners_stdin_is_for_nobody_else() {
    let scene = look(grants());
    scene.run();
    let mut child =
        scene.command(&["exec", "pipeline.yaml"]).stdin(Stdio::piped()).spawn().expect("the runner starts");
    child.stdin.take().expect("a pipe").write_all(b"for the runner\n").expect("it takes it");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(!scene.everything_written().contains("for the runner"));
}

/// Guests without WASI have nothing to look with.
#[test]
fn a_guest_without_wasi_finds_nothing_in_special_files() {
    let tries = json!({ "tries": [{ "stat": "/proc/self/environ" }, { "read": "/dev/stdin" }] });
    let scene = Scene::guest("gate_reach").grants(grants()).with(tries);
    let seen = scene.run();
    let no = |what| format!("Denied: {what}: denied, no grant of this step covers it");
    let tried = [no("look at `/proc/self/environ`"), no("read `/dev/stdin`")];
    let relative = "paths are relative to the pipeline's directory";
    let expected = Seen::passed("pass: reached", json!({ "tried": tried }))
        .denied([never("read /proc/self/environ", relative), never("read /dev/stdin", relative)]);
    assert_eq!(seen, expected);
}
