//! The other door: the same grants for guests that speak WASI.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use wasmtime_wasi::{WasiView as _, p2::OutputStream, sockets::SocketAddrUse};
use wasmtime_wasi_http::{Error as HttpError, WasiBody, WasiHttpView as _};

use super::{Capture, may_use};
use crate::{
    Capability, Limits, Refusal,
    env::Variables,
    host::{Context, testing::Builder},
    log::{Level, Line},
};

fn line(level: Level, text: &str) -> Line {
    Line { level, text: text.to_owned() }
}

#[test]
fn stdout_and_stderr_become_lines() {
    let context = Builder::new(json!({})).build();
    let mut stdout = Capture::new(Level::Info, context.ledger());
    let mut stderr = Capture::new(Level::Warn, context.ledger());
    for part in ["one\ntw", "o\n\u{1b}[2Jth"] {
        OutputStream::write(&mut stdout, Bytes::from(part)).unwrap();
    }
    OutputStream::write(&mut stderr, Bytes::from_static(b"panicked \xff")).unwrap();
    drop((stdout, stderr));
    let expected = [
        line(Level::Info, "one"),
        line(Level::Info, "two"),
        line(Level::Info, "th"),
        line(Level::Warn, "panicked \u{fffd}"),
    ];
    assert_eq!(context.ledger().finish().lines, expected);
}

#[test]
fn sockets_connect_to_named_addresses_and_do_nothing_else() {
    let grants = json!({ "network": ["tcp://10.0.0.5:6379", "tcp://localhost:80", "tcp://redis.test:1", "tcp://169.254.169.254:80"] });
    let context = Builder::new(grants).build();
    let table = [
        ("10.0.0.5:6379", SocketAddrUse::TcpConnect, true),
        ("10.0.0.5:6380", SocketAddrUse::TcpConnect, false),
        ("10.0.0.6:6379", SocketAddrUse::TcpConnect, false),
        ("127.0.0.1:80", SocketAddrUse::TcpConnect, true),
        ("[::1]:80", SocketAddrUse::TcpConnect, true),
        ("169.254.169.254:80", SocketAddrUse::TcpConnect, false),
        ("0.0.0.0:0", SocketAddrUse::TcpBind, true),
        ("0.0.0.0:8080", SocketAddrUse::TcpBind, false),
        ("127.0.0.1:0", SocketAddrUse::TcpBind, false),
        ("0.0.0.0:0", SocketAddrUse::TcpListen, false),
        ("10.0.0.5:6379", SocketAddrUse::TcpAccept, false),
        ("0.0.0.0:0", SocketAddrUse::UdpBind, false),
        ("10.0.0.5:6379", SocketAddrUse::UdpSend, false),
        ("10.0.0.5:6379", SocketAddrUse::UdpReceive, false),
    ];
    for (address, usage, allowed) in table {
        let address: SocketAddr = address.parse().unwrap();
        assert_eq!(
            may_use(&context.grants, context.booking(), address, usage),
            allowed,
            "{address} {usage:?}"
        );
    }
    let requests: Vec<String> =
        context.ledger().finish().refusals.into_iter().map(|refusal| refusal.request).collect();
    assert_eq!(requests, ["tcp://10.0.0.5:6380", "tcp://10.0.0.6:6379", "tcp://169.254.169.254:80"]);
}

#[test]
fn beyond_the_calls_limit_every_handle_leads_nowhere() {
    let mut context =
        Builder::new(json!({})).limits(Limits { calls: 1, ..Limits::default() }).build().with_wasi().unwrap();
    assert_eq!(context.ctx().table.max_capacity(), 256);
    assert!(!context.calls_overrun());
    assert_eq!(context.ctx().table.max_capacity(), 0);
    assert!(context.ledger().calls_spent());
    assert!(context.calls_overrun());
}

/// Sends through the hook, as `wasi:http/outgoing-handler` does.
async fn send(
    context: &mut Context,
    method: &str,
    url: &str,
    body: &'static str,
) -> Result<(u16, Bytes), HttpError> {
    let body: WasiBody =
        Full::new(Bytes::from_static(body.as_bytes())).map_err(|never| match never {}).boxed_unsync();
    let request = http::Request::builder()
        .method(method)
        .uri(url)
        .header("host", "whatever.test")
        .header("content-length", body.size_hint_exact())
        .header("x-own", "1")
        .body(body)
        .unwrap();
    let sent = context.http().hooks.send_request(request, None, Box::new(async { Ok(()) }));
    let (response, _) = Box::into_pin(sent).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| HttpError::InternalError(None))?;
    Ok((head.status.as_u16(), body.to_bytes()))
}

trait Exact {
    fn size_hint_exact(&self) -> u64;
}

impl Exact for WasiBody {
    fn size_hint_exact(&self) -> u64 {
        hyper::body::Body::size_hint(self).exact().unwrap_or(0)
    }
}

#[tokio::test]
async fn wasi_http_goes_through_the_same_dialer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"hello") {
            stream.read_buf(&mut text).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        String::from_utf8(text).unwrap()
    });
    let grants = json!({ "network": [format!("POST {base}/a")] });
    let mut context = Builder::new(grants).build().with_wasi().unwrap();
    let denied = send(&mut context, "GET", &format!("{base}/a"), "").await;
    assert!(matches!(denied, Err(HttpError::HttpRequestDenied)), "{denied:?}");
    let sent = send(&mut context, "POST", &format!("{base}/a"), "hello").await.unwrap();
    assert_eq!(sent, (201, Bytes::from_static(b"ok")));
    let expected = format!(
        "POST /a HTTP/1.1\r\nhost: {}\r\nuser-agent: runner/{}\r\nx-own: 1\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        base.trim_start_matches("http://"),
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(served.await.unwrap(), expected);
    let refusal = Refusal {
        capability: Capability::Http,
        request: format!("GET {base}/a"),
        message: format!("none of its network rules covers this: `POST {base}/a`"),
        grant: Some(format!(r#"network: ["GET {base}/a"]"#)),
    };
    assert_eq!(context.ledger().finish().refusals, [refusal]);
}

/// Bodies lie outside of the guest's memory, so their number has to end somewhere.
#[tokio::test]
async fn a_guest_may_not_hold_many_responses_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let served = tokio::spawn(async move {
        for _ in 0..17 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = Vec::new();
            while !text.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut text).await.unwrap();
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let mut context = Builder::new(json!({ "network": [format!("GET {url}")] })).build().with_wasi().unwrap();
    let mut ask = async || {
        let request = http::Request::builder().uri(&url).body(WasiBody::default()).unwrap();
        let sent = context.http().hooks.send_request(request, None, Box::new(async { Ok(()) }));
        Box::into_pin(sent).await.map(|(response, _)| response)
    };
    let mut responses = Vec::new();
    for _ in 0..16 {
        responses.push(ask().await.unwrap());
    }
    let refused = ask().await;
    assert!(matches!(refused, Err(HttpError::ConnectionLimitReached)), "{refused:?}");
    responses.pop();
    assert_eq!(ask().await.unwrap().into_body().collect().await.unwrap().to_bytes(), "ok");
    served.await.unwrap();
}

/// A guest takes its environment as a whole, so each granted variable in it counts; its own are no grant.
#[tokio::test]
async fn granted_variables_count_when_the_environment_is_read() {
    let variable = |name: &str| (name.to_owned(), "x".to_owned());
    let env = Variables { own: [variable("OWN")].into(), granted: [variable("LANG"), variable("TZ")].into() };
    let grants = json!({ "env": ["LANG", "TZ", "UNSET"] });
    let mut context = Builder::new(grants).env(env).build().with_wasi().unwrap();
    let names: Vec<String> = context.environment().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["OWN", "LANG", "TZ"]);
    let uses: Vec<String> =
        context.ledger().finish().uses.iter().map(|used| format!("{} {}", used.rule, used.count)).collect();
    assert_eq!(uses, ["env: LANG 1", "env: TZ 1"]);
}
