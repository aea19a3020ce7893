//! `exec --dry-run`: looks for real, and touches nothing.

use serde_json::{Value, json};

use crate::harness::Project;

/// A gate, a change, a gate that could only see the change, another change.
fn project(gate: &str) -> Project {
    let project = Project::with(&format!(
        "
version: 1
name: rehearsed
plugins:
  gate:   {{ source: guest:gate_answer }}
  action: {{ source: guest:action_file, grants: {{ filesystem: {{ write: [world, calls] }} }} }}
  tell:   {{ source: guest:notify_file, grants: {{ filesystem: {{ write: [told] }} }} }}
steps:
  ready:  {{ uses: gate, with: {{ {gate} }} }}
  change: {{ uses: action, needs: [ready], with: {{ path: world, text: new, record: calls }} }}
  sure:   {{ uses: approval, needs: [change], with: {{ message: go on? }} }}
  verify:
    uses: gate
    needs: [sure]
    with: {{ decision: fail }}
    poll: {{ interval: 1h, consecutive_successes: 9 }}
  later:  {{ uses: action, needs: [verify], with: {{ path: world, text: newest, record: calls }} }}
notify:
  - {{ on: [run.succeeded], uses: tell, with: {{ path: told }} }}
"
    ));
    for name in ["world", "calls", "told"] {
        project.write(name, "old");
    }
    project
}

/// Every change, in the order of the graph; polls and people are not waited for; a gate after a change is not asked.
#[test]
fn what_a_run_would_change_is_listed_in_order_and_not_done() {
    let project = project("decision: pass");
    let run = project.exec(&["--dry-run"]);
    let list = "a run would, in this order
  1  change  write `calls` (18 bytes)
  2  change  write `calls` (16 bytes)
  3  change  write `world` (3 bytes)
  4  later  write `calls` (17 bytes)
  5  later  write `calls` (15 bytes)
  6  later  write `world` (6 bytes)
  7  notify[1]  tell `run.succeeded`: rehearsed succeeded; 2 changes are in place
";
    assert_eq!((run.code, run.stdout.as_str()), (0, list), "{}", run.stderr);
    assert!(run.stderr.starts_with("dry run: nothing is changed, and nothing is kept\n"), "{}", run.stderr);
    assert!(run.stderr.ends_with("  world  nothing was changed\n"), "{}", run.stderr);
    for name in ["world", "calls", "told"] {
        assert_eq!(project.read(name), "old", "{name}");
    }
    assert!(!project.path(".runner").exists(), "a dry run leaves no record");
}

#[test]
fn a_gate_before_every_change_is_asked_for_real() {
    let project = project("decision: fail, summary: frozen until Monday");
    let run = project.command(&["exec", "pipeline.yaml", "--dry-run", "--output", "json"]).output().unwrap();
    assert_eq!(run.status.code(), Some(3));
    let stdout = String::from_utf8(run.stdout).unwrap();
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ended = lines.iter().find(|line| line["type"] == "step-ended").unwrap();
    assert_eq!(ended["outcome"]["summary"], "frozen until Monday");
    assert_eq!(lines.last(), Some(&json!({ "type": "rehearsal", "changes": [] })));
}

/// What would be denied in a real run is denied here, and not listed.
#[test]
fn a_denied_change_fails_the_rehearsal() {
    let project = Project::with(
        "
version: 1
name: denied
plugins:
  action: { source: guest:action_file, grants: { filesystem: { write: [calls] } } }
steps:
  change: { uses: action, with: { path: world, text: new, record: calls } }
",
    );
    project.write("calls", "");
    let run = project.exec(&["--dry-run"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert_eq!(run.stdout, "a run would, in this order\n  1  change  write `calls` (15 bytes)\n");
}
