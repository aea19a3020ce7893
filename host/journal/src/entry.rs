//! What is written down.

use runner_capabilities::{Refusal, Use};
use runner_model::{Cause, Digest, Effect, Failure, Outcome, RunId, StepId, StepResult, Verdict};
use serde::{Deserialize, Serialize};

/// What a change needs to be taken back, as its plugin gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(pub String);

/// How one attempt of a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ending", rename_all = "kebab-case")]
pub enum Ending {
    /// It answered.
    Answered {
        /// What.
        outcome: Outcome,
    },
    /// It could not.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It was cancelled.
    Aborted {
        /// By what.
        reason: AbortReason,
    },
}

/// What cancels a step that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbortReason {
    /// A signal, or `runner cancel`.
    Cancelled,
    /// The run is going back: a question is no longer waited for, and a step that the runner left behind when it was
    /// stopped is not started again.
    Unwinding,
}

/// Why a step was not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum SkipReason {
    /// A step that it needs ended with a result it does not accept.
    Need {
        /// Which. Stands beside the `step` that was skipped, and so has another name in the journal.
        #[serde(rename = "need")]
        step: StepId,
        /// How it ended.
        result: StepResult,
    },
    /// Its `if` is false.
    Condition,
    /// The run was already going back when its turn came.
    Unwinding,
    /// The run was cancelled before its turn came.
    Cancelled,
    /// A proxy did not say which slot of its target is active.
    Unobserved,
}

/// An answer to an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// Nobody answered in time.
    Expired,
}

/// Where the log of a step's attempt stands: a part of `logs/<step>.log` in the run's directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReference {
    /// Where they begin in the file.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Their digest.
    pub digest: Digest,
    /// Lines dropped because the step's `output` limit was used up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference to the field")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One fact about a run. Durable, few, and enough to know everything that matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// The run begins. Always the first entry, and only the first.
    RunStarted {
        /// Id of the run.
        run: RunId,
        /// `name` of the pipeline.
        pipeline: String,
        /// Digest of `plan.json` beside the journal.
        plan: Digest,
        /// Version of the runner.
        runner: String,
    },
    /// `runner resume` took the run up again.
    RunResumed {
        /// Version of the runner.
        runner: String,
    },
    /// An attempt is about to begin. Durable before it begins, unless the step only observes.
    StepStarted {
        /// Which step.
        step: StepId,
        /// Counted from 1.
        attempt: u32,
    },
    /// What it takes to go back is known. Durable before the change begins.
    StepCaptured {
        /// Which step.
        step: StepId,
        /// What its plugin needs for `restore`.
        snapshot: Snapshot,
    },
    /// An attempt has ended.
    StepEnded {
        /// Which step.
        step: StepId,
        /// Counted from 1.
        attempt: u32,
        /// How.
        #[serde(flatten)]
        ending: Ending,
        /// The result that counts, after `report_only`, `on_inconclusive` and the like. `None` if it is tried again,
        /// or if a person has to decide first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<StepResult>,
        /// Wait before the next attempt, in milliseconds, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again_in_ms: Option<u64>,
        /// From the start of the attempt, in microseconds.
        elapsed_us: u64,
        /// What its plugin wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<LogReference>,
    },
    /// A step will not be started.
    StepSkipped {
        /// Which step.
        step: StepId,
        /// Why.
        #[serde(flatten)]
        reason: SkipReason,
    },
    /// A person is asked.
    ApprovalRequested {
        /// Which step.
        step: StepId,
        /// What.
        message: String,
        /// When the question expires: milliseconds since 1970.
        expires_at_ms: u64,
    },
    /// The question is answered, or has expired.
    ApprovalAnswered {
        /// Which step.
        step: StepId,
        /// How.
        decision: Decision,
        /// By whom: `user@host`, or empty if it expired.
        by: String,
        /// What they said about it.
        reason: String,
    },
    /// A plugin asked for something it is not granted. For the record: the plugin got `denied`.
    CapabilityDenied {
        /// Which step.
        step: StepId,
        /// What and why.
        refusal: Refusal,
    },
    /// A plugin used what it is granted. Written once per attempt, and not at all if nothing was used; what is counted
    /// under one rule by several of these adds up.
    GrantsUsed {
        /// Which step.
        step: StepId,
        /// Each rule once, in the order of their first use.
        uses: Vec<Use>,
    },
    /// Somebody cancelled the run.
    CancelRequested {
        /// `SIGINT`, `SIGTERM`.
        by: String,
    },
    /// No step starts from here on; changes are taken back.
    UnwindStarted {
        /// Why.
        cause: Cause,
    },
    /// A change is about to be taken back. Durable before that begins.
    UndoStarted {
        /// Which step.
        step: StepId,
        /// Counted from 1.
        attempt: u32,
    },
    /// It has been taken back.
    UndoSucceeded {
        /// Which step.
        step: StepId,
        /// What its plugin warned of: something that stays as the change made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<String>,
    },
    /// It could not be taken back.
    UndoFailed {
        /// Which step.
        step: StepId,
        /// Counted from 1.
        attempt: u32,
        /// Why not.
        failure: Failure,
        /// Wait before the next attempt, in milliseconds, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again_in_ms: Option<u64>,
    },
    /// Why the run ends and what the world looks like are known; `finally` and `notify` follow.
    RunDecided {
        /// How it ended.
        verdict: Verdict,
    },
    /// Nothing is left to do. The last entry; only a stuck run can be resumed after it, to try the remaining work again.
    RunFinished {
        /// How it ended.
        verdict: Verdict,
    },
}

impl Entry {
    /// The word in `type`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run-started",
            Self::RunResumed { .. } => "run-resumed",
            Self::StepStarted { .. } => "step-started",
            Self::StepCaptured { .. } => "step-captured",
            Self::StepEnded { .. } => "step-ended",
            Self::StepSkipped { .. } => "step-skipped",
            Self::ApprovalRequested { .. } => "approval-requested",
            Self::ApprovalAnswered { .. } => "approval-answered",
            Self::CapabilityDenied { .. } => "capability-denied",
            Self::GrantsUsed { .. } => "grants-used",
            Self::CancelRequested { .. } => "cancel-requested",
            Self::UnwindStarted { .. } => "unwind-started",
            Self::UndoStarted { .. } => "undo-started",
            Self::UndoSucceeded { .. } => "undo-succeeded",
            Self::UndoFailed { .. } => "undo-failed",
            Self::RunDecided { .. } => "run-decided",
            Self::RunFinished { .. } => "run-finished",
        }
    }

    /// Whether it must be on disk before the run goes on: it announces an effect, or it is a decision that must not be
    /// taken twice. `effect` answers for a step what it does to the world. What is lost of the rest is found out again.
    pub fn is_durable(&self, effect: impl FnOnce(&StepId) -> Effect) -> bool {
        match self {
            Self::StepStarted { step, .. } => match effect(step) {
                Effect::Observe => false,
                Effect::Change | Effect::Announce => true,
            },
            Self::RunStarted { .. }
            | Self::StepCaptured { .. }
            | Self::ApprovalAnswered { .. }
            | Self::CancelRequested { .. }
            | Self::UnwindStarted { .. }
            | Self::UndoStarted { .. }
            | Self::RunDecided { .. }
            | Self::RunFinished { .. } => true,
            Self::RunResumed { .. }
            | Self::StepEnded { .. }
            | Self::StepSkipped { .. }
            | Self::ApprovalRequested { .. }
            | Self::CapabilityDenied { .. }
            | Self::GrantsUsed { .. }
            | Self::UndoSucceeded { .. }
            | Self::UndoFailed { .. } => false,
        }
    }
}

/// An entry with its place in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counted from 1, without a gap.
    pub seq: u64,
    /// Version of the format.
    pub v: u32,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}
