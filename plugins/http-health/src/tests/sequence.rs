//! `sequence`: one state after the other. Requirements: 002-04, 002-05, 002-23.

use super::*;

fn going_through(states: &[&str]) -> FakeHost {
    states.iter().fold(FakeHost::new(), |host, state| {
        host.answer(HEALTH, Answer::json(200, json!({ "fsm": { "state": state } })))
    })
}

fn config(more: Value) -> Value {
    let mut sequence =
        json!({ "states": ["BOOTING", "IDLE", "ACTIVE"], "within_ms": 5000, "interval_ms": 1000 });
    for (key, value) in more.as_object().unwrap() {
        sequence[key] = value.clone();
    }
    json!({
        "url": "http://127.0.0.1:8001/health",
        "state": { "pointer": "/fsm/state", "degraded": ["SAFE_MODE"] },
        "sequence": sequence,
    })
}

fn measured(host: &FakeHost, more: Value) -> (Health, String) {
    let report = probe::<HttpHealth>(host, config(more)).unwrap();
    (report.health, report.summary)
}

fn ill(message: &str) -> (Health, String) {
    (Health::Unhealthy, format!("unhealthy: {message}"))
}

/// 002-04: from BOOTING through IDLE to ACTIVE, within the deadline.
#[test]
fn a_service_that_goes_its_way_is_healthy() {
    let host = FakeHost::new().fails(HEALTH, HostError::Unavailable("connection refused".into()));
    let host = ["BOOTING", "BOOTING", "IDLE", "ACTIVE"].iter().fold(host, |host, state| {
        host.answer(HEALTH, Answer::json(200, json!({ "fsm": { "state": state } })))
    });

    assert_eq!(
        probe::<HttpHealth>(&host, config(json!({}))),
        Ok(Report::of(
            vec![check("sequence", Health::Healthy, "`BOOTING`, `IDLE`, `ACTIVE` in 4000 ms")],
            "healthy: `BOOTING`, `IDLE`, `ACTIVE` in 4000 ms"
        )
        .output("status", 200)
        .output("latency_ms", 1)
        .output("body_error", Value::Null)
        .output("state", "ACTIVE")),
    );
}

/// 002-04, the other way round.
#[test]
fn a_service_that_stands_still_or_turns_round_is_unhealthy() {
    assert_eq!(
        measured(&going_through(&["BOOTING", "IDLE", "IDLE", "IDLE", "IDLE", "IDLE"]), json!({})),
        ill("after 5000 ms: `BOOTING`, `IDLE`, not yet well in `ACTIVE`")
    );
    assert_eq!(
        measured(&going_through(&["BOOTING", "IDLE", "BOOTING"]), json!({})),
        ill("it went back to `BOOTING`, after `BOOTING`, `IDLE`")
    );
    assert_eq!(
        measured(&going_through(&["BOOTING", "PANIC"]), json!({})),
        ill("it went to `PANIC`, after `BOOTING`")
    );
}

#[test]
fn a_state_may_be_missed_only_if_the_config_says_so() {
    let host = || going_through(&["BOOTING", "ACTIVE"]);

    assert_eq!(measured(&host(), json!({})), ill("it is in `ACTIVE`, and was never seen in `IDLE`"));
    assert_eq!(
        measured(&host(), json!({ "all": false })),
        (Health::Healthy, "healthy: `BOOTING`, `ACTIVE` in 1000 ms".to_owned())
    );
}

/// 002-05: never empty. 002-23: SAFE_MODE is degraded.
#[test]
fn no_state_is_unhealthy_and_safe_mode_is_degraded() {
    let empty = going_through(&["BOOTING"]).answer(HEALTH, Answer::json(200, json!({ "fsm": {} })));

    assert_eq!(measured(&empty, json!({})), ill("no state: `/fsm/state` is missing"));
    assert_eq!(
        measured(&going_through(&["BOOTING", "SAFE_MODE"]), json!({})),
        (Health::Degraded, "degraded: it went to `SAFE_MODE`, after `BOOTING`".to_owned())
    );
}

#[test]
fn a_service_that_never_answers_is_unhealthy_at_the_deadline() {
    let host = (0..6).fold(FakeHost::new(), |host, _| host.fails(HEALTH, HostError::TimedOut));

    assert_eq!(
        measured(&host, json!({})),
        ill(
            "after 5000 ms: no state, not yet well in `ACTIVE`; last: GET http://127.0.0.1:8001/health: timed out"
        )
    );
}

#[test]
fn the_last_state_counts_only_if_the_service_is_well_in_it() {
    let active = || json!({ "fsm": { "state": "ACTIVE" } });
    let host = going_through(&["BOOTING", "IDLE"])
        .answer(HEALTH, Answer::json(503, active()))
        .answer(HEALTH, Answer::json(200, active()));

    assert_eq!(
        measured(&host, json!({})),
        (Health::Healthy, "healthy: `BOOTING`, `IDLE`, `ACTIVE` in 3000 ms".to_owned())
    );
}

#[test]
fn a_sequence_that_makes_no_sense_is_refused() {
    let refused = |change: fn(&mut Value)| {
        let mut config = config(json!({}));
        change(&mut config);
        probe::<HttpHealth>(&FakeHost::new(), config).unwrap_err()
    };

    assert_eq!(
        refused(|config| config["state"] = Value::Null),
        Failure::invalid_config("`sequence` needs `state`: where the service says its state")
    );
    assert_eq!(
        refused(|config| config["sequence"]["states"] = json!([])),
        Failure::invalid_config("`sequence.states` is empty")
    );
    assert_eq!(
        refused(|config| config["latency"] = json!({ "degraded_ms": 1 })),
        Failure::invalid_config("`latency` is not judged in a `sequence`; leave it out")
    );
    assert_eq!(
        refused(|config| config["watch"] = json!({ "count": 1 })),
        Failure::invalid_config("`watch` and `sequence` are two questions; ask one")
    );
}
