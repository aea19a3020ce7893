//! A secret that a plugin was shown leaves by no way out: a canary that tells itself everywhere, and a search for it.

use std::{fs, path::Path};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use serde_json::{Value, json};

use crate::harness::{Finished, Project};

/// Signs that every encoding treats in its own way.
const CANARY: &str = "k7Qz+W/9vT~x R4mB\"2&pLé";

/// What must not be found anywhere.
fn needles() -> Vec<String> {
    let bytes = CANARY.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    let (first, second) = CANARY.split_at(CANARY.len() / 2);
    let mut needles = vec![
        CANARY.to_owned(),
        CANARY.to_lowercase(),
        first.to_owned(),
        second.to_owned(),
        CANARY.replace('"', "\\\""),
        hex.to_uppercase(),
        hex,
        percent.to_uppercase(),
        percent,
        "9vT~x%20R4mB".to_owned(),
        "9vT~x+R4mB".to_owned(),
    ];
    for engine in [STANDARD, URL_SAFE] {
        for before in ["", "x", "xy"] {
            let encoded = engine.encode(format!("{before}{CANARY}"));
            // Without the signs that hold bits of what stands around it.
            needles.push(encoded[4..encoded.len() - 4].to_owned());
        }
        let encoded = engine.encode(CANARY);
        let (first, second) = encoded.split_at(encoded.len() / 2);
        needles.extend([first.to_owned(), second.to_owned()]);
    }
    needles
}

fn assert_clean(what: &str, text: &str) {
    for needle in needles() {
        assert!(!text.contains(&needle), "`{needle}` stands in {what}:\n{text}");
    }
}

fn assert_clean_below(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_clean_below(&path);
        } else {
            let bytes = fs::read(&path).expect("a file");
            assert_clean(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
}

/// Runs `runner` with the canary in its environment.
fn runner(project: &Project, arguments: &[&str]) -> Finished {
    project.finish(project.command(arguments).env("TOKEN", CANARY).output().expect("the runner starts"))
}

/// A run of the leaking gate; everything it left behind, and everything that is shown of it, has been searched.
fn leak(with: &Value) -> (Project, Finished) {
    let pipeline = json!({
        "version": 1,
        "name": "leak",
        "secrets": { "token": { "from": "env:TOKEN", "allow": ["gate", "tell"] } },
        "plugins": {
            "gate": { "source": "GATE", "grants": {
                "network": ["GET http://127.0.0.1:1/granted", "tcp://127.0.0.1:1"],
                "filesystem": { "read": ["readable.txt"] },
                "secrets": [{ "name": "token", "reveal": true }],
            } },
            "tell": { "source": "TELL", "grants": { "filesystem": { "write": ["told"] } } },
        },
        "steps": {
            "leak": { "uses": "gate", "secrets": ["token"], "with": with, "continue_on_error": true },
            "next": {
                "uses": "gate", "secrets": ["token"], "if": "always()", "needs": ["leak"],
                "with": { "secret": "token", "given": "${{ steps.leak.summary }}" },
            },
        },
        "notify": [{ "on": ["run.failed"], "uses": "tell", "with": { "path": "told" } }],
    });
    let text = pipeline.to_string().replace("GATE", "guest:gate_leak").replace("TELL", "guest:notify_file");
    let project = Project::new();
    project.write("pipeline.yaml", project.with_components(&text));
    project.write("told", "");
    let run = runner(&project, &["exec", "pipeline.yaml"]);
    let id = project.run_id();
    let shown = [
        run.clone(),
        runner(&project, &["show"]),
        runner(&project, &["show", &id, "leak"]),
        runner(&project, &["show", "--ledger"]),
        runner(&project, &["show", "--output", "json"]),
        runner(&project, &["show", &id, "leak", "--output", "json"]),
        runner(&project, &["logs"]),
        runner(&project, &["logs", "--output", "json"]),
        runner(&project, &["status"]),
        runner(&project, &["history", "--output", "json"]),
        runner(&project, &["plan", "pipeline.yaml", "--output", "json"]),
        runner(&project, &["graph", "pipeline.yaml"]),
        runner(&project, &["exec", "pipeline.yaml", "--output", "json"]),
    ];
    for finished in &shown {
        assert_clean("what was printed", &finished.all());
    }
    assert_clean_below(&project.path(".runner"));
    assert_clean("what was told", &project.read("told"));
    (project, run)
}

#[test]
fn a_secret_leaves_by_no_answer() {
    let (project, run) = leak(&json!({ "secret": "token" }));
    assert_eq!(run.code, 3, "{}", run.stderr);
    let journal = project.journal();
    let ended = journal.iter().find(|entry| entry["type"] == "step-ended").expect("an end");
    let outputs = &ended["outcome"]["outputs"];
    assert_eq!(outputs["pieces"], json!("*** ***"));
    assert_eq!(
        outputs["key"].as_object().map(|key| key.keys().collect::<Vec<_>>()),
        Some(vec![&"***".to_owned()])
    );
    insta::assert_snapshot!("log", project.runner(&["logs", &project.run_id(), "leak"]).stdout);
    let denied: Vec<&Value> = journal
        .iter()
        .filter(|entry| entry["type"] == "capability-denied" && entry["step"] == "leak")
        .map(|entry| &entry["refusal"]["request"])
        .collect();
    insta::assert_snapshot!(
        "denied",
        denied.iter().map(|request| format!("{request}\n")).collect::<String>()
    );
}

#[test]
fn a_secret_leaves_by_no_failure_and_no_panic() {
    for end in ["failure", "panic"] {
        let (_, run) = leak(&json!({ "secret": "token", "end": end }));
        assert_ne!(run.code, 0, "{end}: {}", run.stderr);
    }
}

/// A snapshot has to bring back exactly what was, so it is kept as it is, or not at all.
#[test]
fn a_snapshot_that_holds_a_secret_stops_the_change_before_it_begins() {
    for in_pieces in [false, true] {
        let project = Project::with(&format!(
            "
version: 1
name: snapshot
secrets: {{ token: {{ from: 'env:TOKEN', allow: [action] }} }}
plugins:
  action:
    source: guest:action_leak
    grants: {{ filesystem: {{ write: [world] }}, secrets: [{{ name: token, reveal: true }}] }}
steps:
  change: {{ uses: action, secrets: [token], with: {{ secret: token, path: world, in_pieces: {in_pieces} }} }}
"
        ));
        project.write("world", "old");
        let run = runner(&project, &["exec", "pipeline.yaml"]);
        assert_eq!((run.code, project.read("world").as_str()), (4, "old"), "{}", run.stderr);
        assert!(run.stderr.contains("a secret stands in its snapshot"), "{}", run.stderr);
        assert_clean_below(&project.path(".runner"));
    }
}

const PLAIN: &str = "
version: 1
name: plain
inputs: { word: { default: nothing } }
secrets: { token: { from: 'env:TOKEN', allow: [gate] } }
plugins: { gate: { source: guest:gate_leak, grants: { network: ['GET http://127.0.0.1:1/', 'tcp://127.0.0.1:1'], filesystem: { read: [x] }, secrets: [{ name: token, reveal: true }] } } }
steps:
  say: { uses: gate, secrets: [token], with: { secret: token, given: ['WORD', '${{ inputs.word }}'] } }
";

/// What is kept of a run before any plugin is asked: its plan.
#[test]
fn a_plan_that_holds_a_secret_is_not_begun() {
    let table: [(&str, &[&str], Option<&str>); 4] = [
        ("is CANARY!", &[], Some("the `with` of step `say`")),
        ("ENCODED", &[], Some("the `with` of step `say`")),
        ("nothing", &["--input", "word=CANARY"], Some("the input `word`")),
        ("nothing", &[], None),
    ];
    for (word, more, place) in table {
        let quoted =
            word.replace("CANARY", CANARY).replace("ENCODED", &STANDARD.encode(CANARY)).replace('\'', "''");
        let project = Project::with(&PLAIN.replace("WORD", &quoted));
        let mut arguments = vec!["exec".to_owned(), "pipeline.yaml".to_owned()];
        arguments.extend(more.iter().map(|argument| argument.replace("CANARY", CANARY)));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let run = runner(&project, &arguments);
        assert_clean("what was printed", &run.all());
        let plan: Vec<&str> = std::iter::once("plan").chain(arguments[1..].iter().copied()).collect();
        assert_clean("the plan", &runner(&project, &plan).all());
        let Some(place) = place else {
            assert_eq!(run.code, 3, "{}", run.stderr);
            continue;
        };
        let expected = format!("error: the secret `token` stands in plain in {place}\n");
        assert!(run.code == 6 && run.stderr.starts_with(&expected), "{word}: {}", run.all());
        assert!(!project.path(".runner").exists(), "nothing was started");
    }
}

#[test]
fn a_secret_too_short_to_be_found_is_refused() {
    let project = Project::with(&PLAIN.replace("WORD", "nothing"));
    for (secret, code) in [("abc", 9), ("abcd", 3)] {
        let output = project
            .command(&["exec", "pipeline.yaml"])
            .env("TOKEN", secret)
            .output()
            .expect("the runner starts");
        let run = project.finish(output);
        assert_eq!(run.code, code, "{}", run.stderr);
        if code == 9 {
            insta::assert_snapshot!("short", run.all());
        }
    }
}
