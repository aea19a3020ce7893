//! The notifier as a pipeline sees it. Requirements: 001-37, 001-38, 004-30.

use runner_plugin::FailureKind;
use runner_plugin::testing::{Answer, FakeHost, SentRequest, notify};

use super::*;

const URL: &str = "https://events.pagerduty.com/v2/enqueue";
const POST: &str = "POST https://events.pagerduty.com/v2/enqueue";
const RUN: &str = "01JD3KZ9Y4V5T6S7R8Q9P0N1M2";

fn event(name: &str, status: &str) -> Event {
    Event {
        name: name.into(),
        pipeline: "l9-deploy".into(),
        status: status.into(),
        severity: "error".into(),
        step: Some("verify".into()),
        summary: "l9-deploy failed at `verify`".into(),
        json: r#"{"steps":[]}"#.into(),
    }
}

fn host() -> FakeHost {
    FakeHost::new().secret("pagerduty", "R0UT1NG\n").revealable().server(|_| Answer::status(202))
}

fn told(config: Value, event: &Event) -> Value {
    let host = host();
    assert_eq!(notify::<PagerDuty>(&host, config, event), Ok(()));
    serde_json::from_slice(&host.sent()[0].body).unwrap()
}

/// 001-37 and 004-30: a failure is an alert with what there is to know.
#[test]
fn a_failure_opens_an_alert() {
    let host = host();
    let config = json!({
        "to": { "routing_key": "pagerduty" },
        "message": {
            "template": "{{ status }}",
            "fields": { "version": "v1.2.3", "level": 1 },
            "links": [{ "title": "Runbook", "url": "https://docs.example/rollback" }],
        },
    });

    assert_eq!(notify::<PagerDuty>(&host, config, &event("run.failed", "failed")), Ok(()));
    assert_eq!(
        host.sent(),
        [SentRequest::new("POST", URL).header("content-type", "application/json").body(
            json!({
                "event_action": "trigger",
                "client": "runner",
                "payload": {
                    "summary": "l9-deploy failed at `verify`",
                    "source": "l9-deploy",
                    "severity": "error",
                    "class": "run.failed",
                    "custom_details": {
                        "event": "run.failed",
                        "fields": { "level": 1, "version": "v1.2.3" },
                        "run": RUN,
                        "status": "failed",
                        "text": "failed",
                    },
                    "component": "verify",
                },
                "links": [{ "href": "https://docs.example/rollback", "text": "Runbook" }],
                "dedup_key": "runner/l9-deploy",
                "routing_key": "R0UT1NG",
            })
            .to_string()
        )],
    );
}

#[test]
fn the_next_run_that_succeeds_closes_it() {
    assert_eq!(
        told(json!({ "to": { "routing_key": "pagerduty" } }), &event("run.succeeded", "succeeded")),
        json!({ "event_action": "resolve", "dedup_key": "runner/l9-deploy", "routing_key": "R0UT1NG" }),
    );
}

#[test]
fn an_alert_can_be_about_one_run_or_anything() {
    let key = |more: Value| {
        let mut config = json!({ "to": { "routing_key": "pagerduty" }, "action": "acknowledge" });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        told(config, &event("run.failed", "failed"))["dedup_key"].clone()
    };

    assert_eq!(key(json!({ "per": "run" })), format!("runner/{RUN}"));
    assert_eq!(key(json!({ "dedup_key": "l9/production" })), "l9/production");
    assert_eq!(key(json!({})), "runner/l9-deploy");
}

/// 001-38: what is stuck is critical.
#[test]
fn a_stuck_run_is_critical_unless_the_config_says_otherwise() {
    let severity = |config: Value| told(config, &event("run.stuck", "stuck"))["payload"]["severity"].clone();

    assert_eq!(severity(json!({ "to": { "routing_key": "pagerduty" } })), "critical");
    assert_eq!(severity(json!({ "to": { "routing_key": "pagerduty" }, "severity": "warning" })), "warning");
}

#[test]
fn what_pagerduty_does_not_take_is_a_failure() {
    let answered = |answer: Answer| {
        let host = FakeHost::new().secret("pagerduty", "R0UT1NG").revealable().answer(POST, answer);
        notify::<PagerDuty>(
            &host,
            json!({ "to": { "routing_key": "pagerduty" } }),
            &event("run.failed", "failed"),
        )
    };

    assert_eq!(
        answered(Answer::text(400, "invalid event")),
        Err(Failure::invalid_input("the receiver answered 400: invalid event")),
    );
    assert_eq!(answered(Answer::status(500)), Err(Failure::unavailable("the receiver answered 500")));
}

#[test]
fn without_a_key_nothing_is_sent() {
    let failed = |host: &FakeHost| {
        notify::<PagerDuty>(
            host,
            json!({ "to": { "routing_key": "pagerduty" } }),
            &event("run.failed", "failed"),
        )
        .unwrap_err()
    };
    let empty = FakeHost::new().secret("pagerduty", "\n").revealable();

    assert_eq!(
        failed(&empty),
        Failure::invalid_input("secret `pagerduty` is empty, and no routing key; nothing was sent")
    );
    assert_eq!(failed(&FakeHost::new().secret("pagerduty", "R0")).kind, FailureKind::Denied);
    assert_eq!(empty.sent(), []);
}

#[test]
fn the_manifest_is_the_package() {
    assert_eq!(manifest().name, "pagerduty");
}
