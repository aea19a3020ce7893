//! People who are asked.

use std::{
    io::{BufRead as _, BufReader},
    process::Child,
};

use crate::harness::Project;

/// Reads entries from stdout until a question is asked.
pub(crate) fn wait_for_question(child: &mut Child) {
    let stdout = child.stdout.take().expect("stdout is piped");
    let mut reader = BufReader::new(stdout);
    let mut line = String::new();
    while !line.contains("approval-requested") {
        line.clear();
        assert_ne!(reader.read_line(&mut line).expect("a line"), 0, "it ended without a question");
    }
    child.stdout = Some(reader.into_inner());
}

fn project(with: &str) -> Project {
    Project::with(&format!(
        "
version: 1
name: ask
inputs: {{ tag: {{ default: v1 }} }}
plugins: {{ gate: {{ source: guest:gate_answer }} }}
steps:
  go-live: {{ uses: approval, with: {{ message: 'Release ${{{{ inputs.tag }}}}?'{with} }} }}
  deploy:  {{ uses: gate, needs: [go-live] }}
"
    ))
}

#[test]
fn an_approval_is_answered_from_another_terminal() {
    for (answer, code, results) in [
        ("approve", 0, ["go-live success", "deploy success"]),
        ("reject", 3, ["go-live failure", "deploy skipped"]),
    ] {
        let project = project("");
        let mut child = project.start(&["exec", "pipeline.yaml", "--output", "json"]);
        wait_for_question(&mut child);
        let run = project.run_id();
        let status = project.runner(&["status"]);
        assert!(
            status.stdout.contains("go-live") && status.stdout.contains("Release v1?"),
            "{}",
            status.stdout
        );
        let wrong = project.runner(&[answer, &run, "deploy"]);
        assert_eq!(wrong.code, 2, "{}", wrong.stderr);
        let answered = project.runner(&[answer, &run, "go-live", "--reason", "checked"]);
        assert_eq!(answered.code, 0, "{}", answered.stderr);
        let ended = project.finish(child.wait_with_output().unwrap());
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!(project.results(), results);
        let again = project.runner(&[answer, &run, "go-live"]);
        assert_eq!(again.code, 2, "{}", again.stderr);
        let recorded =
            project.journal().into_iter().find(|entry| entry["type"] == "approval-answered").unwrap();
        assert_eq!(recorded["reason"], "checked");
    }
}

#[test]
fn a_question_that_expires_has_a_defined_result() {
    for (on_timeout, code, result) in [("", 3, "failure"), (", on_timeout: pass", 0, "success")] {
        let project = project(&format!(", timeout: 50ms{on_timeout}"));
        assert_eq!(project.exec(&[]).code, code);
        assert_eq!(project.results()[0], format!("go-live {result}"));
    }
}

#[test]
fn an_approval_survives_the_runner() {
    let project = project("");
    let mut child = project.start(&["exec", "pipeline.yaml", "--output", "json"]);
    wait_for_question(&mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let run = project.run_id();
    assert_eq!(project.runner(&["approve", &run, "go-live"]).code, 0);
    let resumed = project.runner(&["resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(project.results(), ["go-live success", "deploy success"]);
}

#[test]
fn an_inconclusive_gate_can_wait_for_a_person() {
    let project = Project::with(
        "
version: 1
name: pause
plugins: { gate: { source: guest:gate_answer } }
steps:
  ask: { uses: gate, with: { decision: inconclusive }, on_inconclusive: pause }
",
    );
    let mut child = project.start(&["exec", "pipeline.yaml", "--output", "json"]);
    wait_for_question(&mut child);
    assert_eq!(project.runner(&["approve", &project.run_id(), "ask"]).code, 0);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}
