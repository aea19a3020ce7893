//! Pulls on an engine in memory. Requirements: 003-45, 003-49.

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::testing::{Engine, FakeHost, FakeImage, apply, capture_action, restore_action};
use serde_json::{Value, json};

const REFERENCE: &str = "registry:5000/app:v2";

fn hex(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn image() -> FakeImage {
    FakeImage::new(REFERENCE).digest(&format!("registry:5000/app@{}", hex('a')))
}

fn engine() -> Engine {
    Engine::new().pullable(REFERENCE, image())
}

fn pull() -> Value {
    json!({ "reference": REFERENCE, "expect_digest": hex('a'), "tag": "app:candidate" })
}

fn run(host: &FakeHost, config: &Value) -> Result<Applied, Failure> {
    let snapshot = capture_action::<ImagePull>(host, config.clone())?;
    apply::<ImagePull>(host, config.clone(), &snapshot)
}

fn ids(host: &FakeHost, tags: &[&str]) -> Vec<Option<String>> {
    tags.iter().map(|tag| host.image_id(tag)).collect()
}

#[test]
fn an_image_is_pulled_held_against_its_digest_and_tagged() {
    let host = FakeHost::new().docker(engine());
    let snapshot = capture_action::<ImagePull>(&host, pull()).unwrap();
    assert_eq!(host.docker_changes(), [""; 0]);

    let summary = format!("`{REFERENCE}` is here as sha256:{REFERENCE}, and is called `app:candidate`");
    let applied = Ok(Applied::new(summary)
        .output("image_id", format!("sha256:{REFERENCE}"))
        .output("digest", format!("registry:5000/app@{}", hex('a'))));
    assert_eq!(apply::<ImagePull>(&host, pull(), &snapshot), applied);
    assert_eq!(apply::<ImagePull>(&host, pull(), &snapshot), applied);

    restore_action::<ImagePull>(&host, pull(), &snapshot).unwrap();
    restore_action::<ImagePull>(&host, pull(), &snapshot).unwrap();
    assert_eq!(host.images(), []);
}

#[test]
fn what_had_the_tags_gets_them_back() {
    let old = [
        FakeImage::new("app:candidate"),
        FakeImage::untagged("sha256:old").with(|facts| {
            facts.tags.push(REFERENCE.to_owned());
        }),
    ];
    let [candidate, reference] = old;
    let host = FakeHost::new().docker(engine().image(candidate).image(reference));
    let snapshot = capture_action::<ImagePull>(&host, pull()).unwrap();
    let before = format!("{REFERENCE}.before");
    let tags = [REFERENCE, "app:candidate", &before, "app:candidate.before"];
    let some = |id: &str| Some(format!("sha256:{id}"));

    apply::<ImagePull>(&host, pull(), &snapshot).unwrap();
    assert_eq!(ids(&host, &tags), [some(REFERENCE), some(REFERENCE), some("old"), some("app:candidate")]);

    restore_action::<ImagePull>(&host, pull(), &snapshot).unwrap();
    assert_eq!(ids(&host, &tags), [some("old"), some("app:candidate"), None, None]);
}

#[test]
fn an_image_that_is_another_gets_no_further() {
    let host = FakeHost::new().docker(engine());
    let config = json!({ "reference": REFERENCE, "expect_digest": hex('b'), "tag": "app:candidate" });
    let snapshot = capture_action::<ImagePull>(&host, config.clone()).unwrap();

    assert_eq!(
        apply::<ImagePull>(&host, config.clone(), &snapshot),
        Err(Failure::invalid_input(format!(
            "`{REFERENCE}` is `registry:5000/app@{}`, not `{}`: somebody has moved it, or something else was meant",
            hex('a'),
            hex('b'),
        ))),
    );
    assert_eq!(host.image_id("app:candidate"), None);
    restore_action::<ImagePull>(&host, config, &snapshot).unwrap();
    assert_eq!(host.images(), []);
}

#[test]
fn an_image_can_be_asked_for_by_its_digest() {
    let reference = format!("registry:5000/app@{}", hex('a'));
    let image =
        FakeImage::untagged("sha256:new").digest(&reference).digest(&format!("mirror/app@{}", hex('c')));
    let host = FakeHost::new().docker(Engine::new().pullable(&reference, image));
    let config = json!({ "reference": reference, "tag": "app:v2" });
    let snapshot = capture_action::<ImagePull>(&host, config.clone()).unwrap();

    let applied = apply::<ImagePull>(&host, config.clone(), &snapshot).unwrap();
    assert_eq!(applied.outputs[1].value, json!(reference));
    assert_eq!(host.image_id("app:v2"), Some("sha256:new".to_owned()));

    restore_action::<ImagePull>(&host, config, &snapshot).unwrap();
    assert_eq!(host.image_id("app:v2"), None);
}

#[test]
fn the_digest_is_that_of_the_name_that_was_asked_for() {
    let digest_of = |reference: &str, digests: &[&str]| {
        let digests = digests.iter().map(|&digest| digest.to_owned()).collect();
        digest(&ImageFacts { digests, ..ImageFacts::default() }, reference).map_err(|failure| failure.kind)
    };

    assert_eq!(
        [
            digest_of("docker.io/library/redis:7", &["mirror/redis@sha256:1", "redis@sha256:2"]),
            digest_of("redis", &["redis@sha256:2"]),
            digest_of("ghcr.io/acme/api:v1", &["ghcr.io/acme/api@sha256:3"]),
            digest_of("ghcr.io/acme/api:v1", &["ghcr.io/acme/other@sha256:3"]),
            digest_of("redis@sha256:1", &["redis@sha256:2"]),
            digest_of("redis", &[]),
        ],
        [
            Ok("redis@sha256:2".to_owned()),
            Ok("redis@sha256:2".to_owned()),
            Ok("ghcr.io/acme/api@sha256:3".to_owned()),
            Err(FailureKind::Unavailable),
            Err(FailureKind::Unavailable),
            Err(FailureKind::Unavailable),
        ],
    );
}

/// A rehearsal fetches nothing, so there is no digest to compare.
#[test]
fn what_a_rehearsal_pretends_is_not_held_against_a_digest() {
    let pretended = FakeImage::untagged(&hex('0')).with(|facts| facts.tags.push(REFERENCE.to_owned()));
    let host = FakeHost::new().docker(Engine::new().pullable(REFERENCE, pretended));

    let applied = run(&host, &pull()).unwrap();

    assert_eq!(applied.outputs[1].value, json!(format!("{REFERENCE}@{}", hex('0'))));
}

#[test]
fn a_registry_and_a_grant_have_to_agree() {
    let registry = || engine().registry_login("ci", "t0ken");
    let config = json!({ "reference": REFERENCE, "login": { "user": "ci", "password": "registry_token" } });
    let failed = |host: FakeHost, config: &Value| {
        run(&host, config).map_err(|failure| (failure.kind, failure.message))
    };
    let unauthorized = || {
        Err((
            FailureKind::Unavailable,
            format!("pull image `{REFERENCE}`: unauthorized: authentication required"),
        ))
    };

    assert!(run(&FakeHost::new().docker(registry()).secret("registry_token", "t0ken"), &config).is_ok());
    assert_eq!(
        [
            failed(FakeHost::new().docker(registry()).secret("registry_token", "guess"), &config),
            failed(FakeHost::new().docker(registry()), &json!({ "reference": REFERENCE })),
            failed(FakeHost::new().docker(registry()), &config),
            failed(FakeHost::new().docker(engine()), &json!({ "reference": "elsewhere/app:v1" })),
        ],
        [
            unauthorized(),
            unauthorized(),
            Err((
                FailureKind::Denied,
                "secret `registry_token`: denied, no grant of this step covers it".to_owned()
            )),
            Err((
                FailureKind::Denied,
                "pull image `elsewhere/app:v1`: denied, no grant of this step covers it".to_owned()
            )),
        ],
    );
}

#[test]
fn a_step_that_makes_no_sense_is_refused() {
    let host = FakeHost::new().docker(engine());
    let schema: Value = serde_json::from_str(&manifest().config_schema).unwrap();
    let steps = [
        json!({}),
        json!({ "reference": REFERENCE, "login": { "user": "ci" } }),
        json!({ "reference": REFERENCE, "login": { "user": "ci", "password": "x", "token": "y" } }),
        json!({ "reference": REFERENCE, "timeout": "soon" }),
        json!({ "reference": REFERENCE, "digest": hex('a') }),
    ];

    for step in steps {
        assert_eq!(
            capture_action::<ImagePull>(&host, step.clone()).map_err(|failure| failure.kind),
            Err(FailureKind::InvalidConfig),
            "{step}",
        );
        assert!(!jsonschema::is_valid(&schema, &step), "{step}");
    }
    assert!(jsonschema::is_valid(&schema, &pull()));
    assert!(!jsonschema::is_valid(&schema, &json!({ "reference": REFERENCE, "expect_digest": "sha256:00" })));
}
