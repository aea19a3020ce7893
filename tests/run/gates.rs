//! Gates: what passes, what stops, what is never mixed.

use crate::harness::Project;

/// Requirement 003-01: a graph of gates.
#[test]
fn a_run_of_passing_gates_succeeds() {
    let project = Project::with(
        "
version: 1
name: gates
plugins: { gate: { source: guest:gate_answer } }
steps:
  build: { uses: gate, with: { summary: built } }
  lint:  { uses: gate, with: { summary: clean } }
  ready: { uses: checkpoint, needs: [build, lint] }
",
    );
    let run = project.exec(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    let mut results = project.results();
    results[..2].sort();
    assert_eq!(results, ["build success", "lint success", "ready success"]);
}

/// Requirement 003-01: each transition is verified before the next.
#[test]
fn a_gate_that_says_no_starts_nothing_after_it() {
    let project = Project::with(
        "
version: 1
name: freeze
plugins: { gate: { source: guest:gate_answer } }
steps:
  freeze: { uses: gate, with: { decision: fail, summary: frozen until Monday } }
  deploy: { uses: gate, needs: [freeze] }
  always: { uses: gate, needs: [freeze], if: 'failure()' }
",
    );
    let run = project.exec(&[]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(project.results(), ["freeze failure", "deploy skipped", "always success"]);
}

#[test]
fn a_failure_to_answer_is_an_error_and_never_a_no() {
    for (with, kind) in [
        ("{ fail: { kind: unavailable, message: nobody there } }", "unavailable"),
        ("{ panic: broken }", "trap"),
        ("{ recurse: true }", "trap"),
        ("{ loop: true }", "timed-out"),
        ("{ sleep_ms: 60000 }", "timed-out"),
        ("{ allocate: 100000000 }", "budget-exceeded"),
    ] {
        let project = Project::with(&format!(
            "
version: 1
name: failing
plugins: {{ gate: {{ source: guest:gate_answer, limits: {{ time: 1s }} }} }}
steps:
  ask:   {{ uses: gate, with: {with} }}
  after: {{ uses: gate, needs: [ask] }}
"
        ));
        let run = project.exec(&[]);
        assert_eq!(run.code, 4, "{with}: {}", run.stderr);
        assert_eq!(project.results(), ["ask error", "after skipped"], "{with}");
        let ended =
            project.journal().into_iter().find(|entry| entry["type"] == "step-ended").expect("an end");
        assert_eq!(ended["failure"]["kind"], kind, "{with}: {ended}");
    }
}

#[test]
fn an_inconclusive_answer_passes_only_if_the_pipeline_says_so() {
    for (policy, code, result) in [
        ("", 3, "failure"),
        (", on_inconclusive: fail", 3, "failure"),
        (", on_inconclusive: pass", 0, "success"),
    ] {
        let project = Project::with(&format!(
            "
version: 1
name: unsure
plugins: {{ gate: {{ source: guest:gate_answer }} }}
steps:
  ask: {{ uses: gate, with: {{ decision: inconclusive }}{policy} }}
"
        ));
        let run = project.exec(&[]);
        assert_eq!(
            (run.code, project.results()),
            (code, vec![format!("ask {result}")]),
            "{policy} {}",
            run.stderr
        );
    }
}

/// A shadow step is shown and decides nothing.
#[test]
fn a_report_only_step_shows_its_no_and_counts_as_success() {
    let project = Project::with(
        "
version: 1
name: shadow
plugins: { gate: { source: guest:gate_answer } }
steps:
  shadow: { uses: gate, with: { decision: fail }, report_only: true }
  broken: { uses: gate, with: { panic: oh }, report_only: true }
  after:  { uses: gate, needs: [shadow, broken] }
",
    );
    assert_eq!(project.exec(&[]).code, 0);
    let mut results = project.results();
    results.sort();
    assert_eq!(results, ["after success", "broken error", "shadow success"]);
}

#[test]
fn continue_on_error_lets_the_run_and_what_needs_the_step_go_on() {
    let project = Project::with(
        "
version: 1
name: tolerant
plugins: { gate: { source: guest:gate_answer } }
steps:
  clean: { uses: gate, with: { decision: fail }, continue_on_error: true }
  after: { uses: gate, needs: [clean] }
",
    );
    assert_eq!(project.exec(&[]).code, 0);
    assert_eq!(project.results(), ["clean failure", "after success"]);
}

/// Requirement 003-64: a skipped step is recorded as skipped.
#[test]
fn needs_say_which_results_they_accept() {
    let project = Project::with(
        "
version: 1
name: results
inputs: { smoke: { type: boolean, default: false } }
plugins: { gate: { source: guest:gate_answer } }
steps:
  smoke:   { uses: gate, if: inputs.smoke }
  either:  { uses: gate, needs: [{ step: smoke, result: [success, skipped] }] }
  strict:  { uses: gate, needs: [smoke] }
",
    );
    assert_eq!(project.exec(&[]).code, 0);
    let mut results = project.results();
    results.sort();
    assert_eq!(results, ["either success", "smoke skipped", "strict skipped"]);
    assert_eq!(project.exec(&["--input", "smoke=true"]).code, 0);
    let mut results = project.results();
    results.sort();
    assert_eq!(results, ["either success", "smoke success", "strict success"]);
}

/// Requirement 003-19: unit, integration and API smoke all have to pass.
#[test]
fn a_matrix_is_one_step_per_combination() {
    let project = Project::with(
        "
version: 1
name: matrix
plugins: { gate: { source: guest:gate_answer } }
steps:
  suite:
    uses: gate
    matrix: { suite: [unit, api], python: [3.11, 3.12] }
    with: { summary: '${{ matrix.suite }} on ${{ matrix.python }}' }
  green: { uses: checkpoint, needs: [suite] }
  one:   { uses: checkpoint, needs: ['suite[api,3.12]'] }
",
    );
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut results = project.results();
    results.sort();
    assert_eq!(
        results,
        [
            "green success",
            "one success",
            "suite[api,3.11] success",
            "suite[api,3.12] success",
            "suite[unit,3.11] success",
            "suite[unit,3.12] success"
        ]
    );
}

#[test]
fn failures_are_retried_and_a_no_is_not() {
    let project = Project::with(
        "
version: 1
name: retry
plugins: { gate: { source: guest:gate_answer } }
defaults: { retry: { attempts: 3, delay: 10ms } }
steps:
  shaky: { uses: gate, with: { from_attempt: 3 } }
  no:    { uses: gate, needs: [shaky], with: { decision: fail } }
",
    );
    assert_eq!(project.exec(&[]).code, 3);
    let attempts: Vec<String> = project
        .journal()
        .iter()
        .filter(|entry| entry["type"] == "step-ended")
        .map(|entry| format!("{} {} {}", entry["step"].as_str().unwrap(), entry["attempt"], entry["ending"]))
        .collect();
    assert_eq!(
        attempts,
        [r#"shaky 1 "failed""#, r#"shaky 2 "failed""#, r#"shaky 3 "answered""#, r#"no 1 "answered""#]
    );
}
