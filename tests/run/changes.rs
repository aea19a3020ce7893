//! Changes: captured before, taken back when the run goes wrong.

use crate::harness::Project;

/// An action that writes `new` over the file's `old`, then a gate that decides.
fn project(action: &str, gate: &str) -> Project {
    let project = Project::with(&format!(
        "
version: 1
name: change
plugins:
  gate:   {{ source: guest:gate_answer }}
  action: {{ source: guest:action_file, grants: {{ filesystem: {{ write: [world, calls, second, stuck] }} }} }}
steps:
  change: {{ uses: action, with: {{ path: world, text: new, record: calls{action} }} }}
  later:  {{ uses: action, needs: [change], with: {{ path: second, text: new, record: calls }} }}
  verify: {{ uses: gate, needs: [later], with: {{ {gate} }} }}
"
    ));
    for (name, text) in [("world", "old"), ("second", "old"), ("calls", ""), ("stuck", "")] {
        project.write(name, text);
    }
    project
}

/// Requirement 003-03: it ends deployed …
#[test]
fn a_change_stands_when_the_run_succeeds() {
    let project = project("", "decision: pass");
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!((project.read("world"), project.read("second")), ("new".to_owned(), "new".to_owned()));
    assert_eq!(project.read("calls"), "capture change\napply change\ncapture later\napply later\n");
}

/// Requirements 003-03, 003-04: … or back where it was, newest change first.
#[test]
fn changes_are_taken_back_newest_first_when_a_gate_says_no() {
    let project = project("", "decision: fail");
    let run = project.exec(&[]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!((project.read("world"), project.read("second")), ("old".to_owned(), "old".to_owned()));
    assert_eq!(
        project.read("calls"),
        "capture change\napply change\ncapture later\napply later\nrestore later\nrestore change\n"
    );
}

#[test]
fn a_change_that_failed_half_way_is_taken_back_too() {
    let project = project(", fail: after", "decision: pass");
    let run = project.exec(&[]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert_eq!(project.read("world"), "old");
    assert_eq!(project.read("calls"), "capture change\napply change\nrestore change\n");
    assert_eq!(project.results(), ["change error", "later skipped", "verify skipped", "change undone"]);
}

#[test]
fn a_change_that_was_never_captured_needs_no_undo() {
    let project = project(", capture_fails: true", "decision: pass");
    let run = project.exec(&[]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert_eq!(project.read("calls"), "capture change\n");
}

/// Requirement 003-81: a rollback that fails is not a success.
#[test]
fn what_cannot_be_taken_back_leaves_the_run_stuck_and_resumable() {
    let project = project(", restore_fails_while: stuck", "decision: fail");
    project.write("stuck", "the disk is gone");
    let run = project.exec(&[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert_eq!((project.read("world"), project.read("second")), ("new".to_owned(), "old".to_owned()));

    project.write("stuck", "");
    let run = project.runner(&["resume"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(project.read("world"), "old");
}

/// Requirements 003-03, 002-21, under an operator's Ctrl-C.
#[test]
fn a_cancelled_run_takes_its_changes_back() {
    let project = project("", "sleep_ms: 20000");
    let mut child = project.start(&["exec", "pipeline.yaml", "--output", "json"]);
    wait_for(&mut child, r#""type":"step-started","step":"verify""#);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let run = project.finish(child.wait_with_output().expect("it ends"));
    assert_eq!(run.code, 130, "{}", run.stderr);
    assert_eq!((project.read("world"), project.read("second")), ("old".to_owned(), "old".to_owned()));
    assert_eq!(
        project.results(),
        ["change success", "later success", "verify aborted", "later undone", "change undone"]
    );
}

/// Reads stdout until a line holds `text`; the rest stays unread in the pipe.
fn wait_for(child: &mut std::process::Child, text: &str) {
    use std::io::Read as _;
    let stdout = child.stdout.as_mut().expect("stdout is piped");
    let mut seen = String::new();
    let mut byte = [0];
    while !seen.contains(text) {
        assert_eq!(stdout.read(&mut byte).expect("a byte"), 1, "it ended without {text}: {seen}");
        seen.push(char::from(byte[0]));
    }
}

#[test]
fn a_proxy_switch_goes_back_to_the_route_it_found() {
    for (decision, code, address) in [("pass", 0, "green:80"), ("fail", 3, "blue:80")] {
        let project = Project::with(&format!(
            "
version: 1
name: switch
plugins:
  gate:  {{ source: guest:gate_answer }}
  proxy: {{ source: guest:switch_file, grants: {{ filesystem: {{ write: [proxy.json] }} }} }}
steps:
  route:  {{ uses: proxy, with: {{ path: proxy.json, to: 'green:80' }} }}
  verify: {{ uses: gate, needs: [route], with: {{ decision: {decision} }} }}
"
        ));
        project.write("proxy.json", r#"{"revision":1,"upstreams":[{"address":"blue:80","weight":1}]}"#);
        let run = project.exec(&[]);
        assert_eq!(run.code, code, "{}", run.stderr);
        let proxy: serde_json::Value = serde_json::from_str(&project.read("proxy.json")).unwrap();
        assert_eq!(proxy["upstreams"], serde_json::json!([{ "address": address, "weight": 1 }]));
    }
}
