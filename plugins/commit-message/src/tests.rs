//! The gate as a pipeline sees it. Requirement: 003-29.

use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{Decision, FailureKind};
use serde_json::{Value, json};

use super::*;

const GOOD: &str =
    "Fix: prevent a deadlock in the pool\n\nA lock was held while waiting.\n\nReferences: #12\n";

fn of(message: &str, mut config: Value) -> Evaluation {
    config["message"] = message.into();
    evaluate::<CommitMessage>(&FakeHost::new(), config).unwrap()
}

/// `line rule` of every finding.
fn found(message: &str, config: Value) -> Vec<String> {
    let findings = of(message, config).findings.into_iter();
    findings.map(|finding| format!("{} {}", finding.line.unwrap(), finding.rule)).collect()
}

/// 003-29.
#[test]
fn a_message_of_the_agreed_form_passes_and_tells_its_parts() {
    assert_eq!(
        of(GOOD, json!({ "types": ["Fix", "Feature"], "require_issue": true, "require_body": true })),
        Evaluation::pass("`Fix: prevent a deadlock in the pool`")
            .output("summary", "Fix: prevent a deadlock in the pool")
            .output("type", "Fix")
            .output("scope", Value::Null)
            .output("breaking", false)
            .output("issues", json!(["#12"])),
    );
}

/// 003-29: not empty.
#[test]
fn an_empty_message_fails() {
    let empty = Evaluation::fail("the commit message has 1 problem")
        .finding(
            Finding::error("empty-message", "the message is empty")
                .at_line(1)
                .help("say what the commit changes"),
        )
        .output("summary", "")
        .output("type", Value::Null)
        .output("scope", Value::Null)
        .output("breaking", false)
        .output("issues", json!([]));

    assert_eq!(of("", json!({})), empty);
    assert_eq!(of(" \n\n", json!({ "form": "free" })), empty);
}

/// 003-29: `Type: summary` of at most 50 characters, with an issue.
#[test]
fn every_part_of_the_form_is_checked() {
    let summary = |length: usize| format!("Fix: {}", "ä".repeat(length - 5));

    assert_eq!(found(&summary(50), json!({})), [""; 0]);
    assert_eq!(found(&summary(51), json!({})), ["1 long-summary"]);
    assert_eq!(found(&summary(51), json!({ "max_summary": 72 })), [""; 0]);
    assert_eq!(found("fix the pool", json!({})), ["1 bad-form"]);
    assert_eq!(found("Fix:the pool", json!({})), ["1 bad-form"]);
    assert_eq!(found("Fix: ", json!({})), ["1 bad-form"]);
    assert_eq!(found("[FIX]: the pool", json!({})), ["1 bad-form"]);
    assert_eq!(found("Fixed: the pool", json!({ "types": ["Fix"] })), ["1 unknown-type"]);
    assert_eq!(found("Fix: the pool", json!({ "require_issue": true })), ["1 no-issue"]);
    assert_eq!(found("Fix: the pool (POOL-7)", json!({ "require_issue": true })), [""; 0]);
    assert_eq!(found("Fix: the pool\nat last", json!({})), ["2 no-blank-line"]);
    assert_eq!(found("Fix: the pool", json!({ "require_body": true })), ["1 no-body"]);
    assert_eq!(found("fixup! Fix: the pool", json!({ "form": "free" })), ["1 unfinished-commit"]);
}

#[test]
fn long_lines_of_the_body_are_a_warning() {
    let long = "word ".repeat(20);
    let url = format!("https://example.com/{}", "a".repeat(100));
    let evaluation = of(&format!("Fix: a\n\n{url}\n{long}\n"), json!({}));

    assert_eq!(
        (evaluation.decision, evaluation.findings),
        (
            Decision::Warn,
            vec![
                Finding::warning("long-line", "the line has 100 characters, 28 too many")
                    .at_line(4)
                    .help("break the line")
            ]
        )
    );
}

#[test]
fn the_conventional_form_is_read_with_its_footers() {
    let conventional = json!({ "form": "conventional" });
    let evaluation =
        of("feat(api)!: take lists\n\nBREAKING CHANGE: no single values\nRefs: #7", conventional.clone());

    assert_eq!(
        evaluation,
        Evaluation::pass("`feat(api)!: take lists`")
            .output("summary", "feat(api)!: take lists")
            .output("type", "feat")
            .output("scope", "api")
            .output("breaking", true)
            .output("issues", json!(["#7"])),
    );
    assert_eq!(found("feature: x", conventional.clone()), ["1 unknown-type"]);
    assert_eq!(found("take lists", conventional.clone()), ["1 bad-form"]);
    assert_eq!(found("fix(: x", conventional.clone()), ["1 bad-form"]);
    assert_eq!(found("fix: ", conventional), ["1 bad-form"]);
}

#[test]
fn what_git_writes_is_all_right_unless_it_must_not_be() {
    let merge = "Merge branch 'main' into a-branch-with-a-very-long-name-indeed";

    assert_eq!(found(merge, json!({})), [""; 0]);
    assert_eq!(found(merge, json!({ "allow_generated": false })), ["1 long-summary", "1 bad-form"]);
    assert_eq!(found("Merge everything", json!({})), ["1 bad-form"]);
}

#[test]
fn a_file_is_read_without_comments_and_findings_name_it() {
    let host = FakeHost::new().file("msg", "\u{feff}# a comment\nthe pool\r\n\r\n# Fix: no\n");
    let evaluation = evaluate::<CommitMessage>(&host, json!({ "file": "msg" })).unwrap();

    assert_eq!(
        evaluation.findings,
        [Finding::error("bad-form", "the first line is not `Type: summary`: there is no colon")
            .in_file("msg")
            .at_line(2)
            .help("write it as in `Fix: prevent a deadlock in the pool`")]
    );
}

#[test]
fn what_cannot_be_read_or_makes_no_sense_is_a_failure() {
    let host = FakeHost::new()
        .file("latin-1", b"Fix: caf\xe9 a\n".as_slice())
        .file("utf-16", b"\xff\xfeF\0i\0".as_slice());
    let kind = |config| evaluate::<CommitMessage>(&host, config).unwrap_err().kind;

    assert_eq!(
        [json!({ "file": "gone" }), json!({ "file": "latin-1" }), json!({ "file": "utf-16" })].map(kind),
        [FailureKind::Unavailable, FailureKind::InvalidInput, FailureKind::InvalidInput]
    );
    assert_eq!(
        [
            json!({}),
            json!({ "file": "a", "message": "b" }),
            json!({ "message": "a", "issue_pattern": "(" }),
            json!({ "message": 1 }),
            json!({ "message": "a", "form": "haiku" }),
        ]
        .map(kind),
        [FailureKind::InvalidConfig; 5]
    );
}
