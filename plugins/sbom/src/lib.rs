//! Gate: the software bill of materials of a release is there, complete, of this release, and fresh.
//!
//! `runner-bill` reads it, whatever its format; `judge` compares, pure. This file reads the clock.

mod judge;

use runner_bill::{Bill, Names};
use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which bill, and what has to stand in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The bill: CycloneDX or SPDX, as JSON.
    #[serde(default = "default_file")]
    file: String,
    /// What each component needs. Names are always needed.
    #[serde(default = "default_require")]
    require: Vec<Part>,
    /// Components that need less, each with the reason.
    #[serde(default)]
    except: Vec<Except>,
    /// Least number of components.
    #[serde(default = "one")]
    min_components: usize,
    /// What the bill has to be of.
    #[serde(default)]
    primary: Primary,
    /// Most days since it was made.
    #[schemars(range(min = 1, max = 36500))]
    max_age_days: Option<u32>,
    /// Whether it has to say who or what made it.
    #[serde(default)]
    require_author: bool,
}

/// What a component may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Part {
    /// A version.
    Version,
    /// A package URL.
    Purl,
    /// A SHA-256 or stronger hash.
    Hash,
    /// A supplier.
    Supplier,
    /// A licence.
    License,
}

/// Components that need less.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Except {
    /// A name, `name@version`, or a pattern of either with `*`.
    component: Names,
    /// What they do not need. Without it: nothing.
    parts: Option<Vec<Part>>,
    /// Why.
    #[schemars(length(min = 1))]
    reason: String,
}

/// What the bill has to be of.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Primary {
    /// Its name.
    name: Option<String>,
    /// Its version.
    version: Option<String>,
}

fn default_file() -> String {
    "sbom.json".to_owned()
}

fn default_require() -> Vec<Part> {
    vec![Part::Version, Part::Purl]
}

fn one() -> usize {
    1
}

/// The gate.
#[derive(Debug)]
pub struct Sbom;

impl Gate for Sbom {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["format", "components", "name", "version", "created"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        config.except.iter().try_for_each(|except| except.component.check())?;
        let bill = Bill::read(host, &config.file)?;
        let now = runner_evidence::moment::of_clock(host.clock().now())?;
        let findings = judge::findings(&config, &bill, now);
        let components = counted(bill.components.len(), "component", "components");
        let summary = match findings.count_of(Severity::Error) {
            0 => format!("{} of {components}, complete", bill.format),
            errors => format!("{} in `{}`", counted(errors, "problem", "problems"), config.file),
        };
        let primary = bill.primary.unwrap_or_default();
        let name = Some(primary.name).filter(|name| !name.is_empty());
        Ok(Evaluation::judge(findings.into_vec(), summary)
            .output("format", bill.format)
            .output("components", bill.components.len())
            .output("name", name)
            .output("version", primary.version)
            .output("created", bill.created))
    }
}

runner_plugin::export_gate!(Sbom);

#[cfg(test)]
mod tests;
