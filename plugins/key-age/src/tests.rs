//! The gate as a pipeline sees it. Requirements: 000-35, 000-36, 000-37; 000-40 as far as a list of keys shows it.

use super::*;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::json;
use std::time::Duration;

/// 2026-03-31T12:00:00Z.
const NOW: Duration = Duration::from_secs(1_774_958_400);

fn host(path: &str, text: impl Into<Vec<u8>>) -> FakeHost {
    FakeHost::new().file(path, text).now(NOW)
}

fn ask(keys: Value) -> Evaluation {
    evaluate::<KeyAge>(&FakeHost::new().now(NOW), json!({ "keys": keys })).unwrap()
}

fn created(time: &str) -> Evaluation {
    ask(json!([{ "id": "k1", "created_at": time }]))
}

fn outputs(evaluation: Evaluation, keys: usize, oldest: Option<i64>) -> Evaluation {
    evaluation.output("keys", keys).output("oldest_days", oldest)
}

/// 000-37: warned of from day 30, refused from day 37, and neither a moment before.
#[test]
fn a_key_is_warned_of_and_then_refused() {
    assert_eq!(created("2026-03-01T12:00:01Z"), outputs(Evaluation::pass("1 key, none due"), 1, Some(29)));
    assert_eq!(
        created("2026-03-01T13:00:00+01:00"),
        outputs(
            Evaluation::warn("1 problem with 1 key").finding(
                Finding::warning("due-key", "`k1` is 30 days old; the limit is 30")
                    .help("rotate it; it is refused in 7 days")
            ),
            1,
            Some(30),
        )
    );
    assert_eq!(created("2026-02-22T12:00:01Z").decision, Decision::Warn);
    assert_eq!(
        created("2026-02-22T12:00:00Z"),
        outputs(
            Evaluation::fail("1 problem with 1 key").finding(
                Finding::error("overdue-key", "`k1` is 37 days old; the limit is 37")
                    .help("rotate it before you go on")
            ),
            1,
            Some(37),
        )
    );
}

#[test]
fn limits_can_be_set() {
    let keys = json!([{ "id": "k1", "created_at": "2026-03-30T12:00:00Z" }]);
    let config = |warn: u32, fail: u32| json!({ "keys": keys, "warn_days": warn, "fail_days": fail });
    let decision =
        |config| evaluate::<KeyAge>(&FakeHost::new().now(NOW), config).map(|answer| answer.decision);

    assert_eq!(decision(config(1, 2)), Ok(Decision::Warn));
    assert_eq!(decision(config(1, 1)), Ok(Decision::Fail));
    assert_eq!(
        decision(config(2, 1)),
        Err(Failure::invalid_config("`warn_days` is more than `fail_days`: nothing would be warned of"))
    );
}

/// What was found, as `rule: message`.
fn found(evaluation: &Evaluation) -> Vec<String> {
    evaluation.findings.iter().map(|finding| format!("{}: {}", finding.rule, finding.message)).collect()
}

#[test]
fn a_date_that_names_no_moment_is_an_error() {
    let dates =
        ["2026-03-01T12:00:00.123456", "2026-03-01", "March", "2026-03-31T12:05:01Z"].map(Value::from);
    let keys: Vec<Value> = dates
        .into_iter()
        .chain([json!(1_774_958_400), json!(null)])
        .zip(1..)
        .map(|(date, number)| json!({ "id": format!("k{number}"), "created_at": date }))
        .collect();
    let evaluation = ask(json!(keys));

    assert_eq!(evaluation.decision, Decision::Fail);
    assert_eq!(
        found(&evaluation),
        [
            "invalid-date: the date of `k1` has no zone; write `2026-03-01T12:00:00.123456Z` or an offset like `+02:00`",
            "invalid-date: the date of `k2` is a day, not a moment; write `2026-03-01T00:00:00Z` or the time you mean",
            "invalid-date: the date of `k3` is not a time like `2026-03-01T12:00:00Z`",
            "future-date: `k4` was made in the future, at 2026-03-31T12:05:01Z",
            "invalid-date: the date of `k5` is no text like `2026-03-01T12:00:00Z`",
            "missing-date: `k6` does not say when it was made",
        ],
    );
}

/// 000-35: the format of ids; what does not fit may be the key itself and is never shown.
#[test]
fn an_id_that_does_not_fit_is_refused_and_not_shown() {
    let made = "2026-03-30T12:00:00Z";
    let config = json!({
        "id_pattern": "qdpi_[A-Za-z0-9-]+",
        "keys": [
            { "id": "qdpi_abc", "created_at": made },
            { "id": "qdpi_abc_s3cr3t", "created_at": made },
            { "id": 17, "created_at": made },
            { "created_at": made },
            { "id": "qdpi_abc", "created_at": made },
        ],
    });
    let evaluation = evaluate::<KeyAge>(&FakeHost::new().now(NOW), config).unwrap();

    assert_eq!(
        found(&evaluation),
        [
            "invalid-id: the id of key 2 does not fit `id_pattern`",
            "invalid-id: the id of key 3 does not fit `id_pattern`",
            "missing-id: key 4 has no id",
            "duplicate-id: keys 1 and 5 are both `qdpi_abc`",
        ],
    );
    assert!(!format!("{evaluation:?}").contains("s3cr3t"));
}

/// 000-36: read, encode and search, and nothing beyond.
#[test]
fn scopes_are_those_that_are_allowed() {
    let made = "2026-03-30T12:00:00Z";
    let config = json!({
        "scopes": ["read", "encode", "search"],
        "keys": [
            { "id": "k1", "created_at": made, "scopes": ["read", "encode", "search"] },
            { "id": "k2", "created_at": made, "scopes": ["read", "admin"] },
            { "id": "k3", "created_at": made },
            { "id": "k4", "created_at": made, "scopes": [] },
            { "id": "k5", "created_at": made, "scopes": "read" },
            { "id": "k6", "created_at": made, "scopes": [1] },
        ],
    });

    assert_eq!(
        found(&evaluate::<KeyAge>(&FakeHost::new().now(NOW), config).unwrap()),
        [
            "unexpected-scope: `k2` has the scope `admin`",
            "missing-scopes: `k3` has no scopes",
            "missing-scopes: `k4` has an empty list of scopes",
            "invalid-scopes: the scopes of `k5` are no list of texts",
            "invalid-scopes: the scopes of `k6` are no list of texts",
        ],
    );
}

/// 000-40: `active: false` is looked at.
#[test]
fn a_key_that_is_not_active_is_refused_or_left_out() {
    let keys = json!([
        { "id": "k1", "created_at": "2020-01-01T00:00:00Z", "active": false },
        { "id": "k2", "created_at": "2026-03-30T12:00:00Z", "active": true },
    ]);
    let ignoring = json!({ "keys": keys, "ignore_inactive": true });

    assert_eq!(
        found(&ask(keys)),
        ["inactive-key: `k1` is not active", "overdue-key: `k1` is 2281 days old; the limit is 37"]
    );
    assert_eq!(
        evaluate::<KeyAge>(&FakeHost::new().now(NOW), ignoring),
        Ok(outputs(Evaluation::pass("2 keys, none due"), 2, Some(1))),
    );
    assert_eq!(
        found(&ask(json!([{ "id": "k1", "created_at": "2026-03-30T12:00:00Z", "active": "false" }]))),
        ["invalid-active: whether `k1` is active is neither true nor false"],
    );
}

#[test]
fn keys_are_read_from_documents() {
    let yaml = "\u{feff}service:\n  keys:\n    k1: { made: 2026-03-30T12:00:00Z }\n    k2: { made: 2026-02-01T12:00:00Z }\n";
    let toml = "[[keys]]\nid = 'k1'\ncreated_at = 2026-03-30T12:00:00Z\n";

    assert_eq!(
        evaluate::<KeyAge>(
            &host("keys.yaml", yaml),
            json!({ "file": "keys.yaml", "at": "/service/keys", "fields": { "created": "made" } })
        ),
        Ok(outputs(
            Evaluation::fail("1 problem with 2 keys").finding(
                Finding::error("overdue-key", "`k2` is 58 days old; the limit is 37")
                    .in_file("keys.yaml")
                    .help("rotate it before you go on")
            ),
            2,
            Some(58),
        )),
    );
    assert_eq!(
        evaluate::<KeyAge>(&host("keys.toml", toml), json!({ "file": "keys.toml", "at": "/keys" })),
        Ok(outputs(Evaluation::pass("1 key, none due"), 1, Some(1))),
    );
}

#[test]
fn no_key_is_inconclusive_unless_it_is_allowed() {
    let config = |allow: bool| json!({ "file": "keys.json", "allow_empty": allow });

    assert_eq!(
        evaluate::<KeyAge>(&host("keys.json", "[]"), config(false)),
        Ok(outputs(
            Evaluation::inconclusive("there is no key to judge").finding(
                Finding::warning("no-keys", "there is no key in the list")
                    .in_file("keys.json")
                    .help("see `at`; `allow_empty: true` lets it pass")
            ),
            0,
            None,
        )),
    );
    assert_eq!(
        evaluate::<KeyAge>(&host("keys.json", "[]"), config(true)),
        Ok(outputs(Evaluation::pass("0 keys, none due"), 0, None)),
    );
}

#[test]
fn a_document_that_cannot_be_read_is_a_failure() {
    let with = |text: &[u8]| {
        evaluate::<KeyAge>(&host("keys.json", text), json!({ "file": "keys.json", "at": "/keys" }))
            .unwrap_err()
    };
    let read = |message: &str| Failure::invalid_input(format!("read `keys.json`: {message}"));

    assert_eq!(
        [
            with(b"{}"),
            with(br#"{"keys": "k1"}"#),
            with(br#"{"keys": ["k1"]}"#),
            with(b"\xff\xfe{\0"),
            with(b"{\"keys\": \"caf\xe9\"}"),
        ],
        [
            read("at `/keys` stands nothing; no key was judged"),
            read("at `/keys` stands neither a list nor an object of keys; no key was judged"),
            read("key 1 is no object; see `at`; no key was judged"),
            read("it is UTF-16 LE (its byte order mark says so); save it as UTF-8"),
            read("line 1 is not UTF-8 at byte 14, it looks like Latin-1 (ISO 8859-1); save it as UTF-8"),
        ],
    );
    assert_eq!(with(br#"{"keys": ["#).kind, runner_plugin::FailureKind::InvalidInput);
    assert_eq!(
        [
            evaluate::<KeyAge>(&FakeHost::new(), json!({ "file": "keys.json" })).unwrap_err(),
            evaluate::<KeyAge>(&FakeHost::new(), json!({})).unwrap_err(),
            evaluate::<KeyAge>(&FakeHost::new(), json!({ "keys": [], "id_pattern": "(" })).unwrap_err(),
        ],
        [
            Failure::unavailable("read `keys.json`: no such file"),
            Failure::invalid_config("give one of `file` and `keys`"),
            Failure::invalid_config("`id_pattern`: `(` is no pattern: found open group without closing ')'"),
        ],
    );
}
