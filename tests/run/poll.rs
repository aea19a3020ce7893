//! Polling: the rules of `docs/pipeline.md`, each with a sequence of answers.

use crate::harness::Project;

/// Exit code and result of a health check that is polled through `answers`.
fn polled(answers: &str, poll: &str) -> (i32, String) {
    let project = Project::with(&format!(
        "
version: 1
name: poll
plugins:
  health: {{ source: guest:health_config, grants: {{ network: ['GET http://127.0.0.1:1/'], filesystem: {{ write: [answers] }} }} }}
steps:
  wait: {{ uses: health, with: {{ sequence: answers }}, poll: {{ interval: 5ms, {poll} }} }}
"
    ));
    project.write("answers", answers.replace(' ', "\n") + "\n");
    let run = project.exec(&[]);
    let result = project.results().first().cloned().unwrap_or(run.stderr);
    (run.code, result)
}

/// Requirements 003-52, 003-56, 002-23: so often, so often in a row, and degraded is not dead.
#[test]
fn a_polled_step_is_decided_by_the_documented_rules() {
    let table = [
        ("healthy", "count: 1", (0, "wait success")),
        ("unhealthy healthy", "failure_limit: -1, deadline: 60s", (0, "wait success")),
        ("healthy unhealthy", "count: 3", (3, "wait failure")),
        ("healthy unhealthy healthy", "count: 3, failure_limit: 1", (0, "wait success")),
        (
            "unhealthy healthy healthy healthy",
            "consecutive_successes: 3, failure_limit: 1",
            (0, "wait success"),
        ),
        (
            "healthy healthy unhealthy",
            "count: 3, consecutive_successes: 3, failure_limit: 5",
            (3, "wait failure"),
        ),
        ("degraded", "consecutive_successes: 2", (0, "wait warn")),
        ("unknown", "count: 2", (3, "wait failure")),
        ("unknown healthy", "count: 2, inconclusive_limit: 1", (0, "wait success")),
        ("gone", "error_limit: 2", (4, "wait error")),
        ("gone gone healthy", "error_limit: 2", (0, "wait success")),
        ("unhealthy", "failure_limit: -1, deadline: 1s", (3, "wait failure")),
        ("gone", "error_limit: -1, deadline: 1s", (4, "wait error")),
        ("healthy", "consecutive_successes: 1000, deadline: 1s", (3, "wait failure")),
    ];
    let decided: Vec<_> =
        table.iter().map(|(answers, poll, _)| (*answers, *poll, polled(answers, poll))).collect();
    let expected: Vec<_> = table
        .iter()
        .map(|(answers, poll, (code, result))| (*answers, *poll, (*code, (*result).to_owned())))
        .collect();
    assert_eq!(decided, expected);
}
