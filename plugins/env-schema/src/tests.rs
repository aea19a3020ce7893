//! The gate as a pipeline sees it. Requirements: 003-38 to 003-42, 000-34.

use super::*;
use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{FailureKind, HostError};
use serde_json::json;

fn files(schema: &str, file: &str) -> FakeHost {
    FakeHost::new().file(".env.example", schema).file(".env", file)
}

fn error(rule: &str, message: &str, line: u32) -> Finding {
    Finding::error(rule, message).in_file(".env").at_line(line)
}

#[test]
fn a_complete_file_passes() {
    let host = files(
        "# database\nPOSTGRES_DSN=postgresql://user:password@host:port/db\n\nAPI_KEY=YOUR_KEY_HERE\n",
        "export POSTGRES_DSN='postgresql://l9:hunter2@db:5432/l9'\nAPI_KEY=sk-live-1234\n",
    );

    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({ "types": { "POSTGRES_DSN": "dsn" } })),
        Ok(Evaluation::pass("2 keys of `.env` as `.env.example` asks")
            .output("keys", 2)
            .output("missing", json!([]))
            .output("unknown", json!([]))),
    );
}

/// 003-38: the file must exist.
#[test]
fn a_missing_file_is_a_no() {
    let host = FakeHost::new().file(".env.example", "A=\n");

    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({ "missing": "warn" })),
        Ok(Evaluation::fail("`.env` does not exist").finding(
            Finding::error("missing-file", "`.env` does not exist")
                .in_file(".env")
                .help("copy `.env.example`, and fill it in")
        )),
    );
}

#[test]
fn a_missing_example_is_a_failure() {
    assert_eq!(
        evaluate::<EnvSchema>(&FakeHost::new().file(".env", "A=1\n"), json!({})),
        Err(Failure::unavailable("read `.env.example`: no such file")),
    );
}

/// 003-39: each key of the example is in the file; a missing one stops the run.
#[test]
fn a_missing_key_fails_or_warns() {
    let host = files("A=\nB=\n", "A=1\n");
    let answer = |evaluation: Evaluation, finding: Finding| {
        evaluation
            .finding(finding.in_file(".env").help("add `B=`…"))
            .output("keys", 1)
            .output("missing", json!(["B"]))
            .output("unknown", json!([]))
    };
    let message = "`B` is missing; `.env.example` line 2 asks for it";

    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({})),
        Ok(answer(Evaluation::fail("1 problem with `.env`"), Finding::error("missing-key", message))),
    );
    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({ "missing": "warn" })),
        Ok(answer(Evaluation::warn("1 problem with `.env`"), Finding::warning("missing-key", message))),
    );
}

/// 003-40 and 003-41, 000-34: placeholders, wrong types, empty values and references without a value.
#[test]
fn every_value_that_cannot_be_right_is_a_finding() {
    let host = files(
        "A=\nB=\nC=\nD=\nE=\n",
        "A=YOUR_KEY_HERE\nB=postgresql://l9:hunter2@db/l9\nC=\nD=${CASSANDRA_USER}\nE=${F}-${G:-x}\nF=1\n",
    );

    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({ "types": { "B": "dsn" }, "unknown": "ignore" })),
        Ok(Evaluation::fail("4 problems with `.env`")
            .finding(error("placeholder", "`A` is a placeholder", 1).help("fill in the real value"))
            .finding(error(
                "wrong-type",
                "`B` is not a DSN (`scheme://user:password@host:port/database`): it has no port",
                2
            ))
            .finding(error("empty-value", "`C` has no value", 3))
            .finding(error(
                "unresolved-reference",
                "`D` refers to `CASSANDRA_USER`, which has no value in this file",
                4
            ))
            .output("keys", 6)
            .output("missing", json!([]))
            .output("unknown", json!(["F"]))),
    );
}

#[test]
fn a_variable_that_refers_to_itself_has_no_value() {
    let host = files("JWT_SECRET=\n", "JWT_SECRET=${JWT_SECRET}\n");

    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({})).map(|evaluation| evaluation.findings),
        Ok(vec![error(
            "unresolved-reference",
            "`JWT_SECRET` refers to `JWT_SECRET`, which has no value in this file",
            1
        )]),
    );
}

#[test]
fn an_unknown_key_warns_fails_or_does_not_matter() {
    let host = files("A=\n", "A=1\nEXTRA=\n");
    let decide = |unknown: &str| {
        let evaluation = evaluate::<EnvSchema>(&host, json!({ "unknown": unknown })).unwrap();
        (evaluation.decision, evaluation.findings.len())
    };

    assert_eq!(decide("fail"), (runner_plugin::Decision::Fail, 1));
    assert_eq!(decide("warn"), (runner_plugin::Decision::Warn, 1));
    assert_eq!(decide("ignore"), (runner_plugin::Decision::Pass, 0));
}

#[test]
fn a_key_with_a_type_is_wanted_also_if_the_example_lacks_it() {
    let host = files("A=\n", "A=1\n");

    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({ "types": { "PORT": "port" } }))
            .map(|evaluation| evaluation.findings),
        Ok(vec![
            Finding::error("missing-key", "`PORT` is missing; `types` asks for it")
                .in_file(".env")
                .help("add `PORT=`…")
        ]),
    );
}

#[test]
fn duplicate_keys_and_unreadable_lines_are_findings_of_their_file() {
    let host = files("A=\nA=\n", "A=1\nhunter2\nA=2\n");

    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({})).map(|evaluation| evaluation.findings),
        Ok(vec![
            Finding::error("duplicate-key", "`A` is already set at line 1")
                .in_file(".env.example")
                .at_line(2)
                .help("keep one: readers do not agree on which one counts"),
            error("unreadable-line", "this line has no `=`", 2).help("write `KEY=value`"),
            error("duplicate-key", "`A` is already set at line 1", 3)
                .help("keep one: readers do not agree on which one counts"),
        ]),
    );
}

/// 003-42: whatever is wrong, no value is ever shown.
#[test]
fn no_value_is_ever_shown() {
    let secret = "hunter2";
    let host = files(
        &format!("A={secret}\nB=\nC=\nD=\nE=\n{secret}\n"),
        &format!(
            "A=CHANGEME-{secret}\nB=${{X}}{secret}\nC={secret}\n{secret}\n{secret}==\n\
             F={secret}\nF={secret}\nD='{secret}\nE=1\n"
        ),
    );

    let evaluation = evaluate::<EnvSchema>(&host, json!({ "types": { "C": "dsn", "B": "url" } })).unwrap();

    assert!(evaluation.findings.len() > 5, "{evaluation:?}");
    assert!(!format!("{evaluation:?}").contains(secret), "{evaluation:?}");
    assert_eq!(host.logged(), []);
}

#[test]
fn a_file_that_no_grant_covers_is_a_failure() {
    let host = FakeHost::new().file(".env.example", "A=\n").file_error(".env", HostError::Denied);

    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({})),
        Err(Failure::new(FailureKind::Denied, "look at `.env`: denied, no grant of this step covers it")),
    );
}

#[test]
fn bytes_that_are_no_text_are_a_failure_without_the_bytes() {
    let host = FakeHost::new().file(".env.example", "A=\n").file(".env", b"A=\xff\xfe\n".as_slice());

    assert_eq!(
        evaluate::<EnvSchema>(&host, json!({})),
        Err(Failure::invalid_input(
            "read `.env`: line 1 is not UTF-8 at byte 3, it looks like Latin-1 (ISO 8859-1); save it as UTF-8"
        )),
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "env-schema");
    assert_eq!(manifest.outputs, ["keys", "missing", "unknown"]);
}
