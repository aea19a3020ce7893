//! Notifier: an event as one HTTP request.
//!
//! The body is the step's template with the event filled in, or all of the event. The request carries an
//! `idempotency-key`, so that a receiver can drop a message that is sent again after a crash, and a signature
//! if wanted.

mod signature;
mod template;

use std::collections::BTreeMap;

use runner_notice::{Pace, deliver, key, refused};
use runner_plugin::expect::{self, ExpectedJson, Statuses};
use runner_plugin::host::{Auth, Response};
use runner_plugin::{Event, Failure, Host, Notifier, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use signature::Sign;
use template::Fields;

/// Where to send what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to.
    url: String,
    /// How.
    #[serde(default)]
    method: Method,
    /// Headers to send.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body, with `{run}`, `{pipeline}`, `{event}`, `{status}`, `{severity}`, `{step}` and `{summary}`
    /// filled in, in texts at any depth; `{details}` alone becomes the object of all that is known. `{{` and
    /// `}}` are braces. Without it: an object with the seven.
    body: Option<Map<String, Value>>,
    /// Signs the body.
    sign: Option<Sign>,
    /// Who is asking.
    auth: Option<Auth>,
    /// The status, or several, that mean delivered. Without it: 200 to 299.
    expect_status: Option<Statuses>,
    /// What the body of the response must have for the message to count as delivered. For services that
    /// answer 200 to everything.
    expect_json: Option<ExpectedJson>,
    /// For connection and response together. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// Longest wait, all in all, when the receiver answers 429 or 503 and asks to come back later. Without it: 10
    /// seconds.
    #[serde(default = "runner_notice::max_wait_ms")]
    max_wait_ms: u32,
}

/// How.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    /// The usual way.
    #[default]
    Post,
    /// For services that want it.
    Put,
    /// For services that want it.
    Patch,
}

/// The notifier.
#[derive(Debug)]
pub struct Webhook;

impl Notifier for Webhook {
    type Config = Config;

    fn notify(config: Config, request: &Request, event: &Event, host: &Host) -> Result<(), Failure> {
        let fields = Fields { run: &request.run_id, event };
        let body = match &config.body {
            Some(template) => template::fill(&Value::Object(template.clone()), &fields)?,
            None => everything(&fields),
        };
        let response = send(&config, &body.to_string(), &key(request, event), host)?;
        judge(&config, &response)
    }
}

fn everything(fields: &Fields) -> Value {
    let Event { name, pipeline, status, severity, step, summary, json: _ } = fields.event;
    json!({
        "run": fields.run,
        "pipeline": pipeline,
        "event": name,
        "status": status,
        "severity": severity,
        "step": step,
        "summary": summary,
    })
}

fn send(config: &Config, body: &str, idempotency_key: &str, host: &Host) -> Result<Response, Failure> {
    let method = match config.method {
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
    };
    let secret = config.auth.as_ref().map(|auth| auth.secret(host)).transpose()?;
    let signing = config.sign.as_ref().map(|sign| sign.headers(body, idempotency_key, host)).transpose()?;
    let pace = Pace { timeout_ms: config.timeout_ms, max_wait_ms: config.max_wait_ms };
    deliver(host, pace, || {
        let mut request = host.http().request(method, &config.url).body(body);
        if !config.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &config.headers {
            request = request.header(name, value);
        }
        request = request.header("idempotency-key", idempotency_key);
        for (name, value) in signing.iter().flatten() {
            request = request.header(name, value);
        }
        match &secret {
            Some(secret) => request.bearer(secret),
            None => request,
        }
    })
}

/// Delivered, or a failure: one to try again if the receiver may recover by itself.
fn judge(config: &Config, response: &Response) -> Result<(), Failure> {
    let status = response.status;
    let expected = config
        .expect_status
        .as_ref()
        .map_or_else(|| response.is_success(), |expected| expected.accept(status));
    if expected {
        let problems =
            config.expect_json.as_ref().map(|json| expect::json(json, response)).unwrap_or_default();
        return match problems.as_slice() {
            [] => Ok(()),
            problems => Err(Failure::invalid_input(format!(
                "the receiver answered {status}, but {}",
                problems.join("; ")
            ))),
        };
    }
    Err(refused(response))
}

runner_plugin::export_notifier!(Webhook);

#[cfg(test)]
mod tests;
