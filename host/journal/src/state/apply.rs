//! The legal order of entries.

use std::time::Duration;

use runner_model::{
    Cause, Effect, FailureKind, NotifyOn, Outcome, Phase, StepId, StepIndex, StepResult, Uses, Verdict,
};

use super::{Change, look::Look};
use crate::{
    AbortReason, End, Ending, Entry, Node, Occasion, Snapshot, Stage, State,
    settle::{Next, after_attempt, after_decision, final_result, is_tolerated, undo_delay},
};

/// An entry that cannot stand where it stands. The state is as it was before.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IllegalEntry {
    /// It names a step that the plan does not have.
    #[error("`{entry}` names the step `{step}`, which the plan does not have")]
    UnknownStep {
        /// Its type.
        entry: &'static str,
        /// The step.
        step: StepId,
    },
    /// The step is not where such an entry could follow.
    #[error("`{entry}` cannot follow for the step `{step}`, which is {node}")]
    Step {
        /// Its type.
        entry: &'static str,
        /// The step.
        step: StepId,
        /// Where the step stands.
        node: &'static str,
    },
    /// The run is not where such an entry could follow.
    #[error("`{entry}` cannot follow here: {reason}")]
    Run {
        /// Its type.
        entry: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// A step's result does not follow from how it ended.
    #[error("the step `{step}` is recorded as {recorded:?}, but how it ended amounts to {expected:?}")]
    Result {
        /// The step.
        step: StepId,
        /// What the entry says; nothing if another attempt or a question follows.
        recorded: Option<StepResult>,
        /// What it has to say.
        expected: Option<StepResult>,
    },
    /// A verdict does not follow from how the steps ended.
    #[error("`{entry}` says `{}`, but the steps amount to `{}`", .recorded.status(), .expected.status())]
    Verdict {
        /// Its type.
        entry: &'static str,
        /// What it says.
        recorded: Box<Verdict>,
        /// What it has to say.
        expected: Box<Verdict>,
    },
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every pair of entry and node that is not named is refused"
)]
impl<G> State<G> {
    /// Takes one entry.
    ///
    /// # Errors
    ///
    /// [`IllegalEntry`] if the entry cannot follow; the state is unchanged.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), IllegalEntry> {
        let illegal = |reason| Err(IllegalEntry::Run { entry: entry.name(), reason });
        match (self.stage, entry) {
            (Stage::New, Entry::RunStarted { .. }) => {}
            (Stage::New, _) => return illegal("the run has not begun"),
            (_, Entry::RunStarted { .. }) => return illegal("the run has begun already"),
            (Stage::Finished, Entry::RunResumed { .. })
                if !self.changes.is_empty() && self.cause.is_some() => {}
            (Stage::Finished, _) => return illegal("the run has finished"),
            (Stage::Forward | Stage::Unwinding | Stage::Decided, _) => {}
        }
        match entry {
            Entry::RunStarted { run, .. } => {
                self.run = Some(*run);
                self.stage = Stage::Forward;
                self.enqueue_phase(if self.open.observe > 0 { &Phase::Observe } else { &Phase::Main });
            }
            Entry::RunResumed { .. } => {
                self.interrupt();
                if self.stage == Stage::Finished {
                    self.stage = Stage::Unwinding;
                    self.verdict = None;
                }
            }
            Entry::StepStarted { step, attempt } => self.step_started(entry, step, *attempt)?,
            Entry::StepCaptured { step, snapshot } => self.step_captured(entry, step, snapshot)?,
            Entry::StepEnded { step, attempt, ending, result, again_in_ms, .. } => {
                self.step_ended(entry, step, *attempt, ending, *result, *again_in_ms)?;
            }
            Entry::StepSkipped { step, reason } => {
                let index = self.known(entry, step)?;
                if self.look(index) != Look::Record(Box::new(entry.clone())) {
                    return Err(self.out_of_order(entry, index));
                }
                self.set(index, Node::Skipped(reason.clone()));
                self.release(index);
            }
            Entry::ApprovalRequested { step, message, expires_at_ms } => {
                let index = self.known(entry, step)?;
                let Node::Paused { attempt, outcome } = self.node(index).clone() else {
                    return Err(self.out_of_order(entry, index));
                };
                let (message, expires_at_ms) = (message.clone(), *expires_at_ms);
                self.set(index, Node::AwaitingApproval { attempt, outcome, message, expires_at_ms });
                self.announce(|on| {
                    on.contains(&NotifyOn::ApprovalWaiting).then_some(Occasion::Approval(index))
                });
            }
            Entry::ApprovalAnswered { step, decision, by, reason } => {
                let index = self.known(entry, step)?;
                let Node::AwaitingApproval { attempt, outcome, .. } = self.node(index) else {
                    return Err(self.out_of_order(entry, index));
                };
                let outcome = after_decision(self.step(index), outcome.as_deref(), *decision, by, reason);
                let node =
                    Node::Closing { attempt: *attempt, ending: Box::new(Ending::Answered { outcome }) };
                self.set(index, node);
                self.enqueue(index);
            }
            Entry::CapabilityDenied { step, .. } | Entry::GrantsUsed { step, .. } => {
                self.known(entry, step)?;
            }
            Entry::CancelRequested { .. } => {
                self.cut_all_short();
                if self.stage == Stage::Forward {
                    self.decide(Cause::Cancelled);
                }
            }
            Entry::UnwindStarted { cause } => {
                if self.stage != Stage::Forward || self.open.observe + self.open.main > 0 {
                    return illegal("steps have not ended");
                }
                if self.cause.as_ref() != Some(cause) || self.changes.is_empty() {
                    return illegal("nothing that is recorded calls for it");
                }
                self.stage = Stage::Unwinding;
            }
            Entry::UndoStarted { step, attempt } => {
                let index = self.topmost(entry, step)?;
                let end = match self.node(index) {
                    Node::Ended(end) if *attempt == 1 => end,
                    Node::UndoRetrying { end, attempt: last, .. } if *attempt == last + 1 => end,
                    Node::UndoInterrupted { end, attempt: last } if attempt == last => end,
                    _ => return Err(self.out_of_order(entry, index)),
                };
                self.set(index, Node::Undoing { end: end.clone(), attempt: *attempt });
            }
            Entry::UndoSucceeded { step, .. } => {
                let index = self.topmost(entry, step)?;
                let Node::Undoing { end, .. } = self.node(index) else {
                    return Err(self.out_of_order(entry, index));
                };
                self.set(index, Node::Undone(end.clone()));
                self.changes.pop();
                self.undone.push(index);
            }
            Entry::UndoFailed { step, attempt, failure, again_in_ms } => {
                let index = self.topmost(entry, step)?;
                let end = match self.node(index) {
                    Node::Undoing { end, attempt: running } if running == attempt => end.clone(),
                    _ => return Err(self.out_of_order(entry, index)),
                };
                match (again_in_ms, undo_delay(*attempt)) {
                    (Some(wait), Some(_)) => {
                        let after = Duration::from_millis(*wait);
                        self.set(index, Node::UndoRetrying { end, attempt: *attempt, after, due: false });
                        self.enqueue(index);
                    }
                    (None, None) => self.set(index, Node::UndoFailed { end, failure: failure.clone() }),
                    (Some(_), None) => return illegal("a change is not taken back that often"),
                    (None, Some(_)) => return illegal("taking a change back is given up too early"),
                }
            }
            Entry::RunDecided { verdict } => self.run_decided(entry, verdict)?,
            Entry::RunFinished { verdict } => {
                if self.stage != Stage::Decided || self.open.finally + self.open.occasions > 0 {
                    return illegal("something is left to do");
                }
                if let Some(expected) = self.verdict.as_ref().filter(|expected| *expected != verdict) {
                    return Err(wrong_verdict(entry, verdict, expected.clone()));
                }
                self.stage = Stage::Finished;
            }
        }
        Ok(())
    }

    fn step_started(&mut self, entry: &Entry, step: &StepId, attempt: u32) -> Result<(), IllegalEntry> {
        let index = self.known(entry, step)?;
        // A wait before another attempt is a matter of time, of which a journal knows nothing.
        let expected = match (self.node(index), self.look(index)) {
            (Node::Retrying { attempt, .. }, _) => Some(attempt + 1),
            (_, Look::Start { attempt }) => Some(attempt),
            (_, Look::Nothing | Look::Record(_) | Look::Ask | Look::AskAgain { .. } | Look::Wait { .. }) => {
                None
            }
        };
        if expected != Some(attempt) {
            return Err(self.out_of_order(entry, index));
        }
        let captured = self.snapshot(index).is_some();
        match self.step(index).uses {
            Uses::Approval(_) => {
                self.set(index, Node::Paused { attempt, outcome: None });
                self.enqueue(index);
            }
            Uses::Plugin(_) | Uses::Checkpoint if captured => self.set(index, Node::Captured { attempt }),
            Uses::Plugin(_) | Uses::Checkpoint => self.set(index, Node::Started { attempt }),
        }
        Ok(())
    }

    fn step_captured(
        &mut self,
        entry: &Entry,
        step: &StepId,
        snapshot: &Snapshot,
    ) -> Result<(), IllegalEntry> {
        let index = self.known(entry, step)?;
        let attempt = match self.node(index) {
            Node::Started { attempt } if self.effect(index) == Effect::Change => *attempt,
            _ => return Err(self.out_of_order(entry, index)),
        };
        self.set(index, Node::Captured { attempt });
        if self.step(index).phase == Phase::Main {
            self.changes.push(Change { step: index, snapshot: snapshot.clone() });
        }
        Ok(())
    }

    fn step_ended(
        &mut self,
        entry: &Entry,
        step: &StepId,
        attempt: u32,
        ending: &Ending,
        result: Option<StepResult>,
        again_in_ms: Option<u64>,
    ) -> Result<(), IllegalEntry> {
        let index = self.known(entry, step)?;
        let planned = self.step(index);
        let change = self.effect(index) == Effect::Change;
        let answered = matches!(ending, Ending::Answered { .. });
        let last = || Next::Ended(final_result(planned, ending));
        let (captured, expected) = match self.node(index) {
            Node::Started { attempt: running } if *running == attempt && !(change && answered) => {
                (false, self.after(index, attempt, ending))
            }
            Node::Captured { attempt: running } if *running == attempt => {
                (true, self.after(index, attempt, ending))
            }
            Node::Closing { attempt: closing, ending: known }
                if *closing == attempt && **known == *ending =>
            {
                (false, last())
            }
            Node::Interrupted { attempt: interrupted, .. }
                if *interrupted == attempt
                    && matches!(ending, Ending::Aborted { .. })
                    && self.is_impatient(index) =>
            {
                (false, last())
            }
            // Its `if` or its configuration has no value, so it was not started.
            Node::Waiting | Node::Ended(_) | Node::Skipped(_)
                if attempt == 1
                    && matches!(ending, Ending::Failed { failure } if failure.kind == FailureKind::InvalidConfig)
                    && matches!(self.look(index), Look::Start { .. } | Look::Record(_)) =>
            {
                (false, last())
            }
            _ => return Err(self.out_of_order(entry, index)),
        };
        let wrong = |expected| Err(IllegalEntry::Result { step: step.clone(), recorded: result, expected });
        // A proxy's answer from which no assignment follows is no answer, whoever writes it down as one.
        if let (Phase::Observe, Ending::Answered { outcome }) = (&planned.phase, ending)
            && let Some((_, target)) = self.plan.target(planned)
            && target.assign_outputs(&outcome.outputs).is_err()
        {
            return wrong(Some(StepResult::Error));
        }
        match (expected, result, again_in_ms) {
            (Next::Again { .. }, None, Some(wait)) => {
                let after = Duration::from_millis(wait);
                let ending = Box::new(ending.clone());
                self.set(index, Node::Retrying { attempt, after, due: false, captured, ending });
                self.enqueue(index);
            }
            (Next::Ask, None, None) => {
                let outcome = match ending {
                    Ending::Answered { outcome } => Some(Box::new(outcome.clone())),
                    Ending::Failed { .. } | Ending::Aborted { .. } => None,
                };
                self.set(index, Node::Paused { attempt, outcome });
                self.enqueue(index);
            }
            (Next::Ended(result), Some(recorded), None) if result == recorded => {
                let decides = self.cause_of(index, result);
                self.set(index, Node::Ended(Box::new(end(ending, result))));
                self.release(index);
                if let Some(cause) = decides {
                    self.decide(cause);
                }
            }
            (Next::Ended(expected), _, _) => return wrong(Some(expected)),
            (Next::Again { .. } | Next::Ask, _, _) => return wrong(None),
        }
        Ok(())
    }

    fn run_decided(&mut self, entry: &Entry, verdict: &Verdict) -> Result<(), IllegalEntry> {
        let illegal = |reason| Err(IllegalEntry::Run { entry: entry.name(), reason });
        match self.stage {
            Stage::Forward if self.open.observe + self.open.main > 0 => {
                return illegal("steps have not ended");
            }
            Stage::Forward if self.cause.is_some() && !self.changes.is_empty() => {
                return illegal("changes have to be taken back first");
            }
            Stage::Forward => {}
            Stage::Unwinding => match self.changes.last().map(|change| self.node(change.step)) {
                None | Some(Node::UndoFailed { .. }) => {}
                Some(_) => return illegal("changes have to be taken back first"),
            },
            Stage::New | Stage::Decided | Stage::Finished => return illegal("the verdict is known already"),
        }
        let expected = self.decision();
        if expected != *verdict {
            return Err(wrong_verdict(entry, verdict, expected));
        }
        self.verdict = Some(expected);
        self.stage = Stage::Decided;
        self.enqueue_phase(&Phase::Finally);
        self.announce_if_due();
        Ok(())
    }

    /// What follows an attempt of this step as the run stands now.
    #[must_use]
    pub fn after(&self, step: StepIndex, attempt: u32, ending: &Ending) -> Next {
        if self.is_impatient(step) {
            Next::Ended(final_result(self.step(step), ending))
        } else {
            after_attempt(self.step(step), attempt, ending)
        }
    }

    /// What a step's result decides about the run.
    fn cause_of(&self, index: StepIndex, result: StepResult) -> Option<Cause> {
        let planned = self.step(index);
        match planned.phase {
            Phase::Observe => match result {
                StepResult::Failure | StepResult::Error => {
                    Some(Cause::Unobserved { step: planned.id.clone() })
                }
                StepResult::Success | StepResult::Warn | StepResult::Skipped | StepResult::Aborted => None,
            },
            Phase::Main if !is_tolerated(planned, self.effect(index)) => match result {
                StepResult::Failure => Some(Cause::Rejected { step: planned.id.clone() }),
                StepResult::Error => Some(Cause::Failed { step: planned.id.clone() }),
                StepResult::Success | StepResult::Warn | StepResult::Skipped | StepResult::Aborted => None,
            },
            Phase::Main | Phase::Finally | Phase::Notify { .. } => None,
        }
    }

    fn known(&self, entry: &Entry, step: &StepId) -> Result<StepIndex, IllegalEntry> {
        self.find(step.as_str())
            .ok_or_else(|| IllegalEntry::UnknownStep { entry: entry.name(), step: step.clone() })
    }

    /// The newest change that stands: the only one that may be taken back.
    fn topmost(&self, entry: &Entry, step: &StepId) -> Result<StepIndex, IllegalEntry> {
        let index = self.known(entry, step)?;
        let topmost = self.changes.last().is_some_and(|change| change.step == index);
        if self.stage == Stage::Unwinding && topmost {
            Ok(index)
        } else {
            Err(self.out_of_order(entry, index))
        }
    }

    fn out_of_order(&self, entry: &Entry, step: StepIndex) -> IllegalEntry {
        IllegalEntry::Step {
            entry: entry.name(),
            step: self.step(step).id.clone(),
            node: self.node(step).name(),
        }
    }
}

fn wrong_verdict(entry: &Entry, recorded: &Verdict, expected: Verdict) -> IllegalEntry {
    IllegalEntry::Verdict {
        entry: entry.name(),
        recorded: Box::new(recorded.clone()),
        expected: Box::new(expected),
    }
}

fn end(ending: &Ending, result: StepResult) -> End {
    match ending {
        Ending::Answered { outcome: Outcome { summary, outputs, .. } } => {
            End { result, summary: summary.clone(), outputs: outputs.clone() }
        }
        Ending::Failed { failure } => {
            End { result, summary: failure.message.clone(), outputs: serde_json::Map::new() }
        }
        Ending::Aborted { reason } => {
            let summary = match reason {
                AbortReason::Cancelled => "cancelled",
                AbortReason::Unwinding => "not waited for, because the run was going back",
            };
            End { result, summary: summary.to_owned(), outputs: serde_json::Map::new() }
        }
    }
}
