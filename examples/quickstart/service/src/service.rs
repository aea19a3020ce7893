//! The service that gets deployed. Its modes are the ways in which a deployment goes wrong.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Request, Response};

/// How long a slow service thinks.
const SLOW: Duration = Duration::from_secs(5);

/// What one process of the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What `/version` answers.
    pub(crate) version: String,
    pub(crate) mode: Mode,
    /// What `/api/echo` wants as bearer token; without one it refuses everybody.
    pub(crate) token: Option<String>,
}

/// How well the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Healthy,
    /// 200, and the body says no: what a check that looks only at the status takes for healthy.
    UnhealthyBody,
    Status503,
    Slow,
    /// Well on its own port, broken for everybody who comes through the proxy: what only a look through the proxy finds.
    BehindProxy,
}

impl Mode {
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        match name {
            "healthy" => Ok(Self::Healthy),
            "unhealthy-body" => Ok(Self::UnhealthyBody),
            "status-503" => Ok(Self::Status503),
            "slow" => Ok(Self::Slow),
            "behind-proxy" => Ok(Self::BehindProxy),
            other => Err(format!(
                "unknown mode `{other}`: healthy, unhealthy-body, status-503, slow or behind-proxy"
            )),
        }
    }
}

/// Answers one request.
pub(crate) fn answer(settings: &Settings, request: Request) -> Response {
    let path = request.path.split('?').next().unwrap_or_default();
    match (request.method.as_str(), path) {
        ("GET", "/health") => health(settings, &request),
        ("GET", "/version") => Response::json(200, &json!({ "version": settings.version })),
        ("POST", "/api/echo") => echo(settings, &request),
        (_, "/health" | "/version" | "/api/echo") => Response::error(405, "method not allowed"),
        _ => Response::error(404, "no such path"),
    }
}

fn health(settings: &Settings, request: &Request) -> Response {
    let (status, word) = match settings.mode {
        Mode::Healthy => (200, "healthy"),
        Mode::UnhealthyBody => (200, "unhealthy"),
        Mode::Status503 => (503, "unhealthy"),
        Mode::Slow => {
            thread::sleep(SLOW);
            (200, "healthy")
        }
        Mode::BehindProxy if request.header("x-forwarded-for").is_some() => (503, "unhealthy"),
        Mode::BehindProxy => (200, "healthy"),
    };
    Response::json(status, &json!({ "status": word, "version": settings.version }))
}

fn echo(settings: &Settings, request: &Request) -> Response {
    let given = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if settings.token.is_none() || given != settings.token.as_deref() {
        return Response::error(401, "a bearer token is needed, and this is not it");
    }
    match serde_json::from_slice::<Value>(&request.body) {
        Ok(value) => Response::json(200, &json!({ "echo": value, "version": settings.version })),
        Err(error) => Response::error(400, &format!("the body is not JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn settings(mode: Mode) -> Settings {
        Settings { version: "v2".into(), mode, token: Some("s3cr3t".into()) }
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

    fn asked(mode: Mode, request: Request) -> (u16, Value) {
        let answer = answer(&settings(mode), request);
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    #[test]
    fn health_is_what_the_mode_says() {
        let health = |mode| asked(mode, request("GET", "/health", &[], ""));

        assert_eq!(health(Mode::Healthy), (200, json!({ "status": "healthy", "version": "v2" })));
        assert_eq!(health(Mode::UnhealthyBody), (200, json!({ "status": "unhealthy", "version": "v2" })));
        assert_eq!(health(Mode::Status503), (503, json!({ "status": "unhealthy", "version": "v2" })));
    }

    #[test]
    fn a_service_that_breaks_behind_a_proxy_is_well_without_one() {
        let asked =
            |headers: &[(&str, &str)]| asked(Mode::BehindProxy, request("GET", "/health", headers, "")).0;

        assert_eq!(asked(&[]), 200);
        assert_eq!(asked(&[("X-Forwarded-For", "127.0.0.1")]), 503);
    }

    #[test]
    fn the_echo_wants_the_token() {
        let echo = |headers: &[(&str, &str)], body| {
            asked(Mode::Healthy, request("POST", "/api/echo", headers, body))
        };
        let refused = (401, json!({ "error": "a bearer token is needed, and this is not it" }));
        let key = [("Authorization", "Bearer s3cr3t")];

        assert_eq!(echo(&[], "{}"), refused);
        assert_eq!(echo(&[("Authorization", "Bearer other")], "{}"), refused);
        assert_eq!(echo(&key, r#"{"a":1}"#), (200, json!({ "echo": { "a": 1 }, "version": "v2" })));
        assert_eq!(
            echo(&key, "no"),
            (400, json!({ "error": "the body is not JSON: expected ident at line 1 column 2" })),
        );
    }

    #[test]
    fn other_paths_and_methods_are_told_apart() {
        assert_eq!(asked(Mode::Healthy, request("GET", "/", &[], "")).0, 404);
        assert_eq!(asked(Mode::Healthy, request("POST", "/health", &[], "")).0, 405);
        assert_eq!(
            asked(Mode::Slow, request("GET", "/version?x", &[], "")),
            (200, json!({ "version": "v2" })),
        );
    }
}
