//! The gate as a pipeline sees it. Requirements: 000-52, 002-34, 002-35, 002-40.

use super::*;
use runner_plugin::testing::{Answer, FakeHost, evaluate};
use runner_plugin::{FailureKind, HostError};
use serde_json::{Value, json};

const PAGE: &str = "GET http://qiki:8080/metrics";

fn page(text: &str) -> Answer {
    Answer::text(200, text).header("content-type", "text/plain; version=0.0.4; charset=utf-8")
}

fn scraped(text: &str) -> FakeHost {
    FakeHost::new().answer(PAGE, page(text))
}

fn config(metrics: Value) -> Value {
    json!({ "url": "http://qiki:8080/metrics", "metrics": metrics })
}

/// 002-34 and 002-40: a score and the length of a tick with thresholds.
#[test]
fn metrics_within_bounds_pass() {
    let host = scraped(
        "qiki_bios_health_score 0.97\ntick_seconds{mode=\"mock\"} 0.05\ntick_seconds{mode=\"real\"} 0.5\n",
    );

    assert_eq!(
        evaluate::<MetricsScrape>(
            &host,
            config(json!([
                { "name": "qiki_bios_health_score", "expect": { "at_least": 0.8 }, "warn": { "at_least": 0.9 } },
                { "name": "tick_seconds", "labels": { "mode": "mock" }, "expect": { "below": 0.1 } },
            ]))
        ),
        Ok(Evaluation::pass("2 metrics as expected").output("series", 3).output(
            "values",
            json!({ "qiki_bios_health_score": 0.97, r#"tick_seconds{mode="mock"}"#: 0.05 })
        )),
    );
}

#[test]
fn a_value_out_of_bounds_fails_and_one_near_them_warns() {
    let both =
        || config(json!([{ "name": "tick_seconds", "expect": { "below": 0.1 }, "warn": { "below": 0.05 } }]));

    assert_eq!(
        evaluate::<MetricsScrape>(&scraped("tick_seconds 0.1\n"), both()),
        Ok(Evaluation::fail("1 problem in 1 metric")
            .finding(Finding::error("out-of-bounds", "`tick_seconds`: 0.1 is not below 0.1"))
            .output("series", 1)
            .output("values", json!({ "tick_seconds": 0.1 }))),
    );
    assert_eq!(
        evaluate::<MetricsScrape>(&scraped("tick_seconds 0.07\n"), both()),
        Ok(Evaluation::warn("1 problem in 1 metric")
            .finding(Finding::warning("near-bounds", "`tick_seconds`: 0.07 is not below 0.05"))
            .output("series", 1)
            .output("values", json!({ "tick_seconds": 0.07 }))),
    );
}

#[test]
fn a_metric_that_is_not_there_fails() {
    let host = scraped("up{job=\"a\"} 1\n");

    assert_eq!(
        evaluate::<MetricsScrape>(
            &host,
            config(json!([
                { "name": "down" },
                { "name": "up", "labels": { "job": { "matches": "b.*" } } },
                { "name": "up", "labels": { "job": { "not": "c" } }, "min_series": 2 },
            ]))
        ),
        Ok(Evaluation::fail("3 problems in 3 metrics")
            .finding(Finding::error("missing-metric", "`down` is not on the page"))
            .finding(
                Finding::error("missing-metric", r#"`up{job=~"b.*"}` is not on the page"#)
                    .help("series of this name with other labels: 1")
            )
            .finding(Finding::error(
                "missing-series",
                r#"`up{job!="c"}` has 1 series, at least 2 must be there"#
            ))
            .output("series", 1)
            .output("values", json!({ "down": [], r#"up{job=~"b.*"}"#: [], r#"up{job!="c"}"#: 1.0 }))),
    );
}

#[test]
fn a_value_that_is_no_number_is_inconclusive() {
    assert_eq!(
        evaluate::<MetricsScrape>(
            &scraped("score NaN\n"),
            config(json!([{ "name": "score", "expect": { "above": 0 } }]))
        ),
        Ok(Evaluation::inconclusive("1 of 1 metric not known")
            .finding(Finding::warning("not-a-number", "`score` is NaN"))
            .output("series", 1)
            .output("values", json!({ "score": "NaN" }))),
    );
}

fn increasing() -> Value {
    let mut config = config(json!([{ "name": "qiki_sensor_readings_total", "increases_by": 2 }]));
    config["wait_ms"] = json!(5000);
    config
}

fn two_pages(first: &str, second: &str) -> FakeHost {
    FakeHost::new().answer(PAGE, page(first)).answer(PAGE, page(second))
}

/// 002-35: the counters exist and increase.
#[test]
fn a_counter_is_read_twice() {
    let host = two_pages(
        "qiki_sensor_readings_total{s=\"a\"} 10\nqiki_sensor_readings_total{s=\"b\"} 5\n",
        "qiki_sensor_readings_total{s=\"a\"} 11\nqiki_sensor_readings_total{s=\"b\"} 6\n",
    );

    assert_eq!(
        evaluate::<MetricsScrape>(&host, increasing()),
        Ok(Evaluation::pass("1 metric as expected")
            .output("series", 2)
            .output("values", json!({ "qiki_sensor_readings_total": [11.0, 6.0] }))),
    );
    assert_eq!(host.time(), Duration::from_secs(5));
}

#[test]
fn a_counter_that_stands_still_fails() {
    let host = two_pages("qiki_sensor_readings_total 10\n", "qiki_sensor_readings_total 11\n");

    assert_eq!(
        evaluate::<MetricsScrape>(&host, increasing()),
        Ok(Evaluation::fail("1 problem in 1 metric")
            .finding(
                Finding::error("not-increasing", "`qiki_sensor_readings_total` grew by 1, not by 2 at least")
                    .help("is the service doing anything? See also `wait_ms`")
            )
            .output("series", 1)
            .output("values", json!({ "qiki_sensor_readings_total": 11.0 }))),
    );
}

#[test]
fn a_counter_that_begins_again_counts_from_zero_and_warns() {
    let host = two_pages("qiki_sensor_readings_total 1000\n", "qiki_sensor_readings_total 3\n");

    assert_eq!(
        evaluate::<MetricsScrape>(&host, increasing()),
        Ok(Evaluation::warn("1 problem in 1 metric")
            .finding(Finding::warning(
                "counter-reset",
                "`qiki_sensor_readings_total` fell from 1000 to 3: it has begun again, has the service?"
            ))
            .output("series", 1)
            .output("values", json!({ "qiki_sensor_readings_total": 3.0 }))),
    );
}

/// 000-52: the page of a subsystem can be reached, or the answer is no.
#[test]
fn a_page_that_is_not_there_fails() {
    let host = FakeHost::new().answer(PAGE, Answer::status(404));

    assert_eq!(
        evaluate::<MetricsScrape>(&host, config(json!([{ "name": "up" }]))),
        Ok(Evaluation::fail("there is no page with metrics").finding(
            Finding::error(
                "unexpected-status",
                "the page of metrics is answered with status 404, not 200 to 299"
            )
            .help("see `url`, and whether the service shows metrics")
        )),
    );
}

#[test]
fn what_is_no_page_is_a_failure() {
    let failure = |answer: Answer| {
        evaluate::<MetricsScrape>(&FakeHost::new().answer(PAGE, answer), config(json!([{ "name": "up" }])))
            .unwrap_err()
    };
    let openmetrics = |text: &str| {
        Answer::text(200, text).header("content-type", "application/openmetrics-text; version=1.0.0")
    };

    assert_eq!(
        [
            failure(page("up 1")),
            failure(openmetrics("up 1\n")),
            failure(page("up yes\n")),
            failure(page("up 1\nup 2\n")),
            failure(Answer::text(200, "<html>").header("content-type", "text/html; charset=utf-8")),
            failure(Answer::text(200, b"\xff\xfeu\0p\0")),
            failure(Answer::text(200, b"caf\xe9 1\n")),
            failure(Answer::error(HostError::Unavailable("connection refused".to_owned()))),
            failure(Answer::error(HostError::BudgetExceeded(
                "the body is longer than 4194304 bytes".to_owned()
            ))),
        ],
        [
            Failure::invalid_input(
                "the page of metrics is not understood: line 1: it has no end, so the page is cut off; nothing was compared"
            ),
            Failure::invalid_input(
                "the page of metrics is not understood: line 1: `# EOF` is missing, so the page is cut off; nothing was compared"
            ),
            Failure::invalid_input(
                "the page of metrics is not understood: line 1: `up` has the value `yes`, which is no number; nothing was compared"
            ),
            Failure::invalid_input(
                "the page of metrics is not understood: line 2: `up` stands on the page twice; nothing was compared"
            ),
            Failure::invalid_input(
                "the page of metrics is `text/html; charset=utf-8`, not the text format; nothing was compared"
            ),
            Failure::invalid_input("GET http://qiki:8080/metrics: the body is not UTF-8"),
            Failure::invalid_input("GET http://qiki:8080/metrics: the body is not UTF-8"),
            Failure::unavailable("GET http://qiki:8080/metrics: connection refused"),
            Failure::new(
                FailureKind::BudgetExceeded,
                "GET http://qiki:8080/metrics: the body is longer than 4194304 bytes"
            ),
        ],
    );
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |metric: Value| {
        evaluate::<MetricsScrape>(&FakeHost::new(), config(json!([metric]))).unwrap_err().message
    };

    assert_eq!(
        [
            refused(json!({ "name": "up", "expect": {} })),
            refused(json!({ "name": "up", "increases_by": 0 })),
            refused(json!({ "name": "up", "labels": { "job": { "matches": "(" } } })),
        ],
        [
            "`expect` of `up` needs one of `at_least`, `above`, `at_most`, `below` and `equals`",
            "`increases_by` of `up` is more than 0",
            "label `job` of `up`: `(` is no pattern: found open group without closing ')'",
        ],
    );
}

#[test]
fn the_key_and_the_formats_are_sent() {
    let host = scraped("up 1\n").secret("key", "s3cr3t");
    let mut config = config(json!([{ "name": "up" }]));
    config["auth"] = json!({ "bearer": "key" });

    assert!(evaluate::<MetricsScrape>(&host, config).is_ok());
    let sent = &host.sent()[0];
    assert_eq!(sent.header_value("authorization"), Some("Bearer s3cr3t"));
    assert_eq!(sent.header_value("accept"), Some(ACCEPT));
    assert_eq!(sent.max_body_bytes, Some(4 * 1024 * 1024));
}
