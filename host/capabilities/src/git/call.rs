//! One host call: by what right it works, when it has to stop, and what came in its way.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{GitRequest, Location, Verb, place::Place};
use crate::{
    GrantSet, Refusal,
    host::{Booking, Ledger, Meter, Problem},
    network::Dialer,
};

/// Why git did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Host(Problem),
    NotFound(String),
    Conflict(String),
    Failed(String),
}

impl Fault {
    /// The same without the path `root` in its text.
    pub(super) fn without(self, root: &Path) -> Self {
        let root = root.to_string_lossy();
        let less = |text: String| text.replace(&format!("{root}/"), "").replace(&*root, ".");
        match self {
            Self::NotFound(text) => Self::NotFound(less(text)),
            Self::Conflict(text) => Self::Conflict(less(text)),
            Self::Failed(text) => Self::Failed(less(text)),
            Self::Host(Problem::Unavailable(text)) => Self::Host(Problem::Unavailable(less(text))),
            Self::Host(Problem::BudgetExceeded(text)) => Self::Host(Problem::BudgetExceeded(less(text))),
            Self::Host(Problem::Invalid(text)) => Self::Host(Problem::Invalid(less(text))),
            // A refusal is for the operator, who knows the directory.
            Self::Host(problem @ (Problem::Denied(_) | Problem::TimedOut)) => Self::Host(problem),
        }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Host(problem)
    }
}

impl From<Box<Refusal>> for Fault {
    fn from(refusal: Box<Refusal>) -> Self {
        Self::Host(Problem::Denied(refusal))
    }
}

impl From<git2::Error> for Fault {
    fn from(error: git2::Error) -> Self {
        Self::Failed(error.message().trim().to_owned())
    }
}

/// Arguments that make no sense.
pub(super) fn invalid(what: impl Into<String>) -> Fault {
    Fault::Host(Problem::Invalid(what.into()))
}

/// What one call works with. It lives on a thread that may wait.
pub(super) struct Work {
    pub(super) place: Place,
    pub(super) verb: Verb,
    pub(super) grants: Arc<GrantSet>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) dialer: Arc<Dialer>,
    /// The system's client.
    pub(super) ssh: PathBuf,
    /// Milliseconds since 1970.
    pub(super) now_ms: u64,
    pub(super) deadline: Instant,
    pub(super) stop: Arc<Stop>,
}

impl Work {
    /// Asks the grant; the rule counts as used from here on.
    pub(super) fn allow(&self, reference: Option<&str>) -> Result<Meter, Fault> {
        let rule = self.grants.rules().git.covers(&self.request(None, reference))?;
        Ok(self.booking().used(rule))
    }

    pub(super) fn request<'a>(
        &'a self,
        remote: Option<&'a Location>,
        reference: Option<&'a str>,
    ) -> GitRequest<'a> {
        GitRequest { repository: &self.place.name, verb: self.verb, remote, reference }
    }

    pub(super) fn booking(&self) -> Booking<'_> {
        Booking { ledger: &self.ledger, at_ms: self.now_ms }
    }

    /// Whether to go on.
    ///
    /// # Errors
    ///
    /// The time is up, or nobody waits any more.
    pub(super) fn go_on(&self) -> Result<(), Fault> {
        if self.stop.is_stopped() || Instant::now() >= self.deadline {
            return Err(Fault::Host(Problem::TimedOut));
        }
        Ok(())
    }
}

/// Ends what a call has begun: work that asks, and the program it waits for.
#[derive(Default)]
pub(super) struct Stop {
    stopped: AtomicBool,
    /// The process group of the program that runs for this call.
    running: Mutex<Option<Pid>>,
}

impl Stop {
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(group) = *running {
            // It may have ended by itself; then there is nothing to kill.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// A program was started. Killed at once if the call is over already.
    pub(super) fn started(&self, group: Pid) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = Some(group);
        if self.is_stopped() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Kills what runs. Its number is another's as soon as it was waited for, so this has to come before.
    pub(super) fn kill(&self) {
        let group = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Stops the work when the call ends, however it ends.
pub(super) struct Stopper(pub(super) Arc<Stop>);

impl Drop for Stopper {
    fn drop(&mut self) {
        self.0.stop();
    }
}
