//! Where one step stands.

use std::time::Duration;

use runner_model::{Failure, Outcome, StepResult};
use serde_json::{Map, Value};

use crate::{Ending, SkipReason};

/// What is kept of a step that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// The result that counts.
    pub result: StepResult,
    /// One line.
    pub summary: String,
    /// What later steps can read.
    pub outputs: Map<String, Value>,
}

/// Where one step stands. The only place where that is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Not started yet.
    Waiting,
    /// An attempt runs.
    Started {
        /// Counted from 1.
        attempt: u32,
    },
    /// A change runs, and what it takes to go back is known.
    Captured {
        /// Counted from 1.
        attempt: u32,
    },
    /// An attempt failed; another one follows.
    Retrying {
        /// The one that failed.
        attempt: u32,
        /// How long to wait before the next.
        after: Duration,
        /// Whether that wait is over.
        due: bool,
        /// Whether what it takes to go back is known.
        captured: bool,
        /// How the attempt ended.
        ending: Box<Ending>,
    },
    /// A person has to be asked.
    Paused {
        /// Counted from 1.
        attempt: u32,
        /// What the plugin answered, if there is one.
        outcome: Option<Box<Outcome>>,
    },
    /// A person has been asked.
    AwaitingApproval {
        /// Counted from 1.
        attempt: u32,
        /// What the plugin answered, if there is one.
        outcome: Option<Box<Outcome>>,
        /// The question.
        message: String,
        /// When it expires: milliseconds since 1970.
        expires_at_ms: u64,
    },
    /// How it ends is known and not yet written down.
    Closing {
        /// Counted from 1.
        attempt: u32,
        /// How.
        ending: Box<Ending>,
    },
    /// It ran when the runner was stopped.
    Interrupted {
        /// The attempt that did not end.
        attempt: u32,
        /// Whether what it takes to go back is known.
        captured: bool,
    },
    /// It has ended. If it is a change, the change stands.
    Ended(Box<End>),
    /// It was not started, and will not be.
    Skipped(SkipReason),
    /// Its change is being taken back.
    Undoing {
        /// How it had ended.
        end: Box<End>,
        /// Counted from 1.
        attempt: u32,
    },
    /// Its change could not be taken back; another attempt follows.
    UndoRetrying {
        /// How it had ended.
        end: Box<End>,
        /// The one that failed.
        attempt: u32,
        /// How long to wait before the next.
        after: Duration,
        /// Whether that wait is over.
        due: bool,
    },
    /// Its change was being taken back when the runner was stopped.
    UndoInterrupted {
        /// How it had ended.
        end: Box<End>,
        /// The attempt that did not end.
        attempt: u32,
    },
    /// Its change has been taken back.
    Undone(Box<End>),
    /// Its change could not be taken back.
    UndoFailed {
        /// How it had ended.
        end: Box<End>,
        /// Why not.
        failure: Failure,
    },
}

impl Node {
    /// How the step ended, once it has; `None` for a skipped one too.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        match self {
            Self::Ended(end)
            | Self::Undone(end)
            | Self::Undoing { end, .. }
            | Self::UndoRetrying { end, .. }
            | Self::UndoInterrupted { end, .. }
            | Self::UndoFailed { end, .. } => Some(end),
            Self::Waiting
            | Self::Started { .. }
            | Self::Captured { .. }
            | Self::Retrying { .. }
            | Self::Paused { .. }
            | Self::AwaitingApproval { .. }
            | Self::Closing { .. }
            | Self::Interrupted { .. }
            | Self::Skipped(_) => None,
        }
    }

    /// The result that counts, once there is one.
    #[must_use]
    pub fn result(&self) -> Option<StepResult> {
        if let Self::Skipped(_) = self {
            return Some(StepResult::Skipped);
        }
        self.end().map(|end| end.result)
    }

    /// Whether a plugin works for it right now, other than to take its change back.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Started { .. } | Self::Captured { .. })
    }

    /// Whether it waits for time to pass or for a person.
    #[must_use]
    pub const fn is_lingering(&self) -> bool {
        matches!(self, Self::Retrying { .. } | Self::Paused { .. } | Self::AwaitingApproval { .. })
    }

    /// The word for it in messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Started { .. } => "started",
            Self::Captured { .. } => "captured",
            Self::Retrying { .. } => "to be tried again",
            Self::Paused { .. } => "paused",
            Self::AwaitingApproval { .. } => "awaiting approval",
            Self::Closing { .. } => "closing",
            Self::Interrupted { .. } => "interrupted",
            Self::Ended(_) => "ended",
            Self::Skipped(_) => "skipped",
            Self::Undoing { .. } => "being taken back",
            Self::UndoRetrying { .. } => "to be taken back again",
            Self::UndoInterrupted { .. } => "interrupted while taken back",
            Self::Undone(_) => "taken back",
            Self::UndoFailed { .. } => "stuck",
        }
    }
}
