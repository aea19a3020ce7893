//! HTTP as it goes over the wire, against servers that answer what a test tells them to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use crate::{
    Capability, Limits, Refusal,
    host::{
        Context,
        bindings::runner::plugin::{
            http::{Header, Host as _, Request, Response, SecretHeader},
            secrets::Host as _,
            types::HostError,
        },
        testing::Builder,
    },
};

/// A server that answers every connection alike and keeps what it was sent.
struct Server {
    port: u16,
    accepted: Arc<AtomicUsize>,
    received: mpsc::UnboundedReceiver<String>,
}

/// Answers with `answer` once the head of a request and `body` bytes more are there.
async fn server(answer: impl Into<Vec<u8>>) -> Server {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = mpsc::unbounded_channel();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            let (answer, sender) = (answer.clone(), sender.clone());
            tokio::spawn(async move {
                let mut text = Vec::new();
                while !is_whole(&text) {
                    if stream.read_buf(&mut text).await.unwrap() == 0 {
                        break;
                    }
                }
                sender.send(String::from_utf8(text).unwrap()).unwrap();
                stream.write_all(&answer).await.unwrap();
                stream.shutdown().await.ok();
            });
        }
    });
    Server { port, accepted, received }
}

fn is_whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    body.len() >= length
}

fn get(url: impl Into<String>) -> Request {
    Request {
        method: "GET".to_owned(),
        url: url.into(),
        headers: Vec::new(),
        secret_headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
        max_body_bytes: None,
    }
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.as_bytes().to_vec() }
}

fn allowing(rules: Value) -> Builder {
    Builder::new(json!({ "network": rules }))
}

async fn send(context: &mut Context, request: Request) -> Result<Response, HostError> {
    context.send(request).await.unwrap()
}

type Headers = Vec<(String, String)>;

/// The response without its time, which no test can know.
fn timeless(response: Result<Response, HostError>) -> (u16, Headers, Headers, String) {
    let response = response.unwrap();
    let list = |headers: Vec<Header>| {
        headers.into_iter().map(|header| (header.name, String::from_utf8(header.value).unwrap())).collect()
    };
    (
        response.status,
        list(response.headers),
        list(response.trailers),
        String::from_utf8(response.body).unwrap(),
    )
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_request_goes_out_byte_for_byte_as_it_should() {
    let mut server = server(OK).await;
    let mut context = allowing(json!([format!("POST http://127.0.0.1:{}/a/*", server.port)])).build();
    let request = Request {
        method: "POST".to_owned(),
        headers: vec![header("X-One", "1"), header("x-one", "2"), header("accept", "*/*")],
        body: b"hello".to_vec(),
        ..get(format!("http://127.0.0.1:{}/x/../a/b?c=d#frag", server.port))
    };
    let answer = timeless(send(&mut context, request).await);
    assert_eq!(answer, (200, vec![pair("content-length", "2")], vec![], "ok".to_owned()));
    let expected = format!(
        "POST /a/b?c=d HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nuser-agent: runner/{}\r\nx-one: 1\r\nx-one: 2\r\naccept: */*\r\n\
         connection: close\r\ncontent-length: 5\r\n\r\nhello",
        server.port,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(server.received.recv().await.unwrap(), expected);
}

#[tokio::test]
async fn what_no_rule_covers_never_leaves_the_host() {
    let server = server(OK).await;
    let base = format!("http://127.0.0.1:{}", server.port);
    let mut context = allowing(json!([format!("GET {base}/health"), "GET http://app.test/*"]))
        .name("app.test", &["127.0.0.1"])
        .build();
    let denied = [
        Request { method: "POST".to_owned(), ..get(format!("{base}/health")) },
        get(format!("{base}/admin")),
        get(format!("{base}/health?x=1")),
        get(format!("http://localhost:{}/health", server.port)),
        get(format!("http://[::ffff:127.0.0.1]:{}/health", server.port)),
        get("http://app.test/x"),
    ];
    for request in denied {
        assert_eq!(send(&mut context, request).await.map(|response| response.status), Err(HostError::Denied));
    }
    assert_eq!(server.accepted.load(Ordering::SeqCst), 0);
    let rules = format!("`GET {base}/health`, `GET http://app.test/*`");
    let refusal = |request: String| Refusal {
        capability: Capability::Http,
        grant: Some(format!(r#"network: ["{request}"]"#)),
        request,
        message: format!("none of its network rules covers this: {rules}"),
    };
    assert_eq!(
        context.ledger().finish().refusals,
        [
            refusal(format!("POST {base}/health")),
            refusal(format!("GET {base}/admin")),
            refusal(format!("GET {base}/health?*")),
            refusal(format!("GET http://localhost:{}/health", server.port)),
            refusal(format!("GET http://[::ffff:7f00:1]:{}/health", server.port)),
            Refusal {
                capability: Capability::Http,
                request: "connect to `app.test` port 80".to_owned(),
                message: "the name leads to 127.0.0.1, which is this machine itself; write `GET http://app.test/* private` \
                          to allow that"
                    .to_owned(),
                grant: Some(r#"network: ["GET http://app.test/* private"]"#.to_owned()),
            },
        ]
    );
}

#[tokio::test]
async fn one_bad_address_spoils_the_whole_answer() {
    let server = server(OK).await;
    let port = server.port;
    for addresses in
        [["127.0.0.1", "169.254.169.254"], ["::ffff:169.254.169.254", "127.0.0.1"], ["127.0.0.1", "0.0.0.0"]]
    {
        let mut context = allowing(json!([format!("GET http://app.test:{port}/* private")]))
            .name("app.test", &addresses)
            .build();
        let answer = send(&mut context, get(format!("http://app.test:{port}/"))).await;
        assert_eq!(answer.map(|response| response.status), Err(HostError::Denied), "{addresses:?}");
    }
    assert_eq!(server.accepted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_is_tried_at_each_of_its_addresses() {
    let mut server = server(OK).await;
    let port = server.port;
    let mut context = allowing(json!([format!("GET http://app.test:{port}/* private")]))
        .name("app.test", &["127.0.0.9", "127.0.0.1"])
        .build();
    let answer = timeless(send(&mut context, get(format!("http://App.Test.:{port}/"))).await);
    assert_eq!(answer.0, 200);
    assert!(server.received.recv().await.unwrap().contains(&format!("host: app.test:{port}\r\n")));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nothing_more() {
    let other = server(OK).await;
    let location = format!("http://127.0.0.1:{}/", other.port);
    let server =
        server(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")).await;
    let mut context = allowing(json!([format!("GET http://127.0.0.1:{}/*", server.port)])).build();
    let answer = timeless(send(&mut context, get(format!("http://127.0.0.1:{}/", server.port))).await);
    assert_eq!(
        answer,
        (302, vec![pair("location", &location), pair("content-length", "0")], vec![], String::new())
    );
    assert_eq!(other.accepted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn trailers_arrive_with_the_response() {
    let server = server(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: etag\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\netag: \"7\"\r\n\r\n",
    )
    .await;
    let mut context = allowing(json!([format!("GET http://127.0.0.1:{}/*", server.port)])).build();
    let answer = timeless(send(&mut context, get(format!("http://127.0.0.1:{}/", server.port))).await);
    let headers = vec![pair("transfer-encoding", "chunked"), pair("trailer", "etag")];
    assert_eq!(answer, (200, headers, vec![pair("etag", "\"7\"")], "abcde".to_owned()));
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_named() {
    let mut context = allowing(json!(["* https://*.example.com/*"])).build();
    let reserved = |name: &str| Request { headers: vec![header(name, "x")], ..get("https://a.example.com/") };
    let method = |method: &str| Request { method: method.to_owned(), ..get("https://a.example.com/") };
    let table = [
        (method("get"), "the method must be a word in capitals, as `GET`"),
        (method("GET /x HTTP/1.1\r\nhost: evil\r\n\r\n"), "the method must be a word in capitals, as `GET`"),
        (method("CONNECT"), "`CONNECT` is not offered"),
        (get("https://a.example.com/\r\nx: y"), "the URL holds a space, a control character or `\\`"),
        (get("https://a.example.com\\@evil.com/"), "the URL holds a space, a control character or `\\`"),
        (get("https://evil.com@a.example.com/"), "the URL holds user info; send a secret header instead"),
        (get("/relative"), "the URL cannot be read: relative URL without a base"),
        (get("file:///etc/passwd"), "`file` URLs are not offered, only `http` and `https`"),
        (get("https://a.example.com:0/"), "port 0 is not a port"),
        (get("https://[::1%25eth0]/"), "the URL cannot be read: invalid IPv6 address"),
        (reserved("Host"), "the header `host` is the host's own"),
        (reserved("content-length"), "the header `content-length` is the host's own"),
        (reserved("Transfer-Encoding"), "the header `transfer-encoding` is the host's own"),
        (reserved("connection"), "the header `connection` is the host's own"),
        (reserved("te"), "the header `te` is the host's own"),
        (reserved("upgrade"), "the header `upgrade` is the host's own"),
        (reserved("x y"), "a header's name holds what a name cannot"),
        (
            Request { headers: vec![header("x", "a\r\nb: c")], ..get("https://a.example.com/") },
            "the value of the header `x` holds what a value cannot",
        ),
        (
            Request { headers: vec![header("x", "y"); 101], ..get("https://a.example.com/") },
            "a request has at most 100 headers",
        ),
    ];
    for (request, message) in table {
        let answer = send(&mut context, request).await.map(|response| response.status);
        assert_eq!(answer, Err(HostError::Invalid(message.to_owned())));
    }
    assert_eq!(context.ledger().finish().refusals, []);
}

#[tokio::test]
async fn a_server_that_misbehaves_is_cut_off() {
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n{}", "x".repeat(2000));
    let endless = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101));
    let heavy = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(70_000));
    let budget = |text: &str| Err(HostError::BudgetExceeded(text.to_owned()));
    let broke_off =
        |text: &str| Err(HostError::Unavailable(format!("connected, but the exchange broke off {text}")));
    let head = "the response has more than 100 headers or 65536 bytes of them";
    let table = [
        (long, budget("the response body is longer than 1000 bytes")),
        (endless, budget(head)),
        (heavy, budget(head)),
        (String::new(), broke_off("waiting for the response: connection closed before message completed")),
        (
            "SSH-2.0-OpenSSH\r\n".to_owned(),
            broke_off("waiting for the response: invalid HTTP version parsed"),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_owned(),
            broke_off(
                "reading the response body: error reading a body from connection: end of file before message \
                       length reached",
            ),
        ),
    ];
    for (answer, expected) in table {
        let server = server(answer).await;
        let mut context = allowing(json!([format!("GET http://127.0.0.1:{}/*", server.port)])).build();
        let request =
            Request { max_body_bytes: Some(1000), ..get(format!("http://127.0.0.1:{}/", server.port)) };
        assert_eq!(send(&mut context, request).await.map(|response| response.status), expected);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_the_timeout_and_no_more() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let mut context = allowing(json!([format!("GET {url}")])).build();
    let request = Request { timeout_ms: Some(30), ..get(&url) };
    assert_eq!(send(&mut context, request).await.map(|response| response.status), Err(HostError::TimedOut));

    let mut hurried = allowing(json!([format!("GET {url}")])).deadline(Duration::from_millis(30)).build();
    assert_eq!(send(&mut hurried, get(&url)).await.map(|response| response.status), Err(HostError::TimedOut));
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut context =
        allowing(json!([format!("GET http://127.0.0.1:{port}/"), "GET http://gone.test/"])).build();
    assert_eq!(
        send(&mut context, get(format!("http://127.0.0.1:{port}/"))).await.map(|response| response.status),
        Err(HostError::Unavailable(format!("no connection to port {port}: 127.0.0.1: connection refused")))
    );
    assert_eq!(
        send(&mut context, get("http://gone.test/")).await.map(|response| response.status),
        Err(HostError::Unavailable("`gone.test` does not resolve: no such name".to_owned()))
    );
}

#[tokio::test]
async fn a_secret_goes_into_the_header_and_does_not_come_back() {
    let echo =
        "HTTP/1.1 200 OK\r\nx-echo: Bearer hunter2\r\ncontent-length: 22\r\n\r\nyou sent Bearer hunter2"
            .replace("content-length: 22", "content-length: 23");
    let mut server = server(echo).await;
    let grants =
        json!({ "network": [format!("GET http://127.0.0.1:{}/*", server.port)], "secrets": ["token"] });
    let mut context = Builder::new(grants).secret("token", b"hunter2").build();
    let secret = context.get("token".to_owned()).unwrap().unwrap();
    let request = Request {
        secret_headers: vec![SecretHeader {
            name: "authorization".to_owned(),
            prefix: "Bearer ".to_owned(),
            secret,
        }],
        ..get(format!("http://127.0.0.1:{}/", server.port))
    };
    let answer = timeless(send(&mut context, request).await);
    let headers = vec![pair("x-echo", "Bearer ***"), pair("content-length", "23")];
    assert_eq!(answer, (200, headers, vec![], "you sent Bearer ***".to_owned()));
    assert!(server.received.recv().await.unwrap().contains("authorization: Bearer hunter2\r\n"));
}

#[tokio::test]
async fn requests_count_as_host_calls() {
    let mut context = allowing(json!([])).limits(Limits { calls: 1, ..Limits::default() }).build();
    assert_eq!(
        send(&mut context, get("http://a.test/")).await.map(|response| response.status),
        Err(HostError::Denied)
    );
    assert_eq!(
        send(&mut context, get("http://a.test/")).await.map(|response| response.status),
        Err(HostError::BudgetExceeded("calls: more than 1 host calls".to_owned()))
    );
}
