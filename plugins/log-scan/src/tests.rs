//! The gate as a pipeline sees it. Requirements: 003-58, 003-59, 002-06, 002-07, 002-12, 002-45.

mod container;

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::{Value, json};
use std::time::Duration;

const TRACEBACK: &str =
    "Traceback (most recent call last):\n  File \"main.py\", line 3\n    boom()\nValueError: no mode\n";

fn log(text: impl Into<Vec<u8>>) -> FakeHost {
    FakeHost::new().file("app.log", text)
}

fn ask(text: impl Into<Vec<u8>>, config: Value) -> Evaluation {
    let mut with = json!({ "files": ["app.log"] });
    with.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    evaluate::<LogScan>(&log(text), with).unwrap()
}

/// The decision, and what was found as `rule line: message`.
fn brief(text: impl Into<Vec<u8>>, config: Value) -> (Decision, Vec<String>) {
    let evaluation = ask(text, config);
    let findings = evaluation.findings.iter();
    let findings = findings.map(|finding| {
        let line = finding.line.map(|line| format!(" {line}")).unwrap_or_default();
        format!("{}{line}: {}", finding.rule, finding.message)
    });
    (evaluation.decision, findings.collect())
}

fn counts(evaluation: Evaluation, lines: usize, matches: usize, misencoded: usize) -> Evaluation {
    let evaluation = evaluation.output("files", 1).output("lines", lines);
    evaluation.output("matches", matches).output("misencoded_lines", misencoded)
}

/// 003-59: without a word, errors are looked for in any case, except in DEBUG lines.
#[test]
fn errors_are_found_but_not_in_debug_lines() {
    assert_eq!(
        ask("started\nDEBUG no error so far\nERROR: no database\n", json!({})),
        counts(
            Evaluation::fail("1 problem in 3 lines of 1 log").finding(
                Finding::error("forbidden-line", "ERROR: no database").in_file("app.log").at_line(3)
            ),
            3,
            1,
            0,
        ),
    );
    assert_eq!(
        ask("started\nDEBUG no error so far\n", json!({})),
        counts(Evaluation::pass("nothing wrong in 2 lines of 1 log"), 2, 0, 0),
    );
}

/// 003-58: no traceback in the last 100 lines; its lines are one finding.
#[test]
fn a_traceback_is_one_finding_and_only_the_last_lines_count() {
    let forbid = json!({ "last_lines": 100, "forbid": [{ "texts": ["Traceback"] }] });
    let found = (Decision::Fail, vec!["forbidden-line 1: a traceback: `ValueError: no mode`".to_owned()]);

    assert_eq!(brief(format!("{TRACEBACK}{}", "ok\n".repeat(96)), forbid.clone()), found);
    assert_eq!(brief(format!("{TRACEBACK}{}", "ok\n".repeat(97)), forbid), (Decision::Pass, vec![]));
    assert_eq!(brief(TRACEBACK, json!({})), found);
    assert_eq!(
        brief(&TRACEBACK[..60], json!({})),
        (Decision::Fail, vec!["forbidden-line 1: a traceback: cut off".to_owned()])
    );
    assert_eq!(brief(format!("DEBUG {TRACEBACK}"), json!({})), (Decision::Pass, vec![]));
}

#[test]
fn patterns_deny_and_allow_lines() {
    let text = "0 errors so far\nERROR: no database\nwarning: slow\n";

    assert_eq!(
        brief(text, json!({ "deny": ["(?i)error", "slow$"], "allow": [r"\b0 errors\b"] })),
        (
            Decision::Fail,
            vec![
                "forbidden-line 2: ERROR: no database".to_owned(),
                "forbidden-line 3: warning: slow".to_owned()
            ]
        )
    );
    assert_eq!(brief(text, json!({ "allow": ["^0 errors", "no database"] })), (Decision::Pass, vec![]));
}

/// A traceback is all right if its first line or its exception is; the exception of another is none of it.
#[test]
fn an_exception_that_is_allowed_takes_its_traceback_along() {
    let other = TRACEBACK.replace("ValueError: no mode", "KeyboardInterrupt");
    let linked = format!(
        "{TRACEBACK}\nDuring handling of the above exception, another exception occurred:\n\n{other}"
    );
    let ask = |text: &str| brief(text, json!({ "preset": "python", "allow": ["^ValueError: no mode$"] }));

    assert_eq!(ask(TRACEBACK), (Decision::Pass, vec![]));
    assert_eq!(
        ask(&format!("{TRACEBACK}{other}")),
        (Decision::Fail, vec!["traceback 5: a traceback: `KeyboardInterrupt`".to_owned()])
    );
    assert_eq!(
        ask(&linked),
        (Decision::Fail, vec!["traceback 1: a traceback: `KeyboardInterrupt`".to_owned()])
    );
}

#[test]
fn the_rules_for_python_look_at_the_level_of_a_line() {
    let text = "2026-03-01 12:00:00,100 DEBUG an error was handled\n\
                2026-03-01 12:00:00,200 ERROR DEBUG must be off\n\
                2026-03-01 12:00:00,300 CRITICAL out of disk\n\
                {\"level\": \"debug\", \"message\": \"no exception\"}\n";

    assert_eq!(
        brief(text, json!({ "preset": "python", "forbid": [{ "texts": ["disk"] }] })),
        (
            Decision::Fail,
            vec![
                "error 2: 2026-03-01 12:00:00,200 ERROR DEBUG must be off".to_owned(),
                "critical 3: 2026-03-01 12:00:00,300 CRITICAL out of disk".to_owned(),
            ]
        )
    );
}

/// 002-06 and 002-12: a text that must not stand in any of the files that a pattern finds.
#[test]
fn files_are_found_by_pattern_and_rules_have_names() {
    let host = FakeHost::new()
        .file(".state/logs/2026-03-01/core.log", "Failed to load logging.yaml\n")
        .file(".state/logs/2026-03-02/sim.log", "it runs\n");

    assert_eq!(
        evaluate::<LogScan>(
            &host,
            json!({
                "files": [".state/logs/**/*.log"],
                "forbid": [{ "texts": ["Failed to load"], "rule": "not-loaded", "help": "see the path", "warn": true }],
            })
        ),
        Ok(Evaluation::warn("1 problem in 2 lines of 2 logs")
            .finding(
                Finding::warning("not-loaded", "Failed to load logging.yaml")
                    .in_file(".state/logs/2026-03-01/core.log")
                    .at_line(1)
                    .help("see the path")
            )
            .output("files", 2)
            .output("lines", 2)
            .output("matches", 1)
            .output("misencoded_lines", 0)),
    );
}

#[test]
fn what_is_required_must_stand_in_a_line() {
    let require = json!({
        "forbid": [],
        "require": [{ "pattern": "listening on :[0-9]+" }, { "texts": ["READY", "ready to serve"] }],
    });

    assert_eq!(brief("listening on :8000\nready to serve\n", require.clone()), (Decision::Pass, vec![]));
    assert_eq!(
        brief("listening on :http\n", require),
        (
            Decision::Fail,
            vec![
                "missing-line: no line has `listening on :[0-9]+`".to_owned(),
                "missing-line: no line has `READY` or `ready to serve`".to_owned(),
            ]
        )
    );
}

/// 002-07: a service that enters SAFE_MODE again and again is found, whatever the times and counters in the lines.
#[test]
fn a_line_that_comes_too_often_is_found_once() {
    let lines: String =
        (0..50).map(|n| format!("12:00:{n:02} tick {n}\n12:00:{n:02} IDLE -> SAFE_MODE\n")).collect();
    let repeats = |at_most: u32| {
        brief(
            lines.as_str(),
            json!({ "forbid": [], "repeats": { "at_most": at_most, "containing": "SAFE_MODE" } }),
        )
    };

    assert_eq!(
        repeats(10),
        (
            Decision::Fail,
            vec![
                "repeated-line 22: comes more than 10 times by here, digits apart: `12:00:10 IDLE -> SAFE_MODE`"
                    .to_owned()
            ]
        )
    );
    assert_eq!(repeats(50), (Decision::Pass, vec![]));
}

/// 002-45: a log is never refused for its encoding.
#[test]
fn bytes_that_are_not_utf_8_are_counted_and_the_rest_is_read() {
    assert_eq!(
        ask(b"caf\xe9 opened\nERR\xd6R\nerror: caf\xe9\n".to_vec(), json!({})),
        counts(
            Evaluation::fail("1 problem in 3 lines of 1 log")
                .finding(Finding::error("forbidden-line", "error: caf\u{fffd}").in_file("app.log").at_line(3))
                .finding(
                    Finding::note("misencoded-line", "3 lines are not all UTF-8; this is the first")
                        .in_file("app.log")
                        .at_line(1)
                ),
            3,
            1,
            3,
        ),
    );
    let wide: Vec<u8> = "\u{feff}fine\nerror\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(brief(wide, json!({})), (Decision::Fail, vec!["forbidden-line 2: error".to_owned()]));
    assert_eq!(brief(b"fine\0\nerror\n".to_vec(), json!({})).1, ["forbidden-line 2: error"]);
}

#[test]
fn lines_before_a_moment_are_not_looked_at() {
    let text =
        "2026-03-01 12:00:00,100 error: old\n  of old\n2026-03-01 12:10:00,000 error: new\n  error of new\n";
    let since = |since: &str| {
        let config = json!({ "files": ["app.log"], "since": since, "assume_offset": "+01:00" });
        let now = moment_of("2026-03-01T11:15:00Z");
        let evaluation = evaluate::<LogScan>(&log(text).now(now), config).unwrap();
        evaluation.findings.iter().map(|finding| finding.line.unwrap()).collect::<Vec<_>>()
    };

    assert_eq!(since("2026-03-01T11:00:01Z"), [3, 4]);
    assert_eq!(since("2026-03-01T11:00:00Z"), [1, 3, 4]);
    assert_eq!(since("10m"), [3, 4]);
    assert_eq!(since("1h"), [1, 3, 4]);
}

fn moment_of(text: &str) -> Duration {
    let moment = runner_evidence::moment::parse(text).unwrap();
    Duration::from_millis(u64::try_from(moment.as_millisecond()).unwrap())
}

#[test]
fn a_time_without_a_zone_is_a_failure_unless_one_is_assumed() {
    let failure = |text: &str| {
        evaluate::<LogScan>(&log(text), json!({ "files": ["app.log"], "since": "2026-03-01T12:00:00Z" }))
            .unwrap_err()
    };

    assert_eq!(
        [
            failure("started\n2026-03-01 12:00:00,100 ok\n"),
            failure("ok\n"),
            failure("2026-03-99T12:00:00Z ok\n")
        ],
        [
            Failure::invalid_input(
                "`app.log` line 2: `2026-03-01T12:00:00.100` has no zone; write `2026-03-01T12:00:00.100Z` or an offset like `+02:00`; `assume_offset` says what is meant"
            ),
            Failure::invalid_input(
                "no line of `app.log` says when it was written, so `since` cannot be applied; nothing was judged"
            ),
            Failure::invalid_input(
                "`app.log` line 1: `2026-03-99T12:00:00Z` is not a time like `2026-03-01T12:00:00Z`; `assume_offset` says what is meant"
            ),
        ],
    );
}

#[test]
fn nothing_to_look_at_is_inconclusive_unless_it_is_allowed() {
    assert_eq!(
        ask("", json!({})),
        counts(
            Evaluation::inconclusive("nothing was looked at: 0 lines of 1 log").finding(
                Finding::warning("empty-log", "there is no line to look at")
                    .help("does the service write here? `allow_empty: true` lets it pass")
            ),
            0,
            0,
            0,
        ),
    );
    assert_eq!(brief("", json!({ "allow_empty": true })), (Decision::Pass, vec![]));
    assert_eq!(
        brief("2026-03-01T12:00:00Z error\n", json!({ "since": "2026-03-02T12:00:00Z" })).0,
        Decision::Inconclusive
    );
}

#[test]
fn many_findings_are_counted_and_the_first_hundred_shown() {
    let (decision, findings) = brief("error\n".repeat(5000), json!({}));

    assert_eq!((decision, findings.len()), (Decision::Fail, 101));
    assert_eq!(findings[100], "forbidden-line: 4900 more findings of `forbidden-line` are not shown");
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |config: Value| evaluate::<LogScan>(&log(""), config).unwrap_err();
    let forbid = |rule: Value| refused(json!({ "files": ["app.log"], "forbid": [rule] }));

    assert_eq!(
        [
            refused(json!({ "files": ["app.log"], "forbid": [] })),
            forbid(json!({})),
            forbid(json!({ "texts": ["a"], "pattern": "a" })),
            forbid(json!({ "texts": [""] })),
            forbid(json!({ "pattern": "(" })),
            refused(json!({ "files": ["app.log"], "since": "yesterday" })),
            refused(json!({ "files": ["app.log"], "since": "1h", "assume_offset": "CET" })),
            refused(json!({ "files": ["app.log"], "since": "start" })),
            refused(json!({ "files": ["app.log"], "last_lines": 100, "tail": 100 })),
            refused(json!({ "files": ["app.log"], "max_size": "2MiB" })),
            refused(json!({ "files": ["app.log"], "deny": ["("] })),
            refused(json!({ "files": ["app.log"], "allow": ["a*"] })),
            refused(json!({})),
        ],
        [
            Failure::invalid_config(
                "nothing is looked for: give `forbid`, `deny`, `preset`, `require` or `repeats`"
            ),
            Failure::invalid_config("`forbid`: each needs `texts` or `pattern`"),
            Failure::invalid_config("`forbid`: each has only one of `texts` and `pattern`"),
            Failure::invalid_config("`forbid`: an empty text stands in every line"),
            Failure::invalid_config("`forbid`: `(` is no pattern: found open group without closing ')'"),
            Failure::invalid_config(
                "`since`: `yesterday` is not a time like `2026-03-01T12:00:00Z`, and no length like `15m`"
            ),
            Failure::invalid_config("`assume_offset`: `CET` is no offset like `+02:00` or `Z`"),
            Failure::invalid_config("`since: start` is for a container"),
            Failure::invalid_config("`last_lines` and `tail` are the same: give one of them"),
            Failure::invalid_config("`max_size` is only for a container; files have at most 16 MiB"),
            Failure::invalid_config("`deny`: `(` is no pattern: found open group without closing ')'"),
            Failure::invalid_config("`allow`: `a*` fits every line: nothing would be looked for"),
            Failure::invalid_config("nothing is looked at: give `files` or `container`"),
        ],
    );
}

#[test]
fn a_log_that_is_missing_or_too_long_is_a_failure() {
    let failure = |host: FakeHost| evaluate::<LogScan>(&host, json!({ "files": ["*.log"] })).unwrap_err();

    assert_eq!(
        [failure(FakeHost::new().file("app.txt", "")), failure(log("ok\n".repeat(6 * 1024 * 1024)))],
        [
            Failure::unavailable("find `*.log`: no file matches"),
            Failure::new(FailureKind::BudgetExceeded, "read `app.log`: file is longer than 16777216 bytes"),
        ],
    );
}
