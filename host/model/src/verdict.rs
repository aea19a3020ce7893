//! How a run ended. *Why* it ended and *what the world looks like now* are two facts.

use serde::{Deserialize, Serialize};

use crate::{ExitCode, StepId};

/// Why the run ended as it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Cause {
    /// Every step that had to say yes did.
    Succeeded,
    /// A gate or health check said no.
    Rejected {
        /// Which.
        step: StepId,
    },
    /// A step could not answer, or a change failed.
    Failed {
        /// Which.
        step: StepId,
    },
    /// The proxy of a target did not say which slot is active, so nothing was started.
    Unobserved {
        /// The step that asked it.
        step: StepId,
    },
    /// Somebody cancelled it.
    Cancelled,
}

/// One change that could not be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remaining {
    /// The step that made it.
    pub step: StepId,
    /// Why it could not be taken back, or that it was not tried because a later change is stuck.
    pub reason: String,
}

/// What the world looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum World {
    /// Nothing was changed.
    Unchanged,
    /// The changes stand.
    Changed {
        /// The steps that made them, in order.
        steps: Vec<StepId>,
    },
    /// Every change has been taken back.
    Restored {
        /// The steps whose changes were taken back, newest first.
        steps: Vec<StepId>,
    },
    /// Something could not be taken back.
    Stuck {
        /// What was taken back, newest first.
        restored: Vec<StepId>,
        /// The exact remaining work, in the order in which it has to be done.
        remaining: Vec<Remaining>,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Why.
    pub cause: Cause,
    /// And where that leaves us.
    pub world: World,
}

impl Verdict {
    /// What the process ends with.
    #[must_use]
    pub const fn exit(&self) -> ExitCode {
        match (&self.world, &self.cause) {
            (World::Stuck { .. }, _) => ExitCode::Stuck,
            (_, Cause::Succeeded) => ExitCode::Succeeded,
            (_, Cause::Rejected { .. }) => ExitCode::Rejected,
            (_, Cause::Failed { .. }) => ExitCode::Failed,
            (_, Cause::Unobserved { .. }) => ExitCode::Environment,
            (_, Cause::Cancelled) => ExitCode::Cancelled,
        }
    }

    /// The word for it in `run.status`, notifications and `history`.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match (&self.world, &self.cause) {
            (World::Stuck { .. }, _) => "stuck",
            (_, Cause::Succeeded) => "succeeded",
            (_, Cause::Rejected { .. }) => "rejected",
            (_, Cause::Failed { .. } | Cause::Unobserved { .. }) => "failed",
            (_, Cause::Cancelled) => "cancelled",
        }
    }

    /// The step that decided, if one did.
    #[must_use]
    pub const fn step(&self) -> Option<&StepId> {
        match &self.cause {
            Cause::Rejected { step } | Cause::Failed { step } | Cause::Unobserved { step } => Some(step),
            Cause::Succeeded | Cause::Cancelled => None,
        }
    }
}
