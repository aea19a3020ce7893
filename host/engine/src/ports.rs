//! What the engine needs from outside: something that carries out plugin calls, people to ask, and a clock.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use runner_capabilities::{Refusal, Use};
use runner_journal::Decision;
pub use runner_journal::Snapshot;
use runner_model::{Assignment, Failure, Outcome, RunId, StepId, StepIndex};
use serde_json::Value;

/// What is asked of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// A gate's `evaluate`, a health check's `probe`, or a proxy switch's `observe`.
    Observe,
    /// A notifier's `notify`.
    Notify(Notice),
    /// A change's `capture`.
    Capture,
    /// A proxy switch's `switch` or an action's `apply`, with what `capture` gave.
    Change(Snapshot),
    /// A change's `restore`, with what `capture` gave.
    Restore(Snapshot),
}

/// What a notifier is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// `run.succeeded` and so on; `step` for a notifier among the steps.
    pub name: String,
    /// `name` of the pipeline.
    pub pipeline: String,
    /// `running`, or the status of the verdict.
    pub status: String,
    /// `info`, `warning` or `error`.
    pub severity: String,
    /// The step that decided, or the approval that waits.
    pub step: Option<String>,
    /// What happened, in one sentence.
    pub summary: String,
    /// All of it, with the state of all steps.
    pub json: Value,
}

/// How far a call may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// All the way.
    #[default]
    Real,
    /// It may look and not touch: what it would change is told in [`CallReport::rehearsed`], and answered as if it were done.
    Rehearsed,
    /// It is not called: it is assumed to answer yes.
    Assumed,
}

/// One plugin call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The run.
    pub run: RunId,
    /// The step, by its place in the plan that the runner was loaded with.
    pub step: StepIndex,
    /// Counted from 1.
    pub attempt: u32,
    /// Which slot of the step's target was active when the run began; nothing if it has none, or that is not known. The call
    /// may do what the step is granted under it and no more.
    pub assignment: Option<Assignment>,
    /// What is asked.
    pub operation: Operation,
    /// The step's `with`, expressions evaluated.
    pub config: Value,
    /// The most time this call may take; the step's own limit may be shorter.
    pub time: Duration,
    /// How far it may go.
    pub mode: Mode,
}

/// What a plugin answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// To [`Operation::Observe`], [`Operation::Notify`] and [`Operation::Change`].
    Outcome(Outcome),
    /// To [`Operation::Capture`].
    Captured(Snapshot),
    /// To [`Operation::Restore`].
    Restored,
}

/// A line that a plugin wrote: cleaned of control characters, secrets replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// The text, without newline.
    pub text: String,
}

/// All that came out of one plugin call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallReport {
    /// The answer, or why there is none.
    pub result: Result<Reply, Failure>,
    /// What the plugin wrote.
    pub log: Vec<LogLine>,
    /// Lines dropped because the limit was used up.
    pub dropped: u64,
    /// What it asked for in vain, each once.
    pub denied: Vec<Refusal>,
    /// Which rules of its grants it used, each once.
    pub used: Vec<Use>,
    /// What it would have changed, in this order; only of [`Mode::Rehearsed`].
    pub rehearsed: Vec<String>,
}

impl CallReport {
    /// A report with nothing beside the answer.
    #[must_use]
    pub const fn of(result: Result<Reply, Failure>) -> Self {
        Self {
            result,
            log: Vec::new(),
            dropped: 0,
            denied: Vec::new(),
            used: Vec::new(),
            rehearsed: Vec::new(),
        }
    }
}

/// A future that a trait object can return.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Carries out plugin calls. Dropping the future ends the call; the plugin's instance is thrown away.
pub trait StepRunner: Send + Sync + 'static {
    /// Carries out one call. Never panics on what a plugin does. Log lines are also handed to `on_log` as they come,
    /// for people who look on.
    fn call(&self, call: Call, on_log: Arc<dyn Fn(LogLine) + Send + Sync>) -> BoxFuture<CallReport>;
}

/// The time, so that tests can have another.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;

    /// Microseconds since some fixed moment; never goes back.
    fn monotonic_us(&self) -> u64;

    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<()>;
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The run.
    pub run: RunId,
    /// The step that waits.
    pub step: StepId,
    /// What is asked.
    pub message: String,
    /// When it expires: milliseconds since 1970. The engine sees to that.
    pub expires_at_ms: u64,
}

/// What a person says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalAnswer {
    /// Yes or no.
    pub decision: Decision,
    /// `user@host`.
    pub by: String,
    /// What they said about it; may be empty.
    pub reason: String,
}

/// Asks people. Dropping the future withdraws the question.
pub trait Approver: Send + Sync + 'static {
    /// Waits until somebody answers, however long that takes.
    fn ask(&self, question: Question) -> BoxFuture<ApprovalAnswer>;
}
