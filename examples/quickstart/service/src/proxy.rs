//! A stand-in for Caddy: a reverse proxy whose upstreams are changed through the admin API while it runs.
//!
//! It knows what the quickstart uses: `GET` and `PATCH` of `/id/…` and `/config/…` with `ETag` and `If-Match`, and one
//! `reverse_proxy` handler with round robin. It answers as Caddy does, also when the answer is no: 412 for a stale tag,
//! 404 for an unknown id, 500 for a configuration that makes no sense, with the old one still in force.
//! It is no Caddy: no TLS, no keep-alive, no other method, handler or field.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::config::Config;
use crate::http::{self, OF_THE_CONNECTION, Request, Response};

/// Serves the admin API and the proxy, until the process ends.
pub(crate) fn run(config: Config, admin: TcpListener, customers: &TcpListener) {
    let proxy = Arc::new(Proxy::new(config));
    let for_admin = Arc::clone(&proxy);
    thread::spawn(move || http::serve(&admin, move |request| for_admin.administer(&request)));
    http::serve(customers, move |request| proxy.forward(request));
}

#[derive(Debug)]
struct Proxy {
    config: Mutex<Config>,
    turn: AtomicUsize,
}

impl Proxy {
    fn new(config: Config) -> Self {
        Self { config: Mutex::new(config), turn: AtomicUsize::new(0) }
    }

    /// Answers one request to the admin API.
    fn administer(&self, request: &Request) -> Response {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.path.split('?').next().unwrap_or_default();
        let Some(place) = config.locate(path) else {
            return Response::error(404, &format!("nothing stands at `{path}`"));
        };
        match request.method.as_str() {
            "GET" => match config.at(&place) {
                Some((value, tag)) => Response::json(200, value).header("Etag", tag),
                None => Response::error(404, &format!("nothing stands at `{path}`")),
            },
            "PATCH" => {
                if request.header("if-match").is_some_and(|tag| !config.matches(tag)) {
                    return Response::error(412, "If-Match header did not match current config hash");
                }
                let value = match serde_json::from_slice::<Value>(&request.body) {
                    Ok(value) => value,
                    Err(error) => return Response::error(400, &format!("decoding request body: {error}")),
                };
                match config.replaced(&place, value) {
                    Ok(changed) => {
                        *config = changed;
                        Response { status: 200, headers: Vec::new(), body: Vec::new() }
                    }
                    Err(problem) => Response::error(500, &format!("loading new config: {problem}")),
                }
            }
            _ => Response::error(405, "method not allowed"),
        }
    }

    /// Hands one request on to the upstream whose turn it is.
    fn forward(&self, request: Request) -> Response {
        let (upstream, host) = self.upstream(&request);
        let mut headers: Vec<(String, String)> = request
            .headers
            .iter()
            .filter(|(name, _)| {
                let name = name.to_ascii_lowercase();
                !OF_THE_CONNECTION.contains(&name.as_str()) && !name.starts_with("x-forwarded-")
            })
            .cloned()
            .collect();
        headers.extend([
            ("X-Forwarded-For".to_owned(), request.peer.to_string()),
            ("X-Forwarded-Proto".to_owned(), "http".to_owned()),
            ("X-Forwarded-Host".to_owned(), host),
        ]);
        match http::exchange(upstream, &Request { headers, ..request }) {
            Ok(response) => response,
            Err(error) => Response::error(502, &format!("{upstream}: {error}")),
        }
    }

    fn upstream(&self, request: &Request) -> (SocketAddr, String) {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        // `Config` has at least one upstream, or it would not exist.
        let upstream = config.upstreams[turn % config.upstreams.len()];
        (upstream, request.header("host").unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::net::Ipv4Addr;

    fn proxy(upstreams: &[SocketAddr]) -> Proxy {
        let upstreams: Vec<Value> =
            upstreams.iter().map(|address| json!({ "dial": address.to_string() })).collect();
        let config = json!({
            "admin": { "listen": "127.0.0.1:2019" },
            "apps": { "http": { "servers": { "web": { "listen": [":8080"], "routes": [
                { "handle": [{ "@id": "app", "handler": "reverse_proxy", "upstreams": upstreams }] },
            ] } } } },
        });
        Proxy::new(Config::parse(&config.to_string()).unwrap())
    }

    fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request {
        Request {
            method: method.into(),
            path: path.into(),
            headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
            body: body.into(),
            peer: Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// A server that answers with its name and what it was told about the client.
    fn server(name: &'static str) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            http::serve(&listener, move |request| {
                let told = ["host", "x-forwarded-for", "x-forwarded-host", "authorization", "connection"];
                Response::json(200, &json!([name, request.method, told.map(|header| request.header(header))]))
            });
        });
        address
    }

    fn json_of(response: &Response) -> (u16, Value) {
        (response.status, serde_json::from_slice(&response.body).unwrap())
    }

    #[test]
    fn a_request_is_handed_on_with_what_the_proxy_knows_of_the_client() {
        let proxy = proxy(&[server("blue")]);
        let headers = [
            ("Host", "shop"),
            ("X-Forwarded-For", "forged"),
            ("Authorization", "Bearer x"),
            ("Connection", "keep-alive"),
        ];

        let response = proxy.forward(request("POST", "/", &headers, "{}"));

        assert_eq!(
            json_of(&response),
            (200, json!(["blue", "POST", ["shop", "127.0.0.1", "shop", "Bearer x", "close"]])),
        );
    }

    #[test]
    fn traffic_goes_where_the_admin_api_says() {
        let (blue, green) = (server("blue"), server("green"));
        let proxy = proxy(&[blue]);
        let get = request("GET", "/", &[], "");

        let path = "/id/app/upstreams/0/dial";
        let changed = proxy.administer(&request("PATCH", path, &[], &json!(green.to_string()).to_string()));

        assert_eq!((changed.status, changed.body), (200, Vec::new()));
        assert_eq!(json_of(&proxy.forward(get)).1[0], "green");
    }

    #[test]
    fn a_stale_tag_changes_nothing() {
        let proxy = proxy(&[SocketAddr::from(([127, 0, 0, 1], 1))]);
        let read = proxy.administer(&request("GET", "/id/app/upstreams", &[], ""));
        let tag = read.headers.iter().find(|(name, _)| name == "Etag").unwrap().1.clone();
        let patch = |port: u16| {
            let body = json!([{ "dial": format!("127.0.0.1:{port}") }]).to_string();
            proxy.administer(&request("PATCH", "/id/app/upstreams", &[("If-Match", &tag)], &body)).status
        };

        assert_eq!([patch(2), patch(3)], [200, 412]);
        let now = proxy.administer(&request("GET", "/id/app/upstreams/0", &[], ""));
        assert_eq!(json_of(&now), (200, json!({ "dial": "127.0.0.1:2" })));
    }

    #[test]
    fn a_wrong_change_is_refused_and_the_old_configuration_stays() {
        let proxy = proxy(&[server("blue")]);
        let ask = |method: &str, path: &str, body: &str| {
            json_of(&proxy.administer(&request(method, path, &[], body)))
        };

        assert_eq!(
            ask("PATCH", "/id/app/upstreams", "[]"),
            (
                500,
                json!({ "error": "loading new config: `upstreams` must be a list with at least one upstream" })
            ),
        );
        assert_eq!(
            ask("PATCH", "/id/app", "{"),
            (
                400,
                json!({ "error": "decoding request body: EOF while parsing an object at line 1 column 1" })
            ),
        );
        assert_eq!(ask("PATCH", "/id/api", "{}"), (404, json!({ "error": "nothing stands at `/id/api`" })));
        assert_eq!(ask("DELETE", "/id/app", ""), (405, json!({ "error": "method not allowed" })));
        assert_eq!(json_of(&proxy.forward(request("GET", "/", &[], ""))).1[0], "blue");
    }

    #[test]
    fn an_upstream_that_is_gone_is_a_bad_gateway() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let gone = listener.local_addr().unwrap();
        drop(listener);

        assert_eq!(proxy(&[gone]).forward(request("GET", "/", &[], "")).status, 502);
    }
}
