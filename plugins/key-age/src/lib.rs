//! Gate: keys are not older than their rotation allows.
//!
//! `keys` finds the keys in a document, `judge` holds each against the config; both are pure. This file reads the
//! file, asks the clock, and adds up. What a document says about a key is metadata; no key is ever needed here, and
//! what could be one is never shown.

mod judge;
mod keys;

use std::collections::BTreeMap;

use regex_lite::Regex;
use runner_evidence::moment;
use runner_plugin::document;
use runner_plugin::text::counted;
use runner_plugin::{Decision, Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use judge::judge;

/// Which keys, and how old they may be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["file"] }, { "required": ["keys"] }]))]
pub struct Config {
    /// A document (JSON, YAML or TOML) that lists the keys.
    file: Option<String>,
    /// Where in the document: a JSON pointer to a list, or to an object with ids as names. Without it: at the top.
    #[serde(default)]
    #[schemars(regex(pattern = "^(/.*)?$"))]
    at: String,
    /// The keys themselves, instead of a file.
    keys: Option<Vec<Map<String, Value>>>,
    /// Names that the fields of a key have.
    #[serde(default)]
    fields: Fields,
    /// Age in days from which on a key is warned of.
    #[serde(default = "thirty")]
    warn_days: u32,
    /// Age in days from which on a key is refused.
    #[serde(default = "thirty_seven")]
    #[schemars(range(min = 1))]
    fail_days: u32,
    /// What an id must be, as a whole. An id that is not this is not shown, as it may be the key itself.
    #[serde(default = "any_id")]
    id_pattern: String,
    /// Scopes that a key may have; each must have some. Without it: any, and none.
    #[schemars(length(min = 1))]
    scopes: Option<Vec<String>>,
    /// Whether keys that are not active are left out instead of refused.
    #[serde(default)]
    ignore_inactive: bool,
    /// Whether there may be no key.
    #[serde(default)]
    allow_empty: bool,
}

/// Names that the fields of a key have.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Fields {
    /// The public part of its name.
    id: String,
    /// When it was made, with an offset.
    created: String,
    /// Whether it may be used.
    active: String,
    /// What it may be used for.
    scopes: String,
}

impl Default for Fields {
    fn default() -> Self {
        let [id, created, active, scopes] = ["id", "created_at", "active", "scopes"].map(str::to_owned);
        Self { id, created, active, scopes }
    }
}

fn thirty() -> u32 {
    30
}

fn thirty_seven() -> u32 {
    37
}

fn any_id() -> String {
    "[A-Za-z0-9_-]{1,32}".to_owned()
}

/// The gate.
#[derive(Debug)]
pub struct KeyAge;

impl Gate for KeyAge {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["keys", "oldest_days"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let id_pattern = config.id_pattern()?;
        let keys = config.keys(host)?;
        let now = moment::of_clock(host.clock().now())?;
        let (mut findings, mut oldest) = (Findings::new(), None);
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        for key in &keys {
            let judged = judge(&config, &id_pattern, key, now);
            oldest = oldest.max(judged.days);
            findings.extend(judged.findings);
            if let Some(id) = judged.id
                && let Some(other) = numbers.insert(id.clone(), key.number)
            {
                findings.push(Finding::error(
                    "duplicate-id",
                    format!("keys {other} and {} are both `{id}`", key.number),
                ));
            }
        }
        Ok(config.answer(findings, keys.len()).output("keys", keys.len()).output("oldest_days", oldest))
    }
}

impl Config {
    fn id_pattern(&self) -> Result<Regex, Failure> {
        if self.warn_days > self.fail_days {
            return Err(Failure::invalid_config(
                "`warn_days` is more than `fail_days`: nothing would be warned of",
            ));
        }
        Regex::new(&format!("^(?:{})$", self.id_pattern)).map_err(|error| {
            Failure::invalid_config(format!("`id_pattern`: `{}` is no pattern: {error}", self.id_pattern))
        })
    }

    fn keys(&self, host: &Host) -> Result<Vec<keys::Written>, Failure> {
        match (&self.file, &self.keys) {
            (Some(path), None) => {
                let document = document::read(&host.files(), path, None)?;
                keys::keys(&document, &self.at, &self.fields)
                    .map_err(|why| Failure::invalid_input(format!("read `{path}`: {why}; no key was judged")))
            }
            (None, Some(keys)) => {
                let list = keys.iter().cloned().map(Value::Object).collect();
                keys::keys(&Value::Array(list), "", &self.fields).map_err(Failure::invalid_config)
            }
            (None, None) | (Some(_), Some(_)) => {
                Err(Failure::invalid_config("give one of `file` and `keys`"))
            }
        }
    }

    fn answer(&self, findings: Findings, keys: usize) -> Evaluation {
        let number = counted(keys, "key", "keys");
        if keys == 0 && !self.allow_empty {
            let finding = Finding::warning("no-keys", "there is no key in the list");
            let finding = finding.help("see `at`; `allow_empty: true` lets it pass");
            return Evaluation::inconclusive("there is no key to judge").finding(self.placed(finding));
        }
        let (errors, warnings) = (findings.count_of(Severity::Error), findings.count_of(Severity::Warning));
        let decision = match (errors, warnings) {
            (1.., _) => Decision::Fail,
            (0, 1..) => Decision::Warn,
            (0, 0) => Decision::Pass,
        };
        let summary = match errors + warnings {
            0 => format!("{number}, none due"),
            problems => format!("{} with {number}", counted(problems, "problem", "problems")),
        };
        let findings = findings.into_vec().into_iter().map(|finding| self.placed(finding)).collect();
        Evaluation { findings, ..Evaluation::new(decision, summary) }
    }

    fn placed(&self, finding: Finding) -> Finding {
        match &self.file {
            Some(path) => finding.in_file(path),
            None => finding,
        }
    }
}

runner_plugin::export_gate!(KeyAge);

#[cfg(test)]
mod tests;
