//! The gate as a pipeline sees it. Requirements: 003-16, 003-17.

use super::*;
use runner_plugin::host::ImageFacts;
use runner_plugin::testing::{Engine, FakeHost, FakeImage, evaluate};
use runner_plugin::{FailureKind, Finding};
use serde_json::{Value, json};
use std::time::Duration;

const IMAGE: &str = "ghcr.io/acme/api:v1";
/// When the image was built: 2026-03-01T12:00:00Z.
const BUILT: Duration = Duration::from_secs(1_772_366_400);
const DAY: Duration = Duration::from_secs(86_400);

fn image() -> FakeImage {
    FakeImage::new(IMAGE).created_at(BUILT).with(|facts| {
        facts.user = "1000:1000".to_owned();
        facts.has_health_check = true;
        facts.size = 20_000_000;
        facts.architecture = "amd64".to_owned();
        facts.exposed = vec!["8000/tcp".to_owned()];
        facts.labels =
            vec![("org.opencontainers.image.source".to_owned(), "https://acme.example".to_owned())];
        facts.digests = vec![format!("ghcr.io/acme/api@sha256:{}", "b".repeat(64))];
    })
}

fn ask(image: FakeImage, config: Value) -> Result<Evaluation, Failure> {
    let mut with = json!({ "image": IMAGE });
    with.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    evaluate::<ImagePolicy>(&FakeHost::new().docker(Engine::new().image(image)).now(BUILT + DAY), with)
}

/// What was found of an image that is changed in one way, as `rule: message`.
fn found(change: impl FnOnce(&mut ImageFacts), config: Value) -> Vec<String> {
    let findings = ask(image().with(change), config).unwrap().findings.into_iter();
    findings.map(|finding| format!("{}: {}", finding.rule, finding.message)).collect()
}

fn nothing() -> Vec<String> {
    Vec::new()
}

fn of_image(evaluation: Evaluation) -> Evaluation {
    evaluation
        .output("image_id", format!("sha256:{IMAGE}"))
        .output("size", 20_000_000)
        .output("created", "2026-03-01T12:00:00Z")
}

#[test]
fn an_image_as_it_is_wanted_passes() {
    let everything = json!({
        "user": "non-root",
        "health_check": "required",
        "max_size": "20MB",
        "max_age": "1d",
        "required_labels": ["org.opencontainers.image.source"],
        "forbid_tags": ["latest", "dev-*"],
        "architecture": "amd64",
        "allowed_registries": ["ghcr.io/acme"],
        "exposed_ports": [8000],
    });

    assert_eq!(ask(image(), everything), Ok(of_image(Evaluation::pass(format!("`{IMAGE}` is as wanted")))));
}

/// 003-16 and 003-17: without a word the careful rules apply.
#[test]
fn the_careful_rules_apply_without_a_word() {
    let careless = image().with(|facts| {
        facts.user = String::new();
        facts.has_health_check = false;
        facts.tags.push("ghcr.io/acme/api:latest".to_owned());
    });

    assert_eq!(
        ask(careless, json!({})),
        Ok(of_image(
            Evaluation::fail(format!("3 problems with `{IMAGE}`"))
                .finding(
                    Finding::error("user", "it runs as root: it names no user")
                        .help("give its Dockerfile a `USER`")
                )
                .finding(
                    Finding::error("health-check", "it has no health check")
                        .help("give its Dockerfile a `HEALTHCHECK`, or write `health_check: any`")
                )
                .finding(
                    Finding::error("tag", "its name `ghcr.io/acme/api:latest` has a tag like `latest`")
                        .help("name the version")
                )
        )),
    );
    let off = json!({ "user": "any", "health_check": "any", "forbid_tags": [] });
    assert_eq!(
        found(|facts| (facts.user, facts.has_health_check) = ("root".to_owned(), false), off),
        nothing()
    );
}

#[test]
fn root_has_many_names() {
    let user =
        |user: &str, wanted: &str| found(|facts| facts.user = user.to_owned(), json!({ "user": wanted }));
    let root = |user: &str| vec![format!("user: it runs as root: its user is `{user}`")];

    for name in ["root", "0", "0:0", "root:app", "000:1000"] {
        assert_eq!(user(name, "non-root"), root(name));
    }
    assert_eq!(user(":1000", "non-root"), root(":1000"));
    assert_eq!(user("app", "non-root"), nothing());
    assert_eq!(user("app", "app"), nothing());
    assert_eq!(user("app", "app:app"), ["user: its user is `app`, not `app:app`"]);
}

#[test]
fn size_age_and_architecture_have_bounds() {
    let size = |bytes| found(|facts| facts.size = bytes, json!({ "max_size": "20MB" }));
    let age = |created_at| found(|facts| facts.created_at = created_at, json!({ "max_age": "1d" }));

    assert_eq!(size(20_000_000), nothing());
    assert_eq!(size(20_000_001), ["size: it has 20.000001 MB, at most 20 MB is allowed"]);
    assert_eq!(age(BUILT), nothing());
    assert_eq!(age(BUILT - Duration::from_secs(1)), ["age: it was built 1d1s ago, at most 1d is allowed"]);
    assert_eq!(age(BUILT + DAY + Duration::from_secs(300)), nothing());
    assert_eq!(
        age(BUILT + DAY + Duration::from_secs(301)),
        ["age: it says that it was built in the future, so its age is not known"]
    );
    assert_eq!(
        found(|_| {}, json!({ "architecture": "arm64" })),
        ["architecture: it is for `amd64`, not for `arm64`"]
    );
}

#[test]
fn labels_need_a_value() {
    let wanted = json!({ "required_labels": ["a", "org.opencontainers.image.source"] });

    assert_eq!(found(|_| {}, wanted.clone()), ["label: there is no label `a`"]);
    assert_eq!(
        found(|facts| facts.labels.push(("a".to_owned(), " ".to_owned())), wanted),
        ["label: label `a` is empty"]
    );
}

#[test]
fn every_name_of_the_image_is_held_against_the_forbidden_tags() {
    let tagged = |tag: &str, patterns: Value| {
        found(|facts| facts.tags.push(tag.to_owned()), json!({ "forbid_tags": patterns }))
    };

    assert_eq!(
        tagged("api:dev-1", json!(["latest", "dev-*"])),
        ["tag: its name `api:dev-1` has a tag like `dev-*`"]
    );
    assert_eq!(tagged("127.0.0.1:5055/api:v1", json!(["latest"])), nothing());
    // A name without a tag means `latest`.
    let bare = evaluate::<ImagePolicy>(
        &FakeHost::new()
            .docker(Engine::new().image(image().with(|facts| facts.tags = vec!["api:latest".to_owned()]))),
        json!({ "image": "api" }),
    );
    let rules: Vec<String> = bare.unwrap().findings.into_iter().map(|finding| finding.message).collect();
    assert_eq!(
        rules,
        ["its name `api` has a tag like `latest`", "its name `api:latest` has a tag like `latest`"]
    );
}

#[test]
fn every_name_of_the_image_leads_to_an_allowed_registry() {
    let allowed = json!({ "allowed_registries": ["ghcr.io/acme"] });
    let outside = |name: &str| vec![format!("registry: `{name}` leads to no registry that is allowed")];
    let named = |name: &str| found(|facts| facts.digests.push(name.to_owned()), allowed.clone());

    for name in ["evil.example/api@sha256:0", "ghcr.io/acme-two/api@sha256:0", "api@sha256:0"] {
        assert_eq!(named(name), outside(name));
    }
    let nameless = FakeImage::untagged("sha256:1").with(|facts| facts.has_health_check = true);
    let host = FakeHost::new().docker(Engine::new().image(nameless));
    let config = json!({ "image": "sha256:1", "user": "any", "allowed_registries": ["ghcr.io/acme"] });
    assert_eq!(
        evaluate::<ImagePolicy>(&host, config).unwrap().findings,
        [Finding::error("registry", "it has no name, so nothing says where it comes from")
            .help("name the image instead of its id")]
    );
}

#[test]
fn only_the_ports_that_are_named_may_be_exposed() {
    let exposing = |allowed: Value| {
        found(
            |facts| facts.exposed = vec!["8000/tcp".to_owned(), "53/udp".to_owned()],
            json!({ "exposed_ports": allowed }),
        )
    };

    assert_eq!(exposing(json!([8000, "53/udp", 9000])), nothing());
    assert_eq!(exposing(json!([8000, 53])), ["port: it exposes port 53/udp"]);
    assert_eq!(exposing(json!([])), ["port: it exposes port 8000/tcp", "port: it exposes port 53/udp"]);
}

#[test]
fn what_was_not_judged_never_passes() {
    let asked = |engine: Engine| {
        evaluate::<ImagePolicy>(&FakeHost::new().docker(engine), json!({ "image": IMAGE })).unwrap_err()
    };

    assert_eq!(
        asked(Engine::new()),
        Failure::unavailable(format!("there is no image `{IMAGE}`; nothing was judged"))
    );
    assert_eq!(asked(Engine::new().image(image()).denies("image.inspect")).kind, FailureKind::Denied);
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |config| {
        let failure = ask(image(), config).unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidConfig);
        failure.message
    };

    assert_eq!(refused(json!({ "user": "" })), "`user` is empty; write `any` if it does not matter");
    assert_eq!(refused(json!({ "forbid_tags": [""] })), "`forbid_tags` has an empty text");
    assert_eq!(refused(json!({ "required_labels": [""] })), "`required_labels` has an empty name");
    assert_eq!(
        refused(json!({ "allowed_registries": [] })),
        "`allowed_registries` is empty: no image could be allowed"
    );
    assert_eq!(
        refused(json!({ "allowed_registries": ["/"] })),
        "`allowed_registries` has an empty name; it would allow them all"
    );
    for config in [
        json!({ "max_size": "big" }),
        json!({ "max_age": "old" }),
        json!({ "health_check": true }),
        json!({ "exposed_ports": [-1] }),
        json!({ "labels": {} }),
    ] {
        assert!(refused(config.clone()).starts_with("`with`: "), "{config}");
    }
}
