//! The notifier as a pipeline sees it. Requirements: 003-88, 001-38, 001-39.

use runner_plugin::testing::{Answer, FakeHost, SentRequest, notify};
use runner_plugin::{FailureKind, HostError};

use super::*;

const HOOK: &str = "https://hooks.slack.com/services/T0/B0/XyZ";
const POST: &str = "POST https://hooks.slack.com/services/T0/B0/XyZ";
const API: &str = "POST https://slack.com/api/chat.postMessage";

fn event(name: &str, severity: &str) -> Event {
    Event {
        name: name.into(),
        pipeline: "l9-deploy".into(),
        status: "failed".into(),
        severity: severity.into(),
        step: Some("smoke".into()),
        summary: "l9-deploy failed at `smoke`: <!channel> & more".into(),
        json: r#"{"steps":[]}"#.into(),
    }
}

fn with_hook() -> FakeHost {
    FakeHost::new().secret("slack_webhook", &format!("{HOOK}\n")).secret("slack_token", "xoxb-1").revealable()
}

fn by_hook() -> Value {
    json!({
        "to": { "webhook": "slack_webhook", "mention": ["here", "U024BE7LH", "SAZ94GDB8"] },
        "message": {
            "title": "{{ pipeline }} {{ fields.ref }} {{ status }}",
            "template": "{{ summary }}",
            "fields": { "ref": "v1.2.3-l9" },
        },
    })
}

/// 003-88: a message with ref and status. What a step has said calls nobody; `mention` does.
#[test]
fn a_webhook_gets_blocks() {
    let host = with_hook().answer(POST, Answer::text(200, "ok"));

    assert_eq!(notify::<Slack>(&host, by_hook(), &event("run.failed", "error")), Ok(()));
    assert_eq!(
        host.sent(),
        [SentRequest::new("POST", HOOK).header("content-type", "application/json; charset=utf-8").body(
            json!({
                "text": "l9-deploy v1.2.3-l9 failed",
                "blocks": [
                    {
                        "type": "header",
                        "text": { "type": "plain_text", "text": "l9-deploy v1.2.3-l9 failed", "emoji": false },
                    },
                    {
                        "type": "section",
                        "text": {
                            "type": "mrkdwn",
                            "text": "<!here> <@U024BE7LH> <!subteam^SAZ94GDB8>\nl9-deploy failed at `smoke`: \
                                     &lt;!channel&gt; &amp; more",
                            "verbatim": true,
                        },
                    },
                ],
                "unfurl_links": false,
                "unfurl_media": false,
            })
            .to_string()
        )],
    );
}

#[test]
fn a_channel_is_written_to_with_a_token_that_is_never_seen() {
    // Not revealable: the host puts the token in.
    let host =
        FakeHost::new().secret("slack_token", "xoxb-1").answer(API, Answer::json(200, json!({ "ok": true })));
    let config = json!({
        "to": { "channel": "#deploys", "token": "slack_token" },
        "message": { "template": "{{ status }}" },
        "timeout_ms": 2000,
    });

    assert_eq!(notify::<Slack>(&host, config, &event("run.failed", "error")), Ok(()));
    let sent = host.sent();
    assert_eq!(sent[0].header_value("authorization"), Some("Bearer xoxb-1"));
    assert_eq!(sent[0].timeout_ms, Some(2000));
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!(body["channel"], "#deploys");
    assert_eq!(body["blocks"][1]["text"]["text"], "failed");
}

#[test]
fn a_200_can_mean_no() {
    let answered = |answer: Answer| {
        let host = with_hook().answer(API, answer);
        let config = json!({ "to": { "channel": "C1", "token": "slack_token" } });
        notify::<Slack>(&host, config, &event("run.failed", "error"))
    };

    assert_eq!(
        answered(Answer::json(200, json!({ "ok": false, "error": "channel_not_found" }))),
        Err(Failure::invalid_input("Slack did not take the message: channel_not_found")),
    );
    assert_eq!(
        answered(Answer::json(200, json!({ "ok": false, "error": "internal_error" }))),
        Err(Failure::unavailable("Slack did not take the message: internal_error")),
    );
    assert_eq!(
        answered(Answer::json(200, json!({ "o": 1 }))),
        Err(Failure::invalid_input(r#"the receiver answered 200: {"o":1}"#)),
    );
    assert_eq!(
        answered(Answer::text(200, "<html>")).map_err(|failure| failure.kind),
        Err(FailureKind::InvalidInput)
    );
}

#[test]
fn a_failure_does_not_show_the_address() {
    let failed = |host: FakeHost| notify::<Slack>(&host, by_hook(), &event("run.failed", "error"));

    assert_eq!(
        failed(with_hook().fails(POST, HostError::Unavailable("connection refused".into()))),
        Err(Failure::unavailable("POST <secret `slack_webhook`>: connection refused")),
    );
    assert_eq!(
        failed(with_hook().answer(POST, Answer::text(404, "no_service"))),
        Err(Failure::invalid_input("the receiver answered 404: no_service")),
    );
    assert_eq!(
        failed(FakeHost::new().secret("slack_webhook", HOOK)),
        Err(Failure::new(
            FailureKind::Denied,
            "reveal secret `slack_webhook`: denied, no grant of this step covers it"
        )),
    );
}

/// 001-38 and 001-39: everybody for what is critical, the team for what is high, nobody at night for the rest.
#[test]
fn routes_choose_the_channel() {
    let config = |level: &str| {
        json!({
            "to": { "channel": "#deploys", "token": "slack_token" },
            "message": { "template": "{{ fields.level }}", "fields": { "level": level } },
            "routes": [
                {
                    "fields": { "level": "critical" },
                    "to": { "channel": "#all", "token": "slack_token", "mention": ["channel"] },
                },
                { "fields": { "level": "high" }, "to": { "channel": "#engineers", "token": "slack_token" } },
                { "severities": ["info"], "to": "nobody" },
            ],
        })
    };
    let told = |level: &str, severity: &str| {
        let host = with_hook().server(|_| Answer::json(200, json!({ "ok": true })));
        notify::<Slack>(&host, config(level), &event("run.failed", severity)).unwrap();
        host.sent()
            .iter()
            .map(|sent| {
                let body: Value = serde_json::from_slice(&sent.body).unwrap();
                format!("{} {}", body["channel"], body["blocks"][1]["text"]["text"])
            })
            .collect::<Vec<_>>()
    };

    assert_eq!(told("critical", "error"), [r##""#all" "<!channel>\ncritical""##]);
    assert_eq!(told("high", "error"), [r##""#engineers" "high""##]);
    assert_eq!(told("medium", "warning"), [r##""#deploys" "medium""##]);
    assert_eq!(told("low", "info"), [""; 0]);
}

#[test]
fn a_section_is_never_longer_than_slack_takes() {
    let host = with_hook().answer(POST, Answer::text(200, "ok"));
    let mut config = by_hook();
    config["message"]["fields"]["ref"] = json!("x".repeat(500));
    config["message"]["template"] = json!("{{ fields.ref * 20 }}");

    assert_eq!(notify::<Slack>(&host, config, &event("run.failed", "error")), Ok(()));
    let body: Value = serde_json::from_slice(&host.sent()[0].body).unwrap();
    let length = |text: &Value| text.as_str().unwrap().chars().count();
    assert_eq!(length(&body["blocks"][0]["text"]["text"]), 150);
    assert_eq!(length(&body["blocks"][1]["text"]["text"]), 2999);
}

#[test]
fn the_manifest_is_the_package() {
    assert_eq!(manifest().name, "slack");
}
