//! What code scanning is given.

use insta::assert_snapshot;
use runner_journal::{Ending, Entry, testing};
use runner_model::{Answer, Finding, FindingSeverity, Outcome, Plan, StepId, StepResult};
use serde_json::{Value, json};

use super::document;
use crate::{
    run::Run,
    testing::{Story, deployment},
};

/// The document of a story, which the official schema has to accept.
fn valid(plan: &Plan, story: &Story) -> Value {
    let schema = serde_json::from_str(include_str!("schema/sarif-2.1.0-rtm.5.json")).unwrap();
    let validator = jsonschema::options().offline().should_validate_formats(true).build(&schema).unwrap();
    let document = document(plan, &Run::read(plan, &story.records));
    let problems: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(problems, Vec::<String>::new());
    document
}

fn finding(severity: FindingSeverity, rule: &str, file: Option<&str>) -> Finding {
    Finding {
        severity,
        rule: rule.to_owned(),
        message: format!("{rule} is wrong"),
        file: file.map(str::to_owned),
        line: file.map(|_| 3),
        column: None,
        help: None,
    }
}

/// A run of one gate that answers this.
fn answered(answer: Answer, findings: Vec<Finding>) -> (Plan, Story) {
    let mut outcome = Outcome::new(answer, "the summary");
    outcome.findings = findings;
    let story = Story::begin().started("a", 1).answered("a", 1, outcome, StepResult::Failure);
    (testing::plan([testing::gate("a")]), story)
}

fn results(document: &Value) -> Vec<String> {
    let results = document["runs"][0]["results"].as_array().unwrap();
    results
        .iter()
        .map(|one| [&one["level"], &one["ruleId"], &one["message"]["text"]].map(text).join(" "))
        .collect()
}

fn notifications(document: &Value) -> Vec<String> {
    let all = document["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    all.iter().map(|one| [&one["level"], &one["message"]["text"]].map(text).join(" ")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_run_that_went_back() {
    assert_snapshot!(format!("{:#}", valid(&deployment(), &Story::restored())));
}

#[test]
fn a_run_that_succeeded_is_a_success_with_findings() {
    let document = valid(&deployment(), &Story::succeeded());
    let invocation = &document["runs"][0]["invocations"][0];
    assert_eq!(
        (&invocation["executionSuccessful"], &invocation["exitCode"], &invocation["exitCodeDescription"]),
        (&json!(true), &json!(0), &json!("succeeded"))
    );
    assert_eq!(results(&document).len(), 8, "seven findings of `lint`, and the warning of `unit`");
}

/// "Nothing found" must never be "nothing looked".
#[test]
fn what_kept_steps_from_answering_is_told() {
    let stuck = valid(&deployment(), &Story::stuck());
    assert_eq!(stuck["runs"][0]["invocations"][0]["executionSuccessful"], json!(false));
    assert_eq!(
        notifications(&stuck),
        [
            "warning `lint` asked in vain for GET https://pypi.org/simple/: this step is granted no network at all",
            "error `switch` could not be taken back: unavailable: connect traefik:8080: connection refused",
            "warning `live` was not started: needs `smoke`, which ended with failure",
        ]
    );

    let waiting = valid(&deployment(), &Story::begin().started("lint", 1));
    assert_eq!(waiting["runs"][0]["invocations"][0]["executionSuccessful"], json!(false));
    assert_eq!(
        notifications(&waiting),
        [
            "warning the run has no verdict yet",
            "warning `lint` has not ended",
            "warning `unit` has not been reached",
            "warning `go-live` has not been reached",
            "warning `migrate` has not been reached",
            "warning `switch` has not been reached",
            "warning `smoke` has not been reached",
            "warning `live` has not been reached",
            "warning `tidy` has not been reached",
        ]
    );
}

#[test]
fn a_failure_to_answer_is_a_notification_and_no_result() {
    let failure = runner_model::Failure::new(runner_model::FailureKind::Trap, "unreachable");
    let ended = Entry::StepEnded {
        step: StepId::new("a"),
        attempt: 1,
        ending: Ending::Failed { failure },
        result: Some(StepResult::Error),
        again_in_ms: None,
        elapsed_us: 1,
        log: None,
    };
    let document =
        valid(&testing::plan([testing::gate("a")]), &Story::begin().started("a", 1).then(1, ended));
    assert_eq!(results(&document), Vec::<String>::new());
    assert_eq!(
        notifications(&document),
        ["warning the run has no verdict yet", "error `a` could not answer: trap: unreachable"]
    );
}

#[test]
fn a_no_that_no_finding_accounts_for_is_a_result_itself() {
    let lighter = finding(FindingSeverity::Warning, "w", None);
    let as_heavy = finding(FindingSeverity::Error, "e", None);
    let table = [
        (Answer::Pass, vec![], vec![]),
        (Answer::Fail, vec![], vec!["error gate the summary"]),
        (Answer::Warn, vec![], vec!["warning gate the summary"]),
        (Answer::Inconclusive, vec![], vec!["warning gate the summary"]),
        (Answer::Fail, vec![lighter.clone()], vec!["error gate the summary", "warning gate/w w is wrong"]),
        (
            Answer::Fail,
            vec![lighter, as_heavy.clone()],
            vec!["warning gate/w w is wrong", "error gate/e e is wrong"],
        ),
        (Answer::Pass, vec![as_heavy], vec!["error gate/e e is wrong"]),
    ];
    for (answer, findings, expected) in table {
        let (plan, story) = answered(answer, findings);
        assert_eq!(results(&valid(&plan, &story)), expected, "{answer:?}");
    }
}

#[test]
fn a_finding_keeps_its_fingerprint_when_it_moves() {
    let fingerprints = |findings| -> Vec<Value> {
        let (plan, story) = answered(Answer::Fail, findings);
        let document = valid(&plan, &story);
        let results = document["runs"][0]["results"].as_array().unwrap().clone();
        results.into_iter().map(|one| one["partialFingerprints"].clone()).collect()
    };
    let at = |line| Finding { line: Some(line), ..finding(FindingSeverity::Error, "e", Some("a.py")) };
    let before = fingerprints(vec![at(3), at(9)]);
    assert_eq!(before, fingerprints(vec![at(4), at(10)]));
    assert_ne!(before[0], before[1], "the second of two equal ones is another");
    let elsewhere = Finding { file: Some("b.py".to_owned()), ..at(3) };
    assert_ne!(before[0], fingerprints(vec![elsewhere])[0]);
}

/// Where there is a line, an upload computes its own value from it; where there is none, nobody but us can.
#[test]
fn a_file_without_a_line_brings_the_hash_that_uploads_lack() {
    let whole = Finding { line: None, ..finding(FindingSeverity::Error, "e", Some("a.py")) };
    let (plan, story) = answered(Answer::Fail, vec![whole]);
    let document = valid(&plan, &story);
    let result = &document["runs"][0]["results"][0];
    assert_eq!(
        result["partialFingerprints"]["primaryLocationLineHash"],
        result["partialFingerprints"]["runnerFinding/v1"]
    );
    assert_eq!(
        result["locations"],
        json!([{ "physicalLocation": { "artifactLocation": { "uri": "a.py", "uriBaseId": "%SRCROOT%" } } }])
    );
}

#[test]
fn more_results_than_github_takes_are_cut_to_the_most_serious_and_said() {
    let mut findings = vec![finding(FindingSeverity::Note, "n", None); 25_001];
    findings.push(finding(FindingSeverity::Error, "e", None));
    let (plan, story) = answered(Answer::Fail, findings);
    let document = document(&plan, &Run::read(&plan, &story.records));
    let results = results(&document);
    assert_eq!((results.len(), results[0].as_str()), (25_000, "error gate/e e is wrong"));
    assert_eq!(
        notifications(&document)[0],
        "warning 2 more results are left out: the 25000 most serious ones stand here"
    );
}

/// What comes from outside, in every place where it can stand.
#[test]
fn hostile_names_and_texts_stay_texts() {
    let mut plan = testing::plan([testing::gate("a").but(|step| {
        step.id = StepId::new("a[\u{1b}[2J,\u{ffff}]");
        step.place = "no place at all".to_owned();
    })]);
    plan.header.name = "a/b\n\u{202e}".to_owned();
    plan.header.directory = "not/absolute".to_owned();
    let mut outcome = Outcome::new(Answer::Fail, "");
    outcome.findings = vec![
        Finding {
            line: Some(0),
            column: Some(0),
            ..finding(FindingSeverity::Error, "", Some("\u{0}/../x y"))
        },
        Finding {
            message: String::new(),
            help: Some(String::new()),
            ..finding(FindingSeverity::Note, "", None)
        },
    ];
    let story = Story::begin();
    let id = plan.steps[0].id.clone();
    let story = story.started(id.as_str(), 1).answered(id.as_str(), 1, outcome, StepResult::Failure);
    let document = valid(&plan, &story);
    assert_snapshot!(format!("{document:#}"));
    let signs: Vec<char> =
        document.to_string().chars().filter(|sign| crate::text::is_unsafe(*sign)).collect();
    assert_eq!(signs, Vec::<char>::new());
}
