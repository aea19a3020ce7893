//! Health check: how a service is, over HTTP.
//!
//! One request, and the parts that are judged: `status`, `body`, `headers`, `state`, those that have a name of their own in
//! `checks`, and `latency`. The service is as well as its worst part. A service that does not answer is unhealthy,
//! which is an answer; a request that the step may not send is a failure.
//!
//! ```text
//! one look ──▶ parts ──▶ report
//! watch:    look, wait, look, …   all well? how slow? how often another state?
//! sequence: look, wait, look, …   one state after the other, the last one in time?
//! ```
//!
//! Each probe begins with nothing: what `watch` and `sequence` remember, they remember within one probe, and all of it has
//! to fit into the step's `limits.time`.

mod look;
mod own_words;
mod part;
mod sequence;
mod state;
mod watch;

use std::collections::BTreeMap;

use runner_plugin::expect::{ExpectedJson, Statuses};
use runner_plugin::host::Auth;
use runner_plugin::{Failure, Health, HealthCheck, Host, Report, Request};
use runner_probe::{Latency, line};
use schemars::JsonSchema;
use serde::Deserialize;

use look::{Look, Question};
use part::Part;
use sequence::Sequence;
use state::State;
use watch::Watch;

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
    /// Parts of the answer that are judged under a name of their own.
    #[serde(default)]
    checks: BTreeMap<String, Part>,
    /// What the service says it is doing.
    state: Option<State>,
    /// How slow is not well: from the start of the connection to the end of the body.
    #[serde(default)]
    latency: Latency,
    /// Looks several times, and wants the service to stay well.
    watch: Option<Watch>,
    /// Looks until the service has gone through its states. Instead of `watch`; needs `state`.
    sequence: Option<Sequence>,
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

/// The health check.
#[derive(Debug)]
pub struct HttpHealth;

impl HealthCheck for HttpHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] =
        &["status", "latency_ms", "body_error", "state", "probes", "p50_ms", "p95_ms", "p99_ms"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        let question = Question::of(&config, host)?;
        match (&config.watch, &config.sequence) {
            (None, None) => Ok(report(question.look()?)),
            (Some(watch), None) => watch.run(&question),
            (None, Some(sequence)) => sequence.run(&question),
            (Some(_), Some(_)) => {
                Err(Failure::invalid_config("`watch` and `sequence` are two questions; ask one"))
            }
        }
    }
}

/// What one look has seen.
fn report(mut look: Look) -> Report {
    look.checks.extend(look.slow.take());
    let healthy =
        format!("{} in {} ms", look.status.unwrap_or_default(), look.latency_ms.unwrap_or_default());
    let mut summary = line(&look.checks, &healthy);
    let is_well = look.checks.iter().all(|check| check.health == Health::Healthy);
    if let Some(error) = look.body_error.as_ref().filter(|_| !is_well) {
        summary = format!("{summary}; it says: {}", runner_plugin::text::shortened(error));
    }
    let checks = std::mem::take(&mut look.checks);
    look.outputs(Report::of(checks, summary))
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

runner_plugin::export_health_check!(HttpHealth);

#[cfg(test)]
mod tests;
