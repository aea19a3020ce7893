//! The gate as a pipeline sees it. Requirements: 001-06, 001-08.

use super::*;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::{Value, json};
use std::time::Duration;

const GOOD: &str = "\u{feff}# Changelog

## [Unreleased]

## [1.3.0] - 2026-03-01

### Added

- a gate for changelogs

### Fixed

- a wrong word

## [1.2.0] - 2026-02-01

- less

[Unreleased]: https://example.com/compare/v1.3.0...HEAD
[1.3.0]: https://example.com/compare/v1.2.0...v1.3.0
";

/// 2026-03-01T12:00:00Z.
const NOON: Duration = Duration::from_secs(1_772_366_400);

fn host(text: impl Into<Vec<u8>>) -> FakeHost {
    FakeHost::new().file("CHANGELOG.md", text).now(NOON)
}

fn ask(text: &str, config: Value) -> Evaluation {
    evaluate::<Changelog>(&host(text), config).unwrap()
}

/// What was found, as `severity rule line: message`.
fn found(text: &str) -> Vec<String> {
    let findings = ask(text, json!({ "version": "1.3.0" })).findings;
    let show = |finding: &Finding| {
        let line = finding.line.map(|line| format!(" {line}")).unwrap_or_default();
        format!("{:?} {}{line}: {}", finding.severity, finding.rule, finding.message)
    };
    findings.iter().map(show).collect()
}

/// 001-06: the notes of a release are there; 001-08: the documentation was updated with it.
#[test]
fn a_version_that_is_told_of_passes() {
    let expected = Evaluation::pass("1.3.0 of 2026-03-01: 2 changes")
        .output("version", "1.3.0")
        .output("date", "2026-03-01")
        .output("items", 2);

    assert_eq!(ask(GOOD, json!({ "version": "v1.3.0" })), expected);
    assert_eq!(ask(GOOD, json!({})), expected);
}

#[test]
fn a_version_that_is_not_told_of_fails() {
    let missing = |message: &str, help: &str| {
        Evaluation::fail("1 problem in `CHANGELOG.md`")
            .finding(Finding::error("missing-version", message).help(help).in_file("CHANGELOG.md"))
    };

    assert_eq!(
        [
            ask(GOOD, json!({ "version": "1.4.0" })),
            ask("# Changelog\n", json!({ "version": "1.4.0" })),
            ask("", json!({})),
        ],
        [
            missing("there is no section for 1.4.0; the first one is 1.3.0", "add `## [1.4.0] - …`"),
            missing("there is no section for 1.4.0, nor for any version", "add `## [1.4.0] - …`"),
            missing("there is no section for any version", "add `## [1.0.0] - …`"),
        ],
    );
}

#[test]
fn everything_that_belongs_to_a_version_is_asked_for() {
    let text =
        "## Unreleased\n- left\n- over\n\n## 1.3.0 [YANKED]\n\n### Magic\n<!-- nothing -->\n\n## Notes\n";

    assert_eq!(
        found(text),
        [
            "Warning unknown-heading 10: `Notes` is no version",
            "Error unreleased-items 1: 2 changes under `Unreleased`",
            "Error missing-date 5: 1.3.0 has no date",
            "Error yanked 5: 1.3.0 is marked as yanked",
            "Error empty-section 5: nothing stands under 1.3.0",
            "Error missing-link 5: the heading of 1.3.0 is no link",
            "Warning unknown-section 7: `Magic` is no section that a version may have",
            "Warning empty-section 7: nothing stands under `Magic`",
        ],
    );
}

#[test]
fn what_a_pipeline_does_not_ask_for_is_not_missed() {
    let config = json!({ "allow_unreleased": true, "require_date": false, "require_link": false, "sections": ["Magic"] });

    assert_eq!(
        ask("## Unreleased\n- more\n## 1.3.0\n### Magic\nAll is well.\n", config),
        Evaluation::pass("1.3.0: 1 change")
            .output("version", "1.3.0")
            .output("date", None::<String>)
            .output("items", 1),
    );
}

#[test]
fn versions_and_dates_descend() {
    let text = "## [1.3.0](a) - 2026-03-01\n- a\n## 1.2.0 - 2026-03-02\n## 1.10.0 - 2026-02-01\n## 1.10.0 - 2026-02-01\n";

    assert_eq!(
        found(text),
        [
            "Warning dates-not-descending 3: 1.2.0 is of 2026-03-02, and 1.3.0 above it of 2026-03-01",
            "Error not-descending 4: 1.10.0 stands below 1.2.0, which is older",
            "Error duplicate-version 5: 1.10.0 stands here a second time",
        ],
    );
}

/// At noon in Greenwich the next day has begun on some islands, and the one after nowhere.
#[test]
fn dates_are_iso_dates_and_not_in_the_future() {
    let of = |date: &str| found(&format!("## [1.3.0](a) - {date}\n- a\n"));

    assert_eq!(of("2026-03-02"), [""; 0]);
    assert_eq!(of("2026-03-03"), ["Error future-date 1: 1.3.0 is of 2026-03-03, which is in the future"]);
    assert_eq!(of("03/01/2026"), ["Error invalid-date 1: 1.3.0 is of `03/01/2026`, which is no date"]);
    assert_eq!(of("2026-13-01"), ["Error invalid-date 1: 1.3.0 is of `2026-13-01`, which is no date"]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_failure() {
    let failure = |host: FakeHost| evaluate::<Changelog>(&host, json!({})).unwrap_err();

    assert_eq!(
        [
            failure(FakeHost::new()),
            failure(host(*b"\xff\xfe#\0")),
            failure(host(*b"## 1.0.0\ncaf\xe9\n")),
            failure(host("- more\n".repeat(400_000))),
            evaluate::<Changelog>(&host(GOOD), json!({ "version": "latest" })).unwrap_err(),
        ],
        [
            Failure::unavailable("read `CHANGELOG.md`: no such file"),
            Failure::invalid_input(
                "read `CHANGELOG.md`: it is UTF-16 LE (its byte order mark says so); save it as UTF-8"
            ),
            Failure::invalid_input(
                "read `CHANGELOG.md`: line 2 is not UTF-8 at byte 4, it looks like Latin-1 (ISO 8859-1); save it as UTF-8"
            ),
            Failure::new(
                FailureKind::BudgetExceeded,
                "read `CHANGELOG.md`: the changelog is longer than 2 MiB; nothing was judged"
            ),
            Failure::invalid_config(
                "`version`: `latest` is no semantic version: unexpected character 'l' while parsing major version number"
            ),
        ],
    );
}

#[test]
fn deep_nesting_is_read_over() {
    let text =
        format!("## [1.3.0](a) - 2026-03-01\n- a\n\n{}\n\n{}\n", ">".repeat(50_000), "- ".repeat(10_000));

    assert_eq!(found(&text), [""; 0]);
}
