//! What a run reads like afterwards.

use insta::assert_snapshot;
use serde_json::json;

use super::{run, run_json, step, step_json};
use crate::{
    Style, TimeZone,
    run::Run,
    testing::{Story, deployment},
};

fn shown(story: &Story) -> String {
    let plan = deployment();
    run(&plan, &Run::read(&plan, &story.records), &Style::PLAIN, &TimeZone::UTC)
}

fn shown_step(story: &Story, id: &str) -> Option<String> {
    let plan = deployment();
    step(&plan, &Run::read(&plan, &story.records), id, &Style::PLAIN, &TimeZone::UTC)
}

#[test]
fn a_run_that_went_back() {
    assert_snapshot!(shown(&Story::restored()), @r#"
    run      01JD3K00000000000000000000
    pipeline deploy (/work/deploy.yaml)
    began    2026-03-01 14:02:11, took 1m26s
    inputs   tag = "v1.4.0"

    rejected: health-check `smoke` said no after 1m26s (exit 3)
      why        3 of 10 answers were errors
      world      `switch` and `migrate` were taken back
      tolerated  `lint` did not succeed, and did not have to
      skipped    1 step was not started

    hint: `runner show 01JD3K00000000000000000000 smoke` tells all of it

    step     what              result  tries  time   summary
    lint     gate              no      1      1.1s   7 problems
      src/app.py:1:5 no-eval: `eval` is not allowed
      src/app.py:2 no-eval: `eval` is not allowed\u{1b}[2J
      src/app.py:3 no-eval: `eval` is not allowed
      and 4 more: `runner show 01JD3K00000000000000000000 lint`
    unit     gate              warn    2      4.0s   214 tests, 2 flaky
    go-live  approval          pass    1      0ms    approved by ada@example: checked
    migrate  action            undone  1      4.0s   3 migrations
    switch   proxy-switch      undone  1      300ms  web-green takes all traffic
    smoke    health-check      no      1      15s    3 of 10 answers were errors
    live     checkpoint        skip                  needs `smoke`, which ended with failure
    tidy     gate, finally     pass    1      20ms   tidied
    tell     notifier, notify  -

    changes
      `migrate` taken back
      `switch` taken back

    questions
      `go-live` asked 2026-03-01 14:02:16: Deploy v1.4.0 to production?; approved by ada@example: checked

    grants
      `lint` (plugin `gate`)
        never   filesystem.read: src/
        never   filesystem.read: docker/
        never   secrets: token
        denied  GET https://pypi.org/simple/: this step is granted no network at all
                to allow it: network: ["GET https://pypi.org/simple/"]
      `smoke` (plugin `health-check`)
        never   network: GET http://127.0.0.1:8001/health

    grants that nothing used
      plugin `gate`: filesystem.read: src/: not used by `lint`
      plugin `gate`: filesystem.read: docker/: not used by `lint`
      plugin `gate`: secrets: token: not used by `lint`
      plugin `health-check`: network: GET http://127.0.0.1:8001/health: not used by `smoke`
    "#);
}

#[test]
fn a_run_that_still_waits() {
    assert_snapshot!(shown(&Story::begin().gates().asked()), @r#"
    run      01JD3K00000000000000000000
    pipeline deploy (/work/deploy.yaml)
    began    2026-03-01 14:02:11, 5.1s so far
    inputs   tag = "v1.4.0"

    running: no verdict yet

    step     what              result  tries  time  summary
    lint     gate              no      1      1.1s  7 problems
      src/app.py:1:5 no-eval: `eval` is not allowed
      src/app.py:2 no-eval: `eval` is not allowed\u{1b}[2J
      src/app.py:3 no-eval: `eval` is not allowed
      and 4 more: `runner show 01JD3K00000000000000000000 lint`
    unit     gate              warn    2      4.0s  214 tests, 2 flaky
    go-live  approval          asks
    migrate  action            waits
    switch   proxy-switch      waits
    smoke    health-check      waits
    live     checkpoint        waits
    tidy     gate, finally     waits
    tell     notifier, notify  waits

    questions
      `go-live` asked 2026-03-01 14:02:16: Deploy v1.4.0 to production?; no answer yet, expires 2026-03-01 15:02:16

    grants
      `lint` (plugin `gate`)
        never   filesystem.read: src/
        never   filesystem.read: docker/
        never   secrets: token
        denied  GET https://pypi.org/simple/: this step is granted no network at all
                to allow it: network: ["GET https://pypi.org/simple/"]
    "#);
}

#[test]
fn a_stuck_run_shows_what_was_tried() {
    let text = shown(&Story::stuck());
    let changes = text.split_once("\nchanges\n").unwrap().1;
    assert_snapshot!(changes, @r#"
      `migrate` stands
      `switch` stuck after 3 attempts: unavailable: connect traefik:8080: connection refused

    questions
      `go-live` asked 2026-03-01 14:02:16: Deploy v1.4.0 to production?; approved by ada@example: checked

    grants
      `lint` (plugin `gate`)
        never   filesystem.read: src/
        never   filesystem.read: docker/
        never   secrets: token
        denied  GET https://pypi.org/simple/: this step is granted no network at all
                to allow it: network: ["GET https://pypi.org/simple/"]
      `smoke` (plugin `health-check`)
        never   network: GET http://127.0.0.1:8001/health

    grants that nothing used
      plugin `gate`: filesystem.read: src/: not used by `lint`
      plugin `gate`: filesystem.read: docker/: not used by `lint`
      plugin `gate`: secrets: token: not used by `lint`
      plugin `health-check`: network: GET http://127.0.0.1:8001/health: not used by `smoke`
    "#);
}

#[test]
fn a_step_with_all_its_attempts() {
    assert_snapshot!(shown_step(&Story::restored(), "unit").unwrap(), @r"
    step     unit
    what     gate `gate`, /plugins/gate.wasm
    place    deploy.yaml:unit
    run      01JD3K00000000000000000000
    if       inputs.tag != ''
    result   warn: 214 tests, 2 flaky

    with
      {}

    attempt 1 at 2026-03-01 14:02:11: error after 3.1s: timed-out: no answer in 3s
      another attempt after 1.0s

    attempt 2 at 2026-03-01 14:02:15: warn after 900ms: 214 tests, 2 flaky
    ");
}

#[test]
fn a_step_with_findings_grants_and_denials() {
    assert_snapshot!(shown_step(&Story::restored(), "lint").unwrap(), @r#"
    step     lint
    what     gate `gate`, /plugins/gate.wasm
    place    deploy.yaml:lint
    run      01JD3K00000000000000000000
    result   no: 7 problems

    with
      {
        "paths": [
          "src"
        ],
        "tag": "${{ inputs.tag }}"
      }

    grants
      read src/
      read docker/
      use, but not see, the secret token

    attempt 1 at 2026-03-01 14:02:11: no after 1.1s: 7 problems
      src/app.py:1:5 no-eval: `eval` is not allowed
        help: use `ast.literal_eval`
      src/app.py:2 no-eval: `eval` is not allowed\u{1b}[2J
      src/app.py:3 no-eval: `eval` is not allowed
      src/app.py:4 no-eval: `eval` is not allowed
      src/app.py:5 no-eval: `eval` is not allowed
      src/app.py:6 no-eval: `eval` is not allowed
      src/app.py:7 no-eval: `eval` is not allowed
      output count = 7
      log of 812 bytes: `runner logs 01JD3K00000000000000000000 lint`

    used
      never   filesystem.read: src/
      never   filesystem.read: docker/
      never   secrets: token
      denied  GET https://pypi.org/simple/: this step is granted no network at all
              to allow it: network: ["GET https://pypi.org/simple/"]
    "#);
}

#[test]
fn a_polled_health_check() {
    assert_snapshot!(shown_step(&Story::restored(), "smoke").unwrap(), @r"
    step     smoke
    what     health-check `health-check`, /plugins/health-check.wasm
    place    deploy.yaml:smoke
    run      01JD3K00000000000000000000
    needs    `switch`
    result   no: 3 of 10 answers were errors

    with
      {}

    grants
      connect GET http://127.0.0.1:8001/health

    attempt 1 at 2026-03-01 14:03:21: no after 15s: 3 of 10 answers were errors
      check `db` pass: 4 ms
      score 0.7
      measured: 7 successes, 3 failures, 0 inconclusive, 0 errors
      log of 812 bytes: `runner logs 01JD3K00000000000000000000 smoke`

    used
      never   network: GET http://127.0.0.1:8001/health
    ");
}

#[test]
fn a_step_that_was_not_started_and_one_that_was_asked_about() {
    assert_snapshot!(shown_step(&Story::restored(), "live").unwrap(), @r"
    step     live
    what     checkpoint
    place    deploy.yaml:live
    run      01JD3K00000000000000000000
    needs    `smoke`
    result   skip: needs `smoke`, which ended with failure

    with
      {}
    ");
    assert_snapshot!(shown_step(&Story::restored(), "go-live").unwrap(), @r"
    step     go-live
    what     approval
    place    deploy.yaml:go-live
    run      01JD3K00000000000000000000
    needs    `lint` and `unit`
    result   pass: approved by ada@example: checked

    with
      {}

    attempt 1 at 2026-03-01 14:03:17: pass after 0ms: approved by ada@example: checked
      log of 812 bytes: `runner logs 01JD3K00000000000000000000 go-live`

    questions
      asked 2026-03-01 14:02:16: Deploy v1.4.0 to production?; approved by ada@example: checked
    ");
    assert_eq!(shown_step(&Story::restored(), "nope"), None);
}

#[test]
fn for_programs_the_same_is_data() {
    let plan = deployment();
    let of = Run::read(&plan, &Story::restored().records);
    let whole = run_json(&plan, &of);
    assert_eq!(whole["status"], json!("rejected"));
    assert_eq!(whole["exit"], json!(3));
    assert_eq!(
        whole["steps"][6],
        json!({
            "step": "live", "kind": "checkpoint", "part": "steps", "state": "skip", "result": "skipped",
            "attempts": 0, "elapsed_ms": 0, "summary": null, "captured": false, "undo": null, "denials": [],
            "ledger": [],
            "skipped": { "why": "need", "need": "smoke", "result": "failure" },
        })
    );
    let one = step_json(&plan, &of, "unit").unwrap();
    assert_eq!(
        one["attempts"],
        json!([
            {
                "attempt": 1, "started_ms": 1_772_373_731_000_u64, "elapsed_ms": 3120, "again_in_ms": 1000, "log": null,
                "ending": { "ending": "failed", "failure": { "kind": "timed-out", "message": "no answer in 3s" } },
            },
            {
                "attempt": 2, "started_ms": 1_772_373_735_240_u64, "elapsed_ms": 900, "again_in_ms": null, "log": null,
                "ending": { "ending": "answered", "outcome": { "answer": "warn", "summary": "214 tests, 2 flaky" } },
            },
        ])
    );
    assert_eq!(step_json(&plan, &of, "nope"), None);
}
