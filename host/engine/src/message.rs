//! What the dispatcher and the tasks around it tell each other.

use std::time::Duration;

use runner_capabilities::{Refusal, Use};
use runner_journal::{Ending, Entry, LogReference, Snapshot};
use runner_model::{Assignment, Failure, StepIndex};
use serde_json::Value;

use crate::ports::{ApprovalAnswer, Notice, Question};

/// Names one task, so that what a task sends after it was given up is told apart from what its successor sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Flight(pub(crate) u64);

/// Something that happened outside.
#[expect(clippy::large_enum_variant, reason = "all events but one or two of a run are of the large kind")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The first signal.
    Cancel {
        /// Its name.
        by: String,
    },
    /// What a task came to.
    Landed {
        /// Which task.
        flight: Flight,
        /// What it came to.
        landing: Landing,
    },
}

/// What a task came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Landing {
    /// A change can be taken back; it has not begun.
    Captured {
        snapshot: Snapshot,
        /// When the attempt began.
        started_us: u64,
        told: Told,
    },
    /// An attempt is over.
    Ended { ending: Ending, elapsed_us: u64, log: Option<LogReference>, denied: Vec<Refusal>, used: Vec<Use> },
    /// An attempt to take a change back is over.
    Undone {
        result: Result<(), Failure>,
        /// The last thing its plugin warned of.
        left: Option<String>,
        denied: Vec<Refusal>,
        used: Vec<Use>,
    },
    /// Somebody answered.
    Answered(ApprovalAnswer),
    /// Nobody answered in time.
    Expired,
    /// A wait is over.
    Due,
}

/// What a plugin left behind besides its answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Told {
    /// Its log, not yet in the step's file.
    pub(crate) log: String,
    /// Lines missing in it.
    pub(crate) dropped: u64,
    /// What it asked for in vain.
    pub(crate) denied: Vec<Refusal>,
    /// What it used, not yet in the journal.
    pub(crate) used: Vec<Use>,
}

/// What the dispatcher wants done. All entries are written before anything else is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// Write this; the state holds it already.
    Write(Box<Entry>),
    /// Let this begin.
    Begin(Box<Task>),
    /// Give this task up.
    Abort(Flight),
}

/// Something to be carried out by a task of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) flight: Flight,
    pub(crate) step: StepIndex,
    /// Which slot of the step's target is active.
    pub(crate) assignment: Option<Assignment>,
    pub(crate) work: Work,
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    /// Ask a gate or a health check, or have a checkpoint fail on purpose.
    Observe { attempt: u32, config: Value },
    /// Deliver a message.
    Announce { attempt: u32, config: Value, notice: Box<Notice> },
    /// Find out what it takes to go back.
    Capture { attempt: u32, config: Value },
    /// Make a change.
    Change {
        attempt: u32,
        config: Value,
        snapshot: Snapshot,
        /// When the attempt began; `None` if that is now.
        started_us: Option<u64>,
        /// What capturing left behind.
        told: Told,
    },
    /// Take a change back.
    Undo { attempt: u32, config: Value, snapshot: Snapshot },
    /// Ask a person.
    Ask(Question),
    /// Let time pass.
    Wait(Duration),
}
