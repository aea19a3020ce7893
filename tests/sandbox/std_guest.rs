//! An honest program built for WASI, which knows nothing of grants: it lives under the same ones.

use std::fs;

use serde_json::{Value, json};

use super::network::Servers;
use crate::harness::Project;

#[test]
fn a_program_built_for_wasi_lives_under_the_same_grants() {
    let servers = Servers::start();
    let port = servers.open;
    let project = Project::with(&format!(
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
    ));
    for (name, text) in
        [("readable.txt", "may be read"), ("hidden.txt", "no"), ("folder/inner.txt", "inside")]
    {
        project.write(name, text);
    }
    fs::create_dir(project.path("out")).expect("a folder");
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let outputs = |step: &str| -> Value {
        let journal = project.journal();
        let ended = journal.iter().find(|entry| entry["type"] == "step-ended" && entry["step"] == step);
        let text = ended.expect("it has ended")["outcome"]["outputs"].to_string();
        serde_json::from_str(&text.replace(&port.to_string(), "PORT")).expect("a number is no syntax")
    };
    let head = "GET /open HTTP/1.1; host: 127.0.0.1:PORT; user-agent: runner/0.1.0; connection: close";
    assert_eq!(
        outputs("granted"),
        json!({
            "read": { "ok": "inside" },
            "write": { "ok": "written" },
            "list": { "ok": "inner.txt" },
            "env": { "ok": "ada" },
            "get": { "ok": format!("200 {head}") },
        })
    );
    assert_eq!(outputs("single"), json!({ "read": { "ok": "may be read" }, "env": { "ok": "hello" } }));
    assert_eq!(
        outputs("refused"),
        json!({
            "read": { "error": "No such file or directory (os error 44)" },
            "write": { "error": "Operation not permitted (os error 63)" },
            "list": { "error": "Operation not permitted (os error 63)" },
            "env": { "error": "environment variable not found" },
            "get": { "error": "ErrorCode::HttpRequestDenied" },
        })
    );
    assert_eq!(
        (project.read("out/new.txt").as_str(), project.path("folder/new.txt").exists()),
        ("written", false)
    );
    // What it prints is a line of the log, and stands there once.
    assert_eq!(project.runner(&["logs"]).stdout.matches("hello").count(), 1);
    servers.assert_untouched();
}
