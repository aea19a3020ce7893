//! The gate as a pipeline sees it. Requirements: 003-62, 003-63.

use super::*;
use runner_plugin::testing::{Answer, FakeHost, SentRequest, evaluate};
use runner_plugin::{FailureKind, HostError};

/// 003-62 and 003-63: `GET /health` is 200, and `POST /memory/packet` with a key is 200 and JSON.
#[test]
fn requests_that_are_answered_as_expected_pass() {
    let host = FakeHost::new()
        .secret("l9_api_key", "s3cr3t")
        .answer("GET http://127.0.0.1:8001/health", Answer::json(200, json!({ "status": "healthy" })))
        .answer(
            "POST http://127.0.0.1:8001/memory/packet",
            Answer::json(200, json!({ "id": 7 })).after(Duration::from_millis(12)),
        );

    assert_eq!(
        evaluate::<HttpSmoke>(
            &host,
            json!({
                "base": "http://127.0.0.1:8001/",
                "requests": [
                    { "get": "/health", "expect": { "status": 200 } },
                    {
                        "name": "memory",
                        "post": "/memory/packet",
                        "json": { "content": "test" },
                        "headers": { "x-trace": "1" },
                        "auth": { "bearer": "l9_api_key" },
                        "expect": { "status": 200, "json": "valid" },
                        "timeout_ms": 3000,
                    },
                ],
            })
        ),
        Ok(Evaluation::pass("2 requests answered as expected")
            .output("requests", 2)
            .output("slowest_ms", 12)
            .output(
                "results",
                json!([
                    { "name": "GET /health", "status": 200, "latency_ms": 1 },
                    { "name": "memory", "status": 200, "latency_ms": 12 },
                ])
            )),
    );
    assert_eq!(
        host.sent(),
        [
            SentRequest::new("GET", "http://127.0.0.1:8001/health"),
            SentRequest::new("POST", "http://127.0.0.1:8001/memory/packet")
                .header("x-trace", "1")
                .header("content-type", "application/json")
                .header("authorization", "Bearer s3cr3t")
                .body(r#"{"content":"test"}"#)
                .timeout_ms(3000),
        ],
    );
}

#[test]
fn every_mismatch_is_a_finding_and_all_requests_are_sent() {
    let host = FakeHost::new()
        .answer("GET http://api/a", Answer::text(500, "oops").after(Duration::from_millis(300)))
        .answer(
            "GET http://api/b",
            Answer::json(200, json!({ "status": "degraded" })).header("x-version", "2"),
        )
        .answer("DELETE http://api/c", Answer::status(404));

    assert_eq!(
        evaluate::<HttpSmoke>(
            &host,
            json!({
                "base": "http://api",
                "requests": [
                    { "get": "/a", "expect": { "json": "valid", "contains": "fine", "max_latency_ms": 200 } },
                    { "get": "/b", "expect": { "json": { "status": "healthy" }, "headers": { "x-version": "3" } } },
                    { "delete": "/c", "expect": { "status": [200, 204] } },
                ],
            })
        ),
        Ok(Evaluation::fail("7 mismatches in 3 requests")
            .finding(Finding::error("unexpected-status", "`GET /a`: status is 500, not 200 to 299"))
            .finding(Finding::error("unexpected-json", "`GET /a`: the body is not JSON"))
            .finding(Finding::error("missing-text", "`GET /a`: the body does not contain `fine`"))
            .finding(Finding::error("too-slow", "`GET /a`: it took 300 ms, more than 200 ms"))
            .finding(Finding::error(
                "unexpected-json",
                r#"`GET /b`: body: `$.status` is "degraded", not "healthy""#
            ))
            .finding(Finding::error("unexpected-header", "`GET /b`: header `x-version` is `2`, not `3`"))
            .finding(Finding::error("unexpected-status", "`DELETE /c`: status is 404, not 200 or 204"))
            .output("requests", 3)
            .output("slowest_ms", 300)
            .output(
                "results",
                json!([
                    { "name": "GET /a", "status": 500, "latency_ms": 300 },
                    { "name": "GET /b", "status": 200, "latency_ms": 1 },
                    { "name": "DELETE /c", "status": 404, "latency_ms": 1 },
                ])
            )),
    );
}

#[test]
fn a_request_without_an_answer_is_a_failure_after_all_were_sent() {
    let host = FakeHost::new()
        .fails("GET http://api/a", HostError::Unavailable("connection refused".into()))
        .answer("GET http://api/b", Answer::status(500))
        .fails("GET http://api/c", HostError::TimedOut);

    let answer = evaluate::<HttpSmoke>(
        &host,
        json!({ "base": "http://api", "requests": [{ "get": "/a" }, { "get": "/b" }, { "get": "/c" }] }),
    );

    assert_eq!(
        answer,
        Err(Failure::unavailable("`GET /a`: GET http://api/a: connection refused; 1 more without an answer")),
    );
    assert_eq!(host.sent_lines(), ["GET http://api/a", "GET http://api/b", "GET http://api/c"]);
    assert_eq!(
        host.logged().iter().map(|line| line.text.as_str()).collect::<Vec<_>>(),
        ["`GET /b`: status is 500, not 200 to 299"],
    );
}

#[test]
fn a_secret_that_is_not_granted_is_a_failure_and_its_request_is_not_sent() {
    let host = FakeHost::new();

    assert_eq!(
        evaluate::<HttpSmoke>(
            &host,
            json!({ "base": "http://api", "requests": [{ "get": "/a", "auth": { "bearer": "key" } }] })
        ),
        Err(Failure::new(
            FailureKind::Denied,
            "`GET /a`: secret `key`: denied, no grant of this step covers it"
        )),
    );
    assert_eq!(host.sent(), []);
}

#[test]
fn a_request_that_makes_no_sense_is_refused_before_anything_is_sent() {
    let refused = |call: Value| {
        let host = FakeHost::new();
        let answer = evaluate::<HttpSmoke>(&host, json!({ "base": "http://api", "requests": [call] }));
        assert_eq!(host.sent(), []);
        answer.unwrap_err()
    };

    assert_eq!(
        refused(json!({ "get": "/a", "post": "/b" })),
        Failure::invalid_config(
            "a request needs exactly one of `get`, `head`, `post`, `put`, `patch` and `delete`, not 2"
        ),
    );
    assert_eq!(refused(json!({ "get": "a" })), Failure::invalid_config("`GET a`: a path starts with `/`"));
    assert_eq!(
        refused(json!({ "post": "/a", "json": {}, "body": "" })),
        Failure::invalid_config("`POST /a`: there can be only one of `json` and `body`"),
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "http-smoke");
    assert_eq!(manifest.outputs, ["requests", "slowest_ms", "results"]);
}
