//! The health check as a pipeline sees it. Requirement: 002-13. What the server sends is recorded from gRPC 1.85.1 for
//! Python; the header fields are written out, without compression.

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::testing::{Conversation, FakeHost, probe};
use serde_json::{Value, json};

const ADDRESS: &str = "core:50051";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const END: u8 = END_STREAM | END_HEADERS;

fn frame(kind: u8, flags: u8, stream: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], body].concat()
}

fn greeting() -> Vec<u8> {
    let settings = b"\0\x04\0\x40\0\0\0\x05\0\x40\0\0\0\x06\0\0\x40\0\xfe\x03\0\0\0\x01";
    [
        frame(SETTINGS, 0, 0, settings),
        frame(SETTINGS, 1, 0, b""),
        frame(PING, 0, 0, b"\0\x81\x12\x36\x8d\xe6\xb6\x62"),
    ]
    .concat()
}

fn fields(all: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in all {
        block.extend([0, u8::try_from(name.len()).unwrap()]);
        block.extend(name.as_bytes());
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.as_bytes());
    }
    block
}

fn head() -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, &fields(&[(":status", "200"), ("content-type", "application/grpc")]))
}

fn trailers(status: &str, message: &str) -> Vec<u8> {
    frame(HEADERS, END, 1, &fields(&[("grpc-status", status), ("grpc-message", message)]))
}

fn saying(message: &[u8]) -> Vec<u8> {
    let framed = [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message].concat();
    [head(), frame(DATA, 0, 1, &framed), trailers("0", "")].concat()
}

fn server(said: impl IntoIterator<Item = Vec<u8>>) -> FakeHost {
    FakeHost::new().listener(ADDRESS, said.into_iter().fold(Conversation::new(), Conversation::says))
}

fn config(service: &str) -> Value {
    json!({ "address": ADDRESS, "service": service, "latency": { "degraded_ms": 1000 } })
}

fn seen(answer: Vec<u8>) -> (Health, String) {
    let report = probe::<GrpcHealth>(&server([greeting(), answer]), config("l9.Query")).unwrap();
    (report.health, report.summary)
}

fn failed(said: impl IntoIterator<Item = Vec<u8>>) -> String {
    let failure = probe::<GrpcHealth>(&server(said), config("")).unwrap_err();
    assert_eq!(failure.kind, FailureKind::InvalidInput);
    failure.message
}

/// 002-13: the health protocol on the port of the service.
#[test]
fn a_service_that_serves_is_healthy() {
    let host = server([greeting(), saying(b"\x08\x01")]);

    assert_eq!(
        probe::<GrpcHealth>(&host, config("l9.Query")),
        Ok(Report::of(
            vec![
                Check::new("serving", Health::Healthy, "`l9.Query` says SERVING"),
                Check::new("latency", Health::Healthy, "it took 0 ms"),
            ],
            "healthy: SERVING in 0 ms"
        )
        .output("status", "SERVING")
        .output("latency_ms", 0)),
    );
    let heard = host.heard(ADDRESS);
    assert!(heard.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    assert!(heard.windows(15).any(|window| window == b"\0\0\0\0\x0a\x0a\x08l9.Query"));
}

#[test]
fn a_service_that_does_not_serve_is_not_healthy() {
    let other = |word: &str| format!("`l9.Query` says {word}");

    assert_eq!(
        seen(saying(b"\x08\x02")),
        (Health::Unhealthy, format!("unhealthy: {}", other("NOT_SERVING")))
    );
    assert_eq!(
        seen(saying(b"\x08\x03")),
        (Health::Unhealthy, format!("unhealthy: {}", other("SERVICE_UNKNOWN")))
    );
    assert_eq!(seen(saying(b"\x08\x07")), (Health::Unhealthy, format!("unhealthy: {}", other("status 7"))));
    assert_eq!(seen(saying(b"")), (Health::Unknown, format!("unknown: {}", other("UNKNOWN"))));
}

#[test]
fn a_call_that_fails_says_why() {
    let refused = |status: &str, message: &str| seen([head(), trailers(status, message)].concat());
    let only_trailers = frame(
        HEADERS,
        END,
        1,
        &fields(&[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "12")]),
    );

    assert_eq!(
        refused("5", ""),
        (Health::Unhealthy, "unhealthy: `l9.Query`: the server knows no such service, NOT_FOUND".to_owned())
    );
    assert_eq!(
        refused("14", "f%C3%BCr heute zu%"),
        (Health::Unhealthy, "unhealthy: `l9.Query`: the call failed, UNAVAILABLE: für heute zu%".to_owned())
    );
    assert_eq!(
        refused("16", "no token"),
        (
            Health::Unknown,
            "unknown: `l9.Query`: the server does not answer everybody, UNAUTHENTICATED: no token".to_owned()
        )
    );
    assert_eq!(
        seen(only_trailers),
        (
            Health::Unknown,
            "unknown: `l9.Query`: the server does not speak the health protocol, UNIMPLEMENTED".to_owned()
        )
    );
}

#[test]
fn a_proxy_that_answers_for_the_service_is_unhealthy() {
    let gone = frame(HEADERS, END, 1, &fields(&[(":status", "503"), ("content-type", "text/html")]));

    assert_eq!(
        seen(gone),
        (
            Health::Unhealthy,
            "unhealthy: `l9.Query`: something before it answers with HTTP status 503".to_owned()
        )
    );
}

#[test]
fn a_server_that_breaks_off_is_unhealthy() {
    let broke_off = "unhealthy: core:50051 broke off before it answered";
    let summary = |said: Vec<Vec<u8>>| probe::<GrpcHealth>(&server(said), config("")).unwrap().summary;
    let half = saying(b"\x08\x01")[..40].to_vec();

    assert_eq!(summary(Vec::new()), broke_off);
    assert_eq!(summary(vec![greeting()]), broke_off);
    assert_eq!(summary(vec![greeting(), half]), broke_off);
}

#[test]
fn a_server_that_does_not_take_the_call_is_unhealthy() {
    let reset = frame(RST_STREAM, 0, 1, &[0, 0, 0, 7]);
    let goaway = frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11]);
    let not_taken =
        |why: &str| (Health::Unhealthy, format!("unhealthy: core:50051 does not take the call: {why}"));

    assert_eq!(
        seen(reset),
        not_taken("stream error received: refused stream before processing any application logic")
    );
    assert_eq!(
        seen(goaway),
        not_taken("connection error received: detected excessive load generating behavior")
    );
}

#[test]
fn what_is_no_grpc_is_a_failure() {
    let plain = frame(HEADERS, END, 1, &fields(&[(":status", "200"), ("content-type", "text/html")]));
    let silent = [head(), frame(DATA, END_STREAM, 1, b"\0\0\0\0\x02\x08\x01")].concat();
    let odd = [head(), trailers("fine", "")].concat();
    let two = [head(), frame(DATA, 0, 1, &[0; 10]), trailers("0", "")].concat();
    let unusable = |why: &str| format!("the answer cannot be used: {why}");

    assert_eq!(
        failed([greeting(), plain]),
        unusable("its content type is `text/html`, not `application/grpc`")
    );
    assert_eq!(failed([greeting(), silent]), unusable("it ends without a `grpc-status`"));
    assert_eq!(failed([greeting(), odd]), unusable("its `grpc-status` is `fine`"));
    assert_eq!(failed([greeting(), two]), unusable("the message is 5 bytes long, not 0"));
    assert_eq!(
        failed([b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]),
        unusable("HTTP/2: connection error detected: frame with invalid size")
    );
}

#[test]
fn an_answer_without_end_is_given_up() {
    let pings = (0..2_000).map(|_| frame(PING, 0, 0, b"12345678"));
    let long: Vec<u8> =
        [head(), frame(DATA, 0, 1, &[0; 16_000]), frame(DATA, 0, 1, &[0; 16_000]), trailers("0", "")]
            .concat();

    assert_eq!(
        failed([greeting()].into_iter().chain(pings)),
        "the answer cannot be used: the server sends and sends, and never an answer"
    );
    assert_eq!(failed([greeting(), long]), "the answer cannot be used: it is longer than 16384 bytes");
}

#[test]
fn a_place_that_may_not_be_reached_or_cannot_be_named_is_a_failure() {
    assert_eq!(
        probe::<GrpcHealth>(&FakeHost::new(), config("")),
        Err(Failure::new(
            FailureKind::Denied,
            "connect tcp://core:50051: denied, no grant of this step covers it"
        )),
    );
    assert_eq!(
        probe::<GrpcHealth>(&server([]), json!({ "address": ADDRESS, "authority": "a b" })),
        Err(Failure::invalid_config("`a b` is no name of a server")),
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "grpc-health");
    assert_eq!(manifest.outputs, ["status", "latency_ms"]);
}
