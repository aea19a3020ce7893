//! The gate as a pipeline sees it. Requirement: 001-12.

use super::*;
use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{Decision, FailureKind, Finding};
use serde_json::{Value, json};

/// As coverage.py writes it: 9 of 10 lines, 1 of 2 branches.
const COBERTURA: &str = r#"<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage version="7.6" line-rate="0.1" branch-rate="0.5">
<sources><source>/work</source></sources>
<packages><package name="src"><classes>
<class name="codex.py" filename="src/codex.py" line-rate="1">
<methods><method name="m"><lines><line number="99" hits="0"/></lines></method></methods>
<lines>
<line number="1" hits="1"/><line number="2" hits="1" branch="true" condition-coverage="50% (1/2)"/>
<line number="3" hits="4"/><line number="4" hits="1"/><line number="5" hits="1"/>
</lines></class>
<class name="flows.py" filename="src/flows.py"><methods/><lines>
<line number="1" hits="1"/><line number="2" hits="1"/><line number="3" hits="1"/><line number="4" hits="1"/>
<line number="7" hits="0"/>
</lines></class>
</classes></package></packages></coverage>
"#;

const DIFF: &str = "diff --git a/src/flows.py b/src/flows.py\nindex 111..222 100644\n--- a/src/flows.py\n+++ b/src/flows.py\n\
@@ -3,2 +3,5 @@ def flow():\n a\n+b\n+c\n+d\n+e\n-f\n\
diff --git a/README.md b/README.md\n--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-old\n+new\n";

fn judged(report: &str, config: Value) -> Result<Evaluation, Failure> {
    let mut with = json!({ "files": ["r.xml"] });
    with.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    evaluate::<CoverageGate>(&FakeHost::new().file("r.xml", report).file("change.diff", DIFF), with)
}

fn decided(report: &str, config: Value) -> Decision {
    judged(report, config).unwrap().decision
}

fn summary(report: &str) -> String {
    judged(report, json!({ "lines": { "at_least": 0 } })).unwrap().summary
}

/// 001-12: both readings of the document, and which one is meant is written down.
#[test]
fn at_least_ninety_holds_at_ninety_and_above_ninety_does_not() {
    let outputs = |evaluation: Evaluation| {
        evaluation
            .output("files", 2)
            .output("lines_covered", 9)
            .output("lines", 10)
            .output("lines_percent", 90.0)
            .output("branches", 2)
            .output("branches_percent", 50.0)
    };
    let summary = "90 % of 10 lines covered, 50 % of 2 branches";

    assert_eq!(
        judged(COBERTURA, json!({ "lines": { "at_least": 90 } })),
        Ok(outputs(Evaluation::pass(summary)))
    );
    assert_eq!(
        judged(COBERTURA, json!({ "lines": { "above": 90 } })),
        Ok(outputs(
            Evaluation::fail(summary)
                .finding(Finding::error("low-coverage", "lines covered, in percent: 90 is not above 90"))
        )),
    );
    assert_eq!(decided(COBERTURA, json!({ "branches": { "at_least": 50 } })), Decision::Pass);
    assert_eq!(decided(COBERTURA, json!({ "branches": { "at_least": 51 } })), Decision::Fail);
}

#[test]
fn what_is_just_below_is_not_rounded_up() {
    let lines: String =
        (1..=9_999).map(|line| format!("DA:{line},{}\n", u32::from(line > 1_000))).collect::<String>();
    let report = format!("SF:a.rs\n{lines}end_of_record\n");

    assert_eq!(
        judged(&report, json!({ "lines": { "at_least": 90 } })).unwrap().findings,
        [Finding::error("low-coverage", "lines covered, in percent: 89.99 is not at least 90")]
    );
}

#[test]
fn each_file_can_have_its_own_bounds() {
    let config = json!({ "per_file": [
        { "files": "src/*.py", "lines": { "at_least": 90 } },
        { "files": "src/codex.py", "branches": { "at_least": 80 } },
        { "files": "lib/**", "lines": { "at_least": 1 } },
    ] });

    assert_eq!(
        judged(COBERTURA, config).unwrap().findings,
        [
            Finding::error("low-file-coverage", "lines covered, in percent: 80 is not at least 90")
                .in_file("src/flows.py"),
            Finding::error("low-file-coverage", "branches covered, in percent: 50 is not at least 80")
                .in_file("src/codex.py"),
            Finding::error("unmatched-pattern", "the reports have no file that matches `lib/**`"),
        ],
    );
}

#[test]
fn the_lines_of_a_change_are_held_to_their_own_bounds() {
    let changed = |at_least: u32, files: Value| {
        judged(
            COBERTURA,
            json!({ "changed": { "diff": "change.diff", "lines": { "at_least": at_least }, "files": files } }),
        )
        .unwrap()
    };
    let uncovered = "line 7 was changed and is not covered";

    let within = changed(50, json!([]));
    assert_eq!(
        (within.decision, within.summary.as_str()),
        (Decision::Pass, "90 % of 10 lines covered, 50 % of 2 branches, 50 % of 2 changed lines")
    );
    assert_eq!(
        within.findings,
        [Finding::note("uncovered-change", uncovered).in_file("src/flows.py").at_line(7)]
    );
    assert_eq!(
        changed(51, json!(["*.md"])).findings,
        [
            Finding::error("no-data", "the file was changed, and no report knows it")
                .in_file("README.md")
                .help("let the tests measure it, or take it out of `changed.files`"),
            Finding::error("low-change-coverage", "changed lines covered, in percent: 50 is not at least 51"),
            Finding::error("uncovered-change", uncovered).in_file("src/flows.py").at_line(7),
        ],
    );
}

#[test]
fn lines_in_a_row_are_one_finding() {
    let report = "SF:a\nDA:1,0\nDA:2,0\nDA:3,1\nDA:5,0\nend_of_record\n";
    let diff = "--- a\n+++ a\n@@ -0,0 +1,5 @@\n+1\n+2\n+3\n+4\n+5\n";
    let host = FakeHost::new().file("r", report).file("d", diff);
    let config = json!({ "files": ["r"], "changed": { "diff": "d", "lines": { "at_least": 0 } } });

    let messages: Vec<String> = evaluate::<CoverageGate>(&host, config)
        .unwrap()
        .findings
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    assert_eq!(
        messages,
        ["lines 1 to 2 were changed and are not covered", "line 5 was changed and is not covered"]
    );
}

#[test]
fn a_change_without_a_line_that_could_be_covered_is_inconclusive() {
    let with = |diff: &str, more: Value| {
        let host = FakeHost::new().file("r", "SF:a\nDA:1,1\nend_of_record\n").file("d", diff);
        let mut changed = json!({ "diff": "d", "lines": { "at_least": 80 } });
        changed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        evaluate::<CoverageGate>(&host, json!({ "files": ["r"], "changed": changed })).unwrap()
    };
    let deleted = "diff --git a/b b/b\ndeleted file mode 100644\n--- a/b\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";

    assert_eq!(with("", json!({})).summary, "the change has no line that could be covered");
    assert_eq!(with("", json!({})).decision, Decision::Inconclusive);
    assert_eq!(with(deleted, json!({})).decision, Decision::Inconclusive);
    assert_eq!(with("", json!({ "allow_none": true })).decision, Decision::Pass);
}

#[test]
fn the_reports_of_the_tools_are_told_apart_by_themselves() {
    let lcov = "TN:\nSF:src/a.rs\nFN:1,3,main\nFNDA:1,main\nDA:1,1\nDA:2,0\nDA:2,5\nDA:3,0\n\
BRDA:1,e0,0,1\nBRDA:1,0,1,-\nBRDA:4,0,0,2\nFNL:0,1\nLF:99\nLH:99\nend_of_record\n";
    assert_eq!(summary(lcov), "75 % of 4 lines covered, 66.66 % of 3 branches");

    let go = "mode: count\nexample.com/m/a.go:3.10,5.2 4 1\nexample.com/m/a.go:7.10,9.2 1 0\nexample.com/m/a.go:7.10,9.2 1 2\nexample.com/m/b.go:1.1,1.9 5 0\n";
    assert_eq!(summary(go), "50 % of 10 lines covered");

    let jacoco = "<?xml version=\"1.0\"?><!DOCTYPE report PUBLIC \"-//JACOCO//DTD Report 1.1//EN\" \"report.dtd\">\
<report name=\"app\"><group name=\"g\"><package name=\"com/app\"><class name=\"com/app/A\"><counter type=\"LINE\" missed=\"9\" covered=\"0\"/></class>\
<sourcefile name=\"A.java\"><line nr=\"3\" mi=\"0\" ci=\"2\" mb=\"1\" cb=\"3\"/><line nr=\"4\" mi=\"2\" ci=\"0\" mb=\"0\" cb=\"0\"/>\
<counter type=\"LINE\" missed=\"1\" covered=\"1\"/></sourcefile></package></group></report>";
    assert_eq!(summary(jacoco), "50 % of 2 lines covered, 75 % of 4 branches");
}

#[test]
fn reports_of_the_same_files_are_joined_whatever_their_paths() {
    let host = FakeHost::new()
        .file(
            "unit.info",
            "SF:/ci/src/a.rs\nDA:1,1\nDA:2,0\nend_of_record\nSF:/ci/gen/b.rs\nDA:1,0\nend_of_record\n",
        )
        .file("it.info", "SF:src/a.rs\nDA:1,0\nDA:2,3\nDA:9,0\nend_of_record\n");
    let config = json!({
        "files": ["*.info"], "lines": { "at_least": 66 }, "strip_prefix": "/ci/", "ignore": ["gen/**"],
    });
    assert_eq!(evaluate::<CoverageGate>(&host, config).unwrap().summary, "66.66 % of 3 lines covered");

    let config = json!({
        "files": ["unit.info"], "per_file": [{ "files": "app/src/a.rs", "lines": { "at_least": 50 } }],
        "strip_prefix": "/ci/", "add_prefix": "app/",
    });
    assert_eq!(evaluate::<CoverageGate>(&host, config).unwrap().decision, Decision::Pass);
}

#[test]
fn nothing_measured_is_never_enough() {
    let nothing = "<coverage><class filename='a'/></coverage>";

    assert_eq!(
        judged(nothing, json!({ "lines": { "at_least": 0 }, "branches": { "at_least": 0 } }))
            .unwrap()
            .findings,
        [
            Finding::error("nothing-measured", "the reports have no line that could be covered"),
            Finding::error("nothing-measured", "the reports have no branch that could be covered"),
        ],
    );
}

#[test]
fn what_is_no_report_is_a_failure_with_its_place() {
    let refused = |text: &str| judged(text, json!({ "lines": { "at_least": 1 } })).unwrap_err();
    let unknown = "`r.xml`: this is not a coverage report that is known; `format` names it";
    let bomb = "<!DOCTYPE coverage [<!ENTITY x \"xx\">]>\n<coverage>&x;</coverage>";

    assert_eq!(
        [
            COBERTURA.split_once("<line number=\"3\"").unwrap().0,
            "",
            "{}",
            "<html/>",
            "<coverage/>",
            bomb,
            "<coverage><class filename='a'><lines><line number='1' hits='NaN'/></lines></class></coverage>",
            "<coverage><class filename='a'><lines>\n<line number='1' hits='1' condition-coverage='all'/></lines></class></coverage>",
            "<coverage><line number='1' hits='1'/></coverage>",
            "<report><sourcefile name='A'><line nr='1' ci='1'/></sourcefile></report>",
            "SF:a\nDA:1,1\n",
            "SF:a\nDA:one,1\nend_of_record\n",
            "SF:a\nDA:1,-1\nend_of_record\n",
            "SF:a\nXY:1\nend_of_record\n",
            "SF:a\nSF:b\n",
            "TN:\nDA:1,1\n",
            "mode: set\na.go:1.1,2.2 1\n",
            "mode: set\na.go:9.1,2.2 1 1\n",
            "mode: sometimes\n",
        ]
        .map(refused),
        [
            "`r.xml` line 10: it ends inside of `<lines>`: the rest is missing",
            unknown,
            unknown,
            unknown,
            "`r.xml`: there is no source file in it",
            "`r.xml` line 1: its document type declares entities or elements, which are not read",
            "`r.xml` line 1: `<line>` `hits` is `NaN`, which is not a whole number",
            "`r.xml` line 2: `<line>` has a `condition-coverage` that is not like `50% (1/2)`",
            "`r.xml` line 1: `<line>` stands in no `<class>`",
            "`r.xml` line 1: `<line>` has no `mb`",
            "`r.xml` line 2: `a` has no `end_of_record`: the rest is missing",
            "`r.xml` line 2: `DA:one,1`: invalid value of field `line`: invalid digit found in string",
            "`r.xml` line 2: `DA:1,-1`: invalid value of field `count`: invalid digit found in string",
            "`r.xml` line 2: `XY:1`: unknown record",
            "`r.xml` line 2: `a` has not ended, and another file begins",
            "`r.xml` line 2: no `SF:` says which file this is about",
            "`r.xml` line 2: `a.go:1.1,2.2 1` is not `file:line.column,line.column statements count`",
            "`r.xml` line 2: `a.go:9.1,2.2 1 1` is not `file:line.column,line.column statements count`",
            "`r.xml` line 1: `sometimes` is no mode of Go",
        ]
        .map(Failure::invalid_input),
    );
    assert_eq!(refused(&"<coverage>".repeat(100_000)).kind, FailureKind::InvalidInput);
}

#[test]
fn what_is_no_diff_is_a_failure() {
    let refused = |diff: &str| {
        let host = FakeHost::new().file("r", "SF:a\nDA:1,1\nend_of_record\n").file("d", diff);
        let config = json!({ "files": ["r"], "changed": { "diff": "d", "lines": { "at_least": 80 } } });
        evaluate::<CoverageGate>(&host, config).unwrap_err().kind
    };
    let half = "--- a\n+++ b\n@@ -1,2 +1,2 @@\n-old\n";

    assert_eq!(
        ["no diff at all", half, "--- a\n+++ b\n@@ nowhere @@\n+x\n"].map(refused),
        [FailureKind::InvalidInput; 3]
    );
}

#[test]
fn a_file_that_is_missing_or_in_another_encoding_is_a_failure() {
    let host = FakeHost::new().file("latin", b"SF:caf\xe9\n").file("utf16", b"\xff\xfeS\0F\0");
    let kind = |path: &str| {
        let config = json!({ "files": [path], "lines": { "at_least": 90 } });
        evaluate::<CoverageGate>(&host, config).map_err(|failure| failure.kind)
    };
    assert_eq!(
        ["gone", "latin", "utf16"].map(kind),
        [FailureKind::Unavailable, FailureKind::InvalidInput, FailureKind::InvalidInput].map(Err)
    );
}

#[test]
fn a_config_that_asks_nothing_is_refused() {
    assert_eq!(
        judged(COBERTURA, json!({ "per_file": [{ "files": "src/**" }] })),
        Err(Failure::invalid_config(
            "nothing has to be covered: there is none of `lines`, `branches`, `per_file` and `changed`"
        )),
    );
    assert_eq!(
        judged(COBERTURA, json!({ "lines": {} })),
        Err(Failure::invalid_config(
            "`lines` needs one of `at_least`, `above`, `at_most`, `below` and `equals`"
        )),
    );
}
