//! Ways to talk to somebody else than a rule names.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener, ToSocketAddrs as _},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::scene::{Denied, Scene, Seen, denied, never};
use crate::server::{head, respond, serve};

/// A server that may be talked to, and one that must not notice anything.
pub(super) struct Servers {
    pub(super) open: u16,
    shut: TcpListener,
    bearers: Arc<Mutex<Vec<String>>>,
}

impl Servers {
    pub(super) fn start() -> Self {
        let shut = TcpListener::bind("127.0.0.1:0").expect("a port");
        let away = shut.local_addr().expect("an address");
        let bearers = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&bearers);
        let open = serve(move |_, mut stream| answer(&mut stream, away, &seen));
        Self { open, shut, bearers }
    }

    /// What came to the open one as `authorization: Bearer …`.
    pub(super) fn secrets_seen(&self) -> Vec<String> {
        self.bearers.lock().expect("nobody panicked").clone()
    }

    fn shut(&self) -> u16 {
        self.shut.local_addr().expect("an address").port()
    }

    /// Ports as words: they differ from run to run.
    fn words(&self) -> [(&'static str, String); 2] {
        [("OPEN", self.open.to_string()), ("SHUT", self.shut().to_string())]
    }

    /// Nobody has connected to the one that must not notice anything.
    pub(super) fn assert_untouched(&self) {
        self.shut.set_nonblocking(true).expect("it can");
        let kind = self.shut.accept().map(|(_, from)| from).map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::WouldBlock), "somebody connected");
    }
}

/// Answers with the head of the request, or, below `/in/away`, with a redirect to `away`.
fn answer(stream: &mut std::net::TcpStream, away: SocketAddr, bearers: &Mutex<Vec<String>>) {
    let request = head(stream);
    if request.is_empty() {
        return;
    }
    let bearer = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
    bearers.lock().expect("nobody panicked").extend(bearer.map(str::to_owned));
    let (status, location) = if request.starts_with("GET /in/away") {
        ("302 Found", format!("location: http://{away}/\r\n"))
    } else {
        ("200 OK", String::new())
    };
    let lines: Vec<&str> = request.trim_end().lines().collect();
    respond(stream, status, &location, lines.join("; ").as_bytes());
}

fn grants(servers: &Servers) -> Value {
    let open = servers.open;
    json!({
        "network": [
            format!("GET http://127.0.0.1:{open}/in/*"),
            format!("tcp://127.0.0.1:{open}"),
            "GET http://169.254.169.254/*",
        ],
        "filesystem": { "read": ["nothing/"] },
    })
}

const NO_RULE: &str = "none of its network rules covers this: `GET http://127.0.0.1:OPEN/in/*`, `tcp://127.0.0.1:OPEN`, `GET \
                       http://169.254.169.254/*`";

/// What no rule covers. A grant to paste is offered unless no grant could help.
fn no_rule(request: &str) -> Denied {
    let hopeless = ["169.254.169.254", "[fd00:ec2::254]", "0.0.0.0"];
    if hopeless.iter().any(|host| request.contains(host)) {
        return never(request, NO_RULE);
    }
    denied(request, NO_RULE, &format!("network: [\"{request}\"]"))
}

/// What a guest is told of it.
fn no(attempt: &Value) -> String {
    let tried = match (&attempt["http"], &attempt["tcp"]) {
        (Value::Object(call), _) => {
            let method = call.get("method").and_then(Value::as_str).unwrap_or("GET");
            format!("{method} {}", call["url"].as_str().expect("a URL"))
        }
        (_, address) => format!("connect tcp://{}", address.as_str().expect("an address")),
    };
    format!("Denied: {tried}: denied, no grant of this step covers it")
}

/// Runs these attempts and gives what is seen, with ports as words.
fn attempts(servers: &Servers, guest: &str, tries: Vec<Value>) -> Seen {
    let tries: Vec<Value> = tries
        .iter()
        .map(|attempt| {
            let text = attempt.to_string();
            let text =
                text.replace("OPEN", &servers.open.to_string()).replace("SHUT", &servers.shut().to_string());
            serde_json::from_str(&text).expect("numbers are no syntax")
        })
        .collect();
    let seen = Scene::guest(guest).grants(grants(servers)).with(json!({ "tries": tries })).run();
    seen.in_words(&servers.words())
}

fn get(url: &str) -> Value {
    json!({ "http": { "url": url } })
}

fn http(url: &str, more: Value) -> Value {
    let mut call = json!({ "url": url });
    call.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    json!({ "http": call })
}

const HEAD: &str = "host: 127.0.0.1:OPEN; user-agent: runner/0.1.0; connection: close";

#[test]
fn a_rule_lets_through_what_it_names_in_every_spelling() {
    let servers = Servers::start();
    let spellings =
        ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", "%31%32%37.0.0.1"];
    let tries = spellings.iter().map(|host| get(&format!("http://{host}:OPEN/in/a#b"))).collect();
    let seen = attempts(&servers, "gate_reach", tries);
    let body = json!({ "status": 200, "body": format!("GET /in/a HTTP/1.1; {HEAD}") });
    assert_eq!(seen, Seen::passed("pass: reached", json!({ "tried": vec![body; spellings.len()] })));
    servers.assert_untouched();
}

#[test]
fn no_spelling_of_another_place_is_let_through() {
    let servers = Servers::start();
    let table = [
        // Another port, another method, another scheme.
        (get("http://127.0.0.1:SHUT/"), "GET http://127.0.0.1:SHUT/"),
        (http("http://127.0.0.1:OPEN/", json!({ "method": "POST" })), "POST http://127.0.0.1:OPEN/"),
        (get("https://127.0.0.1:OPEN/"), "GET https://127.0.0.1:OPEN/"),
        (json!({ "tcp": "127.0.0.1:SHUT" }), "tcp://127.0.0.1:SHUT"),
        // Another host that is this machine all the same.
        (get("http://localhost:SHUT/"), "GET http://localhost:SHUT/"),
        (get("http://localhost:OPEN/"), "GET http://localhost:OPEN/"),
        (get("http://127.0.0.2:OPEN/"), "GET http://127.0.0.2:OPEN/"),
        (get("http://2130706434:OPEN/"), "GET http://127.0.0.2:OPEN/"),
        (get("http://0x7f.2:OPEN/"), "GET http://127.0.0.2:OPEN/"),
        (get("http://0177.0.0.02:OPEN/"), "GET http://127.0.0.2:OPEN/"),
        (get("http://0.0.0.0:OPEN/"), "GET http://0.0.0.0:OPEN/"),
        (get("http://[::1]:OPEN/"), "GET http://[::1]:OPEN/"),
        (get("http://[::ffff:127.0.0.1]:OPEN/"), "GET http://[::ffff:7f00:1]:OPEN/"),
        (get("http://[::ffff:7f00:1]:OPEN/"), "GET http://[::ffff:7f00:1]:OPEN/"),
        (json!({ "tcp": "::ffff:127.0.0.1:OPEN" }), "tcp://[::ffff:127.0.0.1]:OPEN"),
        // A name that only begins like it.
        (get("http://127.0.0.1.evil.test:OPEN/"), "GET http://127.0.0.1.evil.test:OPEN/"),
        // Metadata services of clouds.
        (get("http://169.254.169.254:OPEN/latest"), "GET http://169.254.169.254:OPEN/latest"),
        (get("http://[fd00:ec2::254]/"), "GET http://[fd00:ec2::254]/"),
        // What a server may read as something else.
        (get("http://127.0.0.1:OPEN/in/%2e%2e/b"), "GET http://127.0.0.1:OPEN/b"),
        (get("http://127.0.0.1:OPEN/in/..%2fb"), "GET http://127.0.0.1:OPEN/in/..%2fb"),
        (get("http://127.0.0.1:OPEN/in//b"), "GET http://127.0.0.1:OPEN/in//b"),
        (get("http://127.0.0.1:OPEN/in/;/b"), "GET http://127.0.0.1:OPEN/in/;/b"),
    ];
    let seen = attempts(&servers, "gate_reach", table.iter().map(|(attempt, _)| attempt.clone()).collect());
    // The same place in two spellings is refused twice and said once.
    let mut refused: Vec<Denied> = Vec::new();
    for (_, request) in &table {
        let one = no_rule(request);
        if !refused.contains(&one) {
            refused.push(one);
        }
    }
    let tried: Vec<String> = table.iter().map(|(attempt, _)| no(attempt)).collect();
    assert_eq!(seen, Seen::passed("pass: reached", json!({ "tried": tried })).denied(refused));
    servers.assert_untouched();
}

/// What a URL or a request must not be, whatever the rules say.
#[test]
fn a_request_that_two_readers_could_read_in_two_ways_is_not_sent() {
    let servers = Servers::start();
    let header =
        |name: &str, value: &str| http("http://127.0.0.1:OPEN/", json!({ "headers": { (name): value } }));
    let table = [
        (
            get("http://user@127.0.0.1:OPEN/"),
            "InvalidConfig: GET http://user@127.0.0.1:OPEN/: the URL holds user info; send a secret header instead",
        ),
        (
            get("http://127.0.0.1:OPEN@127.0.0.1:SHUT/"),
            "InvalidConfig: GET http://127.0.0.1:OPEN@127.0.0.1:SHUT/: the URL holds user info; send a secret header instead",
        ),
        (
            get("http://127.0.0.1:OPEN\\@127.0.0.1:SHUT/"),
            "InvalidConfig: GET http://127.0.0.1:OPEN\\@127.0.0.1:SHUT/: the URL holds a space, a control character or `\\`",
        ),
        (
            get("http://127.0.0.1:OPEN/ HTTP/1.1\r\nhost: evil\r\n\r\n"),
            "InvalidConfig: GET http://127.0.0.1:OPEN/ HTTP/1.1\r\nhost: evil\r\n\r\n: the URL holds a space, a control character or `\\`",
        ),
        (get("http://127.0.0.1:0/"), "InvalidConfig: GET http://127.0.0.1:0/: port 0 is not a port"),
        (
            get("http://127.0.0.1:OPEN.evil.test/"),
            "InvalidConfig: GET http://127.0.0.1:OPEN.evil.test/: the URL cannot be read: invalid port number",
        ),
        (
            get("http://xn--127/"),
            "InvalidConfig: GET http://xn--127/: the URL cannot be read: invalid international domain name",
        ),
        (
            get("/relative"),
            "InvalidConfig: GET /relative: the URL cannot be read: relative URL without a base",
        ),
        (
            get("file:///etc/passwd"),
            "InvalidConfig: GET file:///etc/passwd: `file` URLs are not offered, only `http` and `https`",
        ),
        (
            get("http://[::1%25lo]:OPEN/"),
            "InvalidConfig: GET http://[::1%25lo]:OPEN/: the URL cannot be read: invalid IPv6 address",
        ),
        (
            http("http://127.0.0.1:OPEN/", json!({ "method": "CONNECT" })),
            "InvalidConfig: CONNECT http://127.0.0.1:OPEN/: `CONNECT` is not offered",
        ),
        (
            http("http://127.0.0.1:OPEN/", json!({ "method": "TRACE" })),
            "InvalidConfig: TRACE http://127.0.0.1:OPEN/: `TRACE` is not offered",
        ),
        (
            http("http://127.0.0.1:OPEN/", json!({ "method": "get" })),
            "InvalidConfig: get http://127.0.0.1:OPEN/: the method must be a word in capitals, as `GET`",
        ),
        (
            http("http://127.0.0.1:OPEN/", json!({ "method": "GET / HTTP/1.1\r\nx: y\r\n\r\nGET" })),
            "InvalidConfig: GET / HTTP/1.1\r\nx: y\r\n\r\nGET http://127.0.0.1:OPEN/: the method must be a word in capitals, as `GET`",
        ),
        (
            header("host", "evil.test"),
            "InvalidConfig: GET http://127.0.0.1:OPEN/: the header `host` is the host's own",
        ),
        (
            header("Host", "evil.test"),
            "InvalidConfig: GET http://127.0.0.1:OPEN/: the header `host` is the host's own",
        ),
        (
            header("content-length", "0"),
            "InvalidConfig: GET http://127.0.0.1:OPEN/: the header `content-length` is the host's own",
        ),
        (
            header("transfer-encoding", "chunked"),
            "InvalidConfig: GET http://127.0.0.1:OPEN/: the header `transfer-encoding` is the host's own",
        ),
        (
            header("proxy-authorization", "x"),
            "InvalidConfig: GET http://127.0.0.1:OPEN/: the header `proxy-authorization` is the host's own",
        ),
        (
            header("x-a\r\nhost", "evil.test"),
            "InvalidConfig: GET http://127.0.0.1:OPEN/: a header's name holds what a name cannot",
        ),
        (
            header("x-a", "b\r\nhost: evil.test"),
            "InvalidConfig: GET http://127.0.0.1:OPEN/: the value of the header `x-a` holds what a value cannot",
        ),
        (
            header("x-a", "b\nhost: evil.test"),
            "InvalidConfig: GET http://127.0.0.1:OPEN/: the value of the header `x-a` holds what a value cannot",
        ),
    ];
    let seen = attempts(&servers, "gate_reach", table.iter().map(|(attempt, _)| attempt.clone()).collect());
    let tried: Vec<&str> = table.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(seen, Seen::passed("pass: reached", json!({ "tried": tried })));
    servers.assert_untouched();
}

/// The host follows no redirect. A guest that does is asked for the rule.
#[test]
fn a_redirect_leads_nowhere() {
    let servers = Servers::start();
    let tries = vec![get("http://127.0.0.1:OPEN/in/away"), get("http://127.0.0.1:SHUT/")];
    let seen = attempts(&servers, "gate_reach", tries);
    let tried = json!([{ "status": 302, "body": format!("GET /in/away HTTP/1.1; {HEAD}") }, no(&get("http://127.0.0.1:SHUT/"))]);
    let expected = Seen::passed("pass: reached", json!({ "tried": tried }))
        .denied([no_rule("GET http://127.0.0.1:SHUT/")]);
    assert_eq!(seen, expected);
    servers.assert_untouched();
}

fn metadata() -> Denied {
    never(
        "connect to `169.254.169.254` port 80",
        "169.254.169.254 is a cloud metadata service, which no rule can allow",
    )
}

/// A metadata service is refused also where a rule names it: no rule can give it.
#[test]
fn no_rule_gives_a_metadata_service() {
    let servers = Servers::start();
    let tries = [get("http://169.254.169.254/latest/meta-data/"), get("http://2852039166/latest/")];
    let seen = attempts(&servers, "gate_reach", tries.to_vec());
    let tried = tries.map(|attempt| no(&attempt));
    assert_eq!(seen, Seen::passed("pass: reached", json!({ "tried": tried })).denied([metadata()]));
}

/// A rule for a name is no rule for whatever address somebody gives that name.
#[test]
fn a_name_that_leads_to_this_machine_needs_the_word_private() {
    let Some(name) = name_of_this_machine() else {
        skipped();
        return;
    };
    let servers = Servers::start();
    let shut = servers.shut();
    let with =
        json!({ "tries": [get(&format!("http://{name}:{shut}/")), { "tcp": format!("{name}:{shut}") }] });
    let rules = |private: &str| {
        json!({
            "network": [format!("GET http://{name}:{shut}/{private}"), format!("tcp://{name}:{shut}{private}")],
            "filesystem": { "read": ["nothing/"] },
        })
    };
    let seen = Scene::guest("gate_reach").grants(rules("")).with(with).run();
    let seen = seen.in_words(&[("NAME", name.clone()), ("SHUT", shut.to_string())]);
    let refused = |rule: &str| {
        let message = format!(
            "the name leads to 127.0.0.1, which is this machine itself; write `{rule} private` to allow that"
        );
        denied("connect to `NAME` port SHUT", &message, &format!("network: [\"{rule} private\"]"))
    };
    let tried = [no(&get("http://NAME:SHUT/")), no(&json!({ "tcp": "NAME:SHUT" }))];
    let expected = Seen::passed("pass: reached", json!({ "tried": tried }))
        .denied([refused("GET http://NAME:SHUT/"), refused("tcp://NAME:SHUT")]);
    assert_eq!(seen, expected);
    servers.assert_untouched();
}

#[expect(clippy::print_stderr, reason = "whoever reads the test's output should know")]
fn skipped() {
    eprintln!("SKIPPED: this machine's own name does not lead to 127.0.0.1");
}

/// Its own name, if that leads to loopback as it does in most containers.
fn name_of_this_machine() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    let mut addresses = (name.as_str(), 1).to_socket_addrs().ok()?;
    addresses.all(|address| address.ip().to_string() == "127.0.0.1").then_some(name)
}

fn socket(what: &str, address: &str) -> Value {
    json!({ "socket": { (what): address } })
}

fn wasi_http(more: Value) -> Value {
    let mut call = json!({ "authority": "127.0.0.1:OPEN", "path": "/in/a" });
    call.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    json!({ "http": call })
}

#[test]
fn a_wasi_guest_connects_to_named_addresses_and_nothing_else() {
    let servers = Servers::start();
    let table = [
        (socket("connect", "127.0.0.1:OPEN"), "ok"),
        (socket("connect", "127.0.0.1:SHUT"), "access-denied"),
        (socket("connect", "127.0.0.2:OPEN"), "access-denied"),
        (socket("connect", "[::1]:OPEN"), "access-denied"),
        (socket("connect", "[::ffff:127.0.0.1]:OPEN"), "invalid-argument"),
        (socket("connect", "169.254.169.254:80"), "access-denied"),
        (socket("bind", "127.0.0.1:0"), "access-denied"),
        (socket("bind", "0.0.0.0:0"), "ok"),
        (socket("listen", "0.0.0.0:0"), "access-denied"),
        (socket("udp-bind", "0.0.0.0:0"), "access-denied"),
        (socket("udp-peer", "127.0.0.1:SHUT"), "access-denied"),
        (socket("lookup", "localhost"), "permanent-resolver-failure"),
        (socket("lookup", "secret.evil.test"), "permanent-resolver-failure"),
    ];
    let seen = attempts(&servers, "wasip2_raw", table.iter().map(|(attempt, _)| attempt.clone()).collect());
    let tried: Vec<&str> = table.iter().map(|(_, outcome)| *outcome).collect();
    let expected = Seen::passed("pass: tried", json!({ "tried": tried })).denied(
        ["tcp://127.0.0.1:SHUT", "tcp://127.0.0.2:OPEN", "tcp://[::1]:OPEN", "tcp://169.254.169.254:80"]
            .map(no_rule),
    );
    assert_eq!(seen, expected);
    servers.assert_untouched();
}

#[test]
fn a_wasi_guest_sends_what_the_rules_say_and_nothing_else() {
    let servers = Servers::start();
    let header = |name: &str, value: &str| wasi_http(json!({ "headers": [[name, value]] }));
    let table = [
        (
            wasi_http(json!({})),
            "ok: 200 GET /in/a HTTP/1.1; host: 127.0.0.1:OPEN; user-agent: runner/0.1.0; connection: close",
        ),
        (wasi_http(json!({ "authority": "127.0.0.1:SHUT" })), "ErrorCode::HttpRequestDenied"),
        (
            wasi_http(json!({ "authority": "user@127.0.0.1:OPEN" })),
            "ErrorCode::InternalError(Some(\"the URL holds user info; send a secret header instead\"))",
        ),
        (wasi_http(json!({ "authority": null })), "ErrorCode::HttpRequestUriInvalid"),
        (wasi_http(json!({ "method": "POST" })), "ErrorCode::HttpRequestDenied"),
        (
            wasi_http(json!({ "method": "CONNECT" })),
            "ErrorCode::InternalError(Some(\"`CONNECT` is not offered\"))",
        ),
        (wasi_http(json!({ "method": "GET / HTTP/1.1\r\n" })), "refused method"),
        (wasi_http(json!({ "scheme": "https" })), "ErrorCode::HttpRequestDenied"),
        (wasi_http(json!({ "scheme": "file" })), "ErrorCode::HttpProtocolError"),
        (wasi_http(json!({ "path": "/a HTTP/1.1\r\nhost: evil" })), "refused path"),
        (wasi_http(json!({ "path": "//127.0.0.1:SHUT/in/" })), "ErrorCode::HttpRequestDenied"),
        (
            wasi_http(json!({ "path": "/in/away" })),
            "ok: 302 GET /in/away HTTP/1.1; host: 127.0.0.1:OPEN; user-agent: runner/0.1.0; connection: close",
        ),
        (wasi_http(json!({ "authority": "169.254.169.254" })), "ErrorCode::HttpRequestDenied"),
        (header("host", "evil.test"), "header refused: HeaderError::Forbidden"),
        (header("content-length", "7"), "ErrorCode::HttpRequestBodySize(Some(0))"),
        (header("transfer-encoding", "chunked"), "header refused: HeaderError::Forbidden"),
        (header("connection", "upgrade"), "header refused: HeaderError::Forbidden"),
        (header("x-a", "b\r\nhost: evil.test"), "header refused: HeaderError::InvalidSyntax"),
        (
            wasi_http(json!({ "trailers": [["x-a", "b"]] })),
            "ErrorCode::InternalError(Some(\"request trailers are not offered\"))",
        ),
    ];
    let seen = attempts(&servers, "wasip2_raw", table.iter().map(|(attempt, _)| attempt.clone()).collect());
    let tried: Vec<&str> = table.iter().map(|(_, outcome)| *outcome).collect();
    let expected = Seen::passed("pass: tried", json!({ "tried": tried })).denied([
        no_rule("GET http://127.0.0.1:SHUT/in/a"),
        no_rule("POST http://127.0.0.1:OPEN/in/a"),
        no_rule("GET https://127.0.0.1:OPEN/in/a"),
        no_rule("GET http://127.0.0.1:OPEN//127.0.0.1:SHUT/in/"),
        metadata(),
    ]);
    assert_eq!(seen, expected);
    servers.assert_untouched();
}

#[test]
fn connections_end_at_their_number() {
    let servers = Servers::start();
    let mut grants = grants(&servers);
    grants["secrets"] = json!(["token"]);
    let with = json!({ "connections": { "host": "127.0.0.1", "port": servers.open } });
    let mut scene = Scene::guest("gate_hostile").grants(grants).with(with);
    scene = scene.secret("token", "sesame");
    assert_eq!(
        scene.run().in_words(&servers.words()),
        Seen::failed(
            "budget-exceeded: after 16: connect tcp://127.0.0.1:OPEN: more than 16 connections at once"
        )
    );
}
