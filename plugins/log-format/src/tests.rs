//! The gate as a pipeline sees it. Requirement 002-25; 002-45 as far as a log has to be UTF-8.

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::{Value, json};

const GOOD: &str = r#"{"timestamp":"2026-03-01T12:00:00Z","level":"INFO","message":"it runs"}"#;

fn log(text: impl Into<Vec<u8>>) -> FakeHost {
    FakeHost::new().file("logs/app.log", text)
}

fn config() -> Value {
    json!({ "files": ["logs/*.log"], "required": ["message"] })
}

fn error(rule: &str, message: &str, line: u32) -> Finding {
    Finding::error(rule, message).in_file("logs/app.log").at_line(line)
}

fn counts(evaluation: Evaluation, lines: usize, bad: usize) -> Evaluation {
    evaluation.output("files", 1).output("lines", lines).output("bad_lines", bad)
}

/// What is wrong with one line, as `rule: message`.
fn wrong(line: &str, config: Value) -> Vec<String> {
    let findings = evaluate::<LogFormat>(&log(line), config).unwrap().findings;
    findings.iter().map(|finding| format!("{}: {}", finding.rule, finding.message)).collect()
}

/// 002-25: structured logs with timestamps.
#[test]
fn structured_lines_pass() {
    assert_eq!(
        evaluate::<LogFormat>(&log(format!("\u{feff}{GOOD}\r\n\n{GOOD}\n")), config()),
        Ok(counts(Evaluation::pass("2 lines as they should be"), 2, 0)),
    );
}

#[test]
fn every_bad_line_is_a_finding_at_that_line() {
    let text = format!(
        "{GOOD}\nTraceback (most recent call last):\n\
         {{\"timestamp\":\"2026-03-01T12:00:00\",\"level\":\"loud\",\"message\":null}}\n{{\"timestamp\":\"2026"
    );

    assert_eq!(
        evaluate::<LogFormat>(&log(text), config()),
        Ok(counts(
            Evaluation::fail("3 bad lines of 4")
                .finding(error("unstructured-line", "the line is not JSON: expected value at column 1", 2))
                .finding(error(
                    "invalid-timestamp",
                    "`timestamp` has no zone; write `2026-03-01T12:00:00Z` or an offset like `+02:00`",
                    3
                ))
                .finding(error("unknown-level", "`level` is \"loud\", which is no level", 3))
                .finding(error("missing-key", "there is no `message`", 3))
                .finding(error(
                    "unstructured-line",
                    "the line is not JSON: EOF while parsing a string at column 18",
                    4
                )),
            4,
            3,
        )),
    );
}

#[test]
fn a_share_of_bad_lines_may_be_allowed_and_warns() {
    let text = format!("{GOOD}\n{GOOD}\n{GOOD}\noops\n");
    let allowed = |percent: f64| {
        let mut config = config();
        config["max_bad_percent"] = json!(percent);
        evaluate::<LogFormat>(&log(text.clone()), config)
    };
    let finding = |new: fn(&'static str, &'static str) -> Finding| {
        new("unstructured-line", "the line is not JSON: expected value at column 1")
            .in_file("logs/app.log")
            .at_line(4)
    };

    assert_eq!(
        allowed(25.0),
        Ok(counts(
            Evaluation::warn("1 bad line of 4, at most 25 % may be").finding(finding(Finding::warning)),
            4,
            1
        )),
    );
    assert_eq!(
        allowed(24.9),
        Ok(counts(Evaluation::fail("1 bad line of 4").finding(finding(Finding::error)), 4, 1)),
    );
}

#[test]
fn an_empty_log_is_inconclusive_unless_it_is_allowed() {
    let mut allowed = config();
    allowed["allow_empty"] = json!(true);

    assert_eq!(
        evaluate::<LogFormat>(&log("\n \n"), config()),
        Ok(counts(
            Evaluation::inconclusive("1 log is empty").finding(
                Finding::warning("empty-log", "there is no line in it")
                    .in_file("logs/app.log")
                    .help("does the service write here? `allow_empty: true` lets it pass")
            ),
            0,
            0,
        )),
    );
    assert_eq!(
        evaluate::<LogFormat>(&log(""), allowed),
        Ok(counts(Evaluation::pass("0 lines as they should be"), 0, 0)),
    );
}

#[test]
fn times_are_moments_in_the_format_that_is_said() {
    let with = |format: &str| json!({ "files": ["logs/"], "timestamp_key": "ts", "timestamp_format": format, "level_key": null });
    let time = |format: &str, time: &str| wrong(&format!(r#"{{"ts":{time}}}"#), with(format)).join("; ");

    assert_eq!(
        [
            time("rfc3339", r#""2026-03-01 12:00:00+01:00""#),
            time("rfc3339", "1767225600"),
            time("rfc3339", r#""2026-03-01""#),
            time("rfc3339", "null"),
            time("unix_seconds", "1767225600.25"),
            time("unix_seconds", r#""1767225600""#),
            time("unix_seconds", "1767225600000"),
            time("unix_milliseconds", "1767225600000"),
            time("unix_seconds", r#""NaN""#),
            time("unix_seconds", "-1"),
        ],
        [
            "",
            "invalid-timestamp: `ts` is not a text; see `timestamp_format`",
            "invalid-timestamp: `ts` is a day, not a moment; write `2026-03-01T00:00:00Z` or the time you mean",
            "missing-timestamp: there is no `ts`",
            "",
            "",
            "invalid-timestamp: `ts` is a number far from our time; see `timestamp_format`",
            "",
            "invalid-timestamp: `ts` is not a number; see `timestamp_format`",
            "invalid-timestamp: `ts` is a number far from our time; see `timestamp_format`",
        ],
    );
}

#[test]
fn logfmt_is_read_and_keys_may_lie_inside_of_others() {
    let logfmt = json!({ "files": ["logs/"], "format": "logfmt", "required": ["msg"] });
    let nested = json!({ "files": ["logs/"], "timestamp_key": "log.time", "level_key": "log.level" });

    assert_eq!(wrong("timestamp=2026-03-01T12:00:00Z level=warn msg=\"it runs\"", logfmt.clone()), [""; 0]);
    assert_eq!(
        wrong("level=warn it runs", logfmt),
        ["missing-timestamp: there is no `timestamp`", "missing-key: there is no `msg`"]
    );
    assert_eq!(wrong(r#"{"log":{"time":"2026-03-01T12:00:00Z","level":"debug"}}"#, nested), [""; 0]);
}

#[test]
fn what_is_json_and_no_line_of_a_log_is_bad() {
    let deep = "[".repeat(100_000);

    assert_eq!(
        [wrong("[1]", config()), wrong(&deep, config()), wrong(r#"{"timestamp": NaN}"#, config())],
        [
            ["unstructured-line: the line is JSON, and not an object"],
            ["unstructured-line: the line is nested deeper than 32 levels"],
            ["unstructured-line: the line is not JSON: expected value at column 15"],
        ],
    );
}

#[test]
fn many_bad_lines_are_counted_and_the_first_hundred_shown() {
    let evaluation = evaluate::<LogFormat>(&log("oops\n".repeat(1000)), config()).unwrap();

    assert_eq!(evaluation.summary, "1000 bad lines of 1000");
    assert_eq!(evaluation.findings.len(), 101);
    assert_eq!(
        evaluation.findings[100],
        Finding::error("unstructured-line", "900 more findings of `unstructured-line` are not shown"),
    );
}

#[test]
fn a_log_that_cannot_be_read_is_a_failure() {
    let failure = |host: FakeHost| evaluate::<LogFormat>(&host, config()).unwrap_err();

    assert_eq!(
        [
            failure(FakeHost::new().file("logs/app.txt", "")),
            failure(log(*b"{\"message\":\"caf\xe9\"}\n")),
            failure(log(*b"\xff\xfe{\0}\0")),
            failure(log("{}\n".repeat(6 * 1024 * 1024))),
        ],
        [
            Failure::unavailable("find `logs/*.log`: no file matches"),
            Failure::invalid_input(
                "read `logs/app.log`: line 1 is not UTF-8 at byte 16, it looks like Latin-1 (ISO 8859-1); save it as UTF-8"
            ),
            Failure::invalid_input(
                "read `logs/app.log`: it is UTF-16 LE (its byte order mark says so); save it as UTF-8"
            ),
            Failure::new(
                FailureKind::BudgetExceeded,
                "read `logs/app.log`: file is longer than 16777216 bytes"
            ),
        ],
    );
}
