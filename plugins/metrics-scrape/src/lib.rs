//! Gate: the metrics that a service shows are as they should be.
//!
//! The page is read once; if a metric has to increase, it is read again after `wait_ms`. `exposition` turns a page
//! into samples, `selector` picks those that a check is about, `judge` compares; all three are pure. This file
//! sends the requests and adds up.

mod exposition;
mod judge;
mod selector;

use std::time::Duration;

use runner_evidence::Bounds;
use runner_plugin::host::{Auth, Response};
use runner_plugin::text::counted;
use runner_plugin::{Decision, Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

use exposition::{Dialect, Sample};
use selector::{Labels, Selector};

/// Both formats; the second is understood by everything that shows metrics at all.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.8";

/// Which page to read, and what must stand on it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The page, e.g. `http://127.0.0.1:8001/metrics`.
    #[schemars(regex(pattern = "^https?://"))]
    url: String,
    /// Who is asking.
    auth: Option<Auth>,
    /// For each reading: connection and response together. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// Longest page to accept, in bytes.
    #[serde(default = "four_mebibytes")]
    #[schemars(range(min = 1))]
    max_bytes: u32,
    /// Time between the two readings, if a metric has to increase.
    #[serde(default = "one_second")]
    #[schemars(range(min = 1, max = 3_600_000))]
    wait_ms: u32,
    /// What must stand on the page.
    #[schemars(length(min = 1))]
    metrics: Vec<Metric>,
}

fn four_mebibytes() -> u32 {
    4 * 1024 * 1024
}

fn one_second() -> u32 {
    1000
}

/// One metric, and what is all right. With nothing but `name` it has to be there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Metric {
    /// Name as on the page: `http_requests_total`, `request_seconds_bucket`.
    #[schemars(length(min = 1))]
    name: String,
    /// Labels that a series must have to be meant.
    #[serde(default)]
    labels: Labels,
    /// How many series must be meant at least.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    min_series: usize,
    /// What each value must keep; if one does not, the answer is no.
    expect: Option<Bounds>,
    /// What each value should keep; if one does not, the answer is a warning.
    warn: Option<Bounds>,
    /// By how much all series together must grow from the first to the second reading.
    #[schemars(extend("exclusiveMinimum" = 0))]
    increases_by: Option<f64>,
}

fn one() -> usize {
    1
}

/// The gate.
#[derive(Debug)]
pub struct MetricsScrape;

impl Gate for MetricsScrape {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["series", "values"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let checks = config.checks()?;
        let first = match read(&config, host)? {
            Page::Samples(samples) => samples,
            Page::Absent(finding) => return Ok(absent(finding)),
        };
        let second = if checks.iter().any(|check| check.metric.increases_by.is_some()) {
            host.clock().sleep(Duration::from_millis(config.wait_ms.into()));
            match read(&config, host)? {
                Page::Samples(samples) => Some(samples),
                Page::Absent(finding) => return Ok(absent(finding)),
            }
        } else {
            None
        };
        let (mut findings, mut values, mut unknown) = (Findings::new(), Map::new(), 0);
        for check in &checks {
            let judged = judge::judge(check, &first, second.as_deref());
            unknown += usize::from(judged.inconclusive);
            findings.extend(judged.findings);
            values.insert(check.name(), judged.value);
        }
        let series = second.as_ref().unwrap_or(&first).len();
        Ok(answer(findings, checks.len(), unknown).output("series", series).output("values", values))
    }
}

/// A no stands whatever else is not known; what is not known is never a pass.
fn answer(findings: Findings, metrics: usize, unknown: usize) -> Evaluation {
    let (errors, warnings) = (findings.count_of(Severity::Error), findings.count_of(Severity::Warning));
    let looked_at = counted(metrics, "metric", "metrics");
    let problems = || format!("{} in {looked_at}", counted(errors + warnings, "problem", "problems"));
    let (decision, summary) = match (errors, unknown, warnings) {
        (1.., _, _) => (Decision::Fail, problems()),
        (0, 1.., _) => (Decision::Inconclusive, format!("{unknown} of {looked_at} not known")),
        (0, 0, 1..) => (Decision::Warn, problems()),
        (0, 0, 0) => (Decision::Pass, format!("{looked_at} as expected")),
    };
    Evaluation { findings: findings.into_vec(), ..Evaluation::new(decision, summary) }
}

/// There is no page: nothing was compared.
fn absent(finding: Finding) -> Evaluation {
    Evaluation::fail("there is no page with metrics").finding(finding)
}

/// A metric with everything that a schema cannot check checked.
struct Check<'c> {
    metric: &'c Metric,
    selector: Selector<'c>,
}

impl Check<'_> {
    /// As in PromQL, for findings and outputs.
    fn name(&self) -> String {
        self.selector.to_string()
    }
}

impl Config {
    fn checks(&self) -> Result<Vec<Check<'_>>, Failure> {
        self.metrics.iter().map(Metric::check).collect()
    }
}

impl Metric {
    fn check(&self) -> Result<Check<'_>, Failure> {
        let selector = Selector::new(&self.name, &self.labels)?;
        for (key, bounds) in [("expect", &self.expect), ("warn", &self.warn)] {
            if let Some(bounds) = bounds {
                bounds.check(&format!("`{key}` of `{selector}`"))?;
            }
        }
        if let Some(by) = self.increases_by
            && (by.is_nan() || by <= 0.0)
        {
            return Err(Failure::invalid_config(format!("`increases_by` of `{selector}` is more than 0")));
        }
        Ok(Check { metric: self, selector })
    }
}

/// What a reading came to.
enum Page {
    Samples(Vec<Sample>),
    /// The service answers, and not with a page.
    Absent(Finding),
}

fn read(config: &Config, host: &Host) -> Result<Page, Failure> {
    let secret = config.auth.as_ref().map(|auth| auth.secret(host)).transpose()?;
    let mut request = host.http().get(&config.url).header("accept", ACCEPT).max_body(config.max_bytes);
    if let Some(secret) = &secret {
        request = request.bearer(secret);
    }
    if let Some(timeout) = config.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout.into()));
    }
    let response = request.send()?;
    if !response.is_success() {
        let message =
            format!("the page of metrics is answered with status {}, not 200 to 299", response.status);
        return Ok(Page::Absent(
            Finding::error("unexpected-status", message)
                .help("see `url`, and whether the service shows metrics"),
        ));
    }
    let dialect = dialect(&response)?;
    exposition::parse(dialect, response.text()?).map(Page::Samples).map_err(|why| {
        Failure::invalid_input(format!("the page of metrics is not understood: {why}; nothing was compared"))
    })
}

/// The format that the service says it is. Without a word about it: the text format, which is older than the header.
fn dialect(response: &Response) -> Result<Dialect, Failure> {
    let said = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    match said.split(';').next().unwrap_or_default().trim() {
        "application/openmetrics-text" => Ok(Dialect::OpenMetrics),
        "application/vnd.google.protobuf" | "text/html" | "application/json" => Err(Failure::invalid_input(
            format!("the page of metrics is `{said}`, not the text format; nothing was compared"),
        )),
        _ => Ok(Dialect::Text),
    }
}

runner_plugin::export_gate!(MetricsScrape);

#[cfg(test)]
mod tests;
