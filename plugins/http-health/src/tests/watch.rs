//! `watch`: several looks in one probe. Requirements: 002-07, 002-08, 003-56.

use super::*;

fn answers(all: impl IntoIterator<Item = Answer>) -> FakeHost {
    all.into_iter().fold(FakeHost::new(), |host, answer| host.answer(HEALTH, answer))
}

fn ok() -> Answer {
    Answer::json(200, json!({ "status": "healthy" }))
}

fn in_state(state: &str) -> Answer {
    Answer::json(200, json!({ "state": state }))
}

fn measured(host: &FakeHost, more: Value) -> Report {
    let mut config = json!({ "url": "http://127.0.0.1:8001/health" });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    probe::<HttpHealth>(host, config).unwrap()
}

fn refused(watch: Value) -> Failure {
    let config = json!({ "url": "http://127.0.0.1:8001/health", "watch": watch });
    probe::<HttpHealth>(&answers(std::iter::repeat_n(ok(), 2000)), config).unwrap_err()
}

/// 003-56: healthy for 10 s. 002-08: for 30 s, likewise.
#[test]
fn a_service_that_stays_well_is_healthy() {
    let host = answers(std::iter::repeat_n(ok(), 6));

    assert_eq!(
        measured(&host, json!({ "watch": { "for_ms": 10_000, "interval_ms": 2000 } })),
        Report::of(
            vec![check("stable", Health::Healthy, "well in 6 looks, for 10000 ms")],
            "healthy: 6 looks in 10000 ms"
        )
        .output("status", 200)
        .output("latency_ms", 1)
        .output("body_error", Value::Null)
        .output("probes", 6)
        .output("p50_ms", 1)
        .output("p95_ms", 1)
        .output("p99_ms", 1),
    );
    assert_eq!(host.time(), Duration::from_secs(10));
}

/// 003-56, the other way round: the watch ends at once.
#[test]
fn a_service_that_falls_over_is_unhealthy_at_once() {
    let host = answers([ok(), ok()]).fails(HEALTH, HostError::Unavailable("connection refused".into()));

    let report = measured(&host, json!({ "watch": { "for_ms": 10_000, "interval_ms": 2000 } }));

    assert_eq!(report.health, Health::Unhealthy);
    assert_eq!(
        report.summary,
        "unhealthy: not well in 1 of 3 looks, after 4000 ms: \
         GET http://127.0.0.1:8001/health: connection refused"
    );
    assert_eq!(host.time(), Duration::from_secs(4));
}

#[test]
fn a_few_failures_may_be_borne() {
    let bad = || Answer::json(503, json!({ "status": "unhealthy" }));
    let of = |all: Vec<Answer>| measured(&answers(all), json!({ "watch": { "count": 4, "failures": 1 } }));
    let degraded = Answer::json(200, json!({ "status": "degraded" }));

    let one = of(vec![ok(), bad(), ok(), ok()]);
    let two = of(vec![ok(), bad(), bad()]);
    let warned = of(vec![ok(), degraded, ok(), ok()]);

    assert_eq!(
        one.checks,
        [check(
            "stable",
            Health::Degraded,
            "not well in 1 of 4 looks, after 3000 ms: status is 503, not 200; the body says `unhealthy`"
        )]
    );
    assert_eq!(two.health, Health::Unhealthy);
    assert_eq!(
        warned.checks,
        [check("stable", Health::Degraded, "not quite well in 1 of 4 looks: the body says `degraded`")]
    );
}

/// 002-07: no endless loop through SAFE_MODE.
#[test]
fn a_service_that_comes_and_goes_is_unhealthy() {
    let state = json!({ "pointer": "/state", "healthy": ["ACTIVE"], "degraded": ["SAFE_MODE"] });
    let looping = ["ACTIVE", "SAFE_MODE", "ACTIVE", "SAFE_MODE"].map(in_state);
    let settled = ["SAFE_MODE", "ACTIVE", "ACTIVE", "ACTIVE"].map(in_state);
    let watch = json!({ "count": 4, "max_changes": 1 });

    let bad = measured(&answers(looping), json!({ "state": state, "watch": watch }));
    let fine = measured(&answers(settled), json!({ "state": state, "watch": watch }));

    assert_eq!(
        bad.checks[1],
        check(
            "flapping",
            Health::Unhealthy,
            "it changed 3 times in 3000 ms: ACTIVE, SAFE_MODE, ACTIVE, SAFE_MODE; 1 are the most"
        )
    );
    assert_eq!(bad.health, Health::Unhealthy);
    assert_eq!(
        fine.checks[1],
        check("flapping", Health::Healthy, "it changed 1 time in 3000 ms: SAFE_MODE, ACTIVE")
    );
    assert_eq!(fine.health, Health::Degraded);
}

#[test]
fn without_a_state_changes_of_health_are_counted() {
    let up_and_down = || answers([ok(), Answer::status(503), ok(), Answer::status(503), ok()]);

    let report =
        measured(&up_and_down(), json!({ "watch": { "count": 5, "failures": 5, "max_changes": 2 } }));

    assert_eq!(
        report.checks[1].message,
        "it changed 4 times in 4000 ms: healthy, unhealthy, healthy, unhealthy, healthy; 2 are the most"
    );
}

#[test]
fn of_many_answers_a_percentile_is_judged() {
    let took = |milliseconds| Answer::status(200).after(Duration::from_millis(milliseconds));
    let host = || answers((1..=20).map(|number| took(number * 10)));
    let latency = json!({ "degraded_ms": 190, "unhealthy_ms": 1000 });

    let p95 = measured(&host(), json!({ "latency": latency, "watch": { "count": 20, "interval_ms": 0 } }));
    let p90 = measured(
        &host(),
        json!({ "latency": latency, "watch": { "count": 20, "interval_ms": 0, "percentile": 90 } }),
    );

    assert_eq!(
        p95.checks[1],
        check("latency", Health::Degraded, "the 95th percentile of 20 answers took 190 ms, 190 ms or more")
    );
    assert_eq!(
        p90.checks[1],
        check("latency", Health::Healthy, "the 90th percentile of 20 answers took 180 ms")
    );
    let outputs: Vec<Value> = p95.outputs[3..].iter().map(|output| output.value.clone()).collect();
    assert_eq!(outputs, [json!(20), json!(100), json!(190), json!(200)]);
}

#[test]
fn what_is_not_granted_ends_the_watch_as_a_failure() {
    let config = json!({ "url": "http://127.0.0.1:8001/health", "watch": { "count": 3 } });

    assert_eq!(probe::<HttpHealth>(&answers([ok()]), config).unwrap_err().kind, FailureKind::Denied);
}

#[test]
fn a_watch_without_end_or_without_looks_is_refused() {
    assert_eq!(refused(json!({})), Failure::invalid_config("`watch` needs `for_ms` or `count`"));
    assert_eq!(
        refused(json!({ "count": 0 })),
        Failure::invalid_config("`watch.count` is 0: nothing would be looked at")
    );
    assert_eq!(
        refused(json!({ "count": 1001 })),
        Failure::invalid_config("`watch.count` is 1001, 1000 are the most")
    );
    assert_eq!(
        refused(json!({ "count": 1, "percentile": 0 })),
        Failure::invalid_config("`watch.percentile` is not between 1 and 100")
    );
    assert_eq!(
        refused(json!({ "for_ms": 10_000, "interval_ms": 1 })),
        Failure::invalid_config(
            "`watch` looked 1000 times in 999 ms, which is the most; make `interval_ms` longer"
        )
    );
}
