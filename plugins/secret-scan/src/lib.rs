//! Gate: no secret stands in the files.
//!
//! A file becomes text (`content`), each line is looked at once (`scan`, with the signs of well-known secrets in `known`
//! and of unknown ones in `guess`), and what is allowed is taken away (`allow`). All of it is pure. This file finds the
//! files and counts.
//!
//! Never here: a secret in a finding, an output, a log line or an error. What a scan returns is a place, a length and a
//! fingerprint; the text of the secret does not leave `scan`.

mod allow;
mod content;
mod guess;
mod known;
mod scan;

use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use allow::{Allow, Allowed};
use content::Content;
use scan::{OwnPattern, Scanner};

/// Which files, and what is known not to be a secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Paths and patterns (`./`, `src/**/*.py`, `!**/node_modules/**`). Each has to match a file.
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// How many bits a character of a value has to hold for `key = "value"` to be taken for a secret. Words have about
    /// 3, random letters and digits 4 to 5.
    #[serde(default = "default_entropy")]
    #[schemars(range(min = 0.0, max = 8.0))]
    min_entropy: f64,
    /// Least number of characters of such a value.
    #[serde(default = "default_length")]
    #[schemars(range(min = 6, max = 200))]
    min_length: usize,
    /// More things to look for.
    #[serde(default)]
    patterns: Vec<OwnPattern>,
    /// Findings that are no secrets, each with the reason.
    #[serde(default)]
    allow: Vec<Allow>,
}

fn default_entropy() -> f64 {
    3.5
}

fn default_length() -> usize {
    10
}

/// The gate.
#[derive(Debug)]
pub struct SecretScan;

impl Gate for SecretScan {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["scanned", "binary", "found", "allowed"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let scanner = Scanner::new(&config.patterns, config.min_entropy, config.min_length)?;
        let today =
            runner_evidence::moment::of_clock(host.clock().now())?.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut allowed = Allowed::new(&config.allow, today)?;
        let mut findings = Findings::new();
        let (mut scanned, mut binary, mut found) = (0_usize, 0_usize, 0_usize);
        for path in host.files().find(&config.files)? {
            let text = match content::of(host.files().read(&path)?) {
                Content::Text(text) => text,
                Content::Binary => {
                    binary += 1;
                    continue;
                }
            };
            scanned += 1;
            scanner.scan(&text, |secret| {
                if allowed.covers(&path, &secret) {
                    return;
                }
                found += 1;
                let message =
                    format!("{}, {} long (fingerprint {})", secret.what, counted(secret.length, "character", "characters"), secret.fingerprint);
                let finding = Finding::error(secret.rule.as_ref(), message).in_file(&path);
                findings.push(finding.at_line(secret.line).at_column(secret.column).help(
                    "take it out, revoke it, and give it to the program from outside; if it is none, `allow` its fingerprint with the reason",
                ));
            });
        }
        let covered = allowed.count();
        findings.extend(allowed.leftovers());
        let files = counted(scanned, "file", "files");
        let skipped = if binary == 0 { String::new() } else { format!(", {binary} binary not scanned") };
        let summary = match (findings.count_of(Severity::Error), scanned) {
            (_, 0) => format!("nothing was scanned: {}", counted(binary, "binary file", "binary files")),
            (0, _) => format!("no secret in {files}{skipped}"),
            (errors, _) => format!("{} in {files}{skipped}", counted(errors, "secret", "secrets")),
        };
        let evaluation = if scanned == 0 {
            Evaluation::inconclusive(summary)
        } else {
            Evaluation::judge(findings.into_vec(), summary)
        };
        Ok(evaluation
            .output("scanned", scanned)
            .output("binary", binary)
            .output("found", found)
            .output("allowed", covered))
    }
}

runner_plugin::export_gate!(SecretScan);

#[cfg(test)]
mod tests;
