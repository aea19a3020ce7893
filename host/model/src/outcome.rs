//! What a step answered, or why it could not. The two never mix, and neither ever turns into the other.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a step's end means for the steps that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepResult {
    /// Yes.
    Success,
    /// Yes, with something to look at.
    Warn,
    /// The plugin answered no.
    Failure,
    /// The plugin could not answer.
    Error,
    /// Its `if` or its needs did not hold; nothing was started.
    Skipped,
    /// Cancelled while it ran.
    Aborted,
}

impl StepResult {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Success, Self::Warn, Self::Failure, Self::Error, Self::Skipped, Self::Aborted];

    /// The word for it in pipelines and journals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Warn => "warn",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Aborted => "aborted",
        }
    }
}

/// The answer in the plugin's own terms, before the step's policies look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A gate said yes, or a health check found all well.
    Pass,
    /// Yes with reservations: gate `warn`, health `degraded`.
    Warn,
    /// No: gate `fail`, health `unhealthy`.
    Fail,
    /// Not enough to decide on: gate `inconclusive`, health `unknown`.
    Inconclusive,
    /// A change was made, a message delivered, a checkpoint reached, an approval given.
    Done,
}

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingSeverity {
    /// A reason for a "no".
    Error,
    /// Worth fixing.
    Warning,
    /// For information.
    Note,
}

/// One thing a plugin has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How serious it is.
    pub severity: FindingSeverity,
    /// Stable name of the rule.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// File, relative to the pipeline's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// 1-based.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// 1-based.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// One part of a composite health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Name of the part.
    pub name: String,
    /// How it is.
    pub answer: Answer,
    /// What was seen.
    pub message: String,
}

/// How often a polled step was asked, and what came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurements {
    /// Passes and warnings.
    pub successes: u32,
    /// The answer no.
    pub failures: u32,
    /// Neither.
    pub inconclusive: u32,
    /// No answer.
    pub errors: u32,
}

/// What a step answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The plugin's answer.
    pub answer: Answer,
    /// One line for people.
    pub summary: String,
    /// The reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The parts of a composite check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// 0.0 to 1.0, if a health check measures one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What later steps can read.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// For a polled step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurements: Option<Measurements>,
}

impl Outcome {
    /// An answer with its one line and nothing else.
    #[must_use]
    pub fn new(answer: Answer, summary: impl Into<String>) -> Self {
        Self {
            answer,
            summary: summary.into(),
            findings: Vec::new(),
            checks: Vec::new(),
            score: None,
            outputs: Map::new(),
            measurements: None,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The step's `with` makes no sense (also: an expression in it has no value).
    InvalidConfig,
    /// Something the plugin read cannot be understood.
    InvalidInput,
    /// A capability call was refused.
    Denied,
    /// Something needed does not answer.
    Unavailable,
    /// Something needed, or the step itself, was too slow.
    TimedOut,
    /// A limit was used up: fuel, memory, output, host calls.
    BudgetExceeded,
    /// The plugin stopped in a way it must not: `unreachable`, out of bounds, stack overflow, panic.
    Trap,
    /// The plugin broke its contract: garbage instead of JSON, an output it did not declare.
    BadAnswer,
    /// The plugin says that it is at fault itself.
    Internal,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::InvalidConfig,
        Self::InvalidInput,
        Self::Denied,
        Self::Unavailable,
        Self::TimedOut,
        Self::BudgetExceeded,
        Self::Trap,
        Self::BadAnswer,
        Self::Internal,
    ];

    /// The word for it in pipelines and journals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidConfig => "invalid-config",
            Self::InvalidInput => "invalid-input",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed-out",
            Self::BudgetExceeded => "budget-exceeded",
            Self::Trap => "trap",
            Self::BadAnswer => "bad-answer",
            Self::Internal => "internal",
        }
    }
}

/// Why a step could not answer. Never a pass, and never a "no" either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What sort of failure it is.
    pub kind: FailureKind,
    /// What was tried and what happened: a lower-case fragment.
    pub message: String,
}

impl Failure {
    /// A failure with its explanation.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
