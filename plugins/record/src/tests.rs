//! The action as a pipeline sees it. Requirements 003-75, 003-76.

use std::time::Duration;

use super::*;
use runner_plugin::testing::{FakeHost, apply, capture_action, restore_action};
use runner_plugin::{FailureKind, HostError};

const PATH: &str = ".deployed-metadata.json";

fn at(seconds: u64) -> FakeHost {
    FakeHost::new().now(Duration::from_millis(seconds * 1000 + 250))
}

fn fields() -> Value {
    json!({ "deployed_tag": "v1.0.0-l9", "deployed_by": "ada@ci", "commit": "3f0c", "digest": "sha256:ab" })
}

/// Captures and applies.
fn write(fake: &FakeHost, config: &Value) -> Result<Applied, Failure> {
    let snapshot = capture_action::<Record>(fake, config.clone())?;
    apply::<Record>(fake, config.clone(), &snapshot)
}

fn text(fake: &FakeHost) -> Option<String> {
    fake.content(PATH).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn a_record_has_its_fields_the_status_the_moment_and_the_run() {
    let fake = at(1_767_225_600);

    assert_eq!(
        write(&fake, &json!({ "fields": fields(), "status": "ROLLED_BACK" })),
        Ok(Applied::new("wrote `.deployed-metadata.json`")
            .output("path", PATH)
            .output("digest", "sha256:afa7cd9ba7d3404149e99cc2db2998b0f639a26ebd605bd0f538d4c3f7cacb24")),
    );
    assert_eq!(
        text(&fake).unwrap(),
        r#"{
  "deployed_tag": "v1.0.0-l9",
  "deployed_by": "ada@ci",
  "commit": "3f0c",
  "digest": "sha256:ab",
  "status": "ROLLED_BACK",
  "deployed_at": "2026-01-01T00:00:00Z",
  "run_id": "01JD3KZ9Y4V5T6S7R8Q9P0N1M2"
}
"#,
    );
}

#[test]
fn a_second_try_writes_the_same_bytes() {
    let config = json!({ "fields": fields(), "history": 1 });
    let fake = at(60).file(PATH, r#"{ "commit": "old" }"#);
    let snapshot = capture_action::<Record>(&fake, config.clone()).unwrap();
    let first = apply::<Record>(&fake, config.clone(), &snapshot).unwrap();
    let written = text(&fake);

    fake.host().clock().sleep(Duration::from_secs(90));
    assert_eq!(apply::<Record>(&fake, config, &snapshot), Ok(first));
    assert_eq!(text(&fake), written);
}

#[test]
fn the_last_records_are_kept_newest_first() {
    let fake = at(0);
    let config = |commit: &str| json!({ "fields": { "commit": commit }, "history": 2 });
    for commit in ["a", "b", "c", "d"] {
        write(&fake, &config(commit)).unwrap();
    }
    let record: Value = serde_json::from_str(&text(&fake).unwrap()).unwrap();
    let commits: Vec<&Value> =
        record["history"].as_array().unwrap().iter().map(|earlier| &earlier["commit"]).collect();

    assert_eq!((&record["commit"], commits), (&json!("d"), vec![&json!("c"), &json!("b")]));
    assert_eq!(record["history"][0].get("history"), None);
}

#[test]
fn the_old_record_comes_back_and_a_first_one_goes() {
    let config = json!({ "fields": fields() });
    for old in [None, Some("{ \"commit\":   \"old\" }")] {
        let fake = old.map_or_else(|| at(0), |old| at(0).file(PATH, old));
        let snapshot = capture_action::<Record>(&fake, config.clone()).unwrap();
        apply::<Record>(&fake, config.clone(), &snapshot).unwrap();
        for _ in 0..2 {
            assert_eq!(restore_action::<Record>(&fake, config.clone(), &snapshot), Ok(()));
        }
        assert_eq!(text(&fake).as_deref(), old);
    }
}

#[test]
fn what_cannot_be_recorded_is_refused_and_the_old_record_stays() {
    let refused = |old: &str, config: Value| {
        let fake = at(0).file(PATH, old);
        let failure = write(&fake, &config).unwrap_err();
        assert_eq!(text(&fake).as_deref(), Some(old));
        failure
    };
    let history = json!({ "fields": {}, "history": 3 });

    assert_eq!(
        [
            refused("{}", json!({ "fields": { "deployed_at": "now" } })),
            refused("[1]", history.clone()),
            refused(r#"{ "history": 7 }"#, history),
        ],
        [
            Failure::invalid_config(
                "`fields.deployed_at` is written by the action itself; nothing was written"
            ),
            Failure::invalid_input(
                "`.deployed-metadata.json` is no record (invalid type: sequence, expected a map at line 1 column 0), so its history cannot be kept; nothing was written"
            ),
            Failure::invalid_input(
                "`.deployed-metadata.json` has a `history` that is no list, so its history cannot be kept; nothing was written"
            ),
        ],
    );
}

#[test]
fn a_record_that_may_not_be_written_is_a_failure() {
    let fake = at(0).file_error(PATH, HostError::Denied);

    assert_eq!(write(&fake, &json!({ "fields": {} })).unwrap_err().kind, FailureKind::Denied);
}

#[test]
fn another_status_is_none() {
    let failure = write(&at(0), &json!({ "fields": {}, "status": "OK" })).unwrap_err();

    assert_eq!(failure.kind, FailureKind::InvalidConfig);
}
