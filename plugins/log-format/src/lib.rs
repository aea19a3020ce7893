//! Gate: every line of a log is structured, names its moment, and has a level that is known.
//!
//! Each file is read line by line; what is wrong with a line is a finding at that line. Lines that are blank are
//! not counted. `logfmt` and `line` are pure: text to problems. This file reads the files and adds up.

mod line;
mod logfmt;

use runner_plugin::text::counted;
use runner_plugin::{Decision, Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which logs, and what a line has to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Paths and patterns of the logs. Each must match a file.
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// How lines are written.
    #[serde(default)]
    format: LineFormat,
    /// Keys that every line must have; `a.b` is the key `b` inside of `a`. `null` is not there.
    #[serde(default)]
    required: Vec<String>,
    /// The key that holds the time. `null`: lines need no time.
    #[serde(default = "timestamp")]
    timestamp_key: Option<String>,
    /// How the time is written.
    #[serde(default)]
    timestamp_format: TimeFormat,
    /// The key that holds the level. `null`: lines need no level.
    #[serde(default = "level")]
    level_key: Option<String>,
    /// The levels that are known, in any case.
    #[serde(default = "levels")]
    #[schemars(length(min = 1))]
    levels: Vec<String>,
    /// The share of lines that may be bad, in percent of all lines.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100.0))]
    max_bad_percent: f64,
    /// Whether a file may have no line.
    #[serde(default)]
    allow_empty: bool,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum LineFormat {
    /// One JSON object on each line.
    #[default]
    Json,
    /// `key=value key="a text"` on each line.
    Logfmt,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum TimeFormat {
    /// `2026-03-01T12:00:00Z`, with an offset in any case.
    #[default]
    Rfc3339,
    /// Seconds since 1970, also with a fraction.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an option")]
fn timestamp() -> Option<String> {
    Some("timestamp".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an option")]
fn level() -> Option<String> {
    Some("level".to_owned())
}

fn levels() -> Vec<String> {
    ["trace", "debug", "info", "notice", "warn", "warning", "error", "critical", "fatal"]
        .map(str::to_owned)
        .to_vec()
}

/// The gate.
#[derive(Debug)]
pub struct LogFormat;

impl Gate for LogFormat {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["files", "lines", "bad_lines"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let paths = host.files().find(&config.files)?;
        let mut seen = Seen::default();
        for path in &paths {
            seen.file(&config, path, &host.files().read_to_string(path)?);
        }
        Ok(seen
            .answer(&config)
            .output("files", paths.len())
            .output("lines", seen.lines)
            .output("bad_lines", seen.bad))
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    lines: usize,
    bad: usize,
    empty: usize,
    findings: Findings,
}

impl Seen {
    fn file(&mut self, config: &Config, path: &str, text: &str) {
        let before = self.lines;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            self.lines += 1;
            let problems = line::problems(config, line);
            self.bad += usize::from(!problems.is_empty());
            self.findings.extend(
                problems
                    .into_iter()
                    .map(|(rule, message)| Finding::error(rule, message).in_file(path).at_line(number)),
            );
        }
        if self.lines == before && !config.allow_empty {
            self.empty += 1;
            let finding = Finding::warning("empty-log", "there is no line in it").in_file(path);
            self.findings.push(finding.help("does the service write here? `allow_empty: true` lets it pass"));
        }
    }

    /// Bad lines beyond the share are a no. An empty file says nothing about the format of a log.
    fn answer(&self, config: &Config) -> Evaluation {
        let bad = counted(self.bad, "bad line", "bad lines");
        let summary = format!("{bad} of {}", self.lines);
        let tolerated = self.bad as f64 * 100.0 <= config.max_bad_percent * self.lines as f64;
        let decision = match (tolerated, self.empty, self.bad) {
            (false, _, _) => Decision::Fail,
            (true, 1.., _) => Decision::Inconclusive,
            (true, 0, 1..) => Decision::Warn,
            (true, 0, 0) => Decision::Pass,
        };
        let summary = match decision {
            Decision::Fail => summary,
            Decision::Warn => format!("{summary}, at most {} % may be", config.max_bad_percent),
            Decision::Inconclusive => counted(self.empty, "log is empty", "logs are empty"),
            Decision::Pass => format!("{} as they should be", counted(self.lines, "line", "lines")),
        };
        let mut findings = self.findings.clone().into_vec();
        if tolerated {
            for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Error) {
                finding.severity = Severity::Warning;
            }
        }
        Evaluation { findings, ..Evaluation::new(decision, summary) }
    }
}

runner_plugin::export_gate!(LogFormat);

#[cfg(test)]
mod tests;
