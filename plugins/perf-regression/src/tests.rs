//! The gate as a pipeline sees it. Requirements: 001-16, 002-40.

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::{Value, json};

fn judged(old: Value, new: Value, more: Value) -> Result<Evaluation, Failure> {
    let host = FakeHost::new().file("old.json", old.to_string()).file("new.json", new.to_string());
    let mut config = json!({ "baseline": ["old.json"], "candidate": ["new.json"] });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    evaluate::<PerfRegression>(&host, config)
}

fn decided(old: Value, new: Value, more: Value) -> Decision {
    judged(old, new, more).unwrap().decision
}

/// 001-16: 5 % is all right, more is not.
#[test]
fn more_than_five_percent_worse_is_a_no() {
    assert_eq!(
        judged(json!({ "start": 1.0, "stop": 2.0 }), json!({ "start": 1.05, "stop": 2.0 }), json!({})),
        Ok(Evaluation::pass("2 metrics, worst `start`: 5 % worse")
            .output("metrics", 2)
            .output("regressions", 0)
            .output("worst_percent", 5.000000000000004)
            .output("worst_metric", "start")),
    );
    assert_eq!(
        judged(json!({ "start": 200, "stop": 2 }), json!({ "start": 211, "stop": 1 }), json!({})),
        Ok(Evaluation::fail("1 of 2 metrics worse than allowed, worst `start`: 5.5 % worse")
            .finding(
                Finding::error("regression", "`start` is 5.5 % worse (200, now 211), more than 5 %")
                    .in_file("new.json")
            )
            .output("metrics", 2)
            .output("regressions", 1)
            .output("worst_percent", 5.5)
            .output("worst_metric", "start")),
    );
}

/// 001-16: the other table of the document wants 0 %.
#[test]
fn what_is_allowed_can_differ_for_each_metric_and_so_can_the_direction() {
    let rates = |new: f64| {
        let metrics = json!({ "rps": { "better": "higher", "max_percent": 0, "warn_percent": 0 } });
        decided(json!({ "rps": 1000 }), json!({ "rps": new }), json!({ "metrics": metrics }))
    };
    assert_eq!([1001.0, 1000.0, 999.0].map(rates), [Decision::Pass, Decision::Pass, Decision::Fail]);

    let times = |new: f64| decided(json!({ "t": 100 }), json!({ "t": new }), json!({ "warn_percent": 2 }));
    assert_eq!([102.0, 103.0, 106.0].map(times), [Decision::Pass, Decision::Warn, Decision::Fail]);
}

#[test]
fn a_difference_within_the_noise_of_the_samples_is_a_warning_that_says_so() {
    let old = json!({ "t": [100, 104, 96, 102, 98] });
    let new = json!({ "t": [110, 112, 108, 111, 109] });

    assert_eq!(
        judged(old.clone(), new.clone(), json!({})),
        Ok(Evaluation::warn("1 metric, worst `t`: 10 % worse")
            .finding(
                Finding::warning(
                    "within-noise",
                    "`t` is 10 % worse (100, now 110), more than 5 % and within the noise of 8.9 %"
                )
                .in_file("new.json")
                .help("take more samples, or `noise: 0` to count any difference")
            )
            .output("metrics", 1)
            .output("regressions", 0)
            .output("worst_percent", 10.0)
            .output("worst_metric", "t")),
    );
    assert_eq!(decided(old.clone(), new.clone(), json!({ "noise": 0 })), Decision::Fail);
    assert_eq!(decided(old.clone(), json!({ "t": [115, 117, 113] }), json!({})), Decision::Fail);
    assert_eq!(decided(old, new, json!({ "max_deviation_percent": 2 })), Decision::Inconclusive);
}

#[test]
fn what_is_unclear_does_not_hide_a_regression() {
    let old = json!({ "a": [1, 9, 5], "b": 1 });
    let new = json!({ "a": [1, 9, 5], "b": 2 });

    assert_eq!(decided(old, new, json!({ "max_deviation_percent": 2 })), Decision::Fail);
}

#[test]
fn a_metric_that_is_gone_is_what_the_step_says() {
    let of = |missing: &str| {
        decided(json!({ "a": 1, "b": 1 }), json!({ "a": 1, "c": 1 }), json!({ "missing": missing }))
    };
    assert_eq!(["fail", "warn", "note"].map(of), [Decision::Fail, Decision::Warn, Decision::Pass]);

    assert_eq!(
        judged(json!({ "a": 1 }), json!({ "b": 1 }), json!({ "missing": "note" }))
            .map(|answer| answer.findings),
        Ok(vec![
            Finding::note("new-metric", "`b` is not in the baseline, so it was compared with nothing")
                .in_file("new.json"),
            Finding::note("missing-metric", "`a` is in the baseline and was not measured")
                .in_file("old.json"),
            Finding::error("nothing-compared", "no metric is in both the baseline and the candidate"),
        ]),
    );
}

/// 002-40: a tick takes less than 100 ms.
#[test]
fn bounds_hold_without_a_baseline() {
    let tick = |new: Value| {
        let host = FakeHost::new().file("new.json", new.to_string());
        let metrics = json!({ "tick_ms": { "bounds": { "below": 100 } } });
        evaluate::<PerfRegression>(&host, json!({ "candidate": ["new.json"], "metrics": metrics })).unwrap()
    };
    assert_eq!(
        tick(json!({ "tick_ms": [99, 98, 250] })),
        Evaluation::pass("1 metric").output("metrics", 1).output("regressions", 0)
    );
    assert_eq!(
        tick(json!({ "tick_ms": 100 })).findings,
        [Finding::error("out-of-bounds", "`tick_ms`: 100 is not below 100").in_file("new.json")]
    );
    assert_eq!(
        tick(json!({ "tick_s": 0.01 })).findings,
        [Finding::error("missing-metric", "`tick_ms` has bounds and was not measured")]
    );
}

#[test]
fn a_metric_can_be_ignored_with_its_reason() {
    let metrics = json!({ "a": { "ignore": "measured on another machine" } });

    assert_eq!(
        judged(json!({ "a": 1, "b": 1 }), json!({ "a": 9, "b": 1 }), json!({ "metrics": metrics })),
        Ok(Evaluation::pass("2 metrics, none is worse")
            .finding(
                Finding::note(
                    "ignored-metric",
                    "`a` is 800 % worse (1, now 9), which is ignored: measured on another machine"
                )
                .in_file("new.json")
            )
            .output("metrics", 2)
            .output("regressions", 0)
            .output("worst_percent", 0.0)
            .output("worst_metric", "b")),
    );
}

#[test]
fn anything_is_worse_than_a_baseline_of_zero() {
    assert_eq!(decided(json!({ "errors": 0 }), json!({ "errors": 0 }), json!({})), Decision::Pass);
    assert_eq!(
        judged(json!({ "errors": 0 }), json!({ "errors": 1 }), json!({})),
        Ok(Evaluation::fail("1 of 1 metric worse than allowed, worst `errors`: worse than 0")
            .finding(
                Finding::error("regression", "`errors` is worse than 0 (0, now 1), more than 5 %")
                    .in_file("new.json")
            )
            .output("metrics", 1)
            .output("regressions", 1)),
    );
}

/// What the tools write, as the same metric before and after.
#[test]
fn the_reports_of_the_tools_are_told_apart_by_themselves() {
    let criterion = |median: f64| {
        let estimate = |value: f64| {
            let interval = json!({ "confidence_level": 0.95, "lower_bound": value, "upper_bound": value });
            json!({ "confidence_interval": interval, "point_estimate": value, "standard_error": 0.1 })
        };
        json!({
            "mean": estimate(median + 1.0), "median": estimate(median), "median_abs_dev": estimate(1.0),
            "slope": null, "std_dev": estimate(2.0),
        })
        .to_string()
    };
    let host = FakeHost::new()
        .file("target/criterion/codec/encode/base/estimates.json", criterion(100.0))
        .file("target/criterion/codec/encode/new/estimates.json", criterion(120.0));
    let config = json!({
        "baseline": ["target/criterion/**/base/estimates.json"],
        "candidate": ["target/criterion/**/new/estimates.json"],
    });
    assert_eq!(
        evaluate::<PerfRegression>(&host, config).unwrap().summary,
        "1 of 1 metric worse than allowed, worst `codec/encode`: 20 % worse"
    );

    let hyperfine = |times: [f64; 3], code: i32| {
        json!({ "results": [{
            "command": "serve --once", "mean": 1.0, "stddev": 0.1, "median": times[1], "user": 0.5, "system": 0.1,
            "min": times[0], "max": times[2], "times": times, "exit_codes": [0, 0, code],
        }] })
    };
    let answer = judged(hyperfine([0.99, 1.0, 1.01], 0), hyperfine([1.19, 1.2, 1.21], 1), json!({})).unwrap();
    assert_eq!(
        answer.findings,
        [
            Finding::error("failed-run", "`serve --once`: 1 run ended with another exit code than 0")
                .in_file("new.json"),
            Finding::error("regression", "`serve --once` is 20 % worse (1, now 1.2), more than 5 %")
                .in_file("new.json"),
        ],
    );

    let pytest = |median: f64| {
        json!({ "machine_info": {}, "version": "5.1.0", "benchmarks": [{
            "name": "test_parse", "fullname": "tests/test_speed.py::test_parse",
            "stats": { "min": 0.9, "max": 1.5, "mean": 1.0, "stddev": 0.1, "rounds": 5, "median": median, "iqr": 0.02 },
        }] })
    };
    assert_eq!(
        judged(pytest(1.0), pytest(1.2), json!({})).unwrap().summary,
        "1 of 1 metric worse than allowed, worst `tests/test_speed.py::test_parse`: 20 % worse"
    );
}

#[test]
fn what_is_no_measurement_is_a_failure_with_its_place() {
    let refused = |new: &str| {
        let host = FakeHost::new().file("old.json", r#"{ "a": 1 }"#).file("new.json", new);
        let config = json!({ "baseline": ["old.json"], "candidate": ["new.json"] });
        evaluate::<PerfRegression>(&host, config).unwrap_err()
    };
    assert_eq!(
        [
            "{}",
            "[1]",
            r#"{ "a": "1" }"#,
            r#"{ "a": null }"#,
            r#"{ "a": NaN }"#,
            r#"{ "a": -1 }"#,
            r#"{ "a": [] }"#,
            r#"{ "a": [1, "fast"] }"#,
            r#"{ "a": 1, "a": 2 }"#,
            r#"{ "a": [1, 2"#,
            r#"{ "results": [{ "command": "x" }] }"#,
            r#"{ "benchmarks": [], "machine_info": {} }"#,
        ]
        .map(refused),
        [
            "`new.json`: there is no metric in it",
            "`new.json`: it is [1], not an object of metrics, nor the report of a tool that is known",
            "`new.json` at `/a`: it is \"1\", not a number of 0 or more",
            "`new.json` at `/a`: it is null, not a number of 0 or more",
            "read `new.json` as JSON: line 1, column 8: expected value",
            "`new.json` at `/a`: it is -1, not a number of 0 or more",
            "`new.json` at `/a`: it is [], not a list with a sample in it",
            "`new.json` at `/a/1`: it is \"fast\", not a number of 0 or more",
            "read `new.json` as JSON: line 1, column 13: `a` stands twice in this object",
            "read `new.json` as JSON: line 1, column 12: EOF while parsing a list",
            "`new.json` at `/results/0`: there is no number at `/median`",
            "`new.json`: there is no metric in it",
        ]
        .map(Failure::invalid_input),
    );
    assert_eq!(refused(&"[".repeat(100_000)).kind, FailureKind::InvalidInput);
}

#[test]
fn a_file_that_is_missing_or_in_another_encoding_is_a_failure() {
    let host =
        FakeHost::new().file("latin.json", b"{ \"caf\xe9\": 1 }").file("utf16.json", b"\xff\xfe{\0}\0");
    let read = |path: &str| {
        let config = json!({ "candidate": [path], "baseline": [path] });
        evaluate::<PerfRegression>(&host, config).map_err(|failure| failure.kind)
    };
    assert_eq!(
        ["gone.json", "latin.json", "utf16.json"].map(read),
        [FailureKind::Unavailable, FailureKind::InvalidInput, FailureKind::InvalidInput].map(Err)
    );
}

#[test]
fn a_config_that_compares_nothing_is_refused() {
    assert_eq!(
        evaluate::<PerfRegression>(&FakeHost::new(), json!({ "candidate": ["a.json"] })),
        Err(Failure::invalid_config("there is neither a `baseline` nor `bounds` for a metric")),
    );
    let metrics = json!({ "a": { "bounds": { "at_least": 2, "at_most": 1 } } });
    assert_eq!(
        evaluate::<PerfRegression>(&FakeHost::new(), json!({ "candidate": ["a.json"], "metrics": metrics })),
        Err(Failure::invalid_config("`metrics.a.bounds`: there is no number that is all right")),
    );
}
