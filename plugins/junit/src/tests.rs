//! The gate as a pipeline sees it. Requirements: 000-07, 003-10, 003-19.

use super::*;
use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{Decision, FailureKind, Finding};
use serde_json::{Value, json};

/// As pytest writes it.
const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="3.5">
<testcase classname="tests.test_flows" name="test_marrow" file="tests/test_flows.py" line="6" time="0.5"/>
<testcase classname="tests.test_flows" name="test_fox" file="tests/test_flows.py" line="11" time="2.0">
<failure message="assert 255 == 256&#10;where 255 = len([...])">def test_fox():
&gt;   assert len(codex) == 256</failure></testcase>
<testcase classname="tests.test_flows" name="test_oren" time="1.0"><error>
  fixture 'codex' not found
</error></testcase>
<testcase classname="tests.test_flows" name="test_later"><skipped type="pytest.skip" message="not yet"/></testcase>
</testsuite></testsuites>
"#;

const GREEN: &str = "<testsuite name='unit' tests='2' failures='0'>\n<testcase name='a' time='0.25'/>\n\
<testcase classname='' name='b' time='0.5'><system-out><![CDATA[<failure/>]]></system-out></testcase>\n</testsuite>\n";

fn judged(report: &str, config: Value) -> Result<Evaluation, Failure> {
    let mut with = json!({ "files": ["r.xml"] });
    with.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    evaluate::<Junit>(&FakeHost::new().file("r.xml", report), with)
}

fn outputs(evaluation: Evaluation, numbers: [u64; 7], seconds: f64) -> Evaluation {
    let [reports, tests, passed, failures, errors, skipped, flaky] = numbers;
    evaluation
        .output("reports", reports)
        .output("tests", tests)
        .output("passed", passed)
        .output("failures", failures)
        .output("errors", errors)
        .output("skipped", skipped)
        .output("flaky", flaky)
        .output("seconds", seconds)
}

/// The messages of all findings.
fn messages(answer: Result<Evaluation, Failure>) -> Vec<String> {
    answer.unwrap().findings.into_iter().map(|finding| finding.message).collect()
}

/// 003-19: unit, integration and smoke tests all pass.
#[test]
fn reports_with_nothing_but_passed_tests_pass() {
    let host = FakeHost::new().file("reports/unit.xml", GREEN).file("reports/it/smoke.xml", GREEN);

    assert_eq!(
        evaluate::<Junit>(
            &host,
            json!({ "files": ["reports/"], "require_suites": ["unit"], "min_tests": 4 })
        ),
        Ok(outputs(Evaluation::pass("4 tests passed"), [2, 4, 4, 0, 0, 0, 0], 1.5)),
    );
}

/// 003-10 and 000-07: what pytest says is believed, and each failure is shown where the test stands.
#[test]
fn each_failure_is_a_finding_with_the_place_of_its_test() {
    assert_eq!(
        judged(PYTEST, json!({})),
        Ok(outputs(
            Evaluation::fail("1 of 4 tests failed, 1 error")
                .finding(
                    Finding::error("failed-test", "`tests.test_flows::test_fox` failed: assert 255 == 256")
                        .in_file("tests/test_flows.py")
                        .at_line(12)
                )
                .finding(
                    Finding::error(
                        "errored-test",
                        "`tests.test_flows::test_oren` ended in an error: fixture 'codex' not found"
                    )
                    .in_file("r.xml")
                    .at_line(7)
                ),
            [1, 4, 1, 1, 1, 1, 0],
            3.5,
        )),
    );
}

#[test]
fn failures_within_the_limits_are_a_warning() {
    let within = judged(PYTEST, json!({ "max_failures": 1, "max_errors": 1, "max_skipped": 1 })).unwrap();
    assert_eq!(within.decision, Decision::Warn);
    assert_eq!(within.findings.len(), 2);

    let beyond = judged(PYTEST, json!({ "max_failures": 1, "max_skipped": 0 })).unwrap();
    assert_eq!(beyond.decision, Decision::Fail);
    assert_eq!(beyond.findings[2], Finding::error("too-many-skipped", "1 test skipped, at most 0 may be"));
}

/// 003-19: nothing run is not green.
#[test]
fn a_report_without_a_test_that_ran_is_a_no() {
    let empty = Finding::error("empty-report", "the report has no test in it")
        .in_file("r.xml")
        .help("`allow_empty: true` lets such a report be");
    let too_few = Finding::error("too-few-tests", "0 tests ran, at least 1 should");

    assert_eq!(
        judged("<testsuites/>", json!({})),
        Ok(outputs(
            Evaluation::fail("0 tests passed").finding(empty).finding(too_few.clone()),
            [1, 0, 0, 0, 0, 0, 0],
            0.0
        )),
    );
    assert_eq!(
        judged("<testsuite><testcase name='a'><skipped/></testcase></testsuite>", json!({})),
        Ok(outputs(
            Evaluation::fail("0 tests passed, 1 skipped").finding(too_few),
            [1, 1, 0, 0, 0, 1, 0],
            0.0
        )),
    );
    assert_eq!(
        judged("<testsuites/>", json!({ "allow_empty": true, "min_tests": 0 })),
        Ok(outputs(Evaluation::pass("0 tests passed"), [1, 0, 0, 0, 0, 0, 0], 0.0)),
    );
}

#[test]
fn a_suite_that_counts_more_than_it_shows_is_believed_in_the_worse_direction() {
    let report = "<testsuites tests='5' failures='3'>\n<testsuite name='s' tests='3' failures='1' errors='1'>\n\
<testcase name='a'/></testsuite></testsuites>";

    assert_eq!(
        judged(report, json!({})),
        Ok(outputs(
            Evaluation::fail("3 of 4 tests failed, 1 error")
                .finding(
                    Finding::error("failed-test", "suite `s` counts 1 more failed than it shows")
                        .in_file("r.xml")
                        .at_line(2)
                )
                .finding(
                    Finding::error("errored-test", "suite `s` counts 1 more errors than it shows")
                        .in_file("r.xml")
                        .at_line(2)
                )
                .finding(
                    Finding::warning("missing-results", "suite `s` counts 2 more tests than it shows")
                        .in_file("r.xml")
                        .at_line(2)
                )
                .finding(
                    Finding::error("failed-test", "suite `` counts 2 more failed than it shows")
                        .in_file("r.xml")
                        .at_line(1)
                )
                .finding(
                    Finding::warning("missing-results", "suite `` counts 2 more tests than it shows")
                        .in_file("r.xml")
                        .at_line(1)
                ),
            [1, 1, 1, 3, 1, 0, 0],
            0.0,
        )),
    );
}

#[test]
fn a_required_suite_has_to_have_run() {
    let report = "<testsuites><testsuite name='unit'><testcase name='a'/></testsuite>\
<testsuite name='smoke'><testcase name='b' status='notrun'/></testsuite></testsuites>";

    assert_eq!(
        judged(report, json!({ "require_suites": ["unit", "smoke", "api"] })),
        Ok(outputs(
            Evaluation::fail("1 test passed, 1 skipped")
                .finding(Finding::error("missing-suite", "no test of the suite `smoke` has run"))
                .finding(Finding::error("missing-suite", "no test of the suite `api` has run")),
            [1, 2, 1, 0, 0, 1, 0],
            0.0,
        )),
    );
}

#[test]
fn slow_tests_are_a_warning() {
    assert_eq!(
        judged(GREEN, json!({ "slow_seconds": 0.25 })),
        Ok(outputs(
            Evaluation::warn("2 tests passed").finding(
                Finding::warning("slow-test", "`b` took 0.5 s, more than 0.25 s").in_file("r.xml").at_line(3)
            ),
            [1, 2, 2, 0, 0, 0, 0],
            0.75,
        )),
    );
}

#[test]
fn a_test_that_passed_only_the_second_time_is_what_the_step_says() {
    let report = "<testsuite><testcase name='a'><flakyFailure message='once'/></testcase>\
<testcase name='b'><failure/><rerunFailure/></testcase></testsuite>";
    let flaky = "`a` failed, and passed when it was run again";

    assert_eq!(messages(judged(report, json!({}))), [flaky, "`b` failed"]);
    assert_eq!(messages(judged(report, json!({ "flaky": "ignore" }))), ["`b` failed"]);
    let decided =
        |flaky: &str| judged(report, json!({ "max_failures": 1, "flaky": flaky })).unwrap().decision;
    assert_eq!(["ignore", "warn", "fail"].map(decided), [Decision::Warn, Decision::Warn, Decision::Fail]);
}

#[test]
fn several_results_of_one_test_all_count_unless_the_step_says_that_the_last_one_does() {
    let report = "<testsuite tests='5'><testcase name='a'><failure/></testcase><testcase name='a'/>\
<testcase name='b'/><testcase name='b'><error/></testcase>\
<testcase name='c'><failure/></testcase><testcase name='c'><skipped/></testcase></testsuite>";

    assert_eq!(messages(judged(report, json!({}))), ["`a` failed", "`b` ended in an error", "`c` failed"]);
    assert_eq!(
        messages(judged(report, json!({ "repeated": "last" }))),
        ["`a` failed, and passed when it was run again", "`c` failed", "`b` ended in an error"]
    );
}

#[test]
fn a_thousand_failures_are_shown_as_a_hundred_and_a_number() {
    let cases: String = (0..1_000).map(|n| format!("<testcase name='t{n}'><failure/></testcase>")).collect();
    let answer = judged(&format!("<testsuite>{cases}</testsuite>"), json!({})).unwrap();

    assert_eq!(answer.summary, "1000 of 1000 tests failed");
    assert_eq!(answer.findings.len(), 101);
    assert_eq!(
        answer.findings[100],
        Finding::error("failed-test", "900 more findings of `failed-test` are not shown")
    );
}

#[test]
fn what_is_no_report_is_a_failure_with_its_place() {
    let invalid = |text: &str| judged(text, json!({})).unwrap_err();
    let half = PYTEST.split_once("</failure>").unwrap().0;
    let bomb = "<!DOCTYPE a [<!ENTITY x \"xx\">]>\n<testsuite>&x;</testsuite>";

    assert_eq!(
        [
            half,
            bomb,
            "<!DOCTYPE testsuite SYSTEM 'http://127.0.0.1/x.dtd'><testsuite/>",
            "<coverage/>",
            "{\"tests\": 3}",
            "<testsuite><testcase/></testsuite>",
            "<testsuite>\n<testcase name='a' time='NaN'/></testsuite>",
            "<testsuite tests='many'/>",
            "<testsuite><a>".repeat(1_000).as_str(),
        ]
        .map(invalid),
        [
            "`r.xml` line 6: it ends inside of `<failure>`: the rest is missing",
            "`r.xml` line 1: its document type declares entities or elements, which are not read",
            "`r.xml` line 1: it has a document type, which such a report has not",
            "`r.xml` line 1: the outermost element is `<coverage>`, so this is not a JUnit report",
            "`r.xml` line 1: there is text outside of the outermost element",
            "`r.xml` line 1: `<testcase>` has no `name`",
            "`r.xml` line 2: `<testcase>` `time` is `NaN`, which is not a number",
            "`r.xml` line 1: `<testsuite>` `tests` is `many`, which is not a whole number",
            "`r.xml` line 1: elements are nested more than 256 deep",
        ]
        .map(Failure::invalid_input),
    );
}

#[test]
fn a_file_that_is_missing_too_long_or_in_another_encoding_is_a_failure() {
    let kind = |bytes: Vec<u8>| {
        let host = FakeHost::new().file("r.xml", bytes);
        evaluate::<Junit>(&host, json!({ "files": ["r.xml"] })).map_err(|failure| failure.kind)
    };
    let utf_16: Vec<u8> = GREEN.encode_utf16().flat_map(u16::to_le_bytes).collect();

    assert_eq!(
        evaluate::<Junit>(&FakeHost::new().file("other", ""), json!({ "files": ["r*.xml"] })),
        Err(Failure::unavailable("find `r*.xml`: no file matches")),
    );
    assert_eq!(kind(utf_16), Err(FailureKind::InvalidInput));
    assert_eq!(kind(b"<testsuite name='caf\xe9'/>".to_vec()), Err(FailureKind::InvalidInput));
    assert_eq!(kind(vec![b' '; 16 * 1024 * 1024 + 1]), Err(FailureKind::BudgetExceeded));
    let with_mark = [b"\xef\xbb\xbf", GREEN.as_bytes()].concat();
    assert_eq!(kind(with_mark).unwrap().decision, Decision::Pass);
}

#[test]
fn a_config_without_files_is_refused() {
    assert_eq!(
        evaluate::<Junit>(&FakeHost::new(), json!({ "files": [] })).unwrap_err().kind,
        FailureKind::InvalidConfig
    );
}
