//! Gate: what Prometheus knows is within thresholds.
//!
//! Each query is asked once (`/api/v1/query`) and every sample of its answer is held against `expect` and
//! `warn`. A series that is missing, `NaN` or old says nothing about the service, so it is neither a yes nor a
//! no: the gate is then inconclusive. `answer` turns the server's text into facts, `judge` compares; both are
//! pure. This file sends the queries and adds up.

mod answer;
mod judge;

use std::collections::BTreeSet;
use std::time::Duration;

use runner_evidence::Bounds;
use runner_plugin::host::Auth;
use runner_plugin::text::counted;
use runner_plugin::{Decision, Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use judge::Judged;

/// Where to ask what, and which answers are all right.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["queries"] }, { "required": ["up"] }]))]
pub struct Config {
    /// The server, e.g. `http://prometheus:9090`; a path before `/api/v1/query` is kept.
    #[schemars(regex(pattern = "^https?://[^?#]+$"))]
    url: String,
    /// Who is asking.
    auth: Option<Auth>,
    /// For each query: connection and response together. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// The queries, asked in this order.
    #[serde(default)]
    #[schemars(length(min = 1))]
    queries: Vec<Query>,
    /// Names of scrape jobs. Each must have a target, and every target must be up.
    #[serde(default)]
    #[schemars(length(min = 1))]
    up: Vec<String>,
}

/// One query, and which samples are all right.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["expect"] }, { "required": ["warn"] }, { "required": ["text"] }]))]
struct Query {
    /// What it is called in findings and outputs. Without it: the query.
    name: Option<String>,
    /// PromQL.
    #[schemars(length(min = 1))]
    query: String,
    /// What every sample must keep; if one does not, the answer is no.
    expect: Option<Bounds>,
    /// What every sample should keep; if one does not, the answer is a warning.
    warn: Option<Bounds>,
    /// The text that a string result must be.
    text: Option<String>,
    /// How many series there must be at least.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    min_series: usize,
    /// How old the newest sample of a series may be, in seconds. Prometheus stamps the samples of an instant
    /// vector with the time of the query; of a range (`up[5m]`) they have their own.
    #[schemars(range(min = 1))]
    max_age_s: Option<u32>,
}

fn one() -> usize {
    1
}

/// The gate.
#[derive(Debug)]
pub struct Prometheus;

impl Gate for Prometheus {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["queries", "values"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let queries = config.queries()?;
        let (mut all, mut values, mut unknown) = (Findings::new(), Map::new(), 0);
        for query in &queries {
            let answer = ask(&config, query, host)?;
            // The clock is asked only when it decides something; a query without `max_age_s` is as old as it is.
            let now = query.max_age_s.map(|_| host.clock().now().as_secs_f64());
            let Judged { findings, inconclusive, value } = judge::judge(query, &answer, now);
            unknown += usize::from(inconclusive);
            all.extend(findings);
            values.insert(query.name().to_owned(), value);
        }
        let (errors, warnings) = (all.count_of(Severity::Error), all.count_of(Severity::Warning));
        let decision = decide(errors, unknown, warnings);
        let asked = counted(queries.len(), "query", "queries");
        let summary = match decision {
            Decision::Pass => format!("{asked} within bounds"),
            Decision::Warn | Decision::Fail => {
                format!("{} in {asked}", counted(errors + warnings, "problem", "problems"))
            }
            Decision::Inconclusive => format!("no answer from {unknown} of {asked}"),
        };
        let evaluation = Evaluation { findings: all.into_vec(), ..Evaluation::new(decision, summary) };
        Ok(evaluation.output("queries", queries.len()).output("values", Value::Object(values)))
    }
}

/// A no stands whatever else is not known; what is not known is never a pass.
fn decide(errors: usize, unknown: usize, warnings: usize) -> Decision {
    match (errors, unknown, warnings) {
        (1.., _, _) => Decision::Fail,
        (0, 1.., _) => Decision::Inconclusive,
        (0, 0, 1..) => Decision::Warn,
        (0, 0, 0) => Decision::Pass,
    }
}

impl Config {
    /// All queries, those of `up` last; refuses what a schema cannot.
    fn queries(&self) -> Result<Vec<Query>, Failure> {
        let up = Bounds { equals: Some(1.0), ..Bounds::default() };
        let of_job = |job: &String| Query {
            name: Some(format!("up of {job}")),
            // Rust and PromQL write a text alike, but for `\u{…}`, which no job name needs.
            query: format!("up{{job={job:?}}}"),
            expect: Some(up.clone()),
            min_series: 1,
            ..Query::default()
        };
        let all: Vec<Query> = self.queries.iter().cloned().chain(self.up.iter().map(of_job)).collect();
        if all.is_empty() {
            return Err(Failure::invalid_config("there is nothing to ask: give `queries` or `up`"));
        }
        let mut names = BTreeSet::new();
        for query in &all {
            if !names.insert(query.name()) {
                return Err(Failure::invalid_config(format!("two queries are called `{}`", query.name())));
            }
            for (key, bounds) in [("expect", &query.expect), ("warn", &query.warn)] {
                if let Some(bounds) = bounds {
                    bounds.check(&format!("`{key}` of `{}`", query.name()))?;
                }
            }
            if query.expect.is_none() && query.warn.is_none() && query.text.is_none() {
                return Err(Failure::invalid_config(format!(
                    "`{}` needs `expect`, `warn` or `text`",
                    query.name()
                )));
            }
        }
        Ok(all)
    }
}

impl Query {
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.query)
    }

    /// A reason for a "no" that is about this query.
    fn error(&self, rule: &str, message: &str) -> Finding {
        Finding::error(rule, format!("`{}`: {message}", self.name()))
    }
}

fn ask(config: &Config, query: &Query, host: &Host) -> Result<answer::Answer, Failure> {
    let secret = config.auth.as_ref().map(|auth| auth.secret(host)).transpose()?;
    let encoded: String = form_urlencoded::byte_serialize(query.query.as_bytes()).collect();
    let url = format!("{}/api/v1/query?query={encoded}", config.url.trim_end_matches('/'));
    let mut request = host.http().get(url).header("accept", "application/json");
    if let Some(secret) = &secret {
        request = request.bearer(secret);
    }
    if let Some(timeout) = config.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout.into()));
    }
    answer::parse(query.name(), &request.send()?)
}

runner_plugin::export_gate!(Prometheus);

#[cfg(test)]
mod tests;
