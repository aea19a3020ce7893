//! Health check: what a gRPC service says about itself, by the standard health protocol (`grpc.health.v1`).
//!
//! ```text
//! connect -> HTTP/2 -> POST /grpc.health.v1.Health/Check -> message and status -> health
//! ```
//!
//! In the clear only: HTTP/2 over TLS wants to be named in the handshake (ALPN), which connections of plugins do not do
//! yet, and most servers then hang up. Ask inside the network, and measure the certificate with `tls-health`.
//!
//! Never here: other calls than `Check`.

mod call;
mod message;
mod stream;

use std::time::Duration;

use runner_plugin::{Check, Failure, Health, HealthCheck, Host, Report, Request};
use runner_probe::{Address, Latency, Wire, line, milliseconds, said, unreachable};
use schemars::JsonSchema;
use serde::Deserialize;

use call::{Answer, Status};
use message::Word;

/// Where the server is, and which of its services is asked about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the server listens: `host:port`.
    address: Address,
    /// The service, e.g. `l9.Query`. Empty for the server as a whole.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    service: String,
    /// The name that the server is called by (`:authority`). Without it: `address`.
    authority: Option<String>,
    /// How slow is not well: from the start of the connection to the end of the answer.
    #[serde(default)]
    latency: Latency,
    /// For everything together, in milliseconds.
    #[serde(default = "runner_probe::timeout_ms")]
    #[schemars(range(min = 1))]
    timeout_ms: u32,
}

/// The health check.
#[derive(Debug)]
pub struct GrpcHealth;

impl HealthCheck for GrpcHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["status", "latency_ms"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        let begun = host.clock().monotonic();
        let timeout = Duration::from_millis(config.timeout_ms.into());
        let answer =
            Wire::connect(host, &config.address, timeout).and_then(|wire| call::check(&config, wire));
        let took = milliseconds(host.clock().monotonic().saturating_sub(begun));
        let (checks, status, latency) = match answer {
            Ok(answer) => {
                let (health, message, status) = judge(&config.service, &answer);
                let check = Check::new("serving", health, message);
                let checks: Vec<Check> = [check].into_iter().chain(config.latency.check(took)).collect();
                (checks, status, Some(took))
            }
            Err(failure) => (vec![unreachable(failure)?], None, None),
        };
        let summary = line(&checks, &format!("SERVING in {took} ms"));
        Ok(Report::of(checks, summary).output("status", status).output("latency_ms", latency))
    }
}

/// How the service is, why, and what the outputs call it.
fn judge(service: &str, answer: &Answer) -> (Health, String, Option<String>) {
    let who = if service.is_empty() { "the server".to_owned() } else { format!("`{}`", said(service)) };
    match answer {
        Answer::Serving(serving) => {
            let name = serving.name();
            let health = match serving {
                Word::Serving => Health::Healthy,
                Word::Unknown => Health::Unknown,
                Word::NotServing | Word::ServiceUnknown | Word::Other(_) => Health::Unhealthy,
            };
            (health, format!("{who} says {name}"), Some(name))
        }
        Answer::Refused(Status { code, message }) => {
            let name = code.name();
            let message = match said(message).as_str() {
                "" => String::new(),
                message => format!(": {message}"),
            };
            let (health, why) = match code.number {
                5 => (Health::Unhealthy, "the server knows no such service"),
                12 => (Health::Unknown, "the server does not speak the health protocol"),
                7 | 16 => (Health::Unknown, "the server does not answer everybody"),
                _ => (Health::Unhealthy, "the call failed"),
            };
            (health, format!("{who}: {why}, {name}{message}"), Some(name))
        }
        Answer::Http(status) => {
            (Health::Unhealthy, format!("{who}: something before it answers with HTTP status {status}"), None)
        }
    }
}

runner_plugin::export_health_check!(GrpcHealth);

#[cfg(test)]
mod tests;
