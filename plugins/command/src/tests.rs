//! The action as a pipeline sees it.

use super::*;
use runner_plugin::testing::{Exit, FakeHost, LogLine, RanCommand, apply, capture_action, restore_action};
use runner_plugin::{FailureKind, HostError};
use serde_json::json;

const WITH_UNDO: &str = r#"{"undo":true}"#;
const WITHOUT: &str = r#"{"undo":false}"#;

fn line(level: Level, text: &str) -> LogLine {
    LogLine { level, text: text.to_owned() }
}

#[test]
fn a_program_that_ends_as_expected_is_a_change_that_was_made() {
    let fake = FakeHost::new()
        .command("kubectl rollout restart api", Exit::code(0).stdout("restarted\n").stderr("slow\n"));
    let config =
        json!({ "program": "kubectl", "args": ["rollout", "restart", "api"], "undo": { "program": "true" } });

    assert_eq!(
        apply::<Command>(&fake, config, WITH_UNDO),
        Ok(Applied::new("`kubectl` ended with exit code 0")
            .output("exit_code", 0)
            .output("stdout", "restarted")),
    );
    assert_eq!(fake.logged(), [line(Level::Info, "restarted"), line(Level::Warn, "slow")]);
}

#[test]
fn everything_that_is_configured_reaches_the_program() {
    let fake = FakeHost::new().secret("key", "s3cr3t").command("tool a b ; rm -rf x", Exit::code(7));
    let config = json!({
        "program": "tool", "args": ["a b", "; rm -rf x"], "env": { "LANG": "C" }, "secret_env": { "TOKEN": "key" },
        "directory": "deploy", "stdin": "in", "expect": { "exit": [0, 7] }, "timeout_ms": 5000,
    });

    assert_eq!(
        apply::<Command>(&fake, config, WITHOUT),
        Ok(Applied::new("`tool` ended with exit code 7; nothing can take it back")
            .output("exit_code", 7)
            .output("stdout", "")),
    );
    assert_eq!(
        fake.ran(),
        [RanCommand::new("tool", &["a b", "; rm -rf x"])
            .env("LANG", "C")
            .env("TOKEN", "s3cr3t")
            .stdin("in")
            .directory("deploy")
            .timeout_ms(5000)
            .max_bytes(262_144)],
    );
}

#[test]
fn an_ending_that_is_not_expected_is_a_failure_with_the_last_words() {
    let fake = FakeHost::new()
        .command("tool", Exit::code(1).stdout("out\n").stderr("first\nno such host\n\n"))
        .command("tool", Exit::code(2).stdout("only out\n"))
        .command("tool", Exit::signal(9));
    let failures =
        [(); 3].map(|()| apply::<Command>(&fake, json!({ "program": "tool" }), WITHOUT).unwrap_err());

    assert_eq!(
        failures,
        [
            "`tool` ended with exit code 1, expected is exit code 0; its last line: no such host",
            "`tool` ended with exit code 2, expected is exit code 0; its last line: only out",
            "`tool` ended with signal 9, expected is exit code 0; it said nothing",
        ]
        .map(Failure::unavailable),
    );
}

#[test]
fn what_the_host_refuses_is_a_failure() {
    let fake = FakeHost::new().command("slow", Exit::error(HostError::TimedOut));

    assert_eq!(
        apply::<Command>(&fake, json!({ "program": "sh", "args": ["-c", "x"] }), WITHOUT),
        Err(Failure::new(FailureKind::Denied, "run `sh`: denied, no grant of this step covers it")),
    );
    assert_eq!(
        apply::<Command>(&fake, json!({ "program": "slow" }), WITHOUT),
        Err(Failure::new(FailureKind::TimedOut, "run `slow`: timed out")),
    );
    let secret = json!({ "program": "slow", "secret_env": { "A": "other" } });
    assert_eq!(
        apply::<Command>(&fake, secret, WITHOUT),
        Err(Failure::new(FailureKind::Denied, "secret `other`: denied, no grant of this step covers it")),
    );
}

#[test]
fn json_is_handed_on_as_a_value() {
    let fake = FakeHost::new()
        .command("tool", Exit::code(0).stdout(r#"{ "a": [1] }"#))
        .command("tool", Exit::code(0).stdout("not json"))
        .command("tool", Exit::code(0).stdout("1".repeat(300_000)));
    let config = json!({ "program": "tool", "output": "json", "undo": { "program": "true" } });
    let answers = [(); 3].map(|()| apply::<Command>(&fake, config.clone(), WITH_UNDO));

    assert_eq!(
        answers,
        [
            Ok(Applied::new("`tool` ended with exit code 0")
                .output("exit_code", 0)
                .output("stdout", json!({ "a": [1] }))),
            Err(Failure::invalid_input(
                "the program ran, and its standard output is not JSON: expected ident at line 1 column 2"
            )),
            Err(Failure::invalid_input("the program ran, and its JSON is longer than 256 KiB")),
        ],
    );
}

#[test]
fn long_output_is_cut_and_said() {
    let fake = FakeHost::new().command("tool", Exit::code(0).stdout("ä\n".repeat(30_000)));
    let applied = apply::<Command>(&fake, json!({ "program": "tool" }), WITHOUT).unwrap();

    let text = applied.outputs[1].value.as_str().unwrap();
    assert_eq!((text.len(), text.ends_with('ä')), (65_535, false));
    assert_eq!(
        applied.findings,
        [Finding::note("output-cut", "the output `stdout` holds the first 64 KiB of what the program wrote")],
    );
    let logged = fake.logged();
    assert_eq!((logged.len(), logged[0].text.as_str()), (101, "(29900 lines before these are left out)"));
}

#[test]
fn undo_takes_back_what_was_begun() {
    let fake = FakeHost::new()
        .command("tool down", Exit::code(0).stdout("down\n"))
        .command("tool down", Exit::code(4).stderr("still up\n"));
    let config =
        json!({ "program": "tool", "args": ["up"], "undo": { "program": "tool", "args": ["down"] } });
    let snapshot = capture_action::<Command>(&fake, config.clone()).unwrap();

    assert_eq!(snapshot, WITH_UNDO);
    assert_eq!(restore_action::<Command>(&fake, config.clone(), &snapshot), Ok(()));
    assert_eq!(
        restore_action::<Command>(&fake, config, &snapshot),
        Err(Failure::unavailable(
            "`tool` ended with exit code 4, expected is exit code 0; its last line: still up"
        )),
    );
    assert_eq!(fake.ran_lines(), ["tool down", "tool down"]);
}

#[test]
fn without_undo_it_is_said_that_nothing_can_be_taken_back() {
    let fake = FakeHost::new();
    let config = json!({ "program": "tool" });
    let snapshot = capture_action::<Command>(&fake, config.clone()).unwrap();

    assert_eq!(snapshot, WITHOUT);
    assert_eq!(restore_action::<Command>(&fake, config, &snapshot), Ok(()));
    assert_eq!(
        fake.logged(),
        [line(Level::Warn, "`tool` has no `undo`: what it did, if it was run, stays as it is")],
    );
    assert_eq!(fake.ran_lines(), [""; 0]);
}

#[test]
fn a_snapshot_that_does_not_fit_takes_nothing_back() {
    let fake = FakeHost::new();
    let disagree = "the snapshot is not of this step: they disagree on `undo`; nothing was taken back";

    assert_eq!(
        restore_action::<Command>(&fake, json!({ "program": "tool" }), WITH_UNDO),
        Err(Failure::invalid_input(disagree)),
    );
    assert_eq!(
        restore_action::<Command>(&fake, json!({ "program": "tool" }), "x").unwrap_err().kind,
        FailureKind::InvalidInput,
    );
}

#[test]
fn an_expectation_that_nothing_can_meet_is_refused_before_anything_runs() {
    assert_eq!(
        capture_action::<Command>(&FakeHost::new(), json!({ "program": "tool", "expect": { "exit": [] } })),
        Err(Failure::invalid_config("`expect.exit` names no code: nothing could be good; nothing was run")),
    );
}
