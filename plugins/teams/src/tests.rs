//! The notifier as a pipeline sees it. Requirements: 001-31, 001-33, 001-37.

use runner_plugin::HostError;
use runner_plugin::testing::{Answer, FakeHost, SentRequest, notify};

use super::*;

const HOOK: &str =
    "https://prod-1.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=abc";
const POST: &str =
    "POST https://prod-1.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=abc";

fn event() -> Event {
    Event {
        name: "run.rolled_back".into(),
        pipeline: "l9-deploy".into(),
        status: "rejected".into(),
        severity: "error".into(),
        step: Some("verify".into()),
        summary: "l9-deploy rejected at `verify`: <at>All</at>".into(),
        json: r#"{"steps":[]}"#.into(),
    }
}

fn with_hook() -> FakeHost {
    FakeHost::new().secret("teams_webhook", HOOK).revealable()
}

/// 001-37: the guardians are told which version is the target.
#[test]
fn a_workflow_gets_a_card() {
    let host = with_hook().answer(POST, Answer::status(202));
    let config = json!({
        "to": {
            "webhook": "teams_webhook",
            "mention": [{ "id": "ada@example.com", "name": "Ada" }],
        },
        "message": {
            "title": "Rolled back to {{ fields.target }}",
            "template": "{{ summary }}\n{{ 'Target'|bold }}: {{ fields.target }}\n\nRun {{ run|code }}",
            "fields": { "target": "v1_2_2" },
            "links": [{ "title": "Runbook", "url": "https://docs.example/rollback" }],
        },
    });

    assert_eq!(notify::<Teams>(&host, config, &event()), Ok(()));
    assert_eq!(
        host.sent(),
        [SentRequest::new("POST", HOOK).header("content-type", "application/json").body(
            json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.4",
                        "body": [
                            {
                                "type": "TextBlock",
                                "text": "Rolled back to v1\\_2\\_2",
                                "wrap": true,
                                "size": "large",
                                "weight": "bolder",
                                "color": "attention",
                            },
                            { "type": "TextBlock", "text": "<at>Ada</at>", "wrap": true },
                            {
                                "type": "TextBlock",
                                "text": "l9-deploy rejected at `verify`: <\u{200b}at>All<\u{200b}/at>\n\n\
                                         **Target**: v1\\_2\\_2",
                                "wrap": true,
                            },
                            { "type": "TextBlock", "text": "Run 01JD3KZ9Y4V5T6S7R8Q9P0N1M2", "wrap": true },
                        ],
                        "actions": [
                            { "type": "Action.OpenUrl", "title": "Runbook", "url": "https://docs.example/rollback" },
                        ],
                        "msteams": {
                            "width": "Full",
                            "entities": [{
                                "type": "mention",
                                "text": "<at>Ada</at>",
                                "mentioned": { "id": "ada@example.com", "name": "Ada" },
                            }],
                        },
                    },
                }],
            })
            .to_string()
        )],
    );
}

#[test]
fn a_card_that_teams_would_drop_is_not_sent() {
    let host = with_hook();
    let config =
        json!({ "to": { "webhook": "teams_webhook" }, "message": { "template": "a\n\n".repeat(1200) } });

    let failure = notify::<Teams>(&host, config, &event()).unwrap_err();

    assert_eq!(failure.kind, runner_plugin::FailureKind::InvalidConfig);
    assert_eq!(host.sent(), []);
}

#[test]
fn a_failure_does_not_show_the_address() {
    let failed =
        |host: FakeHost| notify::<Teams>(&host, json!({ "to": { "webhook": "teams_webhook" } }), &event());

    assert_eq!(
        failed(with_hook().fails(POST, HostError::TimedOut)).map_err(|failure| failure.message),
        Err("POST <secret `teams_webhook`>: timed out".to_owned()),
    );
    assert_eq!(
        failed(with_hook().answer(POST, Answer::text(400, "bad card"))),
        Err(Failure::invalid_input("the receiver answered 400: bad card")),
    );
}

#[test]
fn the_manifest_is_the_package() {
    assert_eq!(manifest().name, "teams");
}
