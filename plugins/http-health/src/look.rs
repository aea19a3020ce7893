//! One request, and what is to be seen in the answer.

use std::collections::BTreeMap;
use std::time::Duration;

use runner_plugin::expect::{self, Statuses};
use runner_plugin::host::Response;
use runner_plugin::{Check, Failure, Health, Host, Report, Secret};
use runner_probe::{milliseconds, unreachable};
use serde_json::Value;

use crate::own_words::OwnWords;
use crate::part::{self, Question as PartQuestion};
use crate::{Config, Expect, Method};

/// What is asked, again and again: everything of the config that can be wrong has been looked at.
pub(crate) struct Question<'c> {
    pub(crate) config: &'c Config,
    pub(crate) host: &'c Host,
    url: String,
    secret: Option<Secret>,
    parts: Vec<PartQuestion<'c>>,
}

/// What one look has seen.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// All parts but `latency`.
    pub(crate) checks: Vec<Check>,
    /// The part `latency`, if there is a limit.
    pub(crate) slow: Option<Check>,
    /// `None` if there was no answer.
    pub(crate) status: Option<u16>,
    pub(crate) latency_ms: Option<u64>,
    pub(crate) body_error: Option<String>,
    /// What the service says it is doing; `None` also if it says nothing.
    pub(crate) state: Option<String>,
    /// Whether the config asks for a state.
    pub(crate) has_state: bool,
}

impl<'c> Question<'c> {
    pub(crate) fn of(config: &'c Config, host: &'c Host) -> Result<Self, Failure> {
        let url = config.url()?;
        let parts = part::questions(&config.checks)?;
        if let Some(state) = &config.state {
            state.is_sound()?;
        }
        let secret = config.auth.as_ref().map(|auth| auth.secret(host)).transpose()?;
        Ok(Self { config, host, url, secret, parts })
    }

    /// Sends the request once.
    ///
    /// # Errors
    ///
    /// A failure that says something about the step, and not about the service.
    pub(crate) fn look(&self) -> Result<Look, Failure> {
        match self.send() {
            Ok(response) => self.judge(&response),
            Err(failure) => {
                let has_state = self.config.state.is_some();
                Ok(Look { checks: vec![unreachable(failure)?], has_state, ..Look::default() })
            }
        }
    }

    fn send(&self) -> Result<Response, Failure> {
        let config = self.config;
        let method = match config.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        };
        let mut request = self.host.http().request(method, &self.url);
        for (name, value) in &config.headers {
            request = request.header(name, value);
        }
        if let Some(secret) = &self.secret {
            request = request.bearer(secret);
        }
        if let Some(timeout) = config.timeout_ms {
            request = request.timeout(Duration::from_millis(timeout.into()));
        }
        request.send()
    }

    fn judge(&self, response: &Response) -> Result<Look, Failure> {
        let config = self.config;
        let own_words = OwnWords::of(&response.body);
        let latency = milliseconds(response.elapsed);
        let mut checks = vec![status(&config.expect, response)];
        checks.extend(body(config, response, &own_words));
        checks.extend(headers(&config.expect, response));
        let mut state = None;
        if config.state.is_some() || !self.parts.is_empty() {
            let body = serde_json::from_slice::<Value>(&response.body).ok();
            if let Some(wanted) = &config.state {
                let (seen, check) = wanted.judge(body.as_ref());
                state = seen;
                checks.push(check);
            }
            let facts = Facts::of(response, body, latency);
            for part in &self.parts {
                checks.push(part.judge(&facts)?);
            }
        }
        Ok(Look {
            checks,
            slow: config.latency.check(latency),
            status: Some(response.status),
            latency_ms: Some(latency),
            body_error: own_words.error,
            state,
            has_state: config.state.is_some(),
        })
    }
}

impl Look {
    /// How the service is, its latency apart.
    pub(crate) fn health(&self) -> Health {
        self.checks.iter().map(|check| check.health).max().unwrap_or(Health::Unknown)
    }

    /// What is not well, its latency apart.
    pub(crate) fn problems(&self) -> String {
        let bad: Vec<&str> = self
            .checks
            .iter()
            .filter(|check| check.health != Health::Healthy)
            .map(|check| check.message.as_str())
            .collect();
        bad.join("; ")
    }

    /// Adds what later steps can read.
    pub(crate) fn outputs(self, report: Report) -> Report {
        let report = report
            .output("status", self.status)
            .output("latency_ms", self.latency_ms)
            .output("body_error", self.body_error);
        if self.has_state { report.output("state", self.state) } else { report }
    }
}

/// An answer as the parts of `checks` see it.
pub(crate) struct Facts {
    pub(crate) status: Value,
    pub(crate) headers: Value,
    /// JSON, or else text.
    pub(crate) body: Value,
    pub(crate) is_json: bool,
    pub(crate) latency_ms: Value,
}

impl Facts {
    fn of(response: &Response, body: Option<Value>, latency_ms: u64) -> Self {
        let headers: BTreeMap<String, String> = response
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        let is_json = body.is_some();
        let text = || String::from_utf8_lossy(&response.body).into_owned().into();
        Self {
            status: response.status.into(),
            headers: headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect(),
            body: body.unwrap_or_else(text),
            is_json,
            latency_ms: latency_ms.into(),
        }
    }
}

fn status(expected: &Expect, response: &Response) -> Check {
    let expected = expected.status.as_ref().unwrap_or(&Statuses::One(200));
    match expect::status(expected, response) {
        Some(problem) => Check::new("status", Health::Unhealthy, problem),
        None => Check::new("status", Health::Healthy, format!("status is {}", response.status)),
    }
}

/// A body is judged by what was expected of it, or else by what it says about itself.
fn body(config: &Config, response: &Response, own_words: &OwnWords) -> Option<Check> {
    let expected = &config.expect;
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
