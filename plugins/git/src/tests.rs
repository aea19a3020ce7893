//! The action as a pipeline sees it. Requirements: 003-22, 003-25, 003-26, 003-32, 003-36.

mod checkout;
mod remote;
mod tag;

use runner_plugin::host::{Level, short_id};
use runner_plugin::testing::{FakeHost, FakeRepository, LogLine, apply, capture_action, restore_action};
use runner_plugin::{Applied, Failure, FailureKind};
use serde_json::{Value, json};

use crate::{Git, manifest};

/// A repository, the host it is at, and the calls as the engine makes them.
struct Scene {
    repository: FakeRepository,
    host: FakeHost,
}

impl Scene {
    fn of(repository: FakeRepository) -> Self {
        let host = FakeHost::new().repository(".", &repository);
        Self { repository, host }
    }

    fn capture(&self, config: &Value) -> Result<String, Failure> {
        capture_action::<Git>(&self.host, config.clone())
    }

    fn apply(&self, config: &Value, snapshot: &str) -> Result<Applied, Failure> {
        apply::<Git>(&self.host, config.clone(), snapshot)
    }

    fn restore(&self, config: &Value, snapshot: &str) -> Result<(), Failure> {
        restore_action::<Git>(&self.host, config.clone(), snapshot)
    }

    /// Captures and applies: what was done, and the snapshot.
    fn run(&self, config: &Value) -> (Applied, String) {
        let snapshot = self.capture(config).unwrap();
        (self.apply(config, &snapshot).unwrap(), snapshot)
    }
}

/// Two commits on `main`.
fn two_commits() -> (Scene, [String; 2]) {
    let repository = FakeRepository::new("main");
    let commits = [repository.commit("Feature: login"), repository.commit("Feature: logout")];
    (Scene::of(repository), commits)
}

fn denied(what: &str) -> Failure {
    Failure::new(
        FailureKind::Denied,
        format!("repository `.`: {what}: denied, no grant of this step covers it"),
    )
}

fn unavailable(what: impl std::fmt::Display) -> Failure {
    Failure::unavailable(format!("repository `.`: {what}"))
}

fn refused(what: impl std::fmt::Display) -> Failure {
    Failure::invalid_input(format!("repository `.`: {what}"))
}

/// The schema says what each operation takes: a key of another one is found before anything runs.
#[test]
fn each_operation_has_keys_of_its_own() {
    let schema: Value = serde_json::from_str(&manifest().config_schema).unwrap();
    let operation = |one: &Value| {
        let keys: Vec<&String> = one["properties"].as_object().unwrap().keys().collect();
        json!([one["properties"]["op"]["const"], keys, one["required"], one["additionalProperties"]])
    };
    let operations: Vec<Value> = schema["oneOf"].as_array().unwrap().iter().map(operation).collect();

    assert_eq!(
        operations,
        [
            json!([
                "tag",
                ["op", "repository", "name", "message", "revision", "if_exists", "keep"],
                ["op", "name", "message"],
                false
            ]),
            json!(["push", ["op", "repository", "remote", "ref", "login"], ["op", "ref"], false]),
            json!(["fetch", ["op", "repository", "remote", "tags", "login"], ["op"], false]),
            json!(["checkout", ["op", "repository", "commit", "branch", "tag"], ["op"], false]),
        ],
    );
}

#[test]
fn what_is_no_operation_is_refused() {
    let (scene, _) = two_commits();
    let refused = |config: Value| scene.capture(&config).unwrap_err();

    assert_eq!(
        [
            refused(json!({})),
            refused(json!({ "op": "merge" })),
            refused(json!({ "op": "push", "ref": "main", "force": true })),
            refused(json!({ "op": "tag", "name": "v1" })),
            refused(json!({ "op": "fetch", "ref": "main" })),
        ],
        [
            "`with`: missing field `op` at line 1 column 2",
            "`with`: unknown variant `merge`, expected one of `tag`, `push`, `fetch`, `checkout` at line 1 column 13",
            "`with`: unknown field `force`, expected one of `repository`, `remote`, `ref`, `login`",
            "`with`: missing field `message`",
            "`with`: unknown field `ref`, expected one of `repository`, `remote`, `tags`, `login`",
        ]
        .map(Failure::invalid_config),
    );
}

#[test]
fn a_snapshot_of_something_else_is_refused() {
    let (scene, _) = two_commits();
    let tag = json!({ "op": "tag", "name": "v1", "message": "first" });
    let snapshot = scene.capture(&tag).unwrap();
    let fetch = json!({ "op": "fetch" });
    let other = "the snapshot is of `tag` in `.`, not of `fetch` in `.`; nothing was changed";
    let garbage = "the snapshot is none of this plugin: expected ident at line 1 column 2";

    assert_eq!(scene.restore(&fetch, &snapshot), Err(Failure::invalid_config(other)));
    assert_eq!(scene.apply(&fetch, &snapshot), Err(Failure::invalid_config(other)));
    assert_eq!(scene.apply(&tag, "nothing"), Err(Failure::invalid_input(garbage)));
    assert_eq!(
        scene.restore(&tag, r#"{"op":"tag","repository":".","before":{}}"#),
        Err(Failure::invalid_input("the snapshot is none of this plugin: missing field `commit`"))
    );
    assert_eq!(scene.repository.done(), [""; 0]);
}

#[test]
fn a_repository_that_is_not_granted_is_denied() {
    let config = json!({ "op": "fetch", "repository": "server" });

    assert_eq!(
        two_commits().0.capture(&config),
        Err(Failure::new(
            FailureKind::Denied,
            "open repository `server`: denied, no grant of this step covers it"
        ))
    );
}
