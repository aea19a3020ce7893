//! `runner doctor`: what the sandbox can and cannot do on this machine.
//!
//! Everything is tried rather than looked up where that leaves no trace: a component is compiled, a file is synced, renamed
//! and locked. Nothing is repaired, and nothing is asked of the network.

mod disk;
mod machine;

use runner_model::ExitCode;
use runner_report::{Style, text::clean};
use serde_json::{Value, json};

use super::print;
use crate::{
    args::{DoctorArgs, Output},
    environment::Environment,
    error::{CommandError, plural},
    session::Session,
};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// As it should be.
    Ok,
    /// Runs are possible, but something is worse than it could be.
    Warning,
    /// No run is possible, or none that can be trusted.
    Problem,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    level: Level,
    text: String,
    /// What to do about it; none if it is as it should be.
    help: Option<String>,
}

impl Finding {
    fn ok(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, level: Level::Ok, text: text.into(), help: None }
    }

    fn warning(what: &'static str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what, level: Level::Warning, text: text.into(), help: Some(help.into()) }
    }

    fn problem(what: &'static str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { level: Level::Problem, ..Self::warning(what, text, help) }
    }
}

/// Looks at everything a run needs from this machine. Ends with 9 if something is missing that stops every run.
pub(crate) fn doctor(args: &DoctorArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let mut findings = Vec::new();
    match Session::start(args.cache_dir.as_deref(), environment) {
        Ok(session) => findings.extend(machine::sandbox(&session, environment, args.cache_dir.as_deref())),
        Err(error) => findings.push(Finding::problem(
            "sandbox",
            error.to_string(),
            "use a machine, or a container, that lets a process start threads and make memory executable",
        )),
    }
    findings.push(disk::state(&args.state.state_dir));
    findings.extend(machine::surroundings(environment));
    match args.output {
        Output::Text => print::text(&text(&findings, &environment.stdout_style))?,
        Output::Json => print::json(&to_json(&findings))?,
    };
    let stops = findings.iter().any(|finding| finding.level == Level::Problem);
    Ok(if stops { ExitCode::Environment } else { ExitCode::Succeeded })
}

fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

fn text(findings: &[Finding], style: &Style) -> String {
    let mut out = String::new();
    for finding in findings {
        let text = clean(&finding.text);
        out.push_str(&format!("{:<8} {:<13} {text}\n", finding.level.as_str(), finding.what));
        if let Some(help) = &finding.help {
            out.push_str(&format!("{:<22} {} {}\n", "", if style.unicode { "→" } else { "->" }, clean(help)));
        }
    }
    let (problems, warnings) = (count(findings, Level::Problem), count(findings, Level::Warning));
    let warned = plural(warnings, "warning", "warnings");
    out.push_str(&match problems {
        0 => format!("\nruns are possible here: {warned}\n"),
        _ => format!(
            "\nno run is possible here: {}, {warned} (exit 9)\n",
            plural(problems, "problem", "problems")
        ),
    });
    out
}

fn to_json(findings: &[Finding]) -> Value {
    let listed: Vec<Value> = findings
        .iter()
        .map(|Finding { what, level, text, help }| {
            json!({ "what": what, "level": level.as_str(), "text": text, "help": help })
        })
        .collect();
    json!({
        "problems": count(findings, Level::Problem),
        "warnings": count(findings, Level::Warning),
        "findings": listed,
    })
}

#[cfg(test)]
mod tests {
    use runner_report::Style;

    use super::{Finding, text, to_json};

    #[test]
    fn what_is_wrong_says_what_to_do() {
        let findings = [
            Finding::ok("cores", "2"),
            Finding::warning("user", "root\u{1b}[2J", "use another"),
            Finding::problem("state", "cannot be written", "use `--state-dir`"),
        ];
        assert_eq!(
            text(&findings, &Style::PLAIN),
            "ok       cores         2\n\
             warning  user          root\\u{1b}[2J\n                       -> use another\n\
             problem  state         cannot be written\n                       -> use `--state-dir`\n\
             \nno run is possible here: 1 problem, 1 warning (exit 9)\n"
        );
        assert_eq!(
            text(&findings[..2], &Style::PLAIN).lines().last(),
            Some("runs are possible here: 1 warning")
        );
        let json = to_json(&findings);
        assert_eq!((&json["problems"], &json["warnings"]), (&1.into(), &1.into()));
        assert_eq!(
            json["findings"][0],
            serde_json::json!({ "what": "cores", "level": "ok", "text": "2", "help": null })
        );
    }
}
