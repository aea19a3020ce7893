//! Health check: how a service is, over HTTP.
//!
//! One request, and up to four parts that are judged: `status`, `body`, `headers`, `latency`. The service is
//! as well as its worst part. A service that does not answer is unhealthy, which is an answer; a request that
//! the step may not send is a failure.

mod own_words;

use std::collections::BTreeMap;
use std::time::Duration;

use runner_plugin::expect::{self, ExpectedJson, Statuses};
use runner_plugin::host::{Auth, Response};
use runner_plugin::{Check, Failure, FailureKind, Health, HealthCheck, Host, Report, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use own_words::OwnWords;

/// Where the service is, and what it answers when it is well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["url"], "not": { "anyOf": [{ "required": ["base"] }, { "required": ["path"] }] } },
    { "required": ["base", "path"], "not": { "required": ["url"] } },
]))]
pub struct Config {
    /// The whole URL. Instead of `base` and `path`.
    url: Option<String>,
    /// What `path` is appended to, e.g. `http://127.0.0.1:8001`.
    base: Option<String>,
    /// Path below `base`, e.g. `/health`.
    path: Option<String>,
    /// How to ask.
    #[serde(default)]
    method: Method,
    /// Headers to send.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Who is asking.
    auth: Option<Auth>,
    /// What the response is when the service is well.
    #[serde(default)]
    expect: Expect,
    /// How slow is not well.
    #[serde(default)]
    latency: Latency,
    /// For connection and response together. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
}

/// How to ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    /// The usual way.
    #[default]
    Get,
    /// Only status and headers.
    Head,
    /// For services that want one.
    Post,
}

/// What the response is when the service is well.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    /// The status, or several that are all right. Without it: 200.
    status: Option<Statuses>,
    /// `valid` for any JSON, or keys and values that the body must have. Without it the body's own `status`
    /// is listened to.
    json: Option<ExpectedJson>,
    /// Headers that must have exactly these values.
    headers: BTreeMap<String, String>,
    /// A text that the body must have in it.
    contains: Option<String>,
}

/// How slow is not well. From the start of the connection to the end of the body.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Latency {
    /// From here on the service is degraded.
    degraded_ms: Option<u64>,
    /// From here on the service is unhealthy.
    unhealthy_ms: Option<u64>,
}

/// The health check.
#[derive(Debug)]
pub struct HttpHealth;

impl HealthCheck for HttpHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["status", "latency_ms", "body_error"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        let url = config.url()?;
        match send(&config, &url, host) {
            Ok(response) => Ok(judge(&config, &response)),
            Err(failure) if is_an_answer(failure.kind) => {
                let check = Check::new("connect", Health::Unhealthy, failure.message.clone());
                let report = Report::of(vec![check], format!("unhealthy: {}", failure.message));
                Ok(outputs(report, Value::Null, Value::Null, None))
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Whether a failed request says something about the service, and not about the step.
fn is_an_answer(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Unavailable | FailureKind::TimedOut => true,
        FailureKind::InvalidConfig
        | FailureKind::InvalidInput
        | FailureKind::Denied
        | FailureKind::BudgetExceeded
        | FailureKind::Internal => false,
    }
}

impl Config {
    fn url(&self) -> Result<String, Failure> {
        match (&self.url, &self.base, &self.path) {
            (Some(url), None, None) => Ok(url.clone()),
            (None, Some(base), Some(path)) if path.starts_with('/') => {
                Ok(format!("{}{path}", base.trim_end_matches('/')))
            }
            (None, Some(_), Some(_)) => Err(Failure::invalid_config("`path` starts with `/`")),
            _ => Err(Failure::invalid_config("either `url`, or `base` and `path`, must be given")),
        }
    }
}

fn send(config: &Config, url: &str, host: &Host) -> Result<Response, Failure> {
    let secret = config.auth.as_ref().map(|auth| auth.secret(host)).transpose()?;
    let method = match config.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
    };
    let mut request = host.http().request(method, url);
    for (name, value) in &config.headers {
        request = request.header(name, value);
    }
    if let Some(secret) = &secret {
        request = request.bearer(secret);
    }
    if let Some(timeout) = config.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout.into()));
    }
    request.send()
}

fn judge(config: &Config, response: &Response) -> Report {
    let own_words = OwnWords::of(&response.body);
    let latency = u64::try_from(response.elapsed.as_millis()).unwrap_or(u64::MAX);
    let mut checks = vec![status(&config.expect, response)];
    checks.extend(body(&config.expect, response, &own_words));
    checks.extend(headers(&config.expect, response));
    checks.extend(config.latency.check(latency));

    let mut summary = match checks.iter().map(|check| check.health).max() {
        Some(Health::Degraded) => "degraded".to_owned(),
        Some(Health::Unhealthy | Health::Unknown) => "unhealthy".to_owned(),
        Some(Health::Healthy) | None => format!("healthy: {} in {latency} ms", response.status),
    };
    let bad: Vec<&str> = checks
        .iter()
        .filter(|check| check.health != Health::Healthy)
        .map(|check| check.message.as_str())
        .collect();
    if !bad.is_empty() {
        summary = format!("{summary}: {}", bad.join("; "));
    }
    if let Some(error) = own_words.error.as_ref().filter(|_| !bad.is_empty()) {
        summary = format!("{summary}; it says: {}", runner_plugin::text::shortened(error));
    }
    outputs(Report::of(checks, summary), response.status.into(), latency.into(), own_words.error)
}

fn outputs(report: Report, status: Value, latency: Value, error: Option<String>) -> Report {
    report.output("status", status).output("latency_ms", latency).output("body_error", error)
}

fn status(expected: &Expect, response: &Response) -> Check {
    let expected = expected.status.as_ref().unwrap_or(&Statuses::One(200));
    match expect::status(expected, response) {
        Some(problem) => Check::new("status", Health::Unhealthy, problem),
        None => Check::new("status", Health::Healthy, format!("status is {}", response.status)),
    }
}

/// A body is judged by what was expected of it, or else by what it says about itself.
fn body(expected: &Expect, response: &Response, own_words: &OwnWords) -> Option<Check> {
    let mut problems = expected.json.as_ref().map(|json| expect::json(json, response)).unwrap_or_default();
    problems.extend(expected.contains.as_ref().and_then(|text| expect::contains(text, response)));
    if !problems.is_empty() {
        return Some(Check::new("body", Health::Unhealthy, problems.join("; ")));
    }
    if expected.json.is_none()
        && let Some((word, health)) = &own_words.status
    {
        return Some(Check::new("body", *health, format!("the body says `{word}`")));
    }
    let expected_any = expected.json.is_some() || expected.contains.is_some();
    expected_any.then(|| Check::new("body", Health::Healthy, "the body is as expected"))
}

fn headers(expected: &Expect, response: &Response) -> Option<Check> {
    let problems = expect::headers(&expected.headers, response);
    match (expected.headers.is_empty(), problems.is_empty()) {
        (true, _) => None,
        (false, true) => Some(Check::new("headers", Health::Healthy, "the headers are as expected")),
        (false, false) => Some(Check::new("headers", Health::Unhealthy, problems.join("; "))),
    }
}

impl Latency {
    fn check(&self, latency: u64) -> Option<Check> {
        let reached = |limit: Option<u64>| limit.filter(|&limit| latency >= limit);
        let slow = |health, limit| {
            Check::new("latency", health, format!("it took {latency} ms, {limit} ms or more"))
        };
        match (reached(self.unhealthy_ms), reached(self.degraded_ms)) {
            (Some(limit), _) => Some(slow(Health::Unhealthy, limit)),
            (None, Some(limit)) => Some(slow(Health::Degraded, limit)),
            (None, None) if self.degraded_ms.is_none() && self.unhealthy_ms.is_none() => None,
            (None, None) => Some(Check::new("latency", Health::Healthy, format!("it took {latency} ms"))),
        }
    }
}

runner_plugin::export_health_check!(HttpHealth);

#[cfg(test)]
mod tests;
