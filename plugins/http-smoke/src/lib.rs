//! Gate: a list of HTTP requests, each with what its response should be.
//!
//! All requests are sent, in order, whatever the ones before have answered; every mismatch is a finding. A
//! request without an answer makes the whole gate a failure: a smoke test that could not be run says neither
//! yes nor no.

use std::collections::BTreeMap;
use std::time::Duration;

use runner_plugin::expect::{self, ExpectedJson, Statuses};
use runner_plugin::host::{Auth, Response};
use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Where to send which requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What all paths are appended to, e.g. `http://127.0.0.1:8001`.
    base: String,
    /// The requests, sent in this order.
    #[schemars(length(min = 1))]
    requests: Vec<Call>,
}

/// One request, and what its response should be. Exactly one of the methods says where it goes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [
    { "required": ["get"] }, { "required": ["head"] }, { "required": ["post"] },
    { "required": ["put"] }, { "required": ["patch"] }, { "required": ["delete"] },
]))]
struct Call {
    /// What it is called in findings. Without it: method and path.
    name: Option<String>,
    /// Path of a `GET`.
    get: Option<String>,
    /// Path of a `HEAD`.
    head: Option<String>,
    /// Path of a `POST`.
    post: Option<String>,
    /// Path of a `PUT`.
    put: Option<String>,
    /// Path of a `PATCH`.
    patch: Option<String>,
    /// Path of a `DELETE`.
    delete: Option<String>,
    /// Headers to send.
    headers: BTreeMap<String, String>,
    /// Body as JSON. Not together with `body`.
    json: Option<Value>,
    /// Body as text.
    body: Option<String>,
    /// Who is asking.
    auth: Option<Auth>,
    /// What the response should be.
    expect: Expect,
    /// For connection and response together. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
}

/// What a response should be. Without `status`: any from 200 to 299.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    /// The status, or several that are all right.
    status: Option<Statuses>,
    /// `valid` for any JSON, or keys and values that the body must have.
    json: Option<ExpectedJson>,
    /// Headers that must have exactly these values.
    headers: BTreeMap<String, String>,
    /// A text that the body must have in it.
    contains: Option<String>,
    /// Longest time from connection to the end of the body.
    #[schemars(range(min = 1))]
    max_latency_ms: Option<u64>,
}

/// The gate.
#[derive(Debug)]
pub struct HttpSmoke;

impl Gate for HttpSmoke {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["requests", "slowest_ms", "results"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let calls: Vec<Planned> =
            config.requests.iter().map(|call| call.plan(&config.base)).collect::<Result<_, _>>()?;
        let answers: Vec<Result<Response, Failure>> = calls.iter().map(|call| call.send(host)).collect();

        let mut findings = Vec::new();
        let mut results = Vec::new();
        let mut slowest = 0;
        for (call, response) in
            calls.iter().zip(&answers).filter_map(|(call, answer)| Some((call, answer.as_ref().ok()?)))
        {
            let latency = milliseconds(response.elapsed);
            slowest = slowest.max(latency);
            results.push(json!({ "name": call.name, "status": response.status, "latency_ms": latency }));
            findings.extend(
                call.expect
                    .mismatches(response)
                    .map(|(rule, text)| Finding::error(rule, format!("`{}`: {text}", call.name))),
            );
        }
        if let Some(failure) = unanswered(&calls, answers) {
            // The failure is all that is reported; what the others have answered helps to understand it.
            findings.iter().for_each(|finding| host.log().warn(&finding.message));
            return Err(failure);
        }
        let requests = counted(calls.len(), "request", "requests");
        let summary = match findings.len() {
            0 => format!("{requests} answered as expected"),
            number => format!("{} in {requests}", counted(number, "mismatch", "mismatches")),
        };
        Ok(Evaluation::judge(findings, summary)
            .output("requests", calls.len())
            .output("slowest_ms", slowest)
            .output("results", results))
    }
}

/// A request that can be sent.
struct Planned<'c> {
    name: String,
    method: &'static str,
    url: String,
    call: &'c Call,
    expect: &'c Expect,
}

impl Call {
    /// Says what a schema cannot: one method, one body.
    fn plan(&self, base: &str) -> Result<Planned<'_>, Failure> {
        let methods = [
            ("GET", &self.get),
            ("HEAD", &self.head),
            ("POST", &self.post),
            ("PUT", &self.put),
            ("PATCH", &self.patch),
            ("DELETE", &self.delete),
        ];
        let named: Vec<(&str, &String)> =
            methods.iter().filter_map(|(method, path)| Some((*method, path.as_ref()?))).collect();
        let &[(method, path)] = named.as_slice() else {
            return Err(Failure::invalid_config(format!(
                "a request needs exactly one of `get`, `head`, `post`, `put`, `patch` and `delete`, not {}",
                named.len(),
            )));
        };
        let name = self.name.clone().unwrap_or_else(|| format!("{method} {path}"));
        if !path.starts_with('/') {
            return Err(Failure::invalid_config(format!("`{name}`: a path starts with `/`")));
        }
        if self.json.is_some() && self.body.is_some() {
            return Err(Failure::invalid_config(format!(
                "`{name}`: there can be only one of `json` and `body`"
            )));
        }
        let url = format!("{}{path}", base.trim_end_matches('/'));
        Ok(Planned { name, method, url, call: self, expect: &self.expect })
    }
}

impl Planned<'_> {
    fn send(&self, host: &Host) -> Result<Response, Failure> {
        let secret = self.call.auth.as_ref().map(|auth| auth.secret(host)).transpose()?;
        let mut request = host.http().request(self.method, &self.url);
        for (name, value) in &self.call.headers {
            request = request.header(name, value);
        }
        if let Some(json) = &self.call.json {
            request = request.json(json);
        }
        if let Some(body) = &self.call.body {
            request = request.body(body.as_str());
        }
        if let Some(secret) = &secret {
            request = request.bearer(secret);
        }
        if let Some(timeout) = self.call.timeout_ms {
            request = request.timeout(Duration::from_millis(timeout.into()));
        }
        request.send()
    }
}

impl Expect {
    /// Every mismatch as rule and text.
    fn mismatches(&self, response: &Response) -> impl Iterator<Item = (&'static str, String)> {
        let status = match &self.status {
            Some(expected) => expect::status(expected, response),
            None => {
                (!response.is_success()).then(|| format!("status is {}, not 200 to 299", response.status))
            }
        };
        let json = self.json.iter().flat_map(|expected| expect::json(expected, response));
        let headers = expect::headers(&self.headers, response);
        let text = self.contains.iter().filter_map(|expected| expect::contains(expected, response));
        let latency = milliseconds(response.elapsed);
        let slow = self.max_latency_ms.filter(|&limit| latency > limit);
        let slow = slow.map(|limit| format!("it took {latency} ms, more than {limit} ms"));
        let all = [
            ("unexpected-status", status.into_iter().collect::<Vec<_>>()),
            ("unexpected-json", json.collect()),
            ("unexpected-header", headers),
            ("missing-text", text.collect()),
            ("too-slow", slow.into_iter().collect()),
        ];
        all.into_iter().flat_map(|(rule, texts)| texts.into_iter().map(move |text| (rule, text)))
    }
}

/// The first request that got no answer, with how many there are.
fn unanswered(calls: &[Planned], answers: Vec<Result<Response, Failure>>) -> Option<Failure> {
    let mut failed = calls.iter().zip(answers).filter_map(|(call, answer)| Some((call, answer.err()?)));
    let (call, failure) = failed.next()?;
    let more = match failed.count() {
        0 => String::new(),
        more => format!("; {more} more without an answer"),
    };
    Some(Failure { message: format!("`{}`: {}{more}", call.name, failure.message), ..failure })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

runner_plugin::export_gate!(HttpSmoke);

#[cfg(test)]
mod tests;
