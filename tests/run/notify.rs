//! Messages, and what runs at the end.

use serde_json::Value;

use crate::harness::Project;

fn project(decision: &str) -> Project {
    let project = Project::with(&format!(
        "
version: 1
name: tell
plugins:
  gate:   {{ source: guest:gate_answer }}
  notify: {{ source: guest:notify_file, grants: {{ filesystem: {{ write: [events, more-events] }} }} }}
  action: {{ source: guest:action_file, grants: {{ filesystem: {{ write: [world] }} }} }}
steps:
  hello:  {{ uses: notify, with: {{ path: events, text: hello }} }}
  lost:   {{ uses: notify, with: {{ path: events, fail: true }} }}
  change: {{ uses: action, needs: [hello], with: {{ path: world, text: new }} }}
  verify: {{ uses: gate, needs: [change, lost], with: {{ decision: {decision} }} }}
finally:
  tidy:   {{ uses: gate, with: {{ summary: 'ended ${{{{ run.status }}}}' }} }}
  broken: {{ uses: gate, with: {{ panic: 'never mind' }} }}
notify:
  - {{ on: [run.succeeded], uses: notify, with: {{ path: events, text: good }} }}
  - {{ on: [run.failed], uses: notify, severity: error, with: {{ path: events, text: 'bad at ${{{{ run.failed_step }}}}' }} }}
  - {{ on: [run.rolled_back], uses: notify, severity: warning, with: {{ path: more-events }} }}
"
    ));
    project.write("events", "");
    project.write("more-events", "");
    project.write("world", "old");
    project
}

fn events(project: &Project) -> Vec<String> {
    // A file each, because notifiers run at the same time.
    let events = project.read("events") + &project.read("more-events");
    let mut events: Vec<String> = events
        .lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).expect("an event");
            let field = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
            [field("name"), field("status"), field("severity"), field("step"), field("text")].join(" ")
        })
        .collect();
    events.sort();
    events
}

/// Requirement 003-88: a message on success and on failure. An undelivered one changes nothing.
#[test]
fn notifiers_are_told_how_the_run_ended() {
    let good = project("pass");
    let run = good.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(events(&good), ["run.succeeded succeeded info - good", "step running info - hello"]);

    let bad = project("fail");
    let run = bad.exec(&[]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(
        events(&bad),
        [
            "run.failed rejected error verify bad at verify",
            "run.rolled_back rejected warning verify -",
            "step running info - hello",
        ]
    );
    assert_eq!(bad.read("world"), "old");
}

#[test]
fn finally_runs_after_the_world_is_settled_and_decides_nothing() {
    for (decision, code, status) in [("pass", 0, "succeeded"), ("fail", 3, "rejected")] {
        let project = project(decision);
        assert_eq!(project.exec(&[]).code, code);
        let journal = project.journal();
        let position =
            |wanted: &dyn Fn(&Value) -> bool| journal.iter().position(wanted).expect("it is there");
        let decided = position(&|entry| entry["type"] == "run-decided");
        let tidied = position(&|entry| entry["type"] == "step-ended" && entry["step"] == "tidy");
        assert!(decided < tidied);
        assert_eq!(journal[tidied]["outcome"]["summary"], format!("ended {status}"));
    }
}
