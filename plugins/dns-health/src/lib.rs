//! Health check: what a name server answers.
//!
//! ```text
//! question -> TCP -> message -> does it answer this question? -> aliases -> records -> compared with what was expected
//! ```
//!
//! It asks one server that is named, never the resolver of the machine: the question is whether *that* server has
//! the records, and what others still remember does not matter. It asks over TCP, because that is what a plugin
//! has, and every name server speaks it (RFC 7766).
//!
//! Never here: DNSSEC, zone transfers, UDP.

mod answer;
mod exchange;
mod record;

use std::time::Duration;

use runner_plugin::text::counted;
use runner_plugin::{Check, Failure, Health, HealthCheck, Host, Report, Request};
use runner_probe::{Address, Latency, line, milliseconds, unreachable};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use answer::Answer;
use record::Type;

/// Which server is asked what, and what it answers when all is well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name server: `host:port`, nearly always port 53.
    server: Address,
    /// What it is asked, one after the other.
    #[schemars(length(min = 1, max = 100))]
    queries: Vec<Query>,
    /// How slow an answer is not well.
    #[serde(default)]
    latency: Latency,
    /// For each question, in milliseconds.
    #[serde(default = "runner_probe::timeout_ms")]
    #[schemars(range(min = 1))]
    timeout_ms: u32,
}

/// A question and its answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Query {
    /// The name, e.g. `api.example.com`. Always whole; there is no search list.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// Which kind of records.
    #[serde(rename = "type", default)]
    kind: Type,
    /// What the answer has to be.
    #[serde(default)]
    expect: Expect,
    /// Longest time that others may remember the answer, in seconds; aliases on the way count.
    max_ttl_s: Option<u32>,
    /// Whether the server may ask others. An authoritative server has to know by itself: `false`.
    #[serde(default = "yes")]
    recursive: bool,
}

/// What an answer has to be. Values are written as in zone files: `192.0.2.1`, `10 mail.example.com`,
/// `0 issue "letsencrypt.org"`. Names are compared without regard to case and to the dot at the end.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Expect {
    /// Some record, whichever.
    #[default]
    Some,
    /// At least one of these.
    Any(#[schemars(length(min = 1))] Vec<String>),
    /// All of these, and maybe more.
    All(#[schemars(length(min = 1))] Vec<String>),
    /// These and no others, in any order.
    Exact(#[schemars(length(min = 1))] Vec<String>),
    /// No record of this kind. The name itself may be there.
    None,
    /// The name must not be there.
    Nxdomain,
}

fn yes() -> bool {
    true
}

/// The health check.
#[derive(Debug)]
pub struct DnsHealth;

impl HealthCheck for DnsHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["answers", "latency_ms"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        if config.queries.is_empty() {
            return Err(Failure::invalid_config("`queries` is empty: there is nothing to ask"));
        }
        let (mut checks, mut answers, mut slowest) = (Vec::new(), Map::new(), None);
        for query in &config.queries {
            let name = format!("{} {}", query.name, query.kind.name());
            let expected = query.expected()?;
            let begun = host.clock().monotonic();
            let check = match exchange::ask(&config, query, host) {
                Ok(answer) => {
                    let took = milliseconds(host.clock().monotonic().saturating_sub(begun));
                    slowest = slowest.max(Some(took));
                    answers.insert(name.clone(), answer.values().into());
                    query.judge(&expected, &answer)
                }
                Err(failure) => {
                    let check = unreachable(failure)?;
                    (check.health, check.message)
                }
            };
            let message = if check.0 == Health::Healthy { check.1 } else { format!("{name}: {}", check.1) };
            checks.push(Check::new(name, check.0, message));
        }
        checks
            .extend(slowest.and_then(|slowest| config.latency.check_as("the slowest answer took", slowest)));
        let asked = counted(config.queries.len(), "answer", "answers");
        let summary = line(&checks, &format!("{asked} as expected"));
        Ok(Report::of(checks, summary)
            .output("answers", Value::Object(answers))
            .output("latency_ms", slowest))
    }
}

impl Config {
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

impl Query {
    /// The values that were written down, each in the one way in which it is compared.
    fn expected(&self) -> Result<Vec<String>, Failure> {
        match &self.expect {
            Expect::Some | Expect::None | Expect::Nxdomain => Ok(Vec::new()),
            Expect::Any(values) | Expect::All(values) | Expect::Exact(values) if values.is_empty() => {
                Err(Failure::invalid_config(format!("`expect` of `{}` is an empty list", self.name)))
            }
            Expect::Any(values) | Expect::All(values) | Expect::Exact(values) => {
                values.iter().map(|value| self.kind.canonical(value)).collect()
            }
        }
    }

    fn judge(&self, expected: &[String], answer: &Answer) -> (Health, String) {
        let records = match answer {
            Answer::Records(records) => records,
            Answer::NoName => {
                return match self.expect {
                    Expect::Nxdomain | Expect::None => (Health::Healthy, "there is no such name".to_owned()),
                    Expect::Some | Expect::Any(_) | Expect::All(_) | Expect::Exact(_) => {
                        (Health::Unhealthy, "there is no such name".to_owned())
                    }
                };
            }
            Answer::Refused(how) => {
                return (Health::Unhealthy, format!("the server answers `{how}`"));
            }
        };
        let is = if records.values.is_empty() {
            "there is no such record".to_owned()
        } else {
            format!("it is {}", listed(&records.values))
        };
        let missing: Vec<String> =
            expected.iter().filter(|value| !records.values.contains(value)).cloned().collect();
        let as_expected = match &self.expect {
            Expect::Some => !records.values.is_empty(),
            Expect::Any(_) => missing.len() < expected.len(),
            Expect::All(_) => missing.is_empty(),
            Expect::Exact(_) => {
                missing.is_empty() && records.values.iter().all(|value| expected.contains(value))
            }
            Expect::None => records.values.is_empty(),
            Expect::Nxdomain => false,
        };
        if !as_expected {
            let wanted = match &self.expect {
                Expect::Some => "any".to_owned(),
                Expect::Any(_) => format!("any of {}", listed(expected)),
                Expect::All(_) => format!("all of {}", listed(expected)),
                Expect::Exact(_) => listed(expected),
                Expect::None => "none".to_owned(),
                Expect::Nxdomain => return (Health::Unhealthy, "there is such a name".to_owned()),
            };
            return (Health::Unhealthy, format!("{is}; expected {wanted}"));
        }
        match self.max_ttl_s.filter(|&limit| records.ttl > limit) {
            Some(limit) => {
                let message = format!("others may remember it for {} s, {limit} s is the limit", records.ttl);
                (Health::Unhealthy, message)
            }
            None => (Health::Healthy, is),
        }
    }
}

/// The first ten of some values.
fn listed(values: &[String]) -> String {
    let mut shown: Vec<String> =
        values.iter().take(10).map(|value| format!("`{}`", runner_probe::said(value))).collect();
    if values.len() > 10 {
        shown.push(format!("and {} more", values.len() - 10));
    }
    shown.join(", ")
}

runner_plugin::export_health_check!(DnsHealth);

#[cfg(test)]
mod tests;
