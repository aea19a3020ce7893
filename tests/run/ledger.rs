//! The ledger: which grants a run used, which it did not, and what was denied.

use serde_json::{Value, json};

use crate::{
    harness::Project,
    server::{head, serve, write},
};

/// Answers every request with the three bytes `yes`.
fn web() -> u16 {
    serve(|_, mut stream| {
        if !head(&mut stream).is_empty() {
            // To the byte: they are counted.
            write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes");
        }
    })
}

/// Says `hello` to whoever connects.
fn greeter() -> u16 {
    serve(|_, mut stream| write(&mut stream, b"hello"))
}

/// What the journal holds of uses, without times: `step: rule count sent received`.
fn uses(project: &Project, ports: [(u16, &str); 2]) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    project
        .journal()
        .iter()
        .filter(|entry| entry["type"] == "grants-used")
        .flat_map(|entry| {
            let step = text(&entry["step"]);
            entry["uses"].as_array().expect("a list").clone().into_iter().map(move |used| {
                assert!(used["first_ms"].as_u64() <= used["last_ms"].as_u64(), "{used}");
                let bytes = |name: &str| used[name].as_u64().unwrap_or(0);
                format!(
                    "{step}: {} {} {}x {} out {} in",
                    text(&used["grant"]),
                    text(&used["rule"]),
                    used["count"],
                    bytes("sent"),
                    bytes("received")
                )
            })
        })
        .map(|line| ports.iter().fold(line, |line, (port, name)| line.replace(&port.to_string(), name)))
        .collect()
}

/// What `show --output json` says, numbers as they are.
fn in_json(project: &Project) -> Value {
    let shown = project.command(&["show", "--output", "json"]).output().expect("the runner starts");
    serde_json::from_slice(&shown.stdout).expect("JSON")
}

/// A pipeline whose plugin is granted more than its steps use.
fn project(web: u16, greeter: u16) -> Project {
    let project = Project::new().file(
        "pipeline.yaml",
        &format!(
            "
version: 1
name: ledger
secrets:
  token: {{ from: 'file:token', allow: [gate] }}
  other: {{ from: 'file:token', allow: [gate] }}
plugins:
  gate:
    source: guest:gate_reach
    grants:
      network: ['GET  http://127.0.0.1:{web}/a*', 'GET http://LOCALHOST:{web}/never', 'tcp://127.0.0.1:{greeter}']
      filesystem: {{ read: [./in//, never.txt], write: [out/] }}
      secrets: [{{ name: token, reveal: true }}, other]
  idle:
    source: guest:gate_reach
    grants: {{ network: ['GET http://127.0.0.1:{web}/', 'tcp://127.0.0.1:{greeter}'], filesystem: {{ read: [in/] }} }}
steps:
  fetch: {{ uses: gate, secrets: [token, other], with: {{ http: {{ url: 'http://127.0.0.1:{web}/abc', bearer: token }}, read: in/a.txt, list: in }} }}
  again: {{ uses: gate, needs: [fetch], with: {{ tcp: '127.0.0.1:{greeter}', write: {{ path: out/new, text: four }} }}, secrets: [token, other] }}
  look:  {{ uses: gate, needs: [again], with: {{ reveal: token, http: {{ url: 'http://127.0.0.1:{web}/b' }}, tolerate: true }}, secrets: [token] }}
  no:    {{ uses: idle, needs: [look], if: 'false' }}
"
        ),
    );
    project.write("token", "s3cr3t-t0ken");
    project.write("in/a.txt", "eleven bytes");
    std::fs::create_dir(project.path("out")).expect("a folder");
    project
}

#[test]
fn every_use_of_a_grant_is_written_down_with_its_bytes() {
    let ports = (web(), greeter());
    let project = project(ports.0, ports.1);
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut uses = uses(&project, [(ports.0, "WEB"), (ports.1, "GREETER")]);
    // How long the head of a request is, is not the question here.
    let head = uses.iter_mut().find(|line| line.contains("WEB/a*")).expect("a request");
    let (before, after) = head.split_once(" out ").expect("bytes");
    let sent: u64 = before.rsplit_once(' ').expect("a number").1.parse().expect("a number");
    assert!((100..300).contains(&sent), "{head}");
    *head = format!("{} N out {after}", before.rsplit_once(' ').expect("a number").0);
    assert_eq!(
        uses,
        [
            "fetch: secrets token 1x 0 out 0 in",
            "fetch: network GET http://127.0.0.1:WEB/a* 1x N out 41 in",
            "fetch: filesystem.read ./in// 2x 0 out 12 in",
            "again: network tcp://127.0.0.1:GREETER 1x 0 out 5 in",
            "again: filesystem.write out/ 1x 4 out 0 in",
            "look: secrets token 1x 0 out 0 in",
            "look: secrets.reveal token 1x 0 out 0 in",
        ]
    );
}

#[test]
fn show_says_what_was_used_what_never_and_what_was_denied() {
    let ports = (web(), greeter());
    let project = project(ports.0, ports.1);
    assert_eq!(project.exec(&[]).code, 0);
    let without_numbers = |text: String| {
        let text = text.replace(&ports.0.to_string(), "WEB").replace(&ports.1.to_string(), "GREETER");
        let text = regex::Regex::new(r"\d\d:\d\d:\d\d").expect("a pattern").replace_all(&text, "HH:MM:SS");
        regex::Regex::new(r"\d+ B").expect("a pattern").replace_all(&text, "N B").into_owned()
    };
    let shown = without_numbers(project.runner(&["show"]).all());
    insta::assert_snapshot!("show", shown.split_once("\ngrants\n").expect("a section on grants").1);
    insta::assert_snapshot!("table", without_numbers(project.runner(&["show", "--ledger"]).all()));
    let json = in_json(&project);
    let fetch = json["steps"].as_array().expect("steps").iter().find(|step| step["step"] == "fetch");
    let counts: Vec<&Value> = fetch.expect("fetch")["ledger"]
        .as_array()
        .expect("a ledger")
        .iter()
        .map(|rule| &rule["count"])
        .collect();
    assert_eq!(json!(counts), json!([1, 0, 0, 2, 0, 0, 1, 0, 0]));
    let unused: Vec<&Value> =
        json["unused_grants"].as_array().expect("a list").iter().map(|rule| &rule["rule"]).collect();
    assert_eq!(unused.len(), 6, "{unused:?}");
}

/// Guests that speak WASI live under the same ledger.
#[test]
fn what_a_wasi_guest_opens_asks_and_connects_to_is_written_down() {
    let port = web();
    let project = Project::new().file(
        "pipeline.yaml",
        &format!(
            "
version: 1
name: wasi
plugins:
  wasi:
    source: guest:wasip2_std
    grants:
      network: ['GET http://127.0.0.1:{port}/open']
      filesystem: {{ read: [folder/, single.txt, never/], write: [out/] }}
      env: [USER, UNSET]
steps:
  reach: {{ uses: wasi, with: {{ read: folder/deep/a.txt, write: out/new.txt, list: folder, env: USER, get: '127.0.0.1:{port}/open' }} }}
  one:   {{ uses: wasi, needs: [reach], with: {{ read: single.txt, write: folder/new.txt }} }}
  none:  {{ uses: wasi, needs: [one], with: {{ read: other.txt, get: '127.0.0.1:{port}/shut' }} }}
"
        ),
    );
    project.write("folder/deep/a.txt", "a");
    project.write("single.txt", "single");
    project.write("other.txt", "other");
    for folder in ["out", "never"] {
        std::fs::create_dir(project.path(folder)).expect("a folder");
    }
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let counted: Vec<String> = uses(&project, [(port, "PORT"), (0, "0")])
        .iter()
        .map(|line| line.split_once("x ").expect("a count").0.to_owned())
        .collect();
    assert_eq!(
        counted,
        [
            "reach: filesystem.read folder/ 2",
            "reach: filesystem.write out/ 1",
            "reach: env USER 1",
            "reach: network GET http://127.0.0.1:PORT/open 1",
            "one: filesystem.read single.txt 1",
        ]
    );
    let denied: Vec<String> = project
        .journal()
        .iter()
        .filter(|entry| entry["type"] == "capability-denied")
        .map(|entry| {
            format!("{} {}", entry["step"], entry["refusal"]["request"]).replace(&port.to_string(), "PORT")
        })
        .collect();
    assert_eq!(
        denied,
        [
            r#""one" "write folder/new.txt""#,
            r#""none" "read other.txt""#,
            r#""none" "GET http://127.0.0.1:PORT/shut""#,
        ]
    );
}

/// A change is told with its snapshot, before it begins: a crash in the middle keeps what was recorded.
#[test]
fn a_run_that_crashed_keeps_what_was_recorded() {
    let project = Project::with(
        "
version: 1
name: crash
plugins: { action: { source: guest:action_file, grants: { filesystem: { write: [world] } } } }
steps:
  change: { uses: action, with: { path: world, text: new } }
",
    );
    project.write("world", "old");
    let crashed = project.exec(&["--inject", "change:crash"]);
    assert_eq!(crashed.code, 137, "{}", crashed.stderr);
    let uses = uses(&project, [(0, "0"), (0, "0")]);
    assert_eq!(uses.len(), 1, "{uses:?}");
    assert!(uses[0].starts_with("change: filesystem.write world "), "{uses:?}");
    assert_eq!(project.runner(&["resume"]).code, 0);
    let json = in_json(&project);
    assert_eq!(json["unused_grants"], json!([]));
}

/// A call that is given up at the end of its step's time has used what it used.
#[test]
fn a_call_whose_time_is_up_tells_what_it_did() {
    let silent = serve(|_, stream| std::mem::forget(stream));
    let project = Project::with(&format!(
        "
version: 1
name: late
plugins:
  gate:
    source: guest:gate_reach
    grants: {{ network: ['GET http://127.0.0.1:{silent}/', 'tcp://127.0.0.1:1'], filesystem: {{ read: [x] }} }}
steps:
  ask: {{ uses: gate, timeout: 1s, with: {{ http: {{ url: 'http://127.0.0.1:{silent}/', timeout_ms: 60000 }} }} }}
"
    ));
    let run = project.exec(&[]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    let uses = uses(&project, [(silent, "SILENT"), (0, "0")]);
    assert_eq!(uses.len(), 1, "{uses:?}");
    assert!(uses[0].starts_with("ask: network GET http://127.0.0.1:SILENT/ 1x "), "{uses:?}");
}

#[test]
fn steps_that_use_nothing_write_nothing() {
    let project = Project::with(
        "
version: 1
name: trivial
plugins: { gate: { source: guest:gate_answer } }
steps:
  ask: { uses: gate, matrix: { n: [1, 2, 3, 4] }, with: { summary: 'yes' } }
",
    );
    assert_eq!(project.exec(&[]).code, 0);
    let types: Vec<String> = project.journal().iter().map(|entry| entry["type"].to_string()).collect();
    // Two for each step, three for the run.
    assert_eq!(types.len(), 4 * 2 + 3, "{types:?}");
}

/// A journal of a version without ledger is read, and nothing is claimed about it.
#[test]
fn an_older_journal_is_shown_without_a_ledger() {
    use sha2::{Digest as _, Sha256};
    let project = Project::with(
        "
version: 1
name: old
plugins: { action: { source: guest:action_file, grants: { filesystem: { write: [world] } } } }
steps:
  change: { uses: action, with: { path: world, text: new } }
",
    );
    project.write("world", "old");
    assert_eq!(project.exec(&[]).code, 0);
    let path = project.run_directory().join("journal.jsonl");
    let text = std::fs::read_to_string(&path).expect("a journal");
    // As version 1 would have written it: without uses, and chained anew.
    let (mut chain, mut old, mut seq) = (String::new(), String::new(), 0);
    for line in text.lines().filter(|line| !line.contains("\"type\":\"grants-used\"")) {
        seq += 1;
        let entry = line.rsplit_once(",\"chain\":").expect("a chain").0;
        let after = entry.split_once(",\"at_ms\"").expect("a time").1;
        let json = format!("{{\"seq\":{seq},\"v\":1,\"at_ms\"{after}}}");
        let digest = Sha256::new().chain_update(&chain).chain_update(&json).finalize();
        chain = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        old.push_str(&format!("{},\"chain\":\"{chain}\"}}\n", json.strip_suffix('}').expect("an object")));
    }
    std::fs::write(&path, old).expect("written");
    let shown = project.runner(&["show"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let grants = shown.stdout.split_once("\ngrants\n").expect("a section on grants").1;
    assert_eq!(
        grants,
        "  which grants were used is not known: an older version of the runner began this run\n"
    );
}
