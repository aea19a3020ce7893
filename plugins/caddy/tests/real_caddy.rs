//! The switch against the `caddy` program, if there is one on this machine. Requirements: 003-65, 003-66, 003-67.
//!
//! Debian's 2.6 sends its ETag as a trailer, newer ones as a header; both restart the admin endpoint after a
//! change. What the unit tests assume of Caddy is checked here.

#![expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use caddy::Caddy;
use runner_plugin::testing::{Answer, FakeHost, SentRequest, capture, observe, restore, switch};
use runner_plugin::{Failure, FailureKind, HostError, Upstream};
use serde_json::{Value, json};

/// A Caddy with a proxy whose handler is `l9-proxy` and whose only upstream is `l9-upstream`.
struct Proxy {
    process: Child,
    admin: String,
    front: String,
    blue: String,
    green: String,
    _home: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _killed = self.process.kill();
        let _status = self.process.wait();
    }
}

impl Proxy {
    /// Starts Caddy in front of two services. `None` if this machine has no Caddy.
    #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
    fn start() -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let [admin, front] = [free_address(), free_address()];
        let [blue, green] = ["blue", "green"].map(serve);
        let config = json!({
            "admin": { "listen": admin, "config": { "persist": false } },
            "apps": { "http": { "servers": { "front": {
                "listen": [front],
                "automatic_https": { "disable": true },
                "routes": [{ "handle": [{
                    "@id": "l9-proxy",
                    "handler": "reverse_proxy",
                    "load_balancing": { "selection_policy": { "policy": "round_robin" } },
                    "upstreams": [{ "@id": "l9-upstream", "dial": blue }],
                }] }],
            } } } },
        });
        let path = home.path().join("caddy.json");
        std::fs::write(&path, config.to_string()).unwrap();
        let started = Command::new("caddy")
            .args(["run", "--config"])
            .arg(&path)
            .env("XDG_DATA_HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = started else {
            eprintln!("SKIPPED: there is no `caddy` on this machine");
            return None;
        };
        let proxy = Self { process, admin, front, blue, green, _home: home };
        proxy.wait_for("/config/");
        Some(proxy)
    }

    fn wait_for(&self, path: &str) {
        for _ in 0..100 {
            if send(&SentRequest::new("GET", format!("http://{}{path}", self.admin))).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("caddy does not answer at {}", self.admin);
    }

    fn config(&self, object: &str, to: &str) -> Value {
        json!({
            "admin": format!("http://{}", self.admin),
            "object": object,
            "to": to,
            "verify": { "url": format!("http://{}/", self.front) },
        })
    }

    /// Who answers through the proxy.
    fn served_by(&self) -> String {
        let (_, _, _, body) = send(&SentRequest::new("GET", format!("http://{}/", self.front))).unwrap();
        String::from_utf8(body).unwrap()
    }
}

/// A host whose network is the real one.
fn connected() -> FakeHost {
    FakeHost::new().server(|request| match send(request) {
        Ok(received) => answer(received),
        Err(error) => {
            // The clock of the fake stands still; a Caddy that restarts needs real time.
            std::thread::sleep(Duration::from_millis(200));
            Answer::error(HostError::Unavailable(error.to_string()))
        }
    })
}

fn answer((status, headers, trailers, body): Received) -> Answer {
    let answer = Answer::text(status, body);
    let answer = headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
    trailers.iter().fold(answer, |answer, (name, value)| answer.trailer(name, value))
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A service that answers every request with its name, until the test ends.
fn serve(name: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let length = name.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{name}");
            let _written = (&stream).write_all(answer.as_bytes());
        }
    });
    address
}

type Fields = BTreeMap<String, String>;

/// Status, headers, trailers, body.
type Received = (u16, Fields, Fields, Vec<u8>);

/// One request on a connection of its own, as the host sends it: HTTP/1.1, with trailers.
fn send(request: &SentRequest) -> std::io::Result<Received> {
    let (address, path) = request.url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut head = format!(
        "{} /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nte: trailers\r\n",
        request.method
    );
    for (name, value) in &request.headers {
        head += &format!("{name}: {}\r\n", String::from_utf8_lossy(value));
    }
    head += &format!("content-length: {}\r\n\r\n", request.body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&request.body)?;

    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or(std::io::ErrorKind::InvalidData)?;
    let headers = fields(&mut reader)?;
    let mut body = Vec::new();
    let mut trailers = Fields::new();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
            if size == 0 {
                trailers = fields(&mut reader)?;
                break;
            }
            reader.by_ref().take(size).read_to_end(&mut body)?;
            reader.read_line(&mut line)?;
        }
    } else {
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(u64::MAX);
        reader.take(length).read_to_end(&mut body)?;
    }
    Ok((status, headers, trailers, body))
}

fn fields(reader: &mut impl BufRead) -> std::io::Result<Fields> {
    let mut fields = Fields::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { return Ok(fields) };
        fields.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

/// `cargo xtask test` leaves these out by the module's name where there is no Caddy, and counts that.
mod real_caddy {
    use super::*;

    #[test]
    fn traffic_moves_and_comes_back() {
        let Some(proxy) = Proxy::start() else { return };
        let host = connected();
        assert_eq!(proxy.served_by(), "blue");

        for object in ["l9-upstream", "l9-proxy"] {
            let config = proxy.config(object, &proxy.green);
            let snapshot = capture::<Caddy>(&host, config.clone()).unwrap();
            let switched = switch::<Caddy>(&host, config.clone(), &snapshot).unwrap();

            assert_eq!(switched.route.upstreams, [Upstream { address: proxy.green.clone(), weight: 1 }]);
            assert_ne!(switched.route.revision, "", "the ETag was found");
            assert_eq!(proxy.served_by(), "green");

            let restored = restore::<Caddy>(&host, config.clone(), &snapshot).unwrap();
            assert_eq!(restored.upstreams, [Upstream { address: proxy.blue.clone(), weight: 1 }]);
            assert_eq!(proxy.served_by(), "blue");
            assert_eq!(observe::<Caddy>(&host, config), Ok(restored));
        }
    }

    #[test]
    fn shares_come_out_as_asked() {
        let Some(proxy) = Proxy::start() else { return };
        let host = connected();
        let config = json!({
            "admin": format!("http://{}", proxy.admin),
            "object": "l9-proxy",
            "upstreams": [{ "address": proxy.blue, "weight": 90 }, { "address": proxy.green, "weight": 10 }],
        });

        let snapshot = capture::<Caddy>(&host, config.clone()).unwrap();
        switch::<Caddy>(&host, config, &snapshot).unwrap();

        let green = (0..100).filter(|_| proxy.served_by() == "green").count();
        assert_eq!(green, 10);
    }

    #[test]
    fn somebody_else_who_is_faster_is_seen_by_caddy() {
        let Some(proxy) = Proxy::start() else { return };
        let config = proxy.config("l9-upstream", &proxy.green);
        let snapshot = capture::<Caddy>(&connected(), config.clone()).unwrap();

        // Between the plugin's read and its write another client moves the traffic.
        let (admin, mut overtaken) = (proxy.admin.clone(), false);
        let host = FakeHost::new().server(move |request| {
            if request.method == "PATCH" && !overtaken {
                overtaken = true;
                let other = SentRequest::new("PATCH", format!("http://{admin}/id/l9-upstream"))
                    .header("content-type", "application/json")
                    .body(r#"{"@id":"l9-upstream","dial":"127.0.0.1:9"}"#);
                assert_eq!(send(&other).unwrap().0, 200);
                std::thread::sleep(Duration::from_millis(300));
            }
            answer(send(request).unwrap())
        });

        assert_eq!(
            switch::<Caddy>(&host, config, &snapshot),
            Err(Failure::invalid_input(
                "somebody else has changed `l9-upstream` since it was read (Caddy answered 412); nothing was overwritten"
            )),
        );
    }

    #[test]
    fn a_change_that_caddy_refuses_leaves_the_old_route() {
        let Some(proxy) = Proxy::start() else { return };
        let config = proxy.config("l9-upstream", &proxy.green);
        let snapshot = capture::<Caddy>(&connected(), config.clone()).unwrap();

        // Caddy checks an address only when it dials; an address that is no text it cannot load at all.
        let host = FakeHost::new().server(|request| {
            let broken = SentRequest { body: br#"{"dial":[1]}"#.to_vec(), ..request.clone() };
            answer(send(if request.method == "PATCH" { &broken } else { request }).unwrap())
        });
        let failure = switch::<Caddy>(&host, config, &snapshot).unwrap_err();

        assert_eq!(failure.kind, FailureKind::InvalidInput, "{failure}");
        assert!(failure.message.starts_with("Caddy refused to change `l9-upstream` ("), "{failure}");
        assert!(failure.message.ends_with("; the old config stays"), "{failure}");
        assert_eq!(proxy.served_by(), "blue");
    }
}
