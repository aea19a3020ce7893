//! Gate: what must not stand in a log does not, and what must does.
//!
//! Bytes go through `lines`, then (with `since`) through `time`; what is left is held against the rules by `scan`,
//! for which `traceback` joins the lines of one exception. This file reads the files and adds up; only it and the
//! clock of `time` touch the host.

mod lines;
mod rule;
mod scan;
mod time;
mod traceback;

use runner_plugin::text::counted;
use runner_plugin::{Decision, Evaluation, Failure, Finding, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use rule::{Forbidden, Required, Rule};
use scan::Scan;
use time::Since;

/// Which logs, and what must and must not stand there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Paths and patterns of the logs. Each must match a file.
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// What must stand in no line. Without it: `traceback`, `error` and `exception` in any case, except in lines
    /// with `DEBUG`.
    #[serde(default = "errors")]
    forbid: Vec<Forbidden>,
    /// What must stand in a line of one of the files.
    #[serde(default)]
    require: Vec<Required>,
    /// How often a line may come.
    repeats: Option<Repeats>,
    /// How many lines at the end of each file to look at. Without it: all.
    #[schemars(range(min = 1))]
    last_lines: Option<u32>,
    /// From when on lines are looked at: a time with its offset, or how long ago (`15m`, `1h30m`).
    since: Option<String>,
    /// The offset that times in the logs without one have, e.g. `Z` or `+02:00`. Only needed with `since`.
    assume_offset: Option<String>,
    /// Whether it is all right if there is no line to look at.
    #[serde(default)]
    allow_empty: bool,
}

/// How often a line may come, digits apart.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Repeats {
    /// How often at most in the lines of one file that are looked at.
    #[schemars(range(min = 1))]
    at_most: u32,
    /// A text that a line must have to be counted. Without it: every line is.
    containing: Option<String>,
}

fn errors() -> Vec<Forbidden> {
    vec![Forbidden::errors()]
}

/// The gate.
#[derive(Debug)]
pub struct LogScan;

impl Gate for LogScan {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["files", "lines", "misencoded_lines"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let rules: Vec<Rule> = config.forbid.iter().map(Rule::of_forbidden).collect::<Result<_, _>>()?;
        let required: Vec<Rule> = config.require.iter().map(Rule::of_required).collect::<Result<_, _>>()?;
        if rules.is_empty() && required.is_empty() && config.repeats.is_none() {
            return Err(Failure::invalid_config(
                "nothing is looked for: give `forbid`, `require` or `repeats`",
            ));
        }
        let since = config.since.as_deref();
        let since =
            since.map(|since| Since::new(since, config.assume_offset.as_deref(), host)).transpose()?;
        let paths = host.files().find(&config.files)?;
        let mut scan = Scan::new(&rules, &required, config.repeats.as_ref());
        for path in &paths {
            let bytes = lines::narrowed(host.files().read(path)?);
            scan.file(path, lines::lines(&bytes, config.last_lines), since.as_ref())?;
        }
        let (lines, misencoded) = (scan.lines, scan.misencoded);
        Ok(answer(scan, paths.len(), config.allow_empty)
            .output("files", paths.len())
            .output("lines", lines)
            .output("misencoded_lines", misencoded))
    }
}

fn answer(scan: Scan, files: usize, allow_empty: bool) -> Evaluation {
    let looked_at = format!("{} of {}", counted(scan.lines, "line", "lines"), counted(files, "log", "logs"));
    if scan.lines == 0 && !allow_empty {
        let finding = Finding::warning("empty-log", "there is no line to look at")
            .help("does the service write here? `allow_empty: true` lets it pass");
        return Evaluation::inconclusive(format!("nothing was looked at: {looked_at}")).finding(finding);
    }
    let findings = scan.findings();
    let (errors, warnings) = (findings.count_of(Severity::Error), findings.count_of(Severity::Warning));
    let decision = match (errors, warnings) {
        (1.., _) => Decision::Fail,
        (0, 1..) => Decision::Warn,
        (0, 0) => Decision::Pass,
    };
    let summary = match errors + warnings {
        0 => format!("nothing wrong in {looked_at}"),
        number => format!("{} in {looked_at}", counted(number, "problem", "problems")),
    };
    Evaluation { findings: findings.into_vec(), ..Evaluation::new(decision, summary) }
}

runner_plugin::export_gate!(LogScan);

#[cfg(test)]
mod tests;
