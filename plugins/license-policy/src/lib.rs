//! Gate: the licences of all components of a release are allowed.
//!
//! `runner-bill` reads the bill of materials, `policy` (over the crate `spdx`) says of one expression whether it can be
//! kept to. Both are pure. This file knows the exceptions.
//!
//! Never here: a licence found out by reading texts, or a guess at what a name might mean. An unknown licence is said
//! to be unknown.

mod policy;

use std::collections::{BTreeMap, BTreeSet};

use runner_bill::{Bill, Component, Names};
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use policy::{Policy, Verdict};

/// Which bill, and which licences are allowed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The bill of materials: CycloneDX or SPDX, as JSON.
    #[serde(default = "default_file")]
    file: String,
    /// Licences that are allowed, by their SPDX identifiers: `MIT`, `Apache-2.0 WITH LLVM-exception`, `LicenseRef-Own`.
    /// Without any, all are that are not denied.
    #[serde(default)]
    allow: Vec<String>,
    /// Licences that are not, also where they are allowed by a name. `AGPL-*` stands for all that begin so.
    #[serde(default)]
    deny: Vec<String>,
    /// Licences that are allowed for some components, each with the reason.
    #[serde(default)]
    exceptions: Vec<Exception>,
    /// Licences that a person has found out, where the bill does not tell them.
    #[serde(default)]
    clarify: Vec<Clarify>,
    /// What a component means whose licence is not told, or is no SPDX expression.
    #[serde(default)]
    unknown: Unknown,
    /// Whether a bill may have no components.
    #[serde(default)]
    allow_empty: bool,
}

/// Licences that are allowed for some components.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Exception {
    /// A name, `name@version`, or a pattern of either with `*`.
    component: Names,
    /// The licences, written as under `allow`. They are allowed even if they are denied.
    #[schemars(length(min = 1))]
    allow: Vec<String>,
    /// Why.
    #[schemars(length(min = 1))]
    reason: String,
}

/// A licence that a person has found out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Clarify {
    /// A name, `name@version`, or a pattern of either with `*`.
    component: Names,
    /// Its licence: an SPDX expression. It counts instead of what the bill says.
    #[schemars(length(min = 1))]
    license: String,
    /// How it was found out.
    #[schemars(length(min = 1))]
    reason: String,
}

/// What an unknown licence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unknown {
    /// It stops the run.
    #[default]
    Fail,
    /// People are told.
    Warn,
}

fn default_file() -> String {
    "sbom.json".to_owned()
}

/// The gate.
#[derive(Debug)]
pub struct LicensePolicy;

impl Gate for LicensePolicy {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["components", "licenses", "unknown"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let judge = Judge::new(&config)?;
        let bill = Bill::read(host, &config.file)?;
        if bill.components.is_empty() && !config.allow_empty {
            let finding = Finding::error("no-components", "the bill of materials has no components");
            let finding = finding.in_file(&config.file).help("`allow_empty: true` lets such a bill pass");
            return Ok(Evaluation::fail(format!("`{}` has no components", config.file))
                .finding(finding)
                .output("components", 0)
                .output("licenses", serde_json::json!({}))
                .output("unknown", 0));
        }
        let tally = judge.all(&bill.components);
        let components = counted(bill.components.len(), "component", "components");
        let summary = match tally.findings.count_of(Severity::Error) {
            0 if tally.unknown > 0 => format!("{components}, {} of unknown licence", tally.unknown),
            0 => format!("{components}, all of allowed licences"),
            errors => format!(
                "{} of {components}",
                counted(errors, "problem with the licences", "problems with the licences")
            ),
        };
        Ok(Evaluation::judge(tally.findings.into_vec(), summary)
            .output("components", bill.components.len())
            .output(
                "licenses",
                tally
                    .licences
                    .into_iter()
                    .map(|(name, number)| (name, number.into()))
                    .collect::<serde_json::Map<_, _>>(),
            )
            .output("unknown", tally.unknown))
    }
}

/// What came of looking at all components.
#[derive(Default)]
struct Tally {
    findings: Findings,
    /// How many components have each licence, as it is written.
    licences: BTreeMap<String, usize>,
    unknown: usize,
    used_exceptions: BTreeSet<usize>,
    used_clarifications: BTreeSet<usize>,
}

struct Judge<'c> {
    config: &'c Config,
    policy: Policy,
    exceptions: Vec<Policy>,
}

impl<'c> Judge<'c> {
    fn new(config: &'c Config) -> Result<Self, Failure> {
        if config.allow.is_empty() && config.deny.is_empty() {
            let message = "neither `allow` nor `deny` names a licence, so every licence would pass";
            return Err(Failure::invalid_config(message));
        }
        let policy = Policy::new("allow", &config.allow, "deny", &config.deny)?;
        let mut exceptions = Vec::new();
        for (index, exception) in config.exceptions.iter().enumerate() {
            exception.component.check()?;
            exceptions.push(Policy::new(&format!("exceptions[{index}].allow"), &exception.allow, "", &[])?);
        }
        for (index, clarify) in config.clarify.iter().enumerate() {
            clarify.component.check()?;
            policy::expression(&clarify.license)
                .map_err(|why| Failure::invalid_config(format!("`clarify[{index}].license`: {why}")))?;
        }
        Ok(Self { config, policy, exceptions })
    }

    fn all(&self, components: &[Component]) -> Tally {
        let mut tally = Tally::default();
        for component in components {
            self.component(component, &mut tally);
        }
        for (index, exception) in self.config.exceptions.iter().enumerate() {
            if !tally.used_exceptions.contains(&index) {
                let name = exception.component.as_str();
                let message = format!("`exceptions` names `{name}` ({}), which needs none", exception.reason);
                tally.findings.push(Finding::warning("unused-exception", message).help("take it out"));
            }
        }
        for (index, clarify) in self.config.clarify.iter().enumerate() {
            if !tally.used_clarifications.contains(&index) {
                let name = clarify.component.as_str();
                let message =
                    format!("`clarify` names `{name}` ({}), which is not in the bill", clarify.reason);
                tally.findings.push(Finding::warning("unused-clarification", message).help("take it out"));
            }
        }
        tally
    }

    fn component(&self, component: &Component, tally: &mut Tally) {
        let label = shortened(&component.label());
        let mut add = |finding: Finding, help: &str| {
            tally.findings.push(finding.in_file(&self.config.file).help(help));
        };
        let clarified = self.config.clarify.iter().position(|clarify| clarify.component.mean(component));
        let licences = match clarified {
            Some(index) => {
                tally.used_clarifications.insert(index);
                std::slice::from_ref(&self.config.clarify[index].license)
            }
            None => component.licences.as_slice(),
        };
        let unknown = |message: String| match self.config.unknown {
            Unknown::Fail => Finding::error("unknown-license", message),
            Unknown::Warn => Finding::warning("unknown-license", message),
        };
        if licences.is_empty() {
            tally.unknown += 1;
            add(
                unknown(format!("the licence of `{label}` is not told")),
                "find it out, and say it under `clarify`",
            );
            return;
        }
        // Several licences that no expression joins all apply.
        for licence in licences {
            *tally.licences.entry(licence.clone()).or_default() += 1;
            match self.policy.judge(licence) {
                Verdict::Allowed => {}
                Verdict::Unknown { why, meant } => {
                    tally.unknown += 1;
                    let message = format!(
                        "the licence of `{label}`, `{}`, is no SPDX expression: {why}",
                        shortened(licence)
                    );
                    let help = match meant {
                        Some(meant) => format!("if `{meant}` is meant, say it under `clarify`"),
                        None => "find out which it is, and say it under `clarify`".to_owned(),
                    };
                    add(unknown(message), &help);
                }
                Verdict::Refused(refused) => {
                    let exception =
                        self.config.exceptions.iter().zip(&self.exceptions).position(|(exception, own)| {
                            exception.component.mean(component)
                                && self.policy.with(own).judge(licence) == Verdict::Allowed
                        });
                    if let Some(index) = exception {
                        tally.used_exceptions.insert(index);
                        continue;
                    }
                    let message =
                        format!("`{label}` is under `{}`: {}", shortened(licence), refused.join(", "));
                    let help = "use something else, or say under `exceptions` why it is all right here";
                    add(Finding::error("denied-license", message), help);
                }
            }
        }
    }
}

runner_plugin::export_gate!(LicensePolicy);

#[cfg(test)]
mod tests;
