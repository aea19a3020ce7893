//! The notifier as a pipeline sees it. Requirements: 001-31, 001-32.

use runner_plugin::HostError;
use runner_plugin::testing::{Answer, FakeHost, SentRequest, notify};

use super::*;

const HOOK: &str = "https://discord.com/api/webhooks/123/abc-DEF";
const POST: &str = "POST https://discord.com/api/webhooks/123/abc-DEF?wait=true";

fn event() -> Event {
    Event {
        name: "run.succeeded".into(),
        pipeline: "pepe_lu".into(),
        status: "succeeded".into(),
        severity: "info".into(),
        step: None,
        summary: "pepe_lu succeeded; @everyone".into(),
        json: r#"{"steps":[]}"#.into(),
    }
}

fn with_hook() -> FakeHost {
    FakeHost::new().secret("discord_webhook", HOOK).revealable()
}

/// 001-31 and 001-32: the announcement for the community.
#[test]
fn a_webhook_gets_an_embed_that_calls_nobody() {
    let host = with_hook().answer(POST, Answer::json(200, json!({ "id": "1" })));
    let config = json!({
        "to": { "webhook": "discord_webhook" },
        "message": {
            "style": "community",
            "fields": { "version": "v0.3.0", "highlights": "Ask @everyone: **faster**" },
            "links": [{ "title": "Upgrade guide", "url": "https://docs.example/upgrade" }],
        },
    });

    assert_eq!(notify::<Discord>(&host, config, &event()), Ok(()));
    assert_eq!(
        host.sent(),
        [SentRequest::new("POST", "https://discord.com/api/webhooks/123/abc-DEF?wait=true")
            .header("content-type", "application/json")
            .body(
                json!({
                    "embeds": [{
                        "title": "pepe\\_lu v0.3.0",
                        "description": "v0.3.0 is here.\n\nAsk @\u{200b}everyone: \\*\\*faster\\*\\*\n\n\
                                        [Upgrade guide](https://docs.example/upgrade)",
                        "color": 0x0012_b76a,
                    }],
                    "allowed_mentions": { "parse": [], "users": [], "roles": [] },
                })
                .to_string()
            )],
    );
}

#[test]
fn a_bot_calls_those_it_is_told_to_and_says_it_once() {
    let host = FakeHost::new().secret("bot", "token-1").server(|_| Answer::status(200));
    let config = json!({
        "to": {
            "channel": "1234567890",
            "token": "bot",
            "mention": ["here", "user:80351110224678912", "role:165511591545143296"],
        },
        "message": { "template": "{{ status }}" },
    });

    assert_eq!(notify::<Discord>(&host, config.clone(), &event()), Ok(()));
    assert_eq!(notify::<Discord>(&host, config, &event()), Ok(()));

    let sent = host.sent();
    assert_eq!(sent[0], sent[1]);
    assert_eq!(sent[0].url, "https://discord.com/api/v10/channels/1234567890/messages");
    assert_eq!(sent[0].header_value("authorization"), Some("Bot token-1"));
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!(
        body,
        json!({
            "embeds": [{ "title": "pepe\\_lu: run.succeeded", "description": "succeeded", "color": 0x0012_b76a }],
            "allowed_mentions": {
                "parse": ["everyone"],
                "users": ["80351110224678912"],
                "roles": ["165511591545143296"],
            },
            "content": "@here <@80351110224678912> <@&165511591545143296>",
            "nonce": body["nonce"],
            "enforce_nonce": true,
        }),
    );
    assert_eq!(body["nonce"].as_str().map(str::len), Some(24));
}

#[test]
fn discord_is_asked_again_when_it_says_so() {
    let host = with_hook()
        .answer(POST, Answer::json(429, json!({ "retry_after": 0.64 })).header("retry-after", "0.64"))
        .answer(POST, Answer::status(200));

    assert_eq!(notify::<Discord>(&host, json!({ "to": { "webhook": "discord_webhook" } }), &event()), Ok(()));
    assert_eq!(host.time().as_millis(), 640);
}

#[test]
fn a_failure_does_not_show_the_address() {
    let failed = |host: FakeHost| {
        notify::<Discord>(&host, json!({ "to": { "webhook": "discord_webhook" } }), &event())
    };

    assert_eq!(
        failed(with_hook().fails(POST, HostError::TimedOut)).map_err(|failure| failure.message),
        Err("POST <secret `discord_webhook`>: timed out".to_owned()),
    );
    assert_eq!(
        failed(with_hook().answer(POST, Answer::text(401, "Invalid Webhook Token"))),
        Err(Failure::invalid_input("the receiver answered 401: Invalid Webhook Token")),
    );
}

#[test]
fn nobody_is_told_if_a_route_says_so() {
    let host = with_hook();
    let config = json!({
        "to": { "webhook": "discord_webhook" },
        "routes": [{ "events": ["run.succeeded"], "to": "nobody" }],
    });

    assert_eq!(notify::<Discord>(&host, config, &event()), Ok(()));
    assert_eq!(host.sent(), []);
}

#[test]
fn the_manifest_is_the_package() {
    assert_eq!(manifest().name, "discord");
}
