//! Gates over metrics, against a server on loopback.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

use super::{endings, expected, pass};
use crate::{
    harness::Project,
    server::{head, respond, serve},
};

/// Answers requests until the test ends: the target of each goes in, type and body come out; without the key there
/// is no answer.
fn server(answer: impl Fn(&str) -> (&'static str, String) + Send + Sync + 'static) -> u16 {
    serve(move |_, mut stream| {
        let head = head(&mut stream);
        let target = head.split(' ').nth(1).unwrap_or_default();
        let keyed = head.to_ascii_lowercase().contains("authorization: bearer s3cr3t\r\n");
        let (status, (kind, body)) = if keyed {
            ("200 OK", answer(target))
        } else {
            ("401 Unauthorized", ("text/plain", String::new()))
        };
        respond(&mut stream, status, &format!("content-type: {kind}\r\n"), body.as_bytes());
    })
}

/// Runs `prometheus` and `metrics-scrape` against a server with this key; gives how both ended.
fn asked(port: u16, key: &str) -> BTreeMap<String, Value> {
    let project = Project::with(
        &r#"
version: 1
name: metrics
secrets: { token: { from: env:TOKEN, allow: [prometheus, metrics-scrape] } }
plugins:
  prometheus:
    source: plugin:prometheus
    grants: { network: ["GET http://127.0.0.1:PORT/api/v1/query?*"], secrets: [token] }
  metrics-scrape:
    source: plugin:metrics_scrape
    grants: { network: ["GET http://127.0.0.1:PORT/metrics"], secrets: [token] }
steps:
  metrics:
    uses: prometheus
    continue_on_error: true
    secrets: [token]
    with:
      url: http://127.0.0.1:PORT
      auth: { bearer: token }
      up: [glyph-marrow]
      queries:
        - { name: health, query: qiki_bios_health_score, expect: { at_least: 0.8 }, warn: { at_least: 0.9 } }
  page:
    uses: metrics-scrape
    continue_on_error: true
    secrets: [token]
    with:
      url: http://127.0.0.1:PORT/metrics
      auth: { bearer: token }
      wait_ms: 1
      metrics:
        - { name: qiki_bios_health_score, expect: { at_least: 0.8 } }
        - { name: tick_seconds, labels: { mode: mock }, expect: { below: 0.1 } }
        - { name: qiki_sensor_readings_total, increases_by: 1 }
"#
        .replace("PORT", &port.to_string()),
    );
    let output =
        project.command(&["exec", "pipeline.yaml"]).env("TOKEN", key).output().expect("the runner starts");
    let run = project.finish(output);
    assert_eq!(run.code, 0, "{}", run.stderr);
    endings(&project)
}

fn samples(name: &str, value: &str) -> (&'static str, String) {
    let result = json!([{ "metric": { "__name__": name, "job": "glyph-marrow" }, "value": [1, value] }]);
    let body = json!({ "status": "success", "data": { "resultType": "vector", "result": result } });
    ("application/json", body.to_string())
}

/// Requirements 000-51, 000-52, 002-15, 002-34, 002-35, 002-40.
#[test]
fn metrics_within_bounds_pass() {
    let readings = AtomicU32::new(0);
    let port = server(move |target| match target {
        "/metrics" => {
            let readings = readings.fetch_add(7, Ordering::SeqCst) + 7;
            let page = format!(
                "# TYPE tick_seconds gauge\nqiki_bios_health_score 0.97\ntick_seconds{{mode=\"mock\"}} 0.05\n\
                 qiki_sensor_readings_total {readings}\n# EOF\n"
            );
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", page)
        }
        "/api/v1/query?query=qiki_bios_health_score" => samples("qiki_bios_health_score", "0.95"),
        "/api/v1/query?query=up%7Bjob%3D%22glyph-marrow%22%7D" => samples("up", "1"),
        other => panic!("nobody asked for {other}"),
    });

    assert_eq!(
        asked(port, "s3cr3t"),
        expected([("metrics", pass("2 queries within bounds")), ("page", pass("3 metrics as expected"))])
    );
}

#[test]
fn metrics_out_of_bounds_fail() {
    let port = server(|target| match target {
        "/metrics" => ("text/plain", "qiki_bios_health_score 0.5\nqiki_sensor_readings_total 7\n".to_owned()),
        "/api/v1/query?query=qiki_bios_health_score" => samples("qiki_bios_health_score", "NaN"),
        _ => samples("up", "0"),
    });
    let finding = |severity: &str, rule: &str, message: &str| json!({ "severity": severity, "rule": rule, "message": message });

    assert_eq!(
        asked(port, "s3cr3t"),
        expected([
            (
                "metrics",
                json!([
                    "fail",
                    "2 problems in 2 queries",
                    [
                        finding(
                            "warning",
                            "not-a-number",
                            r#"`health`: `qiki_bios_health_score{job="glyph-marrow"}` is NaN"#
                        ),
                        finding(
                            "error",
                            "out-of-bounds",
                            r#"`up of glyph-marrow`: `up{job="glyph-marrow"}`: 0 is not 1"#
                        ),
                    ]
                ])
            ),
            (
                "page",
                json!(["fail", "3 problems in 3 metrics", [
                    finding("error", "out-of-bounds", "`qiki_bios_health_score`: 0.5 is not at least 0.8"),
                    finding("error", "missing-metric", r#"`tick_seconds{mode="mock"}` is not on the page"#),
                    {
                        "severity": "error",
                        "rule": "not-increasing",
                        "message": "`qiki_sensor_readings_total` grew by 0, not by 1 at least",
                        "help": "is the service doing anything? See also `wait_ms`",
                    },
                ]])
            ),
        ])
    );
}

#[test]
fn what_is_no_answer_about_metrics_is_no_pass() {
    let half = server(|target| match target {
        "/metrics" => ("text/plain", "qiki_bios_health_score 0.97\nqiki_sensor_readings_to".to_owned()),
        _ => {
            let deep = "[".repeat(100_000);
            let body = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{deep}"#);
            ("application/json", body)
        }
    });

    assert_eq!(
        asked(half, "s3cr3t"),
        expected([
            (
                "metrics",
                json!(["invalid-input", "`health`: the answer is not one of a Prometheus; see `url`"])
            ),
            (
                "page",
                json!([
                    "invalid-input",
                    "the page of metrics is not understood: line 2: `qiki_sensor_readings_to` has no value; nothing was compared"
                ])
            ),
        ])
    );
    assert_eq!(
        asked(half, "wrong"),
        expected([
            (
                "metrics",
                json!(["unavailable", "`health`: the server refuses to answer (status 401); see `auth`"])
            ),
            (
                "page",
                json!(["fail", "there is no page with metrics", [{
                    "severity": "error",
                    "rule": "unexpected-status",
                    "message": "the page of metrics is answered with status 401, not 200 to 299",
                    "help": "see `url`, and whether the service shows metrics",
                }]])
            ),
        ])
    );
}
