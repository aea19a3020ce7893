//! The notifier as a pipeline sees it. Requirements: 003-88, 000-55.

use std::time::Duration;

use super::*;
use runner_notice::hexadecimal;
use runner_plugin::testing::{Answer, FakeHost, SentRequest, notify};
use runner_plugin::{FailureKind, HostError};

const RUN: &str = "01JD3KZ9Y4V5T6S7R8Q9P0N1M2";

fn event(name: &str) -> Event {
    Event {
        name: name.into(),
        pipeline: "l9-deploy".into(),
        status: "failed".into(),
        severity: "error".into(),
        step: Some("smoke".into()),
        summary: "`smoke` failed at v1.2.3-l9".into(),
        json: r#"{"steps":{}}"#.into(),
    }
}

#[test]
fn without_a_template_all_of_the_event_is_sent() {
    let host = FakeHost::new().answer("POST https://hooks.example/run", Answer::status(202));
    let rest =
        r#""status":"failed","severity":"error","step":"smoke","summary":"`smoke` failed at v1.2.3-l9""#;

    assert_eq!(
        notify::<Webhook>(&host, json!({ "url": "https://hooks.example/run" }), &event("run.failed")),
        Ok(())
    );
    assert_eq!(
        host.sent(),
        [SentRequest::new("POST", "https://hooks.example/run")
            .header("content-type", "application/json")
            .header("idempotency-key", format!("{RUN}/run.failed"))
            .body(format!(r#"{{"run":"{RUN}","pipeline":"l9-deploy","event":"run.failed",{rest}}}"#))],
    );
}

/// 003-88: a Slack message with ref and status.
#[test]
fn a_template_is_filled_in_signed_and_authorised() {
    let host = FakeHost::new()
        .secret("slack_token", "xoxb-1")
        .secret("signing_key", "key")
        .answer("PUT https://slack.com/api/chat.postMessage", Answer::json(200, json!({ "ok": true })));

    let config = json!({
        "url": "https://slack.com/api/chat.postMessage",
        "method": "PUT",
        "headers": { "Content-Type": "application/json; charset=utf-8" },
        "body": { "channel": "#deploys", "text": "{pipeline} {status}: {summary}" },
        "sign": { "secret": "signing_key" },
        "auth": { "bearer": "slack_token" },
        "expect_json": { "ok": true },
        "timeout_ms": 5000,
    });

    assert_eq!(notify::<Webhook>(&host, config, &event("run.failed")), Ok(()));
    assert_eq!(
        host.sent(),
        [SentRequest::new("PUT", "https://slack.com/api/chat.postMessage")
            .header("Content-Type", "application/json; charset=utf-8")
            .header("idempotency-key", format!("{RUN}/run.failed"))
            .header(
                "x-runner-signature",
                "sha256=a2753734ef0eca85760738374a548f1d04819d736f238d535a8ed5b938ec2427"
            )
            .header("authorization", "Bearer xoxb-1")
            .body(r##"{"channel":"#deploys","text":"l9-deploy failed: `smoke` failed at v1.2.3-l9"}"##)
            .timeout_ms(5000)],
    );
}

#[test]
fn the_signature_is_the_hmac_of_the_body() {
    // RFC 4231, test case 2, by way of a body that is just this text.
    let host = FakeHost::new().secret("key", "Jefe").host();

    assert_eq!(
        hexadecimal(&host.secret("key").unwrap().hmac_sha256(b"what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
}

/// The three headers of Standard Webhooks; a receiver's library is given `whsec_` and the Base64 of the secret.
#[test]
fn a_message_can_be_signed_with_its_time() {
    let host = FakeHost::new()
        .now(Duration::from_secs(1_795_176_000))
        .secret("key", "Jefe")
        .answer("POST https://hooks.example/", Answer::status(204));
    let config = json!({
        "url": "https://hooks.example/",
        "body": { "text": "{status}" },
        "sign": { "secret": "key", "scheme": "standard-webhooks" },
    });

    assert_eq!(notify::<Webhook>(&host, config, &event("run.failed")), Ok(()));
    assert_eq!(
        host.sent(),
        [SentRequest::new("POST", "https://hooks.example/")
            .header("content-type", "application/json")
            .header("idempotency-key", format!("{RUN}/run.failed"))
            .header("webhook-id", format!("{RUN}/run_failed"))
            .header("webhook-timestamp", "1795176000")
            .header("webhook-signature", "v1,tF9B/fXSS9ZUQmX2L5FU3ezHV1MQgdqWbvomDniSA80=")
            .body(r#"{"text":"failed"}"#)],
    );
}

#[test]
fn a_header_of_ones_own_is_for_the_body_alone() {
    let host = FakeHost::new().secret("key", "Jefe");
    let config = json!({
        "url": "https://hooks.example/",
        "sign": { "secret": "key", "scheme": "standard-webhooks", "header": "x-mine" },
    });

    assert_eq!(
        notify::<Webhook>(&host, config, &event("run.failed")),
        Err(Failure::invalid_config(
            "`sign.header` is for the scheme `body`; `standard-webhooks` names its headers itself, nothing was sent"
        )),
    );
    assert_eq!(host.sent(), []);
}

#[test]
fn a_receiver_that_asks_to_wait_gets_the_same_message_later() {
    let host = FakeHost::new()
        .answer("POST https://hooks.example/", Answer::status(429).header("retry-after", "3"))
        .answer("POST https://hooks.example/", Answer::status(204));

    assert_eq!(
        notify::<Webhook>(&host, json!({ "url": "https://hooks.example/" }), &event("run.failed")),
        Ok(())
    );
    let sent = host.sent();
    assert_eq!(sent[0], sent[1]);
    assert_eq!(host.time(), Duration::from_secs(3));
}

#[test]
fn another_status_is_a_failure_to_retry_only_if_the_receiver_may_recover() {
    let delivered = |answer: Answer| {
        let host = FakeHost::new().answer("POST https://hooks.example/", answer);
        notify::<Webhook>(&host, json!({ "url": "https://hooks.example/" }), &event("run.failed"))
    };

    assert_eq!(delivered(Answer::status(503)), Err(Failure::unavailable("the receiver answered 503")),);
    assert_eq!(
        delivered(Answer::text(429, " slow down\n")),
        Err(Failure::unavailable("the receiver answered 429: slow down")),
    );
    assert_eq!(
        delivered(Answer::text(403, "invalid_token")),
        Err(Failure::invalid_input("the receiver answered 403: invalid_token")),
    );
    assert_eq!(delivered(Answer::status(302)), Err(Failure::invalid_input("the receiver answered 302")));
}

#[test]
fn a_status_can_be_chosen_and_a_200_can_mean_no() {
    let config =
        json!({ "url": "https://hooks.example/", "expect_status": [200], "expect_json": { "ok": true } });
    let delivered = |answer: Answer| {
        let host = FakeHost::new().answer("POST https://hooks.example/", answer);
        notify::<Webhook>(&host, config.clone(), &event("run.failed"))
    };

    assert_eq!(delivered(Answer::json(200, json!({ "ok": true }))), Ok(()));
    assert_eq!(delivered(Answer::status(204)), Err(Failure::invalid_input("the receiver answered 204")));
    assert_eq!(
        delivered(Answer::json(200, json!({ "ok": false, "error": "invalid_auth" }))),
        Err(Failure::invalid_input("the receiver answered 200, but body: `$.ok` is false, not true")),
    );
}

#[test]
fn what_the_host_refuses_is_passed_on() {
    let config = json!({ "url": "https://hooks.example/", "sign": { "secret": "key" } });
    let host = FakeHost::new().fails("POST https://hooks.example/", HostError::TimedOut);

    assert_eq!(
        notify::<Webhook>(&host, json!({ "url": "https://hooks.example/" }), &event("run.failed")),
        Err(Failure::new(FailureKind::TimedOut, "POST https://hooks.example/: timed out")),
    );
    assert_eq!(
        notify::<Webhook>(&FakeHost::new(), config, &event("run.failed")),
        Err(Failure::new(FailureKind::Denied, "secret `key`: denied, no grant of this step covers it")),
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "webhook");
    assert_eq!(manifest.outputs, [""; 0]);
}
