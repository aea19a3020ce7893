//! What a step was not granted it does not get, and the operator is told which grant it would take.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use serde_json::{Value, json};

use crate::harness::Project;

/// A server on loopback that answers every request with 200 and the request itself.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            // A client that went away is its own business.
            let _gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&request[..length]));
        }
    });
    port
}

/// Runs `gate_reach` with one grant of each kind and this `with`; gives exit code, outcome or failure, and denials.
fn reach(project: &Project, port: u16, with: &Value) -> (i32, Value, Vec<String>) {
    project.write("token", "s3cr3t-t0ken\n");
    let pipeline = json!({
        "version": 1,
        "name": "reach",
        "secrets": { "token": { "from": "file:token", "allow": ["gate"] } },
        "plugins": { "gate": { "source": "GATE", "grants": {
            "network": [format!("GET http://127.0.0.1:{port}/open"), format!("tcp://127.0.0.1:{port}")],
            "filesystem": { "read": ["readable.txt", "folder/"], "write": ["writable.txt"] },
            "secrets": [{ "name": "token", "reveal": true }],
        } } },
        "steps": { "try": { "uses": "gate", "secrets": ["token"], "with": with } },
    });
    let text = pipeline.to_string().replace("GATE", "guest:gate_reach");
    project.write("pipeline.yaml", project.with_components(&text));
    let run = project.exec(&[]);
    let journal = project.journal();
    let ended = journal
        .iter()
        .find(|entry| entry["type"] == "step-ended")
        .unwrap_or_else(|| panic!("{}", run.stderr));
    let denied = journal
        .iter()
        .filter(|entry| entry["type"] == "capability-denied")
        .map(|entry| {
            entry["refusal"]["request"].as_str().expect("a request").replace(&port.to_string(), "PORT")
        })
        .collect();
    let answer = if ended["ending"] == "answered" {
        ended["outcome"]["outputs"].clone()
    } else {
        ended["failure"]["kind"].clone()
    };
    (run.code, answer, denied)
}

fn files(project: &Project) {
    project.write("readable.txt", "may be read");
    project.write("writable.txt", "may be written");
    project.write("hidden.txt", "may not be seen");
    project.write("folder/inner.txt", "inside");
}

#[test]
fn what_is_granted_works() {
    let port = echo();
    let table = [
        (json!({ "read": "readable.txt" }), json!({ "text": "may be read" })),
        (json!({ "read": "folder/inner.txt" }), json!({ "text": "inside" })),
        (json!({ "list": "folder" }), json!({ "names": ["inner.txt"] })),
        (json!({ "write": { "path": "writable.txt", "text": "new" } }), Value::Null),
        (json!({ "reveal": "token", "tolerate": true }), json!({ "errors": [], "revealed": "s3cr3t-t0ken" })),
    ];
    for (with, outputs) in table {
        let project = Project::new();
        files(&project);
        let (code, answer, denied) = reach(&project, port, &with);
        let redacted = json!({ "errors": [], "revealed": "***" });
        let expected = if with.get("reveal").is_some() { redacted } else { outputs };
        assert_eq!((code, answer, denied), (0, expected, vec![]), "{with}");
    }
}

#[test]
fn what_is_not_granted_is_denied_and_named() {
    let port = echo();
    let url = |host: &str, path: &str| json!({ "http": { "url": format!("http://{host}:{port}{path}") } });
    let table = [
        (json!({ "read": "hidden.txt" }), "read hidden.txt"),
        (json!({ "read": "../pipeline.yaml" }), "read ../pipeline.yaml"),
        (json!({ "read": "/etc/passwd" }), "read /etc/passwd"),
        (json!({ "read": "folder/../hidden.txt" }), "read folder/../hidden.txt"),
        (json!({ "read": "folder/link" }), "follow `folder/link`"),
        (json!({ "write": { "path": "readable.txt", "text": "x" } }), "write readable.txt"),
        (json!({ "write": { "path": "folder/new", "text": "x" } }), "write folder/new"),
        (json!({ "list": "." }), "read ."),
        (url("127.0.0.1", "/closed"), "GET http://127.0.0.1:PORT/closed"),
        (url("127.0.0.1", "/open?more=1"), "GET http://127.0.0.1:PORT/open?*"),
        (url("localhost", "/open"), "GET http://localhost:PORT/open"),
        (url("[::1]", "/open"), "GET http://[::1]:PORT/open"),
        (url("[::ffff:127.0.0.1]", "/open"), "GET http://[::ffff:7f00:1]:PORT/open"),
        (url("169.254.169.254", "/latest"), "GET http://169.254.169.254:PORT/latest"),
        (
            json!({ "http": { "url": format!("http://127.0.0.1:{port}/open"), "method": "POST" } }),
            "POST http://127.0.0.1:PORT/open",
        ),
        (json!({ "tcp": "127.0.0.1:1" }), "tcp://127.0.0.1:1"),
        (json!({ "secret": "other" }), "use the secret `other`"),
    ];
    for (with, request) in table {
        let project = Project::new();
        files(&project);
        std::os::unix::fs::symlink("../hidden.txt", project.path("folder/link")).unwrap();
        let (code, answer, denied) = reach(&project, port, &with);
        assert_eq!((code, answer, denied), (4, json!("denied"), vec![request.to_owned()]), "{with}");
        assert_eq!(project.read("readable.txt"), "may be read");
    }
}

/// Other spellings of a granted address are the granted address; what hides behind user info is not.
#[test]
fn a_url_is_judged_in_its_one_canonical_spelling() {
    let port = echo();
    for (host, granted) in [
        ("2130706433", true),
        ("0x7f.1", true),
        ("0177.0.0.1", true),
        ("127.0.0.1.", true),
        ("user@127.0.0.1", false),
    ] {
        let project = Project::new();
        let with = json!({ "http": { "url": format!("http://{host}:{port}/open") } });
        let (code, answer, _) = reach(&project, port, &with);
        assert_eq!((code == 0, answer.get("status").is_some()), (granted, granted), "{host}: {answer}");
    }
}

/// Requirements 003-42, 003-49: a secret reaches the wire and nothing else.
#[test]
fn a_secret_reaches_the_wire_and_no_file_of_the_run() {
    let port = echo();
    let project = Project::new();
    let with = json!({
        "http": { "url": format!("http://127.0.0.1:{port}/open"), "bearer": "token" },
        "reveal": "token",
    });
    let (code, answer, denied) = reach(&project, port, &with);
    assert_eq!((code, denied), (0, vec![]));
    let body = answer["body"].as_str().expect("the echoed request").to_ascii_lowercase();
    assert!(body.contains("authorization: bearer ***"), "{body}");
    let mut folders = vec![project.run_directory()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
                assert!(!text.contains("s3cr3t-t0ken"), "{}", entry.path().display());
                assert!(!text.contains("czNjcjN0LXQwa2Vu"), "{}", entry.path().display());
            }
        }
    }
}

/// Guests that know nothing of our interfaces live under the same grants.
#[test]
fn a_wasi_guest_lives_under_the_same_grants() {
    let port = echo();
    let project = Project::new().file(
        "pipeline.yaml",
        &format!(
            "
version: 1
name: wasi
env: {{ GREETING: hello }}
plugins:
  wasi:
    source: guest:wasip2_std
    grants:
      network: ['GET http://127.0.0.1:{port}/open']
      filesystem: {{ read: [folder/, readable.txt], write: [out/] }}
      env: [USER]
steps:
  granted: {{ uses: wasi, with: {{ read: folder/inner.txt, write: out/new.txt, list: folder, env: USER, get: '127.0.0.1:{port}/open', print: hello }} }}
  single:  {{ uses: wasi, with: {{ read: readable.txt, env: GREETING }} }}
  refused: {{ uses: wasi, with: {{ read: hidden.txt, write: folder/new.txt, list: .., env: PATH, get: '127.0.0.1:{port}/closed' }} }}
"
        ),
    );
    files(&project);
    std::fs::create_dir(project.path("out")).unwrap();
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let outputs = |step: &str| {
        let journal = project.journal();
        let ended =
            journal.iter().find(|entry| entry["type"] == "step-ended" && entry["step"] == step).unwrap();
        ended["outcome"]["outputs"].clone()
    };
    let granted = outputs("granted");
    assert_eq!(granted["read"], json!({ "ok": "inside" }));
    assert_eq!(granted["write"], json!({ "ok": "written" }));
    assert_eq!(granted["list"], json!({ "ok": "inner.txt" }));
    assert_eq!(granted["env"], json!({ "ok": "ada" }));
    assert!(granted["get"]["ok"].as_str().is_some_and(|answer| answer.starts_with("200")), "{granted}");
    assert_eq!(project.read("out/new.txt"), "written");
    let single = outputs("single");
    assert_eq!(
        (&single["read"], &single["env"]),
        (&json!({ "ok": "may be read" }), &json!({ "ok": "hello" }))
    );
    let refused = outputs("refused");
    let refusals: Vec<&str> = ["read", "write", "list", "env", "get"]
        .into_iter()
        .filter(|name| refused[*name].get("error").is_some())
        .collect();
    assert_eq!(refusals, ["read", "write", "list", "env", "get"], "{refused}");
    assert!(!project.path("folder/new.txt").exists());
    assert_eq!(project.runner(&["logs"]).stdout.matches("hello").count(), 1);
}

/// The system call of a WASI guest that waits for ever must not keep the runner from ending.
#[test]
fn a_guest_that_waits_in_the_system_is_timed_out_and_left_behind() {
    let project = Project::with(
        "
version: 1
name: pipe
plugins: { wasi: { source: guest:wasip2_std, grants: { filesystem: { read: [folder/] } }, limits: { time: 300ms } } }
steps:
  wait: { uses: wasi, with: { read: folder/pipe } }
",
    );
    std::fs::create_dir(project.path("folder")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(project.path("folder/pipe")).status().unwrap();
    assert!(made.success());
    let run = project.exec(&[]);
    assert_eq!((run.code, project.results()), (4, vec!["wait error".to_owned()]), "{}", run.stderr);
}

#[test]
fn what_a_plugin_writes_cannot_take_over_the_terminal() {
    let project = Project::with(
        "
version: 1
name: escapes
plugins: { garbage: { source: guest:garbage_answer } }
steps:
  say: { uses: garbage, with: { answer: escapes } }
",
    );
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let shown = [run.stderr, project.runner(&["show"]).stdout, project.runner(&["logs"]).stdout].concat();
    let control: Vec<char> = shown.chars().filter(|sign| sign.is_control() && *sign != '\n').collect();
    assert_eq!(control, Vec::<char>::new(), "{shown:?}");
}

#[test]
fn answers_that_break_the_contract_are_errors() {
    for answer in ["json", "undeclared", "name", "twice", "huge"] {
        let project = Project::with(&format!(
            "
version: 1
name: garbage
plugins: {{ garbage: {{ source: guest:garbage_answer }} }}
steps:
  say: {{ uses: garbage, with: {{ answer: {answer} }} }}
"
        ));
        let run = project.exec(&[]);
        assert_eq!(
            (run.code, project.results()),
            (4, vec!["say error".to_owned()]),
            "{answer}: {}",
            run.stderr
        );
    }
}
