//! What a plan reads like.

use std::time::Duration;

use insta::assert_snapshot;
use runner_journal::testing::{change, gate, plan, plugin};
use runner_model::{Fault, Inconclusive, PluginKind, Poll, SecretName, SecretOrigin, SecretSource};
use serde_json::json;

use super::{text, to_json};
use crate::{Style, testing::deployment};

#[test]
fn a_plan_shows_every_step_and_what_the_whole_takes() {
    assert_snapshot!(text(&deployment(), &Style::PLAIN), @r#"
    deploy: 9 steps, 5 plugins
      file     /work/deploy.yaml (000000000000)
      input    tag = "v1.4.0"
      limits   memory 64MiB, time 30s, fuel not counted, output 1MiB, 10000 host calls (where a step says nothing else)

    steps
      1 lint  gate `gate` (000000000000)
          may     read src/
                  read docker/
                  use, but not see, the secret token
          limits  time 5s
          note    its no or failure does not end the run
          takes   at most 10m
      2 unit  gate `gate` (000000000000)
          if      inputs.tag != ''
          retry   3 attempts, 1s apart, growing by 2 up to 1m
          takes   at most 30m3s
      3 go-live  approval
          needs   `lint`, `unit`
          asks    go on?
          takes   at most 1h
      4 migrate  action `action` (000000000000)
          needs   `go-live`
          takes   at most 10m
      5 switch  proxy-switch `proxy-switch` (000000000000)
          needs   `migrate`
          takes   at most 10m
      6 smoke  health-check `health-check` (000000000000)
          needs   `switch`
          may     connect GET http://127.0.0.1:8001/health
          takes   at most 10m
      7 live  checkpoint
          needs   `smoke` with success

    finally
      8 tidy  gate `gate` (000000000000)
          takes   at most 10m

    notify
      9 tell  notifier `notifier` (000000000000)
          on      `run.failed` and `run.stuck`, as info
          takes   at most 10m

    at worst   2h3s, along unit -> go-live -> migrate -> switch -> smoke
    on failure taken back, newest first: `switch` and `migrate` (at worst 3m6s)
    "#);
}

#[test]
fn policies_that_change_what_an_answer_means_are_spelled_out() {
    let poll = Poll {
        initial_delay: Duration::ZERO,
        interval: Duration::from_secs(5),
        count: None,
        consecutive_successes: Some(3),
        failure_limit: Some(2),
        inconclusive_limit: Some(0),
        error_limit: Some(4),
        deadline: Some(Duration::from_secs(90)),
    };
    let mut plan = plan([
        plugin("probe", PluginKind::HealthCheck).but(|step| {
            step.poll = Some(poll);
            step.report_only = true;
            step.on_inconclusive = Inconclusive::Pause;
            step.limits.memory = 1 << 20;
            step.limits.fuel = Some(1_000_000);
        }),
        change("apply").but(|step| step.fault = Some(Fault::Crash)),
    ]);
    plan.header.description = "two steps\u{1b}[2J".to_owned();
    let source = SecretSource { from: SecretOrigin::Env("TOKEN".to_owned()), allow: Vec::new() };
    plan.header.secrets.insert(SecretName::new("token"), source);
    assert_snapshot!(text(&plan, &Style::PLAIN), @r"
    deploy: 2 steps, 5 plugins
      about    two steps\u{1b}[2J
      file     /work/deploy.yaml (000000000000)
      secret   token from the variable TOKEN, for no plugin
      limits   memory 64MiB, time 30s, fuel not counted, output 1MiB, 10000 host calls (where a step says nothing else)

    steps
      1 probe  health-check `health-check` (000000000000)
          limits  memory 1MiB, fuel 1000000
          poll    every 5s, until 3 in a row succeed, for at most 1m30s, bears 2 failures
          note    shadow step: whatever it answers counts as success
                  an inconclusive answer is put to a person, however long that takes
          takes   at most 1m30s
      2 apply  action `action` (000000000000)
          note    a fault is put in on purpose
          takes   at most 10m

    at worst   10m, along apply
    on failure taken back, newest first: `apply` (at worst 1m33s)
    ");
}

#[test]
fn a_plan_that_changes_nothing_has_nothing_to_take_back() {
    let text = text(&plan([gate("a")]), &Style::PLAIN);
    assert_eq!(text.lines().last(), Some("on failure nothing has to be taken back"));
}

#[test]
fn for_programs_the_worst_case_is_in_milliseconds() {
    let plan = to_json(&deployment());
    assert_eq!(plan["critical_path"], json!(["unit", "go-live", "migrate", "switch", "smoke"]));
    // unit: 3 attempts of 10 minutes and waits of 1 and 2 s; an hour for the question; 3 more steps of 10 minutes.
    assert_eq!(plan["worst_case_ms"], json!(3 * 600_000 + 3_000 + 3_600_000 + 3 * 600_000));
    assert_eq!(plan["taken_back_on_failure"], json!(["switch", "migrate"]));
    // Each: 3 calls of 30 s, and waits of 1 and 2 s.
    assert_eq!(plan["worst_case_rollback_ms"], json!(2 * (3 * 30_000 + 3_000)));
    assert_eq!(
        plan["steps"][2]["needs"],
        json!([
            { "step": "lint", "result": ["success", "warn"] },
            { "step": "unit", "result": ["success", "warn"] },
        ])
    );
}
