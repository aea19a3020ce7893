//! `checks` and `state`: what the body says of each part. Requirements: 002-05, 002-23, 004-22.

use super::*;

const URL: &str = "http://127.0.0.1:8001/api/health/detailed";

fn measured(answer: Answer, config: Value) -> Report {
    let mut all = json!({ "url": URL });
    for (key, value) in config.as_object().unwrap() {
        all[key] = value.clone();
    }
    probe::<HttpHealth>(&FakeHost::new().answer(&format!("GET {URL}"), answer), all).unwrap()
}

fn refused(checks: Value) -> Failure {
    probe::<HttpHealth>(&FakeHost::new(), json!({ "url": URL, "checks": checks })).unwrap_err()
}

/// The part `name` of an answer with this body.
fn part(body: Value, part: Value) -> Check {
    measured(Answer::json(200, body), json!({ "checks": { "part": part } })).checks.pop().unwrap()
}

fn well(message: &str) -> Check {
    check("part", Health::Healthy, message)
}

fn ill(message: &str) -> Check {
    check("part", Health::Unhealthy, message)
}

fn services() -> Value {
    json!({
        "openai": { "pointer": "/services/openai" },
        "redis": { "pointer": "/services/redis" },
        "database": { "pointer": "/services/database/status", "equals": "healthy" },
        "response-time": { "cel": "body.metrics.avg_response_time < 2.0", "otherwise": "degraded" },
    })
}

/// 004-22: openai, redis and database, each healthy.
#[test]
fn each_part_of_a_service_is_judged_under_its_own_name() {
    let body = json!({
        "services": { "openai": true, "redis": { "status": "up", "ms": 1 }, "database": { "status": "healthy" } },
        "metrics": { "avg_response_time": 1.5 },
    });

    assert_eq!(
        measured(Answer::json(200, body), json!({ "checks": services() })).checks,
        [
            check("status", Health::Healthy, "status is 200"),
            check("database", Health::Healthy, r#"it is "healthy""#),
            check("openai", Health::Healthy, "it is true"),
            check("redis", Health::Healthy, r#"it is {"status":"up","ms":1}"#),
            check("response-time", Health::Healthy, "`body.metrics.avg_response_time < 2.0` is true"),
        ],
    );
}

/// 004-22, the other way round: one part is enough, and it is named.
#[test]
fn a_service_is_as_well_as_its_worst_part() {
    let body = json!({
        "services": { "openai": "degraded", "redis": false, "database": {} },
        "metrics": { "avg_response_time": 2.5 },
    });

    let report = measured(Answer::json(200, body), json!({ "checks": services() }));

    assert_eq!(report.health, Health::Unhealthy);
    assert_eq!(
        report.checks[1..],
        [
            check("database", Health::Unhealthy, "database: `/services/database/status` is missing"),
            check("openai", Health::Degraded, r#"openai: it is "degraded""#),
            check("redis", Health::Unhealthy, "redis: it is false"),
            check(
                "response-time",
                Health::Degraded,
                "response-time: `body.metrics.avg_response_time < 2.0` is false"
            ),
        ],
    );
}

#[test]
fn values_are_compared_as_they_are() {
    let at = |more: Value| {
        let mut part = json!({ "pointer": "/n" });
        part.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        part
    };

    assert_eq!(part(json!({ "n": 1.0 }), at(json!({ "equals": 1 }))), well("it is 1.0"));
    assert_eq!(part(json!({ "n": 2 }), at(json!({ "one_of": [1, 2] }))), well("it is 2"));
    assert_eq!(
        part(json!({ "n": 3 }), at(json!({ "one_of": [1, 2] }))),
        ill("part: it is 3, not one of [1,2]")
    );
    assert_eq!(part(json!({ "n": 3 }), at(json!({ "min": 3, "max": 3 }))), well("it is 3"));
    assert_eq!(part(json!({ "n": 3 }), at(json!({ "min": 3.5 }))), ill("part: it is 3, below 3.5"));
    assert_eq!(part(json!({ "n": 3 }), at(json!({ "max": 2 }))), ill("part: it is 3, above 2"));
    assert_eq!(
        part(json!({ "n": "3" }), at(json!({ "max": 5 }))),
        ill(r#"part: it is "3", which is not a number"#)
    );
    assert_eq!(part(json!({ "n": 3 }), at(json!({}))), ill("part: it is 3"));
    assert_eq!(part(json!({ "n": null }), at(json!({}))), ill("part: it is null"));
    assert_eq!(part(json!({ "n": "starting" }), at(json!({}))), ill(r#"part: it is "starting""#));
}

#[test]
fn an_expression_sees_status_headers_body_and_latency() {
    let config = json!({ "checks": { "part": {
        "cel": "status == 200 && headers['x-slot'] == 'green' && body == 'ok' && latency_ms < 100",
    } } });
    let answer = Answer::text(200, "ok").header("X-Slot", "green");

    assert_eq!(measured(answer, config).checks[1].health, Health::Healthy);
    assert_eq!(
        part(json!({ "a": 1 }), json!({ "cel": "body.b == 1" })),
        ill("part: `body.b == 1`: no such key `b`; `has(…)` asks whether there is one")
    );
    assert_eq!(part(json!({ "a": "x" }), json!({ "cel": "body.a < 5" })).health, Health::Unhealthy);
}

#[test]
fn a_body_that_is_no_json_has_no_parts() {
    let of = |answer: Answer| {
        measured(answer, json!({ "checks": { "part": { "pointer": "/n", "equals": 1 } } }))
            .checks
            .pop()
            .unwrap()
    };
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));

    assert_eq!(of(Answer::text(200, "<html>")), ill("part: the body is not JSON"));
    assert_eq!(of(Answer::text(200, "{\"n\":1")), ill("part: the body is not JSON"));
    assert_eq!(of(Answer::text(200, "{\"n\":NaN}")), ill("part: the body is not JSON"));
    assert_eq!(of(Answer::text(200, b"\xff\xfe{\0}\0".as_slice())), ill("part: the body is not JSON"));
    assert_eq!(of(Answer::text(200, deep)), ill("part: the body is not JSON"));
}

#[test]
fn parts_that_make_no_sense_are_refused() {
    let wrong = |why: &str| Failure::invalid_config(format!("check `redis`: {why}"));
    let of = |part: Value| refused(json!({ "redis": part }));

    assert_eq!(of(json!({})), wrong("either `pointer` or `cel` must be given"));
    assert_eq!(of(json!({ "pointer": "services" })), wrong("`pointer` starts with `/`"));
    assert_eq!(of(json!({ "cel": "true", "min": 1 })), wrong("`cel` compares by itself"));
    assert_eq!(of(json!({ "pointer": "/a", "one_of": [] })), wrong("`one_of` is an empty list"));
    assert_eq!(
        of(json!({ "cel": "bdy.a" })),
        wrong("there is no `bdy`; known: `status`, `headers`, `body`, `latency_ms`")
    );
}

fn state_of(body: Value) -> (Health, String, Value) {
    let report = measured(
        Answer::json(200, body),
        json!({ "state": { "pointer": "/fsm/state", "healthy": ["IDLE", "ACTIVE"], "degraded": ["SAFE_MODE"] } }),
    );
    let state = report.outputs.last().unwrap().value.clone();
    (report.health, report.checks.last().unwrap().message.clone(), state)
}

/// 002-23: a fault of the hardware puts the service into SAFE_MODE, which is not the same as dead.
#[test]
fn a_state_means_what_the_config_says() {
    let of = |state: &str| state_of(json!({ "fsm": { "state": state } }));

    assert_eq!(of("ACTIVE"), (Health::Healthy, "its state is `ACTIVE`".to_owned(), json!("ACTIVE")));
    assert_eq!(
        of("SAFE_MODE"),
        (Health::Degraded, "its state is `SAFE_MODE`".to_owned(), json!("SAFE_MODE"))
    );
    assert_eq!(of("ERROR"), (Health::Unhealthy, "its state is `ERROR`".to_owned(), json!("ERROR")));
}

/// 002-05: never empty.
#[test]
fn a_service_without_a_state_is_unhealthy() {
    let nothing = |why: &str| (Health::Unhealthy, format!("no state: {why}"), Value::Null);

    assert_eq!(state_of(json!({})), nothing("`/fsm/state` is missing"));
    assert_eq!(state_of(json!({ "fsm": {} })), nothing("`/fsm/state` is missing"));
    assert_eq!(state_of(json!({ "fsm": { "state": {} } })), nothing("`/fsm/state` is {}"));
    assert_eq!(state_of(json!({ "fsm": { "state": "" } })), nothing(r#"`/fsm/state` is """#));
    assert_eq!(state_of(json!({ "fsm": { "state": null } })), nothing("`/fsm/state` is null"));
}

#[test]
fn a_state_cannot_mean_two_things() {
    let state = json!({ "pointer": "/s", "healthy": ["A"], "unhealthy": ["A"] });

    assert_eq!(
        probe::<HttpHealth>(&FakeHost::new(), json!({ "url": URL, "state": state })),
        Err(Failure::invalid_config("`A` stands in two lists of `state`"))
    );
}
