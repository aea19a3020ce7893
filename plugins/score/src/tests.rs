//! The gate as a pipeline sees it. Requirements: 000-53, 002-43.

use super::*;
use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{Decision, FailureKind};
use serde_json::{Value, json};

/// The classes of 000-53, made whole: what lies between them needs validation too.
fn bands() -> Value {
    json!([
        { "label": "ready", "means": "pass", "at_least": 82 },
        { "label": "needs validation", "means": "warn", "at_least": 55.5, "below": 82 },
        { "label": "reassign", "means": "fail", "below": 55.5 },
    ])
}

fn judged(value: f64) -> Result<Evaluation, Failure> {
    let scores = json!([{ "name": "confidence", "value": value }]);
    evaluate::<ScoreGate>(&FakeHost::new(), json!({ "scores": scores, "bands": bands() }))
}

fn with_bands(bands: Value) -> Result<Evaluation, Failure> {
    let scores = json!([{ "name": "confidence", "value": 70 }]);
    evaluate::<ScoreGate>(&FakeHost::new(), json!({ "scores": scores, "bands": bands }))
}

/// 000-53: ready, needs validation, reassign.
#[test]
fn the_band_of_a_score_decides() {
    assert_eq!(
        judged(95.0),
        Ok(Evaluation::pass("`confidence` is 95: ready").output("score", 95.0).output("band", "ready")),
    );
    assert_eq!(
        judged(81.999),
        Ok(Evaluation::warn("`confidence` is 81.99: needs validation")
            .finding(Finding::warning(
                "score",
                "`confidence` is 81.99: needs validation (from 55.5, below 82)"
            ))
            .output("score", 81.999)
            .output("band", "needs validation")),
    );
    assert_eq!(
        judged(55.0),
        Ok(Evaluation::fail("`confidence` is 55: reassign")
            .finding(Finding::error("score", "`confidence` is 55: reassign (from 0, below 55.5)"))
            .output("score", 55.0)
            .output("band", "reassign")),
    );
}

#[test]
fn a_band_begins_with_its_first_score_and_the_scale_belongs_to_it_to_the_end() {
    let decided = |value: f64| judged(value).unwrap().decision;

    assert_eq!(
        [0.0, 55.5, 82.0, 100.0].map(decided),
        [Decision::Fail, Decision::Warn, Decision::Pass, Decision::Pass]
    );
}

/// 002-43: several scores, each with its weight; 95 is what this phase asks for.
#[test]
fn several_scores_count_as_their_weighted_mean() {
    let host = FakeHost::new().file("readiness.yaml", "phases:\n  b: { score: 98 }\n");
    let config = json!({
        "scores": [
            { "name": "a", "value": 92, "weight": 1 },
            { "name": "b", "file": "readiness.yaml", "pointer": "/phases/b/score", "weight": 3 },
        ],
        "bands": [
            { "label": "ready", "means": "pass", "at_least": 95 },
            { "label": "not ready", "means": "fail", "below": 95 },
        ],
    });

    assert_eq!(
        evaluate::<ScoreGate>(&host, config),
        Ok(Evaluation::pass("the weighted mean of 2 scores is 96.5: ready")
            .finding(Finding::note("part-of-score", "`a` is 92, with weight 1"))
            .finding(Finding::note("part-of-score", "`b` is 98, with weight 3").in_file("readiness.yaml"))
            .output("score", 96.5)
            .output("band", "ready")),
    );
}

/// 000-53 as the document has it: 56 to 61, 76 to 81 and 96 to 100 mean nothing.
#[test]
fn gaps_and_overlaps_are_refused_with_the_scores_that_nobody_or_two_claim() {
    let refused = |bands: Value| with_bands(bands).unwrap_err();
    let band = |label: &str, at_least: Option<f64>, below: Option<f64>| json!({ "label": label, "means": "pass", "at_least": at_least, "below": below });

    assert_eq!(
        [
            json!([band("low", None, Some(55.0)), band("high", Some(62.0), None)]),
            json!([band("low", None, Some(55.0)), band("high", Some(50.0), None)]),
            json!([
                band("low", None, Some(55.0)),
                band("mid", Some(40.0), Some(50.0)),
                band("high", Some(55.0), None)
            ]),
            json!([band("all", None, None), band("more", Some(95.0), None)]),
            json!([band("high", Some(10.0), None)]),
            json!([band("low", None, Some(95.0))]),
            json!([band("low", None, Some(100.0))]),
            json!([band("low", None, Some(101.0))]),
            json!([band("none", Some(50.0), Some(50.0))]),
        ]
        .map(refused),
        [
            "`bands`: no band holds the scores from 55, below 62",
            "`bands`: `low` and `high` both hold the scores from 50, below 55",
            "`bands`: `low` and `mid` both hold the scores from 40, below 50",
            "`bands`: `all` and `more` both hold the scores from 95",
            "`bands`: no band holds the scores from 0, below 10",
            "`bands`: no band holds the scores from 95 to 100",
            "`bands`: no band holds the score 100 itself; leave out `below: 100`",
            "`bands`: `low` (from 0, below 101) does not lie on the scale",
            "`bands`: `none` (from 50, below 50) does not lie on the scale",
        ]
        .map(Failure::invalid_config),
    );
}

#[test]
fn a_score_that_is_not_on_the_scale_is_a_failure_and_not_the_nearest_band() {
    assert_eq!(
        [judged(100.5), judged(-1.0)].map(Result::unwrap_err),
        [
            Failure::invalid_input("`confidence` is 100.5, which is not on the scale from 0 to 100"),
            Failure::invalid_input("`confidence` is -1, which is not on the scale from 0 to 100"),
        ],
    );
}

#[test]
fn a_document_without_a_number_in_that_place_is_a_failure() {
    let read = |name: &str, text: &[u8]| {
        let host = FakeHost::new().file(name, text);
        let scores = json!([{ "name": "s", "file": name, "pointer": "/score" }]);
        evaluate::<ScoreGate>(&host, json!({ "scores": scores, "bands": bands() })).unwrap_err()
    };

    assert_eq!(
        [
            read("a.json", br#"{ "score": "92" }"#),
            read("a.json", br#"{ "score": null }"#),
            read("a.json", br#"{ "scores": 92 }"#),
            read("a.json", br#"{ "score": 92"#),
            read("a.json", br#"{ "score": NaN }"#),
            read("a.yaml", b"score: .nan\n"),
            read("a.toml", b"score = inf\n"),
        ],
        [
            "`s`: at `/score` of `a.json` there is \"92\", which is not a number",
            "`s`: at `/score` of `a.json` there is null, which is not a number",
            "`s`: `a.json` has nothing at `/score`",
            "read `a.json` as JSON: line 1, column 13: EOF while parsing an object",
            "read `a.json` as JSON: line 1, column 12: expected value",
            "read `a.yaml` as YAML: line 1, column 8: `.nan` is no number that JSON can hold; put it in quotes if it is text",
            "read `a.toml` as TOML: line 1, column 9: `inf` is no number that JSON can hold; write it as text",
        ]
        .map(Failure::invalid_input),
    );
    assert_eq!(read("a.json", b"\xff\xfe{\0}\0").kind, FailureKind::InvalidInput);
    assert_eq!(read("a.json", &b"[".repeat(100_000)).kind, FailureKind::InvalidInput);
}

#[test]
fn a_score_has_one_source_and_a_weight() {
    let refused = |score: Value| {
        let config = json!({ "scores": [score], "bands": bands() });
        evaluate::<ScoreGate>(&FakeHost::new(), config).unwrap_err()
    };
    let sources = Failure::invalid_config("`s` needs either a `value`, or a `file` and a `pointer`");

    assert_eq!(refused(json!({ "name": "s" })), sources);
    assert_eq!(refused(json!({ "name": "s", "value": 1, "file": "a.json", "pointer": "/a" })), sources);
    assert_eq!(refused(json!({ "name": "s", "file": "a.json" })), sources);
    assert_eq!(
        refused(json!({ "name": "s", "value": 1, "weight": 0 })),
        Failure::invalid_config("`s`: the weight has to be above 0")
    );
}
