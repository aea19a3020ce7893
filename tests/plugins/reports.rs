//! Gates over the reports of other tools.
//!
//! The example of each README is run as it stands there, over reports that are as they should be. A second pipeline has
//! reports that are not, and every gate says no with its findings. A third one holds what must neither pass nor bring
//! the sandbox down. What the journal has of each step is compared.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{endings, expected, readme_example};
use crate::harness::Project;

/// The example of a plugin's README as a pipeline.
fn example(plugin: &str) -> String {
    let example = readme_example(plugin);
    format!("version: 1\nname: {plugin}\ndefaults: {{ limits: {{ time: 60s }} }}\n{example}")
}

/// Runs the example of a plugin over these files.
fn run_example(plugin: &str, files: &[(&str, &str)]) -> (i32, BTreeMap<String, Value>) {
    let project = Project::with(&example(plugin));
    files.iter().for_each(|(name, text)| project.write(name, text));
    let run = project.exec(&[]);
    assert_eq!(run.stdout, "", "{}", run.stderr);
    (run.code, endings(&project))
}

fn suite(name: &str, cases: &str) -> String {
    format!("<testsuite name='{name}'>{cases}</testsuite>")
}

const COVERAGE: &str = "<coverage><class filename='src/codex.py'><lines>
<line number='1' hits='1' branch='true' condition-coverage='50% (1/2)'/><line number='2' hits='1'/>
<line number='3' hits='1'/><line number='4' hits='1'/><line number='5' hits='1'/><line number='6' hits='1'/>
<line number='7' hits='1'/><line number='8' hits='1'/><line number='9' hits='1'/><line number='10' hits='0'/>
</lines></class></coverage>";

const DIFF: &str = "diff --git a/src/codex.py b/src/codex.py
--- a/src/codex.py
+++ b/src/codex.py
@@ -8,1 +8,3 @@
 a
+b
+c
";

fn sarif(results: &Value) -> String {
    let driver = json!({ "name": "Bandit", "rules": [{ "id": "B602", "properties": { "security-severity": "8.8" } }] });
    json!({ "version": "2.1.0", "runs": [{ "tool": { "driver": driver }, "results": results }] }).to_string()
}

fn trivy(severity: &str) -> String {
    let found = json!({
        "VulnerabilityID": "CVE-2026-0001", "PkgName": "flask", "InstalledVersion": "3.0.0", "FixedVersion": "3.0.1",
        "Severity": severity,
    });
    json!({
        "SchemaVersion": 2, "ArtifactName": "app", "Results": [{ "Target": "requirements.txt", "Vulnerabilities": [found] }],
    })
    .to_string()
}

/// Requirements 000-07, 003-10 and 003-19.
#[test]
fn the_example_of_junit_passes() {
    let [unit, integration, smoke] =
        ["unit", "integration", "smoke"].map(|name| suite(name, "<testcase name='t' time='0.1'/>"));

    assert_eq!(
        run_example(
            "junit",
            &[
                ("reports/unit.xml", &unit),
                ("reports/integration.xml", &integration),
                ("reports/smoke/api.xml", &smoke)
            ]
        ),
        (0, expected([("tests-green", json!(["pass", "3 tests passed", []]))])),
    );
}

/// Requirement 001-12.
#[test]
fn the_example_of_coverage_passes() {
    let uncovered = json!({
        "severity": "note", "rule": "uncovered-change", "message": "line 10 was changed and is not covered",
        "file": "src/codex.py", "line": 10,
    });

    assert_eq!(
        run_example("coverage", &[("coverage.xml", COVERAGE), ("change.diff", DIFF)]),
        (
            0,
            expected([(
                "covered",
                json!([
                    "pass",
                    "90 % of 10 lines covered, 50 % of 2 branches, 50 % of 2 changed lines",
                    [uncovered]
                ])
            )])
        ),
    );
}

/// Requirements 001-16 and 002-40.
#[test]
fn the_example_of_perf_regression_passes() {
    assert_eq!(
        run_example(
            "perf-regression",
            &[
                ("perf/baseline.json", r#"{ "start_ms": [120, 118, 121], "rps": 950, "tick_ms": 40 }"#),
                ("perf/candidate.json", r#"{ "start_ms": [121, 120, 122], "rps": 960, "tick_ms": 42 }"#)
            ]
        ),
        (0, expected([("no-slower", json!(["pass", "3 metrics, worst `tick_ms`: 5 % worse", []]))])),
    );
}

/// Requirements 000-04, 001-43 and 004-23.
#[test]
fn the_example_of_json_assert_passes() {
    let symbols: Vec<u32> = (0..256).collect();
    let codex = json!({ "symbols": symbols }).to_string();

    assert_eq!(
        run_example(
            "json-assert",
            &[("codex.json", &codex), ("metrics.yaml", "avg_response_time: 180\nsatisfaction: 4.6\n")]
        ),
        (0, expected([("codex", json!(["pass", "4 assertions hold", []]))])),
    );
}

/// Requirement 001-15.
#[test]
fn the_example_of_sarif_passes() {
    let in_a_test = json!({
        "ruleId": "B602", "level": "error",
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": "tests/a.py" } } }],
    });

    assert_eq!(
        run_example("sarif", &[("reports/bandit.sarif", &sarif(&json!([in_a_test])))]),
        (0, expected([("bandit", json!(["pass", "no results", []]))])),
    );
}

/// Requirements 000-08, 001-10, 001-14 and 001-44.
#[test]
fn the_example_of_vuln_threshold_passes() {
    let pip_audit =
        json!({ "dependencies": [{ "name": "flask", "version": "3.0.0", "vulns": [] }], "fixes": [] });
    let ignored = json!({
        "severity": "note", "rule": "ignored",
        "message": "`CVE-2026-0001` is ignored until 2999-12-31: the function is not called",
    });

    assert_eq!(
        run_example(
            "vuln-threshold",
            &[("reports/trivy.json", &trivy("HIGH")), ("reports/pip-audit.json", &pip_audit.to_string())]
        ),
        (0, expected([("no-known-holes", json!(["pass", "no vulnerabilities", [ignored]]))])),
    );
}

/// Requirements 000-53 and 002-43.
#[test]
fn the_example_of_score_passes() {
    let part = |message: &str| json!({ "severity": "note", "rule": "part-of-score", "message": message });
    let mut review = part("`review` is 88, with weight 2");
    review["file"] = json!("assessment.yaml");

    assert_eq!(
        run_example("score", &[("assessment.yaml", "review: 88\n")]),
        (
            0,
            expected([(
                "confidence",
                json!([
                    "pass",
                    "the weighted mean of 2 scores is 89: ready",
                    [review, part("`tests` is 91, with weight 1")]
                ])
            )])
        ),
    );
}

/// All plugins of this file, and one step for each.
fn all(steps: &str) -> String {
    let plugins: String =
        ["junit", "coverage", "perf-regression", "json-assert", "sarif", "vuln-threshold", "score"]
            .map(|name| {
                let file = name.replace('-', "_");
                format!(
                    "  {name}: {{ source: plugin:{file}, grants: {{ filesystem: {{ read: [in/] }} }} }}\n"
                )
            })
            .concat();
    format!(
        "version: 1\nname: reports\nplugins:\n{plugins}defaults: {{ limits: {{ time: 60s }} }}\nsteps:\n{steps}"
    )
}

#[test]
fn each_gate_says_no_with_its_findings() {
    let project = Project::with(&all(r#"
  junit: { uses: junit, continue_on_error: true, with: { files: [in/junit.xml] } }
  coverage: { uses: coverage, continue_on_error: true, with: { files: [in/coverage.xml], lines: { above: 90 } } }
  perf: { uses: perf-regression, continue_on_error: true, with: { baseline: [in/old.json], candidate: [in/new.json] } }
  assert:
    uses: json-assert
    continue_on_error: true
    with: { documents: { new: in/new.json }, assert: [{ name: fast, that: new.start_ms < 100 }] }
  sarif: { uses: sarif, continue_on_error: true, with: { files: [in/bandit.sarif] } }
  vulnerabilities: { uses: vuln-threshold, continue_on_error: true, with: { files: [in/trivy.json] } }
  score:
    uses: score
    continue_on_error: true
    with:
      scores: [{ name: readiness, file: in/new.json, pointer: /start_ms }]
      scale: { from: 0, to: 1000 }
      bands: [{ label: fast, means: pass, below: 100 }, { label: slow, means: fail, at_least: 100 }]
"#));
    project.write(
        "in/junit.xml",
        suite("unit", "\n<testcase name='t'><failure message='1 is not 2'/></testcase>"),
    );
    project.write("in/coverage.xml", COVERAGE);
    project.write("in/old.json", r#"{ "start_ms": 100 }"#);
    project.write("in/new.json", r#"{ "start_ms": 120 }"#);
    project.write(
        "in/bandit.sarif",
        sarif(&json!([{ "ruleId": "B602", "level": "error", "message": { "text": "shell" } }])),
    );
    project.write("in/trivy.json", trivy("CRITICAL"));

    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let error = |rule: &str, message: &str| json!({ "severity": "error", "rule": rule, "message": message });
    let in_file = |mut finding: Value, file: &str| {
        finding["file"] = json!(file);
        finding
    };
    let mut failed = in_file(error("failed-test", "`t` failed: 1 is not 2"), "in/junit.xml");
    failed["line"] = json!(2);
    let mut flask =
        in_file(error("critical-vulnerability", "`flask` 3.0.0 has CVE-2026-0001"), "in/trivy.json");
    flask["help"] = json!("update to 3.0.1");
    assert_eq!(
        endings(&project),
        expected([
            ("junit", json!(["fail", "1 of 1 test failed", [failed]])),
            (
                "coverage",
                json!([
                    "fail",
                    "90 % of 10 lines covered, 50 % of 2 branches",
                    [error("low-coverage", "lines covered, in percent: 90 is not above 90")]
                ])
            ),
            (
                "perf",
                json!([
                    "fail",
                    "1 of 1 metric worse than allowed, worst `start_ms`: 20 % worse",
                    [in_file(
                        error("regression", "`start_ms` is 20 % worse (100, now 120), more than 5 %"),
                        "in/new.json"
                    )]
                ])
            ),
            (
                "assert",
                json!([
                    "fail",
                    "1 of 1 assertion does not hold",
                    [in_file(error("assertion", "`fast`: `new.start_ms < 100` is false"), "in/new.json")]
                ])
            ),
            (
                "sarif",
                json!([
                    "fail",
                    "1 result, 1 of level `error`",
                    [
                        error("too-many-results", "1 result of level `error`, at most 0 may be"),
                        error("B602", "shell")
                    ]
                ])
            ),
            (
                "vulnerabilities",
                json!([
                    "fail",
                    "1 vulnerability: 1 critical",
                    [
                        error(
                            "too-many-vulnerabilities",
                            "1 vulnerability of severity `critical`, at most 0 may be"
                        ),
                        flask
                    ]
                ])
            ),
            (
                "score",
                json!([
                    "fail",
                    "`readiness` is 120: slow",
                    [in_file(error("score", "`readiness` is 120: slow (from 100 to 1000)"), "in/new.json")]
                ])
            ),
        ]),
    );
}

/// Bombs, depth and half files are failures that say what was wrong; none of them is a trap or a pass.
#[test]
fn what_would_break_a_reader_is_a_failure_that_says_where() {
    let project = Project::with(&all(r#"
  bomb: { uses: junit, report_only: true, with: { files: [in/bomb.xml] } }
  deep-xml: { uses: junit, report_only: true, with: { files: [in/deep.xml] } }
  utf-16: { uses: coverage, report_only: true, with: { files: [in/utf16.xml], lines: { at_least: 1 } } }
  half: { uses: coverage, report_only: true, with: { files: [in/half.info], lines: { at_least: 1 } } }
  huge: { uses: coverage, report_only: true, with: { files: [in/huge.info], lines: { at_least: 1 } } }
  deep-json: { uses: sarif, report_only: true, with: { files: [in/deep.json] } }
  not-a-number: { uses: perf-regression, report_only: true, with: { candidate: [in/nan.json], metrics: { a: { bounds: { below: 1 } } } } }
  no-report: { uses: vuln-threshold, report_only: true, with: { files: [in/error.json] } }
  no-key:
    uses: json-assert
    report_only: true
    with: { documents: { d: in/error.json }, assert: [{ name: lost, that: d.lost == 1 }] }
  text: { uses: score, report_only: true, with: { scores: [{ name: s, file: in/error.json, pointer: /error }], bands: [{ label: any, means: pass }] } }
  as-deep-as-allowed: { uses: score, report_only: true, with: { scores: [{ name: s, file: in/64.json, pointer: /score }], bands: [{ label: any, means: pass }] } }
  gone: { uses: junit, report_only: true, with: { files: ["in/*.junit"] } }
  not-granted: { uses: junit, report_only: true, with: { files: [elsewhere/a.xml] } }
"#));
    project.write(
        "in/bomb.xml",
        "<!DOCTYPE a [<!ENTITY x \"x\"><!ENTITY y \"&x;&x;\">]>\n<testsuite name='&y;'/>",
    );
    project.write("in/deep.xml", "<testsuite>".repeat(100_000));
    project.write("in/utf16.xml", COVERAGE.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    project.write("in/half.info", "SF:a.rs\nDA:1,1\n");
    project.write("in/huge.info", vec![b'#'; 16 * 1024 * 1024 + 1]);
    project.write("in/deep.json", "[".repeat(100_000));
    project
        .write("in/64.json", format!("{{ \"score\": 90, \"deep\": {}1{} }}", "[".repeat(63), "]".repeat(63)));
    project.write("in/nan.json", r#"{ "a": NaN }"#);
    project.write("in/error.json", r#"{ "error": "no lockfile" }"#);
    project.write("elsewhere/a.xml", suite("unit", "<testcase name='t'/>"));

    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let invalid = |message: &str| json!(["invalid-input", message]);
    assert_eq!(
        endings(&project),
        expected([
            (
                "bomb",
                invalid(
                    "`in/bomb.xml` line 1: its document type declares entities or elements, which are not read"
                )
            ),
            ("deep-xml", invalid("`in/deep.xml` line 1: elements are nested more than 256 deep")),
            (
                "utf-16",
                invalid(
                    "read `in/utf16.xml`: it is UTF-16 LE by the look of it (it has no byte order mark); save it as UTF-8"
                )
            ),
            ("half", invalid("`in/half.info` line 2: `a.rs` has no `end_of_record`: the rest is missing")),
            (
                "huge",
                json!([
                    "budget-exceeded",
                    "read `in/huge.info`: `in/huge.info` is longer than 16777216 bytes"
                ])
            ),
            (
                "deep-json",
                invalid(
                    "read `in/deep.json` as JSON: line 1, column 65: values are nested deeper than 64 levels"
                )
            ),
            ("not-a-number", invalid("read `in/nan.json` as JSON: line 1, column 8: expected value")),
            (
                "no-report",
                invalid(
                    "`in/error.json`: this is not the report of a scanner that is known; `format` names it"
                )
            ),
            (
                "no-key",
                invalid("`lost`: `d.lost == 1`: no such key `lost`; `has(…)` asks whether there is one")
            ),
            (
                "text",
                invalid(
                    "`s`: at `/error` of `in/error.json` there is \"no lockfile\", which is not a number"
                )
            ),
            ("as-deep-as-allowed", json!(["pass", "`s` is 90: any", []])),
            ("gone", json!(["unavailable", "find `in/*.junit`: no file matches"])),
            (
                "not-granted",
                json!(["denied", "look at `elsewhere/a.xml`: denied, no grant of this step covers it"])
            ),
        ]),
    );
}

/// The longest expressions that are let through fit into the stack of the component, in whatever shape.
#[test]
fn the_deepest_expression_is_answered_inside_the_sandbox() {
    let nested = |open: &str, times: usize, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let assertions: String = [
        format!("d.a{} > 0", " + 1".repeat(124)),
        format!("{} > 0", nested("(", 60, "d.a", ")")),
        nested("!", 126, "true", ""),
        format!("{} != []", nested("[", 60, "d.a", "]")),
        nested("d.a > 1 ? false : ", 30, "true", ""),
        nested("[1].all(x, ", 25, "true", ")"),
        format!("{} > 0", nested("int(", 60, "d.a", ")")),
    ]
    .map(|that| format!("        - {{ name: n, that: '{that}' }}\n"))
    .concat();
    let project = Project::with(&format!(
        "
version: 1
name: deep
plugins: {{ json-assert: {{ source: plugin:json_assert, grants: {{ filesystem: {{ read: [d.json] }} }} }} }}
defaults: {{ limits: {{ time: 60s }} }}
steps:
  deep:
    uses: json-assert
    with:
      documents: {{ d: d.json }}
      assert:
{assertions}"
    ));
    project.write("d.json", "{ \"a\": 1 }");

    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(endings(&project), expected([("deep", json!(["pass", "7 assertions hold", []]))]));
}
