//! Cleaning an engine in memory. Requirement: 003-74.

use super::*;
use runner_plugin::testing::{
    Engine, FakeContainer, FakeHost, FakeImage, apply, capture_action, restore_action,
};
use runner_plugin::{FailureKind, HostError, host::DockerError};
use serde_json::Value;

const NOW: Duration = Duration::from_secs(1_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn old(id: &str) -> FakeImage {
    FakeImage::untagged(id).created_at(NOW - 48 * HOUR).with(|facts| facts.size = 1_500_000)
}

fn run(engine: Engine, config: &Value) -> (FakeHost, Result<Applied, Failure>) {
    let host = FakeHost::new().now(NOW).docker(engine);
    let applied = capture_action::<ImagePrune>(&host, config.clone())
        .and_then(|snapshot| apply::<ImagePrune>(&host, config.clone(), &snapshot));
    (host, applied)
}

fn left(host: &FakeHost) -> Vec<String> {
    host.images().into_iter().map(|image| image.id).collect()
}

#[test]
fn only_what_is_old_and_nobody_uses_or_keeps_goes() {
    let engine = Engine::new()
        .image(old("sha256:old"))
        .image(old("sha256:kept"))
        .image(old("sha256:running"))
        .image(old("sha256:previous"))
        .image(FakeImage::untagged("sha256:young").created_at(NOW - 23 * HOUR))
        .image(FakeImage::new("app:v1"))
        .container(FakeContainer::new("green", "sha256:running"))
        .container(FakeContainer::new("blue", "sha256:previous").exited(0));

    let (host, applied) = run(engine, &json!({ "until": "24h", "keep": ["sha256:kept"] }));

    assert_eq!(
        applied,
        Ok(Applied::new("1 image was removed, 1.5 MB at most")
            .output("removed", json!([{ "id": "sha256:old", "tags": [] }]))
            .output("bytes", 1_500_000)),
    );
    assert_eq!(
        left(&host),
        ["sha256:kept", "sha256:running", "sha256:previous", "sha256:young", "sha256:app:v1"],
    );
    assert_eq!(host.logged()[0].text, "removed sha256:old (no tag)");
}

#[test]
fn tags_go_by_a_pattern_and_never_the_kept_ones() {
    let engine = Engine::new()
        .image(FakeImage::new("app:v1"))
        .image(FakeImage::new("app:v2"))
        .image(FakeImage::new("other:v1"));

    let (host, applied) = run(engine, &json!({ "pattern": "app:*", "keep": ["app:v2"] }));

    assert_eq!(applied.map(|applied| applied.summary), Ok("1 image was removed, 0 B at most".to_owned()));
    assert_eq!(left(&host), ["sha256:app:v2", "sha256:other:v1"]);
}

#[test]
fn nothing_to_do_is_fine_and_an_undo_says_what_it_cannot() {
    let (host, applied) = run(Engine::new(), &json!({}));

    assert_eq!(
        applied,
        Ok(Applied::new("0 images were removed").output("removed", json!([])).output("bytes", 0)),
    );
    assert_eq!(restore_action::<ImagePrune>(&host, json!({}), "{}"), Ok(()));
    assert_eq!(host.logged()[0].text, "images that were removed are not brought back");
}

#[test]
fn without_a_grant_or_an_engine_nothing_goes() {
    let lost = DockerError::Host(HostError::Unavailable("no such socket".into()));
    let failed = |engine: Engine| {
        let (host, applied) = run(engine.image(old("sha256:old")), &json!({}));
        (applied.map_err(|failure| failure.kind), left(&host).len())
    };

    assert_eq!(
        [failed(Engine::new().denies("image.prune")), failed(Engine::new().fails("image.prune", lost))],
        [(Err(FailureKind::Denied), 1), (Err(FailureKind::Unavailable), 1)],
    );
}

#[test]
fn a_step_that_makes_no_sense_is_refused() {
    let host = FakeHost::new().now(NOW).docker(Engine::new());
    let steps = [
        json!({ "dangling": false }),
        json!({ "dangling": true, "pattern": "app:*" }),
        json!({ "pattern": "" }),
        json!({ "keep": [""] }),
        json!({ "until": "400d" }),
        json!({ "until": "yesterday" }),
        json!({ "all": true }),
    ];

    for step in steps {
        assert_eq!(
            capture_action::<ImagePrune>(&host, step.clone()).map_err(|failure| failure.kind),
            Err(FailureKind::InvalidConfig),
            "{step}",
        );
    }
}
