//! A gate that answers what its config says, and reaches for nothing: it imports `log` and `clock` only.
//!
//! In this order, each only if it is asked for: write log lines, sleep, take memory, misbehave, answer.

use std::hint::black_box;
use std::time::Duration;

use runner_plugin::host::Level;
use runner_plugin::{Decision, Evaluation, Failure, FailureKind, Finding, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What to do and to answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The answer: `pass`, `warn`, `fail`, `inconclusive`.
    decision: Answer,
    /// Its one line. Without it: the step and the attempt.
    summary: Option<String>,
    /// Its reasons.
    findings: Vec<Reason>,
    /// Its outputs, of any name.
    outputs: Map<String, Value>,
    /// Lines for the log.
    log: Vec<String>,
    /// Level of these lines: `debug`, `info`, `warn`, `error`.
    level: Loudness,
    /// Waits so long.
    sleep_ms: u64,
    /// Takes so much memory.
    allocate: usize,
    /// Calls itself without end.
    recurse: bool,
    /// Never ends.
    #[serde(rename = "loop")]
    endless: bool,
    /// Panics with this text.
    panic: Option<String>,
    /// Fails, and answers nothing.
    fail: Option<Refusal>,
    /// Fails as `unavailable` until this attempt.
    from_attempt: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            decision: Answer::Pass,
            summary: None,
            findings: Vec::new(),
            outputs: Map::new(),
            log: Vec::new(),
            level: Loudness::Info,
            sleep_ms: 0,
            allocate: 0,
            recurse: false,
            endless: false,
            panic: None,
            fail: None,
            from_attempt: 0,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Pass,
    Warn,
    Fail,
    Inconclusive,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Loudness {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// `error`, `warning` or `note`.
    severity: Weight,
    rule: String,
    message: String,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    help: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Weight {
    Error,
    Warning,
    Note,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Refusal {
    kind: Kind,
    message: String,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    InvalidConfig,
    InvalidInput,
    Denied,
    Unavailable,
    TimedOut,
    BudgetExceeded,
    Internal,
}

/// The gate.
#[derive(Debug)]
pub struct GateAnswer;

impl Gate for GateAnswer {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["value", "other"];

    fn evaluate(config: Config, request: &Request, host: &Host) -> Result<Evaluation, Failure> {
        config.log.iter().for_each(|line| host.log().write(config.level.into(), line));
        if config.sleep_ms > 0 {
            host.clock().sleep(Duration::from_millis(config.sleep_ms));
        }
        if config.allocate > 0 {
            black_box(vec![1_u8; config.allocate]);
        }
        misbehave(&config, request)?;

        let summary =
            config.summary.unwrap_or_else(|| format!("{} attempt {}", request.step_id, request.attempt));
        let evaluation = Evaluation::new(config.decision.into(), summary);
        let evaluation =
            config.findings.into_iter().fold(evaluation, |answer, reason| answer.finding(reason.into()));
        Ok(config.outputs.into_iter().fold(evaluation, |answer, (name, value)| answer.output(name, value)))
    }
}

fn misbehave(config: &Config, request: &Request) -> Result<(), Failure> {
    if request.attempt < config.from_attempt {
        let text = format!("attempt {} of {} that are needed", request.attempt, config.from_attempt);
        return Err(Failure::unavailable(text));
    }
    if config.recurse {
        black_box(deeper(1));
    }
    if config.endless {
        loop {
            black_box(());
        }
    }
    if let Some(text) = &config.panic {
        panic!("{text}");
    }
    match &config.fail {
        Some(Refusal { kind, message }) => Err(Failure::new((*kind).into(), message)),
        None => Ok(()),
    }
}

/// Needs more stack than there is. The sum afterwards keeps the calls from becoming a loop.
#[expect(unconditional_recursion, reason = "that is its purpose")]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + depth
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Pass => Self::Pass,
            Answer::Warn => Self::Warn,
            Answer::Fail => Self::Fail,
            Answer::Inconclusive => Self::Inconclusive,
        }
    }
}

impl From<Loudness> for Level {
    fn from(loudness: Loudness) -> Self {
        match loudness {
            Loudness::Debug => Self::Debug,
            Loudness::Info => Self::Info,
            Loudness::Warn => Self::Warn,
            Loudness::Error => Self::Error,
        }
    }
}

impl From<Reason> for Finding {
    fn from(reason: Reason) -> Self {
        let severity = match reason.severity {
            Weight::Error => Severity::Error,
            Weight::Warning => Severity::Warning,
            Weight::Note => Severity::Note,
        };
        let Reason { rule, message, file, line, column, help, .. } = reason;
        Self { severity, rule, message, file, line, column, help }
    }
}

impl From<Kind> for FailureKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::InvalidConfig => Self::InvalidConfig,
            Kind::InvalidInput => Self::InvalidInput,
            Kind::Denied => Self::Denied,
            Kind::Unavailable => Self::Unavailable,
            Kind::TimedOut => Self::TimedOut,
            Kind::BudgetExceeded => Self::BudgetExceeded,
            Kind::Internal => Self::Internal,
        }
    }
}

runner_plugin::export_gate!(GateAnswer);
