//! The gate as a pipeline sees it. Requirements: 000-51, 002-15, 002-34, 002-38.

use super::*;
use runner_plugin::testing::{Answer, FakeHost, evaluate};
use runner_plugin::{FailureKind, HostError};
use serde_json::json;

const HEALTH: &str = "GET http://prom:9090/api/v1/query?query=qiki_bios_health_score";

fn vector(samples: Value) -> Answer {
    Answer::json(200, json!({ "status": "success", "data": { "resultType": "vector", "result": samples } }))
}

fn health(result: Value) -> FakeHost {
    FakeHost::new().answer(HEALTH, vector(result))
}

fn config(query: Value) -> Value {
    json!({ "url": "http://prom:9090", "queries": [query] })
}

fn asked() -> Value {
    json!({
        "name": "health",
        "query": "qiki_bios_health_score",
        "expect": { "at_least": 0.8 },
        "warn": { "at_least": 0.9 },
    })
}

fn one(value: &str) -> Value {
    json!([{ "metric": { "__name__": "qiki_bios_health_score", "pod": "a" }, "value": [1000.5, value] }])
}

/// 002-34: a score with a threshold, and 002-15: Prometheus is there and answers.
#[test]
fn a_value_within_bounds_passes() {
    assert_eq!(
        evaluate::<Prometheus>(&health(one("0.95")), config(asked())),
        Ok(Evaluation::pass("1 query within bounds")
            .output("queries", 1)
            .output("values", json!({ "health": 0.95 }))),
    );
}

#[test]
fn a_value_out_of_bounds_fails_and_one_near_them_warns() {
    let series = r#"`health`: `qiki_bios_health_score{pod="a"}`"#;

    assert_eq!(
        evaluate::<Prometheus>(&health(one("0.5")), config(asked())),
        Ok(Evaluation::fail("1 problem in 1 query")
            .finding(Finding::error("out-of-bounds", format!("{series}: 0.5 is not at least 0.8")))
            .output("queries", 1)
            .output("values", json!({ "health": 0.5 }))),
    );
    assert_eq!(
        evaluate::<Prometheus>(&health(one("0.85")), config(asked())),
        Ok(Evaluation::warn("1 problem in 1 query")
            .finding(Finding::warning("near-bounds", format!("{series}: 0.85 is not at least 0.9")))
            .output("queries", 1)
            .output("values", json!({ "health": 0.85 }))),
    );
}

/// What is not known is neither a yes nor a no.
#[test]
fn an_empty_answer_and_a_nan_are_inconclusive() {
    assert_eq!(
        evaluate::<Prometheus>(&health(json!([])), config(asked())),
        Ok(Evaluation::inconclusive("no answer from 1 of 1 query")
            .finding(
                Finding::warning("missing-series", "`health`: there are 0 series, at least 1 must be there")
                    .help("nothing is scraped under this name, or not any more: see the server's targets")
            )
            .output("queries", 1)
            .output("values", json!({ "health": [] }))),
    );
    assert_eq!(
        evaluate::<Prometheus>(&health(one("NaN")), config(asked())),
        Ok(Evaluation::inconclusive("no answer from 1 of 1 query")
            .finding(Finding::warning(
                "not-a-number",
                r#"`health`: `qiki_bios_health_score{pod="a"}` is NaN"#
            ))
            .output("queries", 1)
            .output("values", json!({ "health": "NaN" }))),
    );
}

#[test]
fn a_no_stands_beside_what_is_not_known() {
    let two = json!([
        { "metric": { "pod": "a" }, "value": [1000, "NaN"] },
        { "metric": { "pod": "b" }, "value": [1000, "-Inf"] },
    ]);

    assert_eq!(
        evaluate::<Prometheus>(&health(two), config(asked())),
        Ok(Evaluation::fail("2 problems in 1 query")
            .finding(Finding::warning("not-a-number", r#"`health`: `{pod="a"}` is NaN"#))
            .finding(Finding::error("out-of-bounds", r#"`health`: `{pod="b"}`: -inf is not at least 0.8"#))
            .output("queries", 1)
            .output("values", json!({ "health": ["NaN", "-inf"] }))),
    );
}

#[test]
fn an_old_sample_is_inconclusive() {
    let mut query = asked();
    query["max_age_s"] = json!(60);
    let host = health(one("1")).now(Duration::from_millis(1_100_500));

    assert_eq!(
        evaluate::<Prometheus>(&host, config(query)),
        Ok(Evaluation::inconclusive("no answer from 1 of 1 query")
            .finding(Finding::warning(
                "stale",
                r#"`health`: the newest sample of `qiki_bios_health_score{pod="a"}` is 100 s old, more than 60 s"#
            ))
            .output("queries", 1)
            .output("values", json!({ "health": 1.0 }))),
    );
}

/// 000-51: every target of the named jobs is up.
#[test]
fn jobs_are_up_or_named() {
    let host = FakeHost::new()
        .answer(
            "GET http://prom:9090/api/v1/query?query=up%7Bjob%3D%22glyph-marrow%22%7D",
            vector(json!([{ "metric": { "__name__": "up", "job": "glyph-marrow" }, "value": [1, "1"] }])),
        )
        .answer(
            "GET http://prom:9090/api/v1/query?query=up%7Bjob%3D%22london-fox%22%7D",
            vector(json!([{ "metric": { "__name__": "up", "job": "london-fox" }, "value": [1, "0"] }])),
        );

    assert_eq!(
        evaluate::<Prometheus>(
            &host,
            json!({ "url": "http://prom:9090/", "up": ["glyph-marrow", "london-fox"] })
        ),
        Ok(Evaluation::fail("1 problem in 2 queries")
            .finding(Finding::error(
                "out-of-bounds",
                r#"`up of london-fox`: `up{job="london-fox"}`: 0 is not 1"#
            ))
            .output("queries", 2)
            .output("values", json!({ "up of glyph-marrow": 1.0, "up of london-fox": 0.0 }))),
    );
}

/// 002-38: an uptime is a number that a query computes.
#[test]
fn scalars_strings_and_matrices_are_understood() {
    let answer = |kind: &str, result: Value| {
        Answer::json(200, json!({ "status": "success", "data": { "resultType": kind, "result": result } }))
    };
    let host = FakeHost::new()
        .answer("GET http://prom:9090/api/v1/query?query=scalar", answer("scalar", json!([1, "0.999"])))
        .answer("GET http://prom:9090/api/v1/query?query=string", answer("string", json!([1, "blue"])))
        .answer(
            "GET http://prom:9090/api/v1/query?query=matrix",
            answer("matrix", json!([{ "metric": {}, "values": [[1, "1"], [2, "3"], [3, "2"]] }])),
        );
    let config = json!({
        "url": "http://prom:9090",
        "queries": [
            { "query": "scalar", "expect": { "above": 0.99 } },
            { "query": "string", "text": "green" },
            { "query": "matrix", "expect": { "below": 3 } },
        ],
    });

    assert_eq!(
        evaluate::<Prometheus>(&host, config),
        Ok(Evaluation::fail("2 problems in 3 queries")
            .finding(Finding::error("unexpected-text", r#"`string`: the result is "blue", not "green""#))
            .finding(Finding::error("out-of-bounds", "`matrix`: `{}`: 3 is not below 3"))
            .output("queries", 3)
            .output("values", json!({ "scalar": 0.999, "string": "blue", "matrix": 2.0 }))),
    );
}

#[test]
fn warnings_of_the_server_are_shown_and_warn() {
    let body = json!({
        "status": "success",
        "data": { "resultType": "vector", "result": one("1") },
        "warnings": ["one store did not answer"],
        "infos": ["metric might not be a counter"],
    });

    assert_eq!(
        evaluate::<Prometheus>(&FakeHost::new().answer(HEALTH, Answer::json(200, body)), config(asked())),
        Ok(Evaluation::warn("1 problem in 1 query")
            .finding(Finding::warning(
                "server-warning",
                "`health`: the server warns: one store did not answer"
            ))
            .finding(Finding::note(
                "server-remark",
                "`health`: the server remarks: metric might not be a counter"
            ))
            .output("queries", 1)
            .output("values", json!({ "health": 1.0 }))),
    );
}

#[test]
fn the_key_is_sent_as_a_bearer() {
    let host = health(one("1")).secret("prom", "s3cr3t");
    let mut config = config(asked());
    config["auth"] = json!({ "bearer": "prom" });
    config["timeout_ms"] = json!(2000);

    assert!(evaluate::<Prometheus>(&host, config).is_ok());
    let sent = &host.sent()[0];
    assert_eq!(sent.header_value("authorization"), Some("Bearer s3cr3t"));
    assert_eq!(sent.timeout_ms, Some(2000));
}

#[test]
fn what_is_no_answer_is_a_failure() {
    let failure = |answer: Answer| {
        evaluate::<Prometheus>(&FakeHost::new().answer(HEALTH, answer), config(asked())).unwrap_err()
    };
    let refused =
        |kind: &str| Answer::json(400, json!({ "status": "error", "errorType": kind, "error": "why" }));
    let with = |result: Value| vector(json!([result]));

    assert_eq!(
        [
            failure(refused("bad_data")),
            failure(refused("timeout")),
            failure(refused("execution")),
            failure(Answer::text(200, "<html>")),
            failure(Answer::text(200, b"\xff\xfe{\0")),
            failure(Answer::text(200, r#"{"status":"success","data":{"resultType":"vector","result":["#)),
            failure(Answer::text(403, "no")),
            failure(Answer::status(502)),
            failure(with(json!({ "metric": {}, "value": [1, 2] }))),
            failure(with(json!({ "metric": {}, "value": [1, "fast"] }))),
            failure(with(json!({ "metric": { "__name__": "h" }, "histogram": [1, {}] }))),
            failure(Answer::error(HostError::TimedOut)),
        ],
        [
            Failure::invalid_config("`health`: the server answers bad_data (status 400): why"),
            Failure::new(FailureKind::TimedOut, "`health`: the server answers timeout (status 400): why"),
            Failure::unavailable("`health`: the server answers execution (status 400): why"),
            Failure::invalid_input("`health`: the answer is not one of a Prometheus; see `url`"),
            Failure::invalid_input("`health`: the answer is not one of a Prometheus; see `url`"),
            Failure::invalid_input("`health`: the answer is not one of a Prometheus; see `url`"),
            Failure::unavailable("`health`: the server refuses to answer (status 403); see `auth`"),
            Failure::unavailable("`health`: the server answers with status 502"),
            Failure::invalid_input(
                "`health`: the answer of the server is not understood: invalid type: integer `2`, expected a string"
            ),
            Failure::invalid_input(
                "`health`: the answer of the server is not understood: `{}` has the value `fast`, which is no number"
            ),
            Failure::invalid_input(
                "`health`: the answer of the server is not understood: `h` has no number; ask for one, with `histogram_quantile` for example"
            ),
            Failure::new(FailureKind::TimedOut, "GET http://prom:9090/api/v1/query: timed out"),
        ],
    );
}

#[test]
fn a_config_that_asks_nothing_is_refused() {
    let refused = |config: Value| evaluate::<Prometheus>(&FakeHost::new(), config).unwrap_err();

    assert_eq!(
        [
            refused(json!({ "url": "http://prom:9090" })),
            refused(json!({ "url": "http://prom:9090", "up": ["a", "a"] })),
            refused(config(json!({ "query": "up" }))),
            refused(config(json!({ "query": "up", "expect": {} }))),
            refused(config(json!({ "query": "up", "expect": { "above": 1, "below": 1 } }))),
        ],
        [
            Failure::invalid_config("there is nothing to ask: give `queries` or `up`"),
            Failure::invalid_config("two queries are called `up of a`"),
            Failure::invalid_config("`up` needs `expect`, `warn` or `text`"),
            Failure::invalid_config(
                "`expect` of `up` needs one of `at_least`, `above`, `at_most`, `below` and `equals`"
            ),
            Failure::invalid_config("`expect` of `up`: there is no number that is all right"),
        ],
    );
}
