//! What the service answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use quickstart::http::{self, Request, Response};
use serde_json::{Value, json};

use crate::release::{Behaviour, Release};

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    release: Release,
    /// What `/memory/packet` wants as bearer key; without one it refuses everybody.
    key: Option<String>,
    busy: Mutex<Busy>,
    idle: Condvar,
}

#[derive(Debug, Default)]
struct Busy {
    /// Requests that have begun and are not answered yet.
    requests: usize,
    /// Packets that were taken.
    packets: u64,
}

impl Service {
    pub(crate) fn new(release: Release, key: Option<String>) -> Self {
        Self { release, key, busy: Mutex::default(), idle: Condvar::new() }
    }

    /// Answers one request.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        self.busy().requests += 1;
        let path = request.path.split('?').next().unwrap_or_default();
        let response = match (request.method.as_str(), path) {
            ("GET", "/health") => self.health(request),
            ("GET", "/version") => Response::json(200, &json!({ "version": self.release.version })),
            ("POST", "/memory/packet") => self.packet(request),
            (_, "/health" | "/version" | "/memory/packet") => Response::error(405, "method not allowed"),
            _ => Response::error(404, "no such path"),
        };
        self.busy().requests -= 1;
        self.idle.notify_all();
        response
    }

    /// Waits until all that has begun is answered, but not longer than this.
    pub(crate) fn finish(&self, longest: Duration) {
        let waited = self.idle.wait_timeout_while(self.busy(), longest, |busy| busy.requests > 0);
        drop(waited);
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, Busy> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn health(&self, request: &Request) -> Response {
        let error = "memory store: connection refused";
        let through_proxy = request.header("x-forwarded-for").is_some();
        match self.release.behaviour {
            Behaviour::Unhealthy => Response::json(503, &json!({ "status": "unhealthy", "error": error })),
            Behaviour::UnhealthyBody => {
                Response::json(200, &json!({ "status": "unhealthy", "error": error }))
            }
            Behaviour::BehindProxy if through_proxy => {
                Response::json(503, &json!({ "status": "unhealthy", "error": "untrusted proxy" }))
            }
            Behaviour::Healthy
            | Behaviour::BehindProxy
            | Behaviour::Traceback
            | Behaviour::SlowStart(_)
            | Behaviour::DiesAfter(_)
            | Behaviour::IgnoresSigterm => Response::json(200, &json!({ "status": "healthy" })),
        }
    }

    fn packet(&self, request: &Request) -> Response {
        let given = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if self.key.is_none() || given != self.key.as_deref() {
            return Response::error(401, "a bearer key is needed, and this is not it");
        }
        match serde_json::from_slice::<Value>(&request.body) {
            Ok(packet) => {
                let mut busy = self.busy();
                busy.packets += 1;
                Response::json(200, &json!({ "id": busy.packets, "stored": packet }))
            }
            Err(error) => Response::error(400, &format!("the body is not JSON: {error}")),
        }
    }
}

/// Asks the service of this container how it is, as Docker's health check does.
pub(crate) fn ask(port: u16) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let response = http::get(&format!("http://{address}/health"))?;
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let status = body.as_ref().and_then(|body| body.get("status")).and_then(Value::as_str);
    match (response.status, status) {
        (200, Some("healthy")) => Ok(()),
        (code, _) => Err(format!("{code}: {}", String::from_utf8_lossy(&response.body).trim_end())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(behaviour: Behaviour) -> Service {
        let release = Release { version: "v1.4.0-l9".into(), behaviour, failing: Vec::new() };
        Service::new(release, Some("s3cr3t".into()))
    }

    fn asked(service: &Service, line: (&str, &str), headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let response = service.answer(&Request {
            method: line.0.into(),
            path: line.1.into(),
            headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
            body: body.into(),
            peer: Ipv4Addr::LOCALHOST.into(),
        });
        (response.status, serde_json::from_slice(&response.body).unwrap())
    }

    #[test]
    fn health_is_what_the_release_makes_of_it() {
        let health = |behaviour| asked(&service(behaviour), ("GET", "/health"), &[], "");
        let unhealthy = json!({ "status": "unhealthy", "error": "memory store: connection refused" });

        assert_eq!(health(Behaviour::Healthy), (200, json!({ "status": "healthy" })));
        assert_eq!(health(Behaviour::Unhealthy), (503, unhealthy.clone()));
        assert_eq!(health(Behaviour::UnhealthyBody), (200, unhealthy));
    }

    #[test]
    fn a_release_that_breaks_behind_a_proxy_is_well_without_one() {
        let service = service(Behaviour::BehindProxy);
        let health = |headers: &[(&str, &str)]| asked(&service, ("GET", "/health"), headers, "").0;

        assert_eq!(health(&[]), 200);
        assert_eq!(health(&[("X-Forwarded-For", "127.0.0.1")]), 503);
    }

    #[test]
    fn packets_are_taken_from_whoever_has_the_key() {
        let service = service(Behaviour::Healthy);
        let packet =
            |headers: &[(&str, &str)], body| asked(&service, ("POST", "/memory/packet"), headers, body);
        let refused = (401, json!({ "error": "a bearer key is needed, and this is not it" }));
        let key = [("Authorization", "Bearer s3cr3t")];

        assert_eq!(packet(&[], "{}"), refused);
        assert_eq!(packet(&[("Authorization", "Bearer other")], "{}"), refused);
        assert_eq!(packet(&key, r#"{"a":1}"#), (200, json!({ "id": 1, "stored": { "a": 1 } })));
        assert_eq!(packet(&key, "2"), (200, json!({ "id": 2, "stored": 2 })));
        assert_eq!(packet(&key, "no").0, 400);
    }

    #[test]
    fn without_a_key_nobody_is_let_in() {
        let release = Release { version: "v1".into(), behaviour: Behaviour::Healthy, failing: Vec::new() };
        let service = Service::new(release, None);

        assert_eq!(asked(&service, ("POST", "/memory/packet"), &[("Authorization", "Bearer ")], "{}").0, 401);
    }

    #[test]
    fn other_paths_and_methods_are_told_apart() {
        let asked = |line| asked(&service(Behaviour::Healthy), line, &[], "");

        assert_eq!(asked(("GET", "/version?x")), (200, json!({ "version": "v1.4.0-l9" })));
        assert_eq!(asked(("GET", "/")).0, 404);
        assert_eq!(asked(("POST", "/health")).0, 405);
    }
}
