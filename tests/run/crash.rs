//! The runner dies; the next one finishes the run.

use crate::harness::Project;

fn project() -> Project {
    let project = Project::with(
        "
version: 1
name: crash
plugins:
  gate:   { source: guest:gate_answer }
  action: { source: guest:action_file, grants: { filesystem: { write: [first, second, calls] } } }
inputs: { verdict: { type: enum, values: [pass, fail], default: pass } }
steps:
  ready:  { uses: gate }
  first:  { uses: action, needs: [ready], with: { path: first, text: new, record: calls } }
  second: { uses: action, needs: [first], with: { path: second, text: new, record: calls } }
  verify: { uses: gate, needs: [second], with: { decision: '${{ inputs.verdict }}' } }
",
    );
    for (name, text) in [("first", "old"), ("second", "old"), ("calls", "")] {
        project.write(name, text);
    }
    project
}

/// Crash test T1 at the worst moment: the change is made, nothing says so. Requirement 002-27.
#[test]
fn a_run_killed_after_a_change_is_finished_forward_by_resume() {
    let project = project();
    let killed = project.exec(&["--inject", "second:crash"]);
    assert_eq!(killed.code, 128 + 9, "{}", killed.stderr);
    assert_eq!((project.read("first"), project.read("second")), ("new".to_owned(), "new".to_owned()));

    let resumed = project.runner(&["resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!((project.read("first"), project.read("second")), ("new".to_owned(), "new".to_owned()));
    // The change was asked for again with the snapshot of its first attempt; nothing was captured a second time.
    assert_eq!(
        project.read("calls"),
        "capture first\napply first\ncapture second\napply second\napply second\n"
    );

    let again = project.runner(&["resume"]);
    assert_eq!(again.code, 0, "a second resume changes nothing: {}", again.stderr);
    assert_eq!(project.read("calls").lines().count(), 5);
}

#[test]
fn a_run_killed_after_a_change_goes_back_if_its_gate_says_no() {
    let project = project();
    let killed = project.exec(&["--inject", "second:crash", "--input", "verdict=fail"]);
    assert_eq!(killed.code, 128 + 9, "{}", killed.stderr);
    let resumed = project.runner(&["resume"]);
    assert_eq!(resumed.code, 3, "{}", resumed.stderr);
    assert_eq!((project.read("first"), project.read("second")), ("old".to_owned(), "old".to_owned()));
}

/// Crash test T1: the journal cut after every one of its lines is what a kill at that moment leaves behind.
#[test]
fn a_run_cut_at_every_entry_of_its_journal_ends_in_one_of_two_worlds() {
    for verdict in ["pass", "fail"] {
        let project = project();
        let code = project.exec(&["--input", &format!("verdict={verdict}")]).code;
        let journal = project.run_directory().join("journal.jsonl");
        let whole = std::fs::read_to_string(&journal).unwrap();
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        let world = if verdict == "pass" { "new" } else { "old" };
        for kept in 1..lines.len() {
            // The world as the effects of the kept entries left it, and one effect more: the one under way.
            std::fs::write(&journal, lines[..kept].concat()).unwrap();
            let resumed = project.runner(&["resume"]);
            assert_eq!(resumed.code, code, "{verdict} cut after {kept}: {}", resumed.stderr);
            assert_eq!(
                (project.read("first").as_str(), project.read("second").as_str()),
                (world, world),
                "{verdict} cut after {kept}"
            );
        }
    }
}

/// Crash test T6, the part of it that one machine can show: a run has one runner.
#[test]
fn a_run_that_is_being_carried_out_cannot_be_resumed() {
    let project = Project::with(
        "
version: 1
name: busy
steps:
  ask: { uses: approval, with: { message: go? } }
",
    );
    let mut child = project.start(&["exec", "pipeline.yaml", "--output", "json"]);
    crate::run::approval::wait_for_question(&mut child);
    let second = project.runner(&["resume"]);
    assert_eq!(second.code, 10, "{}", second.stderr);
    let run = project.run_id();
    assert_eq!(project.runner(&["approve", &run, "ask"]).code, 0);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}
