//! The gate as a pipeline sees it. Requirements: 003-31, 000-09, 001-52, 002-28.
//!
//! No secret stands in this file as one text: whoever scans it finds nothing.

use std::time::Duration;

use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{Decision, FailureKind};
use serde_json::{Value, json};

use super::*;

fn aws() -> String {
    ["AKIA", "QWERTYUIOPASDF23"].concat()
}

fn github() -> String {
    ["ghp_", &"a1B2".repeat(9)].concat()
}

const GITHUB_FINGERPRINT: &str = "sha256:4a15b04cb7d210f2";

const HELP: &str = "take it out, revoke it, and give it to the program from outside; if it is none, `allow` its \
                    fingerprint with the reason";

fn of(text: impl Into<Vec<u8>>, config: Value) -> Evaluation {
    let mut config = config;
    config["files"] = json!(["a.py"]);
    // 2026-03-01.
    let host = FakeHost::new().file("a.py", text).now(Duration::from_secs(1_772_323_200));
    evaluate::<SecretScan>(&host, config).unwrap()
}

/// `line:column rule length` of every finding.
fn found(text: impl Into<Vec<u8>>) -> Vec<String> {
    let findings = of(text, json!({})).findings.into_iter();
    findings
        .map(|finding| {
            let length = finding.message.split(", ").last().unwrap().split(' ').next().unwrap().to_owned();
            format!("{}:{} {} {length}", finding.line.unwrap(), finding.column.unwrap(), finding.rule)
        })
        .collect()
}

/// 003-31: no secrets in committed `.py` and `.txt` files. 001-52, 002-28.
#[test]
fn a_secret_is_shown_by_rule_place_length_and_fingerprint_and_never_itself() {
    let host = FakeHost::new()
        .file("src/app.py", format!("import os\nTOKEN = '{}'\n", github()))
        .file("notes.txt", "nothing\n")
        .file("logo.png", b"\x89PNG\0\0\0".as_slice());
    let evaluation = evaluate::<SecretScan>(&host, json!({ "files": ["**/*.py", "*.txt", "*.png"] }));

    assert!(!format!("{evaluation:?}").contains(&github()));
    assert_eq!(
        evaluation,
        Ok(Evaluation::fail("1 secret in 2 files, 1 binary not scanned")
            .finding(
                Finding::error(
                    "github-token",
                    format!("a token of GitHub, 40 characters long (fingerprint {GITHUB_FINGERPRINT})")
                )
                .in_file("src/app.py")
                .at_line(2)
                .at_column(10)
                .help(HELP)
            )
            .output("scanned", 2)
            .output("binary", 1)
            .output("found", 1)
            .output("allowed", 0)),
    );
}

#[test]
fn files_without_secrets_pass() {
    assert_eq!(
        of("password = os.environ['PASSWORD']\nurl = 'postgresql://user:password@host:port/db'\n", json!({})),
        Evaluation::pass("no secret in 1 file")
            .output("scanned", 1)
            .output("binary", 0)
            .output("found", 0)
            .output("allowed", 0),
    );
}

#[test]
fn well_known_secrets_are_found_wherever_they_stand() {
    let body = |length: usize| "aB3dE6gH9j".chars().cycle().take(length).collect::<String>();
    let upper = |length: usize| "AB3DE6GH9J".chars().cycle().take(length).collect::<String>();
    for (secret, rule) in [
        (aws(), "aws-access-key"),
        (format!("ASIA{}", upper(16)), "aws-access-key"),
        (github(), "github-token"),
        (format!("github_pat_{}", body(60)), "github-token"),
        (format!("glpat-{}", body(20)), "gitlab-token"),
        (format!("xoxb-{}", body(40)), "slack-token"),
        (format!("hooks.slack.com/services/T{}", body(40)), "slack-webhook"),
        (format!("discord.com/api/webhooks/{}", body(80)), "discord-webhook"),
        (format!("sk_live_{}", body(24)), "stripe-key"),
        (format!("whsec_{}", body(32)), "stripe-key"),
        (format!("AIza{}", body(35)), "google-api-key"),
        (format!("sk-proj-{}", body(48)), "openai-key"),
        (format!("sk-ant-{}", body(48)), "anthropic-key"),
        (format!("npm_{}", body(36)), "npm-token"),
        (format!("hvs.{}", body(24)), "vault-token"),
        (format!("eyJ{}.eyJ{}.{}", body(20), body(30), body(43)), "jwt"),
        (format!("-----BEGIN {}PRIVATE KEY-----", "RSA "), "private-key"),
        (format!("-----BEGIN {}PRIVATE KEY-----", ""), "private-key"),
    ] {
        let expected = format!("1:5 {rule} {}", secret.len());
        assert_eq!(found(format!("x = {secret}\n")), [expected], "{rule}");
    }
}

#[test]
fn what_only_looks_like_a_known_secret_is_none() {
    for text in [
        ["AKIA", "IOSFODNN7EXAMPLE"].concat(),
        format!("ghp_{}", "x".repeat(36)),
        format!("{}0", aws()),
        format!("x{}", aws()),
        "ghp_short".to_owned(),
        "eyJhbGciOiJIUzI1NiJ9".to_owned(),
        "-----BEGIN PUBLIC KEY-----".to_owned(),
        "-----BEGIN CERTIFICATE-----".to_owned(),
    ] {
        assert_eq!(found(text.as_str()), [""; 0], "{text}");
    }
}

#[test]
fn secrets_that_nothing_marks_are_guessed() {
    let value = ["kJ8#mP2", "$vL9@qR4x"].concat();

    assert_eq!(found(format!("db_password = \"{value}\"\n")), ["1:16 assigned-secret 16"]);
    assert_eq!(found(format!("url: amqp://app:{}@mq/\n", value.replace('#', "!"))), ["1:17 url-password 16"]);
    // What is known better is said once.
    assert_eq!(found(format!("token = '{}'\n", github())), ["1:10 github-token 40"]);
    let strict = of(format!("db_password = \"{value}\"\n"), json!({ "min_entropy": 4.5 }));
    assert_eq!(strict.decision, Decision::Pass);
}

#[test]
fn no_encoding_hides_a_secret() {
    let text = format!("caf\u{e9}\n\u{e9} {}\n", aws());
    let latin_1: Vec<u8> = text.chars().map(|sign| u8::try_from(u32::from(sign)).unwrap()).collect();
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();

    assert_eq!(
        [text.into_bytes(), latin_1, utf_16, with_mark].map(found),
        [(); 4].map(|()| vec!["2:3 aws-access-key 20".to_owned()])
    );
    assert_eq!(found(format!("{}{}\n", "x ".repeat(500_000), aws())), ["1:1000001 aws-access-key 20"]);
    assert_eq!(found(format!("half a line {}", aws())), ["1:13 aws-access-key 20"]);
}

#[test]
fn a_pattern_of_ones_own_is_looked_for() {
    let config = json!({ "patterns": [{ "rule": "door-code", "pattern": "door: ([0-9]{4})" }] });

    assert_eq!(
        of("the door: 4711\n", config).findings,
        [Finding::error(
            "door-code",
            "what a pattern of the step matches, 4 characters long (fingerprint sha256:de650d61f5bd166a)"
        )
        .in_file("a.py")
        .at_line(1)
        .at_column(11)
        .help(HELP)]
    );
}

#[test]
fn a_finding_is_allowed_for_a_reason_until_a_day() {
    let allowed = |allow: Value| {
        let evaluation = of(format!("x = {}\n", github()), json!({ "allow": [allow] }));
        let rules: Vec<String> = evaluation.findings.into_iter().map(|finding| finding.rule).collect();
        (evaluation.decision, rules)
    };
    let rules = |rules: &[&str]| rules.iter().map(|&rule| rule.to_owned()).collect::<Vec<_>>();
    let fits = [
        json!({ "fingerprint": GITHUB_FINGERPRINT, "reason": "a test" }),
        json!({ "path": "*.py", "rule": "github-token", "reason": "a test" }),
        json!({ "rule": "github-token", "reason": "a test", "expires": "2026-03-01" }),
    ];

    assert_eq!(fits.map(allowed), [(); 3].map(|()| (Decision::Pass, vec![])));
    assert_eq!(
        allowed(json!({ "fingerprint": GITHUB_FINGERPRINT, "reason": "a test", "expires": "2026-02-28" })),
        (Decision::Fail, rules(&["github-token", "expired-allow"]))
    );
    assert_eq!(
        allowed(json!({ "path": "b.py", "reason": "a test" })),
        (Decision::Fail, rules(&["github-token", "unused-allow"]))
    );
}

#[test]
fn what_was_allowed_is_counted() {
    let evaluation = of(
        format!("{}\n{}\n", github(), aws()),
        json!({ "allow": [{ "rule": "github-token", "reason": "a test" }] }),
    );

    assert_eq!(
        (evaluation.summary.as_str(), evaluation.outputs),
        (
            "1 secret in 1 file",
            vec![
                runner_plugin::Output::new("scanned", 1),
                runner_plugin::Output::new("binary", 0),
                runner_plugin::Output::new("found", 1),
                runner_plugin::Output::new("allowed", 1),
            ]
        )
    );
}

#[test]
fn binary_files_alone_are_no_answer() {
    assert_eq!(
        of(b"\0\x01\x02\x03\0\0".as_slice(), json!({})),
        Evaluation::inconclusive("nothing was scanned: 1 binary file")
            .output("scanned", 0)
            .output("binary", 1)
            .output("found", 0)
            .output("allowed", 0),
    );
}

#[test]
fn ten_thousand_secrets_are_counted() {
    let evaluation = of(format!("{}\n", aws()).repeat(10_000), json!({}));

    assert_eq!(
        (evaluation.summary.as_str(), evaluation.findings.len(), evaluation.findings[100].message.as_str()),
        ("10000 secrets in 1 file", 101, "9900 more findings of `aws-access-key` are not shown")
    );
}

#[test]
fn what_makes_no_sense_is_a_failure() {
    let host = FakeHost::new().file("a.py", "").file("big", vec![b'a'; 17 << 20]);
    let kind = |config: Value| evaluate::<SecretScan>(&host, config).unwrap_err().kind;
    let with = |key: &str, value: Value| {
        let mut config = json!({ "files": ["a.py"] });
        config[key] = value;
        config
    };

    assert_eq!(
        [
            json!({}),
            json!({ "files": [] }),
            with("allow", json!([{ "reason": "all" }])),
            with("allow", json!([{ "path": "[", "reason": "x" }])),
            with("allow", json!([{ "rule": "jwt", "reason": "x", "expires": "2026-02-30" }])),
            with("allow", json!([{ "rule": "jwt" }])),
            with("patterns", json!([{ "rule": "a", "pattern": "(" }])),
            with("patterns", json!([{ "rule": "a", "pattern": "x*" }])),
        ]
        .map(kind),
        [FailureKind::InvalidConfig; 8]
    );
    assert_eq!(
        [json!({ "files": ["*.rs"] }), json!({ "files": ["big"] })].map(kind),
        [FailureKind::Unavailable, FailureKind::BudgetExceeded]
    );
}
