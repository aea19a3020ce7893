//! The health check as a pipeline sees it. Requirements: 003-52, 003-53, 003-54, 003-69; those of `checks` and `state`, and
//! of `watch` and `sequence`, stand in the files of that name.

mod parts;
mod sequence;
mod watch;

use std::time::Duration;

use super::*;
use runner_plugin::testing::{Answer, FakeHost, SentRequest, probe};
use runner_plugin::{Check, FailureKind, HostError};
use serde_json::{Value, json};

const HEALTH: &str = "GET http://127.0.0.1:8001/health";

fn config() -> Value {
    json!({ "url": "http://127.0.0.1:8001/health", "expect": { "json": { "status": "healthy" } } })
}

fn check(name: &str, health: Health, message: &str) -> Check {
    Check::new(name, health, message)
}

/// 003-53: 200 and JSON `status == "healthy"`.
#[test]
fn a_service_that_says_it_is_healthy_is() {
    let host =
        FakeHost::new().answer(HEALTH, Answer::json(200, json!({ "status": "healthy", "version": "2.1" })));

    assert_eq!(
        probe::<HttpHealth>(&host, config()),
        Ok(Report::of(
            vec![
                check("status", Health::Healthy, "status is 200"),
                check("body", Health::Healthy, "the body is as expected"),
            ],
            "healthy: 200 in 1 ms"
        )
        .output("status", 200)
        .output("latency_ms", 1)
        .output("body_error", Value::Null)),
    );
}

/// 003-54: 503 with `status: unhealthy` is unhealthy, and its error text is kept.
#[test]
fn a_service_that_says_why_it_is_not_well_is_heard() {
    let body = json!({ "status": "unhealthy", "error": "no database" });
    let host = FakeHost::new().answer(HEALTH, Answer::json(503, body));

    assert_eq!(
        probe::<HttpHealth>(&host, config()),
        Ok(Report::of(
            vec![
                check("status", Health::Unhealthy, "status is 503, not 200"),
                check("body", Health::Unhealthy, r#"body: `$.status` is "unhealthy", not "healthy""#),
            ],
            "unhealthy: status is 503, not 200; body: `$.status` is \"unhealthy\", not \"healthy\"; \
             it says: no database"
        )
        .output("status", 503)
        .output("latency_ms", 1)
        .output("body_error", "no database")),
    );
}

/// 003-54: the document's handler answers 200 with a list; the code alone would pass.
#[test]
fn a_200_whose_body_is_unhealthy_is_unhealthy() {
    let tuple = json!([{ "status": "unhealthy", "error": "no database" }, 503]);
    let host = FakeHost::new()
        .answer(HEALTH, Answer::json(200, tuple.clone()))
        .answer(HEALTH, Answer::json(200, tuple));
    let status = check("status", Health::Healthy, "status is 200");

    let expected = probe::<HttpHealth>(&host, config()).unwrap();
    let own_words =
        probe::<HttpHealth>(&host, json!({ "base": "http://127.0.0.1:8001", "path": "/health" })).unwrap();

    assert_eq!(expected.health, Health::Unhealthy);
    assert_eq!(own_words.checks, [status, check("body", Health::Unhealthy, "the body says `unhealthy`")]);
    assert_eq!(own_words.health, Health::Unhealthy);
    assert_eq!(own_words.outputs[2].value, json!("no database"));
}

/// 003-52: polling sees a service that is not up yet as unhealthy, not as a failure.
#[test]
fn a_service_that_does_not_answer_is_unhealthy() {
    let host = FakeHost::new()
        .fails(HEALTH, HostError::Unavailable("connection refused".into()))
        .fails(HEALTH, HostError::TimedOut);
    let unreachable = |message: &str| {
        Report::of(vec![check("connect", Health::Unhealthy, message)], format!("unhealthy: {message}"))
            .output("status", Value::Null)
            .output("latency_ms", Value::Null)
            .output("body_error", Value::Null)
    };

    assert_eq!(
        probe::<HttpHealth>(&host, config()),
        Ok(unreachable("GET http://127.0.0.1:8001/health: connection refused")),
    );
    assert_eq!(
        probe::<HttpHealth>(&host, config()),
        Ok(unreachable("GET http://127.0.0.1:8001/health: timed out")),
    );
}

/// 003-69: the public endpoint needs a grant like any other.
#[test]
fn a_request_that_the_step_may_not_send_is_a_failure() {
    assert_eq!(
        probe::<HttpHealth>(&FakeHost::new(), json!({ "url": "https://l9.quantumaipartners.com/health" })),
        Err(Failure::new(
            FailureKind::Denied,
            "GET https://l9.quantumaipartners.com/health: denied, no grant of this step covers it",
        )),
    );
}

#[test]
fn a_slow_service_is_degraded_and_then_unhealthy() {
    let latency = json!({ "degraded_ms": 100, "unhealthy_ms": 1000 });
    let config = json!({ "url": "http://127.0.0.1:8001/health", "latency": latency });
    let took = |milliseconds| Answer::status(200).after(Duration::from_millis(milliseconds));
    let host = FakeHost::new().answer(HEALTH, took(99)).answer(HEALTH, took(100)).answer(HEALTH, took(1000));
    let slow = |health, message| {
        vec![check("status", Health::Healthy, "status is 200"), check("latency", health, message)]
    };

    let reports: Vec<Report> = (0..3).map(|_| probe::<HttpHealth>(&host, config.clone()).unwrap()).collect();

    assert_eq!(reports[0].checks, slow(Health::Healthy, "it took 99 ms"));
    assert_eq!(reports[1].checks, slow(Health::Degraded, "it took 100 ms, 100 ms or more"));
    assert_eq!(reports[1].summary, "degraded: it took 100 ms, 100 ms or more");
    assert_eq!(reports[2].checks, slow(Health::Unhealthy, "it took 1000 ms, 1000 ms or more"));
    assert_eq!(
        reports.iter().map(|report| report.health).collect::<Vec<_>>(),
        [Health::Healthy, Health::Degraded, Health::Unhealthy],
    );
}

#[test]
fn the_request_is_sent_as_configured_and_headers_and_text_are_checked() {
    let host = FakeHost::new()
        .secret("probe", "s3cr3t")
        .answer("HEAD http://127.0.0.1:8001/live", Answer::status(204).header("x-slot", "green"));

    let report = probe::<HttpHealth>(
        &host,
        json!({
            "base": "http://127.0.0.1:8001/",
            "path": "/live",
            "method": "HEAD",
            "headers": { "x-probe": "runner" },
            "auth": { "bearer": "probe" },
            "expect": { "status": [200, 204], "headers": { "x-slot": "blue" }, "contains": "alive" },
            "timeout_ms": 500,
        }),
    )
    .unwrap();

    assert_eq!(
        report.checks,
        [
            check("status", Health::Healthy, "status is 204"),
            check("body", Health::Unhealthy, "the body does not contain `alive`"),
            check("headers", Health::Unhealthy, "header `x-slot` is `green`, not `blue`"),
        ],
    );
    assert_eq!(
        host.sent(),
        [SentRequest::new("HEAD", "http://127.0.0.1:8001/live")
            .header("x-probe", "runner")
            .header("authorization", "Bearer s3cr3t")
            .timeout_ms(500)],
    );
}

#[test]
fn a_config_that_names_no_place_or_two_is_refused() {
    let refused = |config| probe::<HttpHealth>(&FakeHost::new(), config).unwrap_err();
    let which = Failure::invalid_config("either `url`, or `base` and `path`, must be given");

    assert_eq!(refused(json!({})), which);
    assert_eq!(refused(json!({ "url": "http://a/", "path": "/b" })), which);
    assert_eq!(
        refused(json!({ "base": "http://a", "path": "b" })),
        Failure::invalid_config("`path` starts with `/`")
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "http-health");
    assert_eq!(
        manifest.outputs,
        ["status", "latency_ms", "body_error", "state", "probes", "p50_ms", "p95_ms", "p99_ms"]
    );
}
