//! Gate: what must not stand in a log does not, and what must does.
//!
//! ```text
//! files      -> lines -> time (with `since`) -.
//!                                              >-> scan: rules, tracebacks -> findings, each with its place
//! container  -> source: the engine's lines   -'
//! ```
//!
//! `lines` makes lines of bytes whatever their encoding; `source` asks the engine for what a container wrote; `scan` holds
//! lines against the rules, for which `traceback` joins the lines of one exception. Only this file, `source` and the clock
//! of `time` touch the host.
//!
//! Never here: a pass for lines that were not seen. A log whose beginning is missing is inconclusive.

mod lines;
mod place;
mod rule;
mod scan;
mod source;
mod time;
mod traceback;

use runner_evidence::Size;
use runner_plugin::text::counted;
use runner_plugin::{Decision, Evaluation, Failure, Finding, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use rule::{Allowed, Forbidden, Preset, Required, Rule};
use scan::{Rules, Scan};
use source::{Gaps, Source};
use time::Written;

/// Which logs, and what must and must not stand there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["files"] }, { "required": ["container"] }]))]
pub struct Config {
    /// Paths and patterns of the logs. Each must match a file.
    #[serde(default)]
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// Name or id of a container, instead of files.
    #[schemars(length(min = 1))]
    container: Option<String>,
    /// What must stand in no line. Without it, `deny` and `preset`: `traceback`, `error` and `exception` in any case,
    /// except in lines with `DEBUG`.
    forbid: Option<Vec<Forbidden>>,
    /// Regular expressions that must match no line.
    #[serde(default)]
    deny: Vec<String>,
    /// Regular expressions for lines that are all right whatever else stands in them. For a traceback: its first line or
    /// its exception.
    #[serde(default)]
    allow: Vec<String>,
    /// Rules for the logs of a kind of program, besides `forbid` and `deny`.
    preset: Option<Preset>,
    /// What must stand in a line of one of the files, or of the container.
    #[serde(default)]
    require: Vec<Required>,
    /// How often a line may come.
    repeats: Option<Repeats>,
    /// How many lines at the end of each file, or of the container's log, to look at. Without it: all.
    #[schemars(range(min = 1))]
    last_lines: Option<u32>,
    /// The same by Docker's name for it.
    #[schemars(range(min = 1))]
    tail: Option<u32>,
    /// From when on lines are looked at: a time with its offset, milliseconds since 1970, or how long ago (`15m`,
    /// `1h30m`); for a container also `start`: what it wrote after the run before had ended. Of a container that has ended: all.
    since: Option<Written>,
    /// The offset that times in the files without one have, e.g. `Z` or `+02:00`. Only needed with `since`.
    assume_offset: Option<String>,
    /// Most bytes of a container's log to look at; the last ones. Without it: 1 MiB.
    max_size: Option<Size>,
    /// Whether it is all right if there is no line to look at.
    #[serde(default)]
    allow_empty: bool,
}

/// How often a line may come, digits apart.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Repeats {
    /// How often at most in the lines of one log that are looked at.
    #[schemars(range(min = 1))]
    at_most: u32,
    /// A text that a line must have to be counted. Without it: every line is.
    containing: Option<String>,
}

/// The gate.
#[derive(Debug)]
pub struct LogScan;

impl Gate for LogScan {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["files", "lines", "matches", "misencoded_lines"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let source = Source::new(&config, host)?;
        let forbidden = config.forbidden();
        let rules = config.rules(&forbidden)?;
        let mut scan = Scan::new(&rules);
        let seen = source.read(&mut scan, host)?;
        let (lines, matches, misencoded) = (scan.lines, scan.matches, scan.misencoded);
        let evaluation = answer(scan, &seen.name, &seen.gaps, config.allow_empty);
        let evaluation = match seen.files {
            Some(files) => evaluation.output("files", files),
            None => evaluation,
        };
        Ok(evaluation
            .output("lines", lines)
            .output("matches", matches)
            .output("misencoded_lines", misencoded))
    }
}

impl Config {
    /// The rules that are written out, and those of the preset before them: they have names of their own.
    fn forbidden(&self) -> Vec<Forbidden> {
        let preset = self.preset.map(Preset::forbidden).unwrap_or_default();
        let written = match &self.forbid {
            Some(forbid) => forbid.clone(),
            None if self.deny.is_empty() && self.preset.is_none() => vec![Forbidden::errors()],
            None => Vec::new(),
        };
        preset.into_iter().chain(written).collect()
    }

    fn rules<'c>(&'c self, forbidden: &'c [Forbidden]) -> Result<Rules<'c>, Failure> {
        let denied = self.deny.iter().map(|pattern| Rule::of_denied(pattern));
        let rules = Rules {
            forbidden: forbidden.iter().map(Rule::of_forbidden).chain(denied).collect::<Result<_, _>>()?,
            required: self.require.iter().map(Rule::of_required).collect::<Result<_, _>>()?,
            allowed: Allowed::new(&self.allow)?,
            repeats: self.repeats.as_ref(),
        };
        if rules.forbidden.is_empty() && rules.required.is_empty() && rules.repeats.is_none() {
            return Err(Failure::invalid_config(
                "nothing is looked for: give `forbid`, `deny`, `preset`, `require` or `repeats`",
            ));
        }
        Ok(rules)
    }
}

fn answer(scan: Scan, name: &str, gaps: &Gaps, allow_empty: bool) -> Evaluation {
    let looked_at = format!("{} of {name}", counted(scan.lines, "line", "lines"));
    if scan.lines == 0 && gaps.is_none() && !allow_empty {
        let finding = Finding::warning("empty-log", "there is no line to look at")
            .help("does the service write here? `allow_empty: true` lets it pass");
        return Evaluation::inconclusive(format!("nothing was looked at: {looked_at}")).finding(finding);
    }
    let findings = scan.findings(gaps.is_none());
    let (errors, warnings) = (findings.count_of(Severity::Error), findings.count_of(Severity::Warning));
    let decision = match (errors, warnings) {
        (1.., _) => Decision::Fail,
        // What was not seen may be an error; what was seen is one.
        (0, _) if !gaps.is_none() => Decision::Inconclusive,
        (0, 1..) => Decision::Warn,
        (0, 0) => Decision::Pass,
    };
    let summary = match errors + warnings {
        0 => format!("nothing wrong in {looked_at}"),
        number => format!("{} in {looked_at}", counted(number, "problem", "problems")),
    };
    let summary = if gaps.is_none() { summary } else { format!("{summary}, and not all were seen") };
    let findings = gaps.findings().into_iter().chain(findings.into_vec()).collect();
    Evaluation { findings, ..Evaluation::new(decision, summary) }
}

runner_plugin::export_gate!(LogScan);

#[cfg(test)]
mod tests;
