//! Health check: a command inside a container says that all is well.
//!
//! The command runs once, without a shell; its exit code and what it wrote are held against what is expected. A container
//! that does not run, and a command that does not end, are unhealthy, which is an answer. A command that the step may
//! not run is a failure.
//!
//! Never here: what the command does. It runs with all that the container may do, so the grant is one for
//! `container.exec`.

use std::collections::BTreeMap;

use regex_lite::Regex;
use runner_evidence::Length;
use runner_plugin::host::{ContainerOutput, DockerFailure, ExecResult, ExecSpec, OutputStream};
use runner_plugin::{Check, Failure, Health, HealthCheck, Host, Report, Request};
use runner_probe::{line, said};
use schemars::JsonSchema;
use serde::Deserialize;

/// Most bytes of standard output that later steps are given.
const PASSED_ON: usize = 4096;

/// Which command in which container, and what it has to say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name or id of the container.
    #[schemars(length(min = 1))]
    container: String,
    /// Program and arguments. There is no shell.
    #[schemars(length(min = 1))]
    command: Vec<String>,
    /// What says that all is well.
    #[serde(default)]
    expect: Expected,
    /// Variables, besides those of the container.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// `user[:group]` to run as. Without it: the container's own.
    user: Option<String>,
    /// Working directory. Without it: the container's own.
    directory: Option<String>,
    /// How long it may take. Docker cannot end it: what takes longer may still run inside.
    #[serde(default = "ten_seconds")]
    timeout: Length,
}

/// What says that all is well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    /// Exit codes.
    #[schemars(length(min = 1))]
    exit: Vec<i64>,
    /// A regular expression that standard output has to match somewhere.
    stdout: Option<String>,
}

impl Default for Expected {
    fn default() -> Self {
        Self { exit: vec![0], stdout: None }
    }
}

fn ten_seconds() -> Length {
    Length::of_ms(10_000)
}

/// The health check.
#[derive(Debug)]
pub struct ExecHealth;

impl HealthCheck for ExecHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["exit_code", "stdout"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        let pattern = config.pattern()?;
        let Some(container) = host.docker().find_container(&config.container)? else {
            return Ok(not_run(&config, "there is no such container for this step"));
        };
        match container.exec(&config.command()) {
            Ok(result) => {
                let checks = judge(&config.expect, pattern.as_ref(), &result);
                if checks.iter().any(|check| check.health != Health::Healthy) {
                    tell(&result.output, host);
                }
                Ok(report(&config, checks, &result))
            }
            Err(failure) => no_result(&config, failure),
        }
    }
}

impl Config {
    fn pattern(&self) -> Result<Option<Regex>, Failure> {
        if self.command.first().is_none_or(String::is_empty) {
            return Err(Failure::invalid_config("`command` names no program"));
        }
        if self.expect.exit.is_empty() {
            return Err(Failure::invalid_config("`expect.exit` is empty: no exit code would be all right"));
        }
        if self.timeout.ms() == 0 {
            return Err(Failure::invalid_config("`timeout` is no time at all"));
        }
        let pattern = self.expect.stdout.as_deref();
        let invalid = |pattern: &str, error| {
            Failure::invalid_config(format!("`expect.stdout`: `{pattern}` is no pattern: {error}"))
        };
        pattern.map(|pattern| Regex::new(pattern).map_err(|error| invalid(pattern, error))).transpose()
    }

    fn command(&self) -> ExecSpec {
        ExecSpec {
            command: self.command.clone(),
            env: self.env.clone().into_iter().collect(),
            user: self.user.clone(),
            directory: self.directory.clone(),
            timeout: Some(self.timeout.duration()),
            ..ExecSpec::default()
        }
    }
}

/// What the exit code and the output say.
fn judge(expected: &Expected, pattern: Option<&Regex>, result: &ExecResult) -> Vec<Check> {
    let code = result.exit_code;
    let exit = if expected.exit.contains(&code) {
        Check::new("exit", Health::Healthy, format!("exit code {code}"))
    } else {
        let codes: Vec<String> = expected.exit.iter().map(i64::to_string).collect();
        let mut message = format!("exit code {code}, not {}", codes.join(" or "));
        if let Some(last) = result.output.lines.iter().rev().find(|line| !line.text.trim().is_empty()) {
            // Why a program cannot be started stands at the end of what the engine says in its place.
            let unstarted = last.text.strip_prefix("OCI runtime exec failed: ");
            let reason = unstarted.map_or(&*last.text, |text| text.rsplit("exec: ").next().unwrap_or(text));
            message.push_str(&format!(": `{}`", said(reason)));
        }
        Check::new("exit", Health::Unhealthy, message)
    };
    let stdout = pattern.map(|pattern| {
        let shown = pattern.as_str();
        let (health, message) = if pattern.is_match(&stdout(&result.output)) {
            (Health::Healthy, format!("standard output has `{shown}`"))
        } else if result.output.truncated {
            let message =
                format!("the end of standard output has no `{shown}`, and its beginning is cut off");
            (Health::Unknown, message)
        } else {
            (Health::Unhealthy, format!("standard output has no `{shown}`"))
        };
        Check::new("stdout", health, message)
    });
    [exit].into_iter().chain(stdout).collect()
}

fn stdout(output: &ContainerOutput) -> String {
    let lines = output.lines.iter().filter(|line| line.channel == OutputStream::Stdout);
    lines.map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The last lines of what it wrote, for the people who look for the reason.
fn tell(output: &ContainerOutput, host: &Host) {
    const SHOWN: usize = 20;
    let hidden = output.lines.len().saturating_sub(SHOWN);
    if hidden > 0 || output.truncated {
        host.log().warn("earlier lines are not shown");
    }
    for line in &output.lines[hidden..] {
        host.log().warn(&line.text);
    }
}

fn report(config: &Config, checks: Vec<Check>, result: &ExecResult) -> Report {
    let well: Vec<&str> = checks.iter().map(|check| check.message.as_str()).collect();
    let summary = format!("{}: {}", place(config), line(&checks, &well.join("; ")));
    let mut stdout = stdout(&result.output);
    stdout.truncate(stdout.floor_char_boundary(PASSED_ON));
    Report::of(checks, summary).output("exit_code", result.exit_code).output("stdout", stdout)
}

/// Why there is no exit code, as an answer if the container is why.
fn no_result(config: &Config, failure: DockerFailure) -> Result<Report, Failure> {
    if failure.is_timed_out() {
        let message = format!("it had not ended after {}, and may still run", config.timeout);
        return Ok(not_run(config, &message));
    }
    if failure.is_not_found() || failure.is_conflict() {
        return Ok(not_run(config, &Failure::from(failure).message));
    }
    Err(failure.into())
}

fn not_run(config: &Config, why: &str) -> Report {
    let summary = format!("{}: unhealthy: {why}", place(config));
    Report::of(vec![Check::new("exit", Health::Unhealthy, why)], summary)
}

/// Which command is meant, for people.
fn place(config: &Config) -> String {
    let program = config.command.first().map_or("", String::as_str);
    format!("`{}` in `{}`", said(program), config.container)
}

runner_plugin::export_health_check!(ExecHealth);

#[cfg(test)]
mod tests;
