//! Gate: an env file has what its example asks for, and no placeholder is left in it.
//!
//! `dotenv` turns text into entries, `kind` and `placeholder` judge one value each; all are pure. This file
//! compares.
//!
//! Never here: a value in a finding, an output, a log line or an error. `dotenv::Value` has no
//! `Display`, and messages are made of keys, line numbers and rules only.

mod dotenv;
mod kind;
mod placeholder;

use std::collections::{BTreeMap, BTreeSet};

use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use dotenv::{Entry, EnvFile};
use kind::Kind;
use placeholder::Placeholders;

/// Which files to compare, and how much each kind of difference matters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The example: its keys are the schema, its values do not matter.
    #[serde(default = "default_schema")]
    schema: String,
    /// The file to check.
    #[serde(default = "default_file")]
    file: String,
    /// A key of the example is not in the file, or a `${NAME}` in a value has no value.
    #[serde(default = "fail")]
    missing: Weight,
    /// A key of the example has no value in the file.
    #[serde(default = "fail")]
    empty: Weight,
    /// A value is a placeholder, e.g. `YOUR_KEY_HERE`.
    #[serde(default = "fail")]
    placeholder: Weight,
    /// A key of the file is not in the example.
    #[serde(default = "warn")]
    unknown: Weight,
    /// More placeholders: patterns with `*` for any text and `?` for any character, compared with the whole
    /// value without regard to case.
    #[serde(default)]
    placeholders: Vec<String>,
    /// What the values of some keys must look like. These keys must be in the file, also if the example lacks
    /// them.
    #[serde(default)]
    types: BTreeMap<String, Kind>,
}

/// How much a difference matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Weight {
    /// It stops the run.
    Fail,
    /// People are told.
    Warn,
    /// It does not matter.
    Ignore,
}

impl Weight {
    fn finding(self, rule: &str, message: String) -> Option<Finding> {
        let severity = match self {
            Self::Fail => Severity::Error,
            Self::Warn => Severity::Warning,
            Self::Ignore => return None,
        };
        Some(Finding::new(severity, rule, message))
    }
}

fn default_schema() -> String {
    ".env.example".to_owned()
}

fn default_file() -> String {
    ".env".to_owned()
}

fn fail() -> Weight {
    Weight::Fail
}

fn warn() -> Weight {
    Weight::Warn
}

/// The gate.
#[derive(Debug)]
pub struct EnvSchema;

impl Gate for EnvSchema {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["keys", "missing", "unknown"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let schema = dotenv::parse(&host.files().read_to_string(&config.schema)?);
        if host.files().stat(&config.file)?.is_none() {
            let finding = Finding::error("missing-file", format!("`{}` does not exist", config.file))
                .in_file(&config.file)
                .help(format!("copy `{}`, and fill it in", config.schema));
            return Ok(Evaluation::fail(format!("`{}` does not exist", config.file)).finding(finding));
        }
        let file = dotenv::parse(&host.files().read_to_string(&config.file)?);
        Ok(compare(&config, &schema, &file))
    }
}

/// Every difference, as findings in the order of the file that a person would correct.
fn compare(config: &Config, schema: &EnvFile, file: &EnvFile) -> Evaluation {
    let wanted: BTreeSet<&str> = schema.keys().chain(config.types.keys().map(String::as_str)).collect();
    let missing: Vec<&str> = wanted.iter().copied().filter(|key| file.get(key).is_none()).collect();
    let unknown: Vec<&str> = file.keys().filter(|key| !wanted.contains(key)).collect();

    let mut findings = problems(&config.schema, schema);
    findings.extend(problems(&config.file, file));
    for &key in &missing {
        let place = match schema.get(key) {
            Some(entry) => format!("`{}` line {}", config.schema, entry.line),
            None => "`types`".to_owned(),
        };
        let finding =
            config.missing.finding("missing-key", format!("`{key}` is missing; {place} asks for it"));
        findings.extend(finding.map(|finding| finding.in_file(&config.file).help(format!("add `{key}=`…"))));
    }
    let placeholders = Placeholders::new(&config.placeholders);
    for entry in file.entries() {
        let wanted = wanted.contains(entry.key.as_str());
        findings.extend(judge(config, &placeholders, wanted, file, entry));
    }

    let summary = if findings.is_empty() {
        format!("{} of `{}` as `{}` asks", counted(wanted.len(), "key", "keys"), config.file, config.schema)
    } else {
        counted(findings.len(), "problem", "problems") + &format!(" with `{}`", config.file)
    };
    Evaluation::judge(findings, summary)
        .output("keys", file.entries().len())
        .output("missing", missing)
        .output("unknown", unknown)
}

/// Lines that cannot be read, and keys that are there twice.
fn problems(path: &str, file: &EnvFile) -> Vec<Finding> {
    let unreadable = file.problems.iter().map(|problem| {
        Finding::error("unreadable-line", problem.what).in_file(path).at_line(problem.line).help(problem.help)
    });
    let duplicate = file.duplicates.iter().map(|(key, first, line)| {
        Finding::error("duplicate-key", format!("`{key}` is already set at line {first}"))
            .in_file(path)
            .at_line(*line)
            .help("keep one: readers do not agree on which one counts")
    });
    unreadable.chain(duplicate).collect()
}

/// What is wrong with one entry: a key nobody asked for, or the first of empty, placeholder, unresolved and
/// wrong type.
fn judge(
    config: &Config,
    placeholders: &Placeholders,
    wanted: bool,
    file: &EnvFile,
    entry: &Entry,
) -> Vec<Finding> {
    let (key, text) = (&entry.key, entry.value.text());
    let unknown = || config.unknown.finding("unknown-key", format!("`{key}` is not in `{}`", config.schema));
    let value = if text.is_empty() {
        wanted.then(|| config.empty.finding("empty-value", format!("`{key}` has no value"))).flatten()
    } else if placeholders.contain(text) {
        let finding = config.placeholder.finding("placeholder", format!("`{key}` is a placeholder"));
        finding.map(|finding| finding.help("fill in the real value"))
    } else if let Some(name) = unresolved(file, entry) {
        let message = format!("`{key}` refers to `{name}`, which has no value in this file");
        config.missing.finding("unresolved-reference", message)
    } else {
        let problem = config.types.get(key).and_then(|kind| kind.problem(text));
        problem.map(|problem| Finding::error("wrong-type", format!("`{key}` is not {problem}")))
    };
    let unknown = if wanted { None } else { unknown() };
    unknown
        .into_iter()
        .chain(value)
        .map(|finding| finding.in_file(&config.file).at_line(entry.line))
        .collect()
}

/// The first name in `${…}` of a value that has no value of its own in the file.
fn unresolved<'e>(file: &EnvFile, entry: &'e Entry) -> Option<&'e str> {
    entry.references().into_iter().find(|name| {
        *name == entry.key || file.get(name).is_none_or(|referred| referred.value.text().is_empty())
    })
}

runner_plugin::export_gate!(EnvSchema);

#[cfg(test)]
mod tests;
