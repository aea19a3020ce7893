//! `http-health` as a component.

use super::{ended, outcome, parts};
use crate::{harness::Project, server};

fn project(port: u16, steps: &str) -> Project {
    let pipeline = format!(
        r#"
version: 1
name: http
plugins:
  http-health: {{ source: plugin:http_health, grants: {{ network: ["GET http://127.0.0.1:PORT/*"] }}, limits: {{ time: 60s }} }}
steps:{steps}"#
    );
    Project::with(&pipeline.replace("PORT", &port.to_string()))
}

/// Requirements 004-22, 004-03, 004-04, 004-06, 003-53: one answer tells how openai, redis and database are.
#[test]
fn each_part_of_a_service_is_judged() {
    let steps = r#"
  health:
    uses: http-health
    with:
      base: http://127.0.0.1:PORT
      path: /api/health
      checks:
        openai:   { pointer: /services/openai }
        redis:    { pointer: /services/redis }
        database: { pointer: /services/database/status, equals: healthy }
        fast:     { cel: "body.metrics.avg_response_time < 2.0 && status == 200", otherwise: degraded }
    poll: { interval: 10ms, deadline: 300s }
"#;
    let body = |redis: &str| {
        format!(
            r#"{{"services":{{"openai":true,"redis":"{redis}","database":{{"status":"healthy"}}}},"metrics":{{"avg_response_time":1.5}}}}"#
        )
    };
    let good = project(server::http(vec![(200, body("healthy"))]), steps);
    let bad = project(server::http(vec![(200, body("unhealthy"))]), steps);

    assert_eq!(good.exec(&[]).code, 0);
    assert_eq!(
        parts(&good, "health"),
        [
            "status pass status is 200",
            r#"database pass it is "healthy""#,
            "fast pass `body.metrics.avg_response_time < 2.0 && status == 200` is true",
            "openai pass it is true",
            r#"redis pass it is "healthy""#,
        ]
    );
    assert_eq!(bad.exec(&[]).code, 3);
    assert_eq!(ended(&bad)["health"], r#"fail: unhealthy: redis: it is "unhealthy""#);
}

/// Requirements 002-04, 002-05, 002-23: through its states, never without one, and SAFE_MODE is degraded.
#[test]
fn a_service_goes_through_its_states() {
    let steps = r#"
  boot:
    uses: http-health
    with:
      url: http://127.0.0.1:PORT/bios
      state: { pointer: /fsm/state, degraded: [SAFE_MODE] }
      sequence: { states: [BOOTING, IDLE, ACTIVE], within_ms: 30000, interval_ms: 5 }
"#;
    let through = |states: &[&str]| {
        let answer = |state: &&str| (200, format!(r#"{{"fsm":{{"state":"{state}"}}}}"#));
        let project = project(server::http(states.iter().map(answer).collect()), steps);
        (project.exec(&[]).code, outcome(&project, "boot")["outputs"]["state"].clone())
    };
    let empty = project(server::http(vec![(200, "{}".to_owned())]), steps);

    assert_eq!(through(&["BOOTING", "IDLE", "IDLE", "ACTIVE"]), (0, "ACTIVE".into()));
    assert_eq!(through(&["BOOTING", "SAFE_MODE"]), (0, "SAFE_MODE".into()));
    assert_eq!(through(&["BOOTING", "IDLE", "BOOTING"]), (3, "BOOTING".into()));
    assert_eq!(empty.exec(&[]).code, 3);
    assert_eq!(ended(&empty)["boot"], "fail: unhealthy: no state: `/fsm/state` is missing");
}

/// Requirements 003-56, 002-07, 002-08: it stays well, and does not come and go.
#[test]
fn a_service_is_watched() {
    let steps = r#"
  watch:
    uses: http-health
    with:
      url: http://127.0.0.1:PORT/health
      state: { pointer: /state, healthy: [ACTIVE], degraded: [SAFE_MODE] }
      watch: { count: 6, interval_ms: 1, max_changes: 1 }
"#;
    let looped = ["ACTIVE", "SAFE_MODE"].repeat(3);
    let answer = |state: &str| (200, format!(r#"{{"state":"{state}"}}"#));
    let steady = project(server::http(vec![answer("ACTIVE")]), steps);
    let flapping = project(server::http(looped.into_iter().map(answer).collect()), steps);

    assert_eq!(steady.exec(&[]).code, 0);
    assert_eq!(outcome(&steady, "watch")["outputs"]["probes"], 6);
    assert_eq!(flapping.exec(&[]).code, 3);
    let flaps: Vec<String> =
        parts(&flapping, "watch").into_iter().map(|part| part[..13].to_owned()).collect();
    assert_eq!(flaps, ["stable warn n", "flapping fail"]);
}

/// What a hostile body could do to a stack of 64 KiB.
#[test]
fn a_body_without_measure_is_unhealthy_and_nothing_worse() {
    let steps = r#"
  deep:
    uses: http-health
    with: { url: "http://127.0.0.1:PORT/", checks: { n: { cel: "size(body) == 1" } } }
"#;
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let ended = |body: String| {
        let port = server::http(vec![(200, body)]);
        let project = project(port, steps);
        project.exec(&[]);
        ended(&project).remove("deep").unwrap_or_default().replace(&port.to_string(), "PORT")
    };

    assert_eq!(&ended(deep(120))[..14], "pass: healthy:");
    assert_eq!(ended(format!("{}\"", deep(100_000))), "fail: unhealthy: n: `size(body) == 1` is false");
    assert_eq!(
        ended("x".repeat(2 << 20)),
        "budget-exceeded: GET http://127.0.0.1:PORT/: the response body is longer than 1048576 bytes"
    );
}

/// Requirement 002-37: whether `/health` is there is not hidden.
#[test]
fn a_service_that_nobody_runs_is_unhealthy() {
    let port = server::nobody();
    let project = project(
        port,
        r#"
  gone:
    uses: http-health
    with: { url: "http://127.0.0.1:PORT/health" }
    poll: { interval: 5ms, count: 3, failure_limit: 2 }
"#,
    );

    assert_eq!(project.exec(&[]).code, 3);
    assert_eq!(
        ended(&project)["gone"],
        format!(
            "fail: unhealthy: GET http://127.0.0.1:{port}/health: no connection to port {port}: 127.0.0.1: connection refused"
        )
    );
}

/// A mistake in `with` is found before anything runs.
#[test]
fn a_config_that_makes_no_sense_is_found_by_check() {
    let check = |with: &str| {
        let steps = format!(
            "\n  wrong: {{ uses: http-health, with: {{ url: 'http://127.0.0.1:PORT/', {with} }} }}\n"
        );
        project(1, &steps).runner(&["check", "pipeline.yaml"]).code
    };

    assert_eq!(check("timeout_ms: 1000"), 0);
    assert_eq!(check("checks: { redis: { pointer: /a, cel: 'true' } }"), 6);
    assert_eq!(check("checks: { redis: {} }"), 6);
    assert_eq!(check("watch: {}"), 6);
    assert_eq!(check("watch: { count: 0 }"), 6);
    assert_eq!(check("sequence: { states: [] }"), 6);
}
