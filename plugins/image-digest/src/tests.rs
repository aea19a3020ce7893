//! The gate as a pipeline sees it. Requirements: 003-48.

use super::*;
use runner_plugin::host::DockerError;
use runner_plugin::testing::{Engine, FakeHost, FakeImage, evaluate};
use runner_plugin::{Decision, FailureKind, HostError};
use serde_json::{Value, json};
use std::time::Duration;

const IMAGE: &str = "127.0.0.1:5055/l9-api:v1";
const REVISION: &str = "org.opencontainers.image.revision";

fn digest(sign: char) -> String {
    format!("sha256:{}", sign.to_string().repeat(64))
}

fn image() -> FakeImage {
    FakeImage::new(IMAGE)
        .with(|facts| {
            facts.id = digest('a');
            facts.labels = vec![(REVISION.to_owned(), "c0ffee".to_owned())];
        })
        .digest(&format!("mirror.example/l9-api@{}", digest('c')))
        .digest(&format!("127.0.0.1:5055/l9-api@{}", digest('b')))
        .created_at(Duration::from_secs(1_772_366_400))
}

fn asked(engine: Engine, config: Value) -> Result<Evaluation, Failure> {
    let mut with = json!({ "image": IMAGE });
    with.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    evaluate::<ImageDigest>(&FakeHost::new().docker(engine), with)
}

fn ask(config: Value) -> Result<Evaluation, Failure> {
    asked(Engine::new().image(image()), config)
}

/// The answer with the outputs of the image.
fn of_image(evaluation: Evaluation) -> Evaluation {
    evaluation
        .output("image_id", digest('a'))
        .output("digest", format!("127.0.0.1:5055/l9-api@{}", digest('b')))
        .output("created", "2026-03-01T12:00:00Z")
}

/// 003-48: the image exists and its digest and revision label match.
#[test]
fn the_image_that_is_meant_passes() {
    let good = Ok(of_image(Evaluation::pass(format!("`{IMAGE}` is aaaaaaaaaaaa"))));

    for wanted in [
        digest('a'),
        digest('b'),
        digest('c'),
        format!("127.0.0.1:5055/l9-api@{}", digest('b')),
        format!("127.0.0.1:5055/l9-api:v1@{}", digest('b')),
    ] {
        assert_eq!(ask(json!({ "digest": wanted, "labels": { REVISION: "c0ffee" } })), good, "{wanted}");
    }
    assert_eq!(ask(json!({})), good);
}

#[test]
fn another_image_under_the_name_fails() {
    let b = digest('b');
    let known = format!("mirror.example/l9-api@{}, 127.0.0.1:5055/l9-api@{b}", digest('c'));
    let other = |wanted: String| {
        let id = digest('a');
        let message = format!("`{IMAGE}` is {id}, and in registries it is {known}; wanted is {wanted}");
        Finding::error("wrong-digest", message)
            .help("was the name moved, or was something else built? launch the image by its digest")
    };
    let bad = format!("`{IMAGE}` is aaaaaaaaaaaa and not the image that is meant");

    assert_eq!(
        ask(json!({
            "digest": digest('d'),
            "labels": { REVISION: "decaf", "org.opencontainers.image.version": "1" },
        })),
        Ok(of_image(
            Evaluation::fail(bad.clone())
                .finding(other(digest('d')))
                .finding(
                    Finding::error("wrong-label", format!("label `{REVISION}` is `c0ffee`, not `decaf`"))
                        .help("was it built from another revision?")
                )
                .finding(
                    Finding::error(
                        "missing-label",
                        "there is no label `org.opencontainers.image.version`; `1` is wanted"
                    )
                    .help("add it when the image is built, with `labels`")
                )
        )),
    );
    // The digest of one repository is none of another.
    let elsewhere = format!("ghcr.io/acme/l9-api@{b}");
    assert_eq!(
        ask(json!({ "digest": elsewhere })),
        Ok(of_image(Evaluation::fail(bad).finding(other(elsewhere))))
    );
}

#[test]
fn an_image_that_was_never_in_a_registry_has_its_id_alone() {
    let local = FakeImage::new(IMAGE).with(|facts| facts.id = digest('a'));
    let evaluation = asked(Engine::new().image(local), json!({ "digest": digest('b') })).unwrap();

    assert_eq!(evaluation.outputs[1].value, Value::Null);
    assert_eq!(
        evaluation.findings[0].message,
        format!("`{IMAGE}` is {}, and it was never in a registry; wanted is {}", digest('a'), digest('b'))
    );
}

#[test]
fn whether_it_is_there_is_a_question_of_its_own() {
    let none = || asked(Engine::new(), json!({}));

    assert_eq!(
        none(),
        Ok(Evaluation::fail(format!("there is no `{IMAGE}`")).finding(
            Finding::error("missing-image", format!("there is no image `{IMAGE}`"))
                .help("was it built or pulled on this engine, under this name?")
        ))
    );
    assert_eq!(
        asked(Engine::new(), json!({ "exists": false })),
        Ok(Evaluation::pass(format!("there is no `{IMAGE}`")))
    );
    assert_eq!(
        ask(json!({ "exists": false })).map(|evaluation| (evaluation.decision, evaluation.summary)),
        Ok((Decision::Fail, format!("`{IMAGE}` is there and must not be")))
    );
}

#[test]
fn what_the_engine_or_a_grant_refuses_is_a_failure() {
    let down = DockerError::Host(HostError::Unavailable("connection refused".to_owned()));
    let failed = |engine: Engine| asked(engine, json!({ "exists": false })).unwrap_err();

    assert_eq!(failed(Engine::new().denies("image.inspect")).kind, FailureKind::Denied);
    assert_eq!(
        failed(Engine::new().fails("image.inspect", down)),
        Failure::unavailable(format!("inspect image `{IMAGE}`: connection refused"))
    );
}

/// A digest that an expression did not find must not switch the comparison off.
#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |config| {
        let failure = ask(config).unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidConfig);
        failure.message
    };
    let no_digest = |text: &str| {
        format!("`digest`: `{text}` is not `sha256:` and 64 hexadecimal digits; nothing was compared")
    };

    assert!(refused(json!({ "digest": null })).starts_with("`with`: invalid type: null"));
    assert_eq!(refused(json!({ "digest": "" })), no_digest(""));
    assert_eq!(refused(json!({ "digest": "sha256:abc" })), no_digest("sha256:abc"));
    assert_eq!(refused(json!({ "digest": "l9-api@v1" })), no_digest("l9-api@v1"));
    assert!(refused(json!({ "labels": { REVISION: null } })).starts_with("`with`: invalid type: null"));
    assert_eq!(
        refused(json!({ "exists": false, "labels": { REVISION: "c0ffee" } })),
        "`exists: false` leaves no image whose `digest` or `labels` could be right"
    );
}
