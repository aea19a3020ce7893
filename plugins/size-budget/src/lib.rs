//! Gate: files stay within their budgets, as they are and compressed.
//!
//! Each budget names files and the most they may have, alone and together. `measure` compresses and is
//! pure. This file finds the files and compares.
//!
//! A file of which only the plain size matters is looked at, not read: its length is no limit then.

mod measure;

use runner_evidence::Size;
use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use measure::gzip;

/// Budgets, each for some files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The budgets. A file may be in several.
    #[schemars(length(min = 1))]
    budgets: Vec<Budget>,
}

/// The most that some files may have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Budget {
    /// Its name in messages and outputs. Without it: its patterns.
    name: Option<String>,
    /// Paths and patterns (`dist/**/*.js`, `!dist/**/*.map`). Each has to match a file.
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// For each file.
    #[serde(default)]
    each: Limits,
    /// For all of them together.
    #[serde(default)]
    total: Limits,
}

/// Sizes: a number of bytes, or a text such as `300KB` (1,000 bytes) or `1.5MiB` (1,048,576 bytes).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limits {
    /// More than this fails.
    fail: Option<Size>,
    /// More than this warns.
    warn: Option<Size>,
    /// More than this after gzip fails.
    gzip_fail: Option<Size>,
    /// More than this after gzip warns.
    gzip_warn: Option<Size>,
}

impl Limits {
    fn any(&self) -> bool {
        self.fail.is_some() || self.warn.is_some() || self.any_gzip()
    }

    fn any_gzip(&self) -> bool {
        self.gzip_fail.is_some() || self.gzip_warn.is_some()
    }
}

/// The gate.
#[derive(Debug)]
pub struct SizeBudget;

/// How large something is. `gzip` is there if a budget asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    raw: u64,
    gzip: Option<u64>,
}

impl Gate for SizeBudget {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["files", "bytes", "budgets"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        for (index, budget) in config.budgets.iter().enumerate() {
            check(index, budget)?;
        }
        let mut findings = Findings::new();
        let mut totals: Vec<Value> = Vec::new();
        let (mut files, mut bytes) = (0, 0);
        for budget in &config.budgets {
            let name = budget.name.clone().unwrap_or_else(|| budget.files.join(" "));
            let paths = host.files().find(&budget.files)?;
            let mut total = Sizes { raw: 0, gzip: None };
            for path in &paths {
                let sizes = sizes(host, path, budget)?;
                total.raw += sizes.raw;
                total.gzip = sizes.gzip.map(|gzip| gzip + total.gzip.unwrap_or(0));
                findings.extend(
                    beyond(&budget.each, sizes, &format!("`{path}`"), "file")
                        .map(|finding| finding.in_file(path)),
                );
            }
            let what = format!("`{name}` ({})", counted(paths.len(), "file", "files"));
            findings.extend(beyond(&budget.total, total, &what, "total"));
            files += paths.len();
            bytes += total.raw;
            totals.push(
                json!({ "name": name, "files": paths.len(), "bytes": total.raw, "gzip_bytes": total.gzip }),
            );
        }
        let summary = match (findings.count_of(Severity::Error), findings.count()) {
            (0, 0) => {
                format!("{}, {} within budget", counted(files, "file", "files"), Size::of(bytes))
            }
            (0, warnings) => counted(warnings, "budget nearly used up", "budgets nearly used up"),
            (errors, _) => counted(errors, "budget exceeded", "budgets exceeded"),
        };
        Ok(Evaluation::judge(findings.into_vec(), summary)
            .output("files", files)
            .output("bytes", bytes)
            .output("budgets", totals))
    }
}

/// A budget without a limit would pass whatever there is; a warning beyond the limit would never be seen.
fn check(index: usize, budget: &Budget) -> Result<(), Failure> {
    let name = format!("`budgets[{index}]`");
    if !budget.each.any() && !budget.total.any() {
        return Err(Failure::invalid_config(format!("{name} sets no limit: give `each` or `total` one")));
    }
    for limits in [&budget.each, &budget.total] {
        let pairs = [(limits.warn, limits.fail), (limits.gzip_warn, limits.gzip_fail)];
        for (warn, fail) in pairs.into_iter().filter_map(|(warn, fail)| Some((warn?, fail?))) {
            if warn >= fail {
                let message = format!("{name}: it would warn at {warn} and fail at {fail} already");
                return Err(Failure::invalid_config(message));
            }
        }
    }
    Ok(())
}

/// Looks at a file, and reads it if its compressed size is asked for.
fn sizes(host: &Host, path: &str, budget: &Budget) -> Result<Sizes, Failure> {
    if budget.each.any_gzip() || budget.total.any_gzip() {
        let content = host.files().read(path)?;
        let compressed =
            gzip(&content).map_err(|error| Failure::internal(format!("compress `{path}`: {error}")))?;
        return Ok(Sizes { raw: content.len() as u64, gzip: Some(compressed) });
    }
    match host.files().stat(path)? {
        Some(facts) => Ok(Sizes { raw: facts.size, gzip: None }),
        None => Err(Failure::unavailable(format!("look at `{path}`: it was there just now and is gone"))),
    }
}

/// The worst of what is exceeded, for the plain and for the compressed size.
fn beyond(limits: &Limits, sizes: Sizes, what: &str, rule: &str) -> impl Iterator<Item = Finding> {
    let plain = one(limits.fail, limits.warn, Some(sizes.raw), what, &format!("{rule}-size"), "");
    let packed = one(
        limits.gzip_fail,
        limits.gzip_warn,
        sizes.gzip,
        what,
        &format!("{rule}-gzip-size"),
        " after gzip",
    );
    plain.into_iter().chain(packed)
}

fn one(
    fail: Option<Size>,
    warn: Option<Size>,
    bytes: Option<u64>,
    what: &str,
    rule: &str,
    how: &str,
) -> Option<Finding> {
    let size = Size::of(bytes?);
    let (severity, limit) = match (fail, warn) {
        (Some(fail), _) if size > fail => (Severity::Error, fail),
        (_, Some(warn)) if size > warn => (Severity::Warning, warn),
        (_, _) => return None,
    };
    let over = Size::of(size.bytes() - limit.bytes());
    let message = format!("{what} has {size}{how}, {over} more than {limit}");
    Some(Finding::new(severity, rule, message).help("make it smaller, or raise the budget on purpose"))
}

runner_plugin::export_gate!(SizeBudget);

#[cfg(test)]
mod tests;
