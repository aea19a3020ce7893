//! Builds on an engine in memory. Requirements: 003-44, 003-47.

use super::*;
use runner_plugin::host::{BuildProblem, DockerError};
use runner_plugin::testing::{Engine, FakeHost, FakeImage, apply, capture_action, restore_action};
use runner_plugin::{FailureKind, HostError};
use serde_json::{Value, json};

const PUSHED: &str = "registry:5000/app@sha256:00";

fn engine() -> Engine {
    Engine::new().builds(".", FakeImage::untagged("sha256:new"))
}

fn build() -> Value {
    json!({ "tags": ["app:v2"] })
}

fn run(host: &FakeHost, config: &Value) -> Result<Applied, Failure> {
    let snapshot = capture_action::<ImageBuild>(host, config.clone())?;
    apply::<ImageBuild>(host, config.clone(), &snapshot)
}

fn built(summary: &str, tags: &[&str]) -> Applied {
    Applied::new(summary).output("image_id", "sha256:new").output("tags", tags.to_vec())
}

#[test]
fn an_image_is_built_and_its_tag_taken_away_again() {
    let host = FakeHost::new().docker(engine());
    let snapshot = capture_action::<ImageBuild>(&host, build()).unwrap();
    assert_eq!(host.docker_changes(), [""; 0]);

    let applied = Ok(built("sha256:new is built as app:v2", &["app:v2"]));
    assert_eq!(apply::<ImageBuild>(&host, build(), &snapshot), applied);
    assert_eq!(apply::<ImageBuild>(&host, build(), &snapshot), applied);

    restore_action::<ImageBuild>(&host, build(), &snapshot).unwrap();
    restore_action::<ImageBuild>(&host, build(), &snapshot).unwrap();
    assert_eq!(host.images(), []);
}

#[test]
fn an_image_is_built_as_written() {
    let host = FakeHost::new().docker(Engine::new().builds("server", FakeImage::untagged("sha256:new")));
    let config: Config = serde_json::from_value(json!({
        "context": "server", "dockerfile": "docker/Dockerfile", "tags": ["app:v2", "app:candidate"], "args": { "V": "2" },
        "labels": { "org.opencontainers.image.revision": "abc" }, "target": "runtime", "no_cache": true, "pull": true,
        "max_context": "10MiB",
    }))
    .unwrap();

    assert_eq!(
        config.spec(),
        BuildSpec {
            context: "server".into(),
            dockerfile: "docker/Dockerfile".into(),
            tags: vec!["app:v2".into(), "app:candidate".into()],
            args: vec![("V".into(), "2".into())],
            labels: vec![("org.opencontainers.image.revision".into(), "abc".into())],
            target: Some("runtime".into()),
            no_cache: true,
            pull: true,
            max_context_bytes: Some(10 << 20),
        },
    );
    let config = json!({ "context": "server", "tags": ["app:v2"], "labels": { "team": "l9" } });
    run(&host, &config).unwrap();
    assert_eq!(host.images()[0].label("team"), Some("l9"));
}

#[test]
fn the_image_that_had_the_tag_keeps_a_name_and_gets_its_tag_back() {
    let host = FakeHost::new().docker(engine().image(FakeImage::new("app:v2")));
    let snapshot = capture_action::<ImageBuild>(&host, build()).unwrap();

    apply::<ImageBuild>(&host, build(), &snapshot).unwrap();
    apply::<ImageBuild>(&host, build(), &snapshot).unwrap();
    let ids = || ["app:v2", "app:v2.before"].map(|tag| host.image_id(tag));
    assert_eq!(ids(), [Some("sha256:new".to_owned()), Some("sha256:app:v2".to_owned())]);

    restore_action::<ImageBuild>(&host, build(), &snapshot).unwrap();
    restore_action::<ImageBuild>(&host, build(), &snapshot).unwrap();
    assert_eq!(ids(), [Some("sha256:app:v2".to_owned()), None]);
}

#[test]
fn a_build_that_breaks_is_a_failure_with_the_end_of_its_log() {
    let log = ["Step 1/2 : FROM scratch", "Step 2/2 : COPY app /app"].map(str::to_owned).to_vec();
    let problem = BuildProblem { message: "COPY failed: no such file: app\n".into(), log };
    let host =
        FakeHost::new().docker(Engine::new().image(FakeImage::new("app:v2")).build_broken(".", problem));
    let snapshot = capture_action::<ImageBuild>(&host, build()).unwrap();

    assert_eq!(
        apply::<ImageBuild>(&host, build(), &snapshot),
        Err(Failure::invalid_input(
            "the image cannot be built: COPY failed: no such file: app; its last lines: Step 1/2 : FROM scratch | Step 2/2 : \
             COPY app /app"
        )),
    );
    let logged: Vec<String> = host.logged().into_iter().map(|line| line.text).collect();
    assert_eq!(logged, ["Step 1/2 : FROM scratch", "Step 2/2 : COPY app /app"]);
    restore_action::<ImageBuild>(&host, build(), &snapshot).unwrap();
    assert_eq!((host.image_id("app:v2"), host.images().len()), (Some("sha256:app:v2".to_owned()), 1));
}

#[test]
fn an_image_is_pushed_by_whom_the_registry_knows() {
    let registry = || engine().pushable("registry:5000/app:v2", PUSHED).registry_login("ci", "t0ken");
    let config = json!({
        "tags": ["app:v2"], "push": ["registry:5000/app:v2"], "login": { "user": "ci", "password": "registry_token" },
    });

    let host = FakeHost::new().docker(registry()).secret("registry_token", "t0ken");
    let tags = ["app:v2", "registry:5000/app:v2"];
    assert_eq!(
        run(&host, &config),
        Ok(built("sha256:new is built as app:v2, registry:5000/app:v2, and pushed", &tags)
            .output("digest", PUSHED)),
    );

    let failed = |host: FakeHost| run(&host, &config).map_err(|failure| (failure.kind, failure.message));
    assert_eq!(
        [
            failed(FakeHost::new().docker(registry())),
            failed(FakeHost::new().docker(registry()).secret("registry_token", "guess")),
            failed(FakeHost::new().docker(engine()).secret("registry_token", "t0ken")),
        ],
        [
            Err((
                FailureKind::Denied,
                "secret `registry_token`: denied, no grant of this step covers it".to_owned()
            )),
            Err((
                FailureKind::Unavailable,
                "push image `registry:5000/app:v2`: unauthorized: authentication required".to_owned()
            )),
            Err((
                FailureKind::Denied,
                "push image `registry:5000/app:v2`: denied, no grant of this step covers it".to_owned()
            )),
        ],
    );
}

#[test]
fn what_was_pushed_is_said_not_to_come_back() {
    let host = FakeHost::new().docker(engine().pushable("app:v2", PUSHED));
    let config = json!({ "tags": ["app:v2"], "push": ["app:v2"] });
    let snapshot = capture_action::<ImageBuild>(&host, config.clone()).unwrap();
    apply::<ImageBuild>(&host, config.clone(), &snapshot).unwrap();

    restore_action::<ImageBuild>(&host, config, &snapshot).unwrap();

    let logged: Vec<String> = host.logged().into_iter().map(|line| line.text).collect();
    assert_eq!(logged, ["what was pushed is not taken back: app:v2"]);
    assert_eq!(host.image_id("app:v2"), None);
}

/// Between any two calls something may break off.
#[test]
fn whatever_breaks_off_the_tag_comes_back() {
    let lost = || DockerError::Host(HostError::Unavailable("connection reset".into()));
    for verb in ["image.tag", "image.build"] {
        let engine = || engine().image(FakeImage::new("app:v2"));
        for engine in [engine().fails(verb, lost()), engine().fails_after(verb, lost())] {
            let host = FakeHost::new().docker(engine);
            let snapshot = capture_action::<ImageBuild>(&host, build()).unwrap();
            let failure = apply::<ImageBuild>(&host, build(), &snapshot).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Unavailable);

            restore_action::<ImageBuild>(&host, build(), &snapshot).unwrap();
            let ids = ["app:v2", "app:v2.before"].map(|tag| host.image_id(tag));
            assert_eq!(ids, [Some("sha256:app:v2".to_owned()), None], "{verb}");
        }
    }
}

#[test]
fn a_step_that_makes_no_sense_is_refused() {
    let host = FakeHost::new().docker(engine());
    let steps = [
        json!({}),
        json!({ "tags": [] }),
        json!({ "tags": ["app@sha256:00"] }),
        json!({ "tags": ["app:v2"], "push": ["app@sha256:00"] }),
        json!({ "tags": "app:v2" }),
        json!({ "tags": ["app:v2"], "max_context": "huge" }),
        json!({ "tags": ["app:v2"], "args": { "V": 2 } }),
        json!({ "tags": ["app:v2"], "secrets": [] }),
    ];

    for step in steps {
        assert_eq!(
            capture_action::<ImageBuild>(&host, step.clone()).map_err(|failure| failure.kind),
            Err(FailureKind::InvalidConfig),
            "{step}",
        );
    }
}

#[test]
fn the_schema_takes_what_the_plugin_takes() {
    let schema: Value = serde_json::from_str(&manifest().config_schema).unwrap();
    let valid = |step: &Value| jsonschema::is_valid(&schema, step);

    assert!(valid(&build()));
    assert!(
        ![json!({}), json!({ "tags": [] }), json!({ "tags": [""] }), json!({ "tags": ["a:b"], "x": 1 })]
            .iter()
            .any(valid)
    );
}
