//! The gate as a pipeline sees it. Requirement: 001-15.

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::{Value, json};

/// As bandit writes it, shortened.
fn bandit(results: Value) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "Bandit", "rules": [
                { "id": "B602", "helpUri": "https://bandit.readthedocs.io/b602",
                  "defaultConfiguration": { "level": "error" }, "properties": { "security-severity": "8.8" } },
                { "id": "B101", "messageStrings": { "default": { "text": "assert in `{0}`, {1}" } } },
            ] } },
            "invocations": [{ "executionSuccessful": true }],
            "results": results,
        }],
    })
}

fn shell() -> Value {
    json!({
        "ruleId": "B602", "ruleIndex": 0, "message": { "text": "subprocess call with shell=True\nmore" },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": "./src/run.py" }, "region": { "startLine": 14, "startColumn": 5 } } }],
    })
}

fn note() -> Value {
    json!({ "ruleId": "B101", "level": "note", "message": { "id": "default", "arguments": ["a.py", "twice"] } })
}

fn judged(log: &Value, more: Value) -> Result<Evaluation, Failure> {
    let mut config = json!({ "files": ["r.sarif"] });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    evaluate::<Sarif>(&FakeHost::new().file("r.sarif", log.to_string()), config)
}

fn outputs(evaluation: Evaluation, counts: [u64; 10]) -> Evaluation {
    Sarif::OUTPUTS
        .iter()
        .zip(counts)
        .fold(evaluation, |evaluation, (name, count)| evaluation.output(*name, count))
}

fn decided(log: &Value, more: Value) -> Decision {
    judged(log, more).unwrap().decision
}

/// 001-15: `bandit -r src/` is clean at its threshold.
#[test]
fn results_are_passed_on_with_their_places_and_errors_are_a_no() {
    assert_eq!(
        judged(&bandit(json!([])), json!({ "tools": ["Bandit"] })),
        Ok(outputs(Evaluation::pass("no results"), [0; 10])),
    );
    assert_eq!(
        judged(&bandit(json!([shell(), note()])), json!({})),
        Ok(outputs(
            Evaluation::fail("2 results, 1 of level `error`")
                .finding(Finding::error("too-many-results", "1 result of level `error`, at most 0 may be"))
                .finding(
                    Finding::error("B602", "subprocess call with shell=True")
                        .in_file("src/run.py")
                        .at_line(14)
                        .at_column(5)
                        .help("https://bandit.readthedocs.io/b602")
                )
                .finding(Finding::note("B101", "assert in `a.py`, twice")),
            [2, 1, 0, 1, 0, 1, 0, 0, 0, 0],
        )),
    );
}

#[test]
fn there_are_ceilings_for_levels_and_for_security_severities() {
    let log = bandit(json!([shell(), note()]));

    assert_eq!(decided(&log, json!({ "max": { "error": 1 } })), Decision::Warn);
    assert_eq!(decided(&log, json!({ "max": { "error": 1, "note": 0 } })), Decision::Fail);
    assert_eq!(decided(&log, json!({ "max": { "error": null } })), Decision::Warn);
    assert_eq!(decided(&log, json!({ "max": { "warning": 0 } })), Decision::Fail);
    assert_eq!(
        decided(&log, json!({ "max": { "error": null }, "max_security": { "high": 0 } })),
        Decision::Fail
    );
    assert_eq!(
        decided(&log, json!({ "max": { "error": null }, "max_security": { "critical": 0, "high": 1 } })),
        Decision::Warn
    );
}

#[test]
fn the_level_is_that_of_the_result_then_of_its_rule_then_warning() {
    let levels = |result: Value| {
        let answer = judged(&bandit(json!([result])), json!({})).unwrap();
        let counts: Vec<u64> =
            answer.outputs[..4].iter().map(|output| output.value.as_u64().unwrap()).collect();
        counts
    };
    assert_eq!(levels(json!({ "ruleId": "B602", "level": "note" })), [1, 0, 0, 1]);
    assert_eq!(levels(json!({ "ruleId": "B602" })), [1, 1, 0, 0]);
    assert_eq!(levels(json!({ "rule": { "index": 0 } })), [1, 1, 0, 0]);
    assert_eq!(levels(json!({ "ruleId": "other" })), [1, 0, 1, 0]);
    assert_eq!(levels(json!({})), [1, 0, 1, 0]);
    assert_eq!(levels(json!({ "ruleId": "B602", "level": "none" })), [0, 0, 0, 0]);
    assert_eq!(levels(json!({ "ruleId": "B602", "kind": "pass" })), [0, 0, 0, 0]);
}

#[test]
fn rules_and_files_can_be_left_out() {
    let log = bandit(json!([shell()]));

    assert_eq!(decided(&log, json!({ "ignore_rules": ["B6*"] })), Decision::Pass);
    assert_eq!(decided(&log, json!({ "only_rules": ["B1*"] })), Decision::Pass);
    assert_eq!(decided(&log, json!({ "only_rules": ["B602"] })), Decision::Fail);
    assert_eq!(decided(&log, json!({ "ignore_files": ["src/**"] })), Decision::Pass);
    assert_eq!(decided(&log, json!({ "ignore_files": ["tests/**"] })), Decision::Fail);
}

#[test]
fn a_suppression_holds_only_when_it_was_accepted() {
    let with = |suppressions: Value| {
        let mut result = shell();
        result["suppressions"] = suppressions;
        bandit(json!([result]))
    };
    let accepted = with(json!([{ "kind": "inSource" }]));

    assert_eq!(
        judged(&accepted, json!({})),
        Ok(outputs(Evaluation::pass("no results"), [0, 0, 0, 0, 0, 0, 0, 0, 1, 0])),
    );
    assert_eq!(decided(&accepted, json!({ "count_suppressed": true })), Decision::Fail);
    assert_eq!(
        decided(&with(json!([{ "kind": "external", "status": "underReview" }])), json!({})),
        Decision::Fail
    );
    assert_eq!(decided(&with(json!([])), json!({})), Decision::Fail);
}

#[test]
fn what_was_there_before_can_be_left_alone() {
    let with = |state: Option<&str>| {
        let mut result = shell();
        result["baselineState"] = json!(state);
        decided(&bandit(json!([result])), json!({ "new_only": true }))
    };
    assert_eq!(
        [Some("unchanged"), Some("updated"), Some("new"), None].map(with),
        [Decision::Pass, Decision::Pass, Decision::Fail, Decision::Fail]
    );
}

#[test]
fn a_tool_that_did_not_get_to_its_end_is_a_no() {
    let mut log = bandit(json!([]));
    log["runs"][0]["invocations"] = json!([{ "executionSuccessful": false }]);
    assert_eq!(
        judged(&log, json!({})).unwrap().findings,
        [Finding::error("tool-failed", "`Bandit` did not get to its end: `executionSuccessful` is false")
            .in_file("r.sarif")
            .help("run the tool again; its results are not complete")],
    );

    log["runs"][0]["invocations"] = json!([{
        "executionSuccessful": true,
        "toolExecutionNotifications": [{ "level": "error", "message": { "text": "syntax error in a.py" } }],
    }]);
    assert_eq!(decided(&log, json!({})), Decision::Fail);
}

#[test]
fn a_report_in_which_nothing_was_looked_for_is_inconclusive() {
    let mut idle = bandit(json!([]));
    idle["runs"][0].as_object_mut().unwrap().remove("results");

    assert_eq!(
        judged(&idle, json!({})),
        Ok(outputs(Evaluation::inconclusive("nothing was looked for by Bandit"), [0; 10])),
    );
    assert_eq!(
        judged(&json!({ "version": "2.1.0", "runs": [] }), json!({})),
        Ok(outputs(Evaluation::inconclusive("nothing was looked for by no tool"), [0; 10])),
    );
}

#[test]
fn a_tool_that_has_to_have_run_and_has_not_is_a_no() {
    assert_eq!(
        judged(&bandit(json!([])), json!({ "tools": ["Bandit", "Semgrep"] })).unwrap().findings,
        [Finding::error("missing-tool", "no report is of the tool `Semgrep`; there are reports of `Bandit`")],
    );
}

#[test]
fn a_report_with_thousands_of_results_is_shown_in_part_and_counted_as_a_whole() {
    let results: Vec<Value> =
        (0..3_000).map(|n| json!({ "ruleId": format!("R{}", n % 20), "level": "error" })).collect();
    let answer = judged(&bandit(json!(results)), json!({})).unwrap();

    assert_eq!(answer.summary, "3000 results, 3000 of level `error`");
    assert_eq!(answer.findings.len(), 1 + 1_000 + 1);
    assert_eq!(answer.findings[1_001], Finding::note("more-results", "2000 more results are not shown"));
}

#[test]
fn what_is_no_report_is_a_failure_with_its_place() {
    let refused = |text: String| {
        evaluate::<Sarif>(&FakeHost::new().file("r.sarif", text), json!({ "files": ["r.sarif"] }))
            .unwrap_err()
    };
    let results = |results: Value| bandit(results).to_string();
    let whole = results(json!([shell()]));

    assert_eq!(
        [
            whole[..whole.len() - 40].to_owned(),
            "[]".to_owned(),
            json!({ "version": "2.0.0", "runs": [] }).to_string(),
            json!({ "version": "2.1.0" }).to_string(),
            json!({ "version": "2.1.0", "runs": {} }).to_string(),
            json!({ "version": "2.1.0", "runs": [{}] }).to_string(),
            results(json!({})),
            results(json!(["x"])),
            results(json!([{ "level": "fatal" }])),
            results(json!([{ "level": 1 }])),
            results(json!([{ "properties": { "security-severity": "NaN" } }])),
            results(json!([{ "locations": [{ "physicalLocation": { "region": { "startLine": "14" } } }] }])),
        ]
        .map(refused)
        .map(|failure| (failure.kind, failure.message)),
        [
            "read `r.sarif` as JSON: line 1, column 581: EOF while parsing a value",
            "`r.sarif`: it has no `version`, so this is not SARIF",
            "`r.sarif`: it is SARIF 2.0.0; only 2.1.0 is read",
            "`r.sarif`: it has no `runs`",
            "`r.sarif` at `/runs`: it is {}, not a list",
            "`r.sarif` at `/runs/0`: it has no `tool`",
            "`r.sarif` at `/runs/0/results`: it is {}, not a list",
            "`r.sarif` at `/runs/0/results/0`: it is \"x\", not an object",
            "`r.sarif` at `/runs/0/results/0`: `level` is `fatal`, which SARIF has not",
            "`r.sarif` at `/runs/0/results/0/level`: it is 1, not a text",
            "`r.sarif` at `/runs/0/results/0/properties/security-severity`: it is \"NaN\", not a number from 0 to 10",
            "`r.sarif` at `/runs/0/results/0/locations/0/physicalLocation/region/startLine`: it is \"14\", not a whole number",
        ]
        .map(|message| (FailureKind::InvalidInput, message.to_owned())),
    );
}

#[test]
fn a_file_that_is_missing_or_in_another_encoding_is_a_failure() {
    let host = FakeHost::new().file("latin", b"{ \"caf\xe9\": 1 }").file("utf16", b"\xff\xfe{\0}\0");
    let kind =
        |path: &str| evaluate::<Sarif>(&host, json!({ "files": [path] })).map_err(|failure| failure.kind);

    assert_eq!(
        ["gone", "latin", "utf16"].map(kind),
        [FailureKind::Unavailable, FailureKind::InvalidInput, FailureKind::InvalidInput].map(Err)
    );
}
