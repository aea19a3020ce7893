//! What has to be done for one step, and for the run as a whole once no step has anything to do.

use std::time::Duration;

use runner_model::{
    Cause, Failure, FailureKind, Phase, Remaining, Step, StepIndex, StepResult, Verdict, World,
};

use crate::{
    AbortReason, Action, Change, Ending, Entry, Node, SkipReason, Stage, State,
    settle::{final_result, is_accepted, is_tolerated},
};

/// What one step needs when it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Look {
    Nothing,
    Record(Box<Entry>),
    Start { attempt: u32 },
    Ask,
    AskAgain { message: String, expires_at_ms: u64 },
    Wait { after: Duration },
}

impl<G> State<G> {
    /// What one step needs now.
    pub(super) fn look(&self, step: StepIndex) -> Look {
        #[cfg(test)]
        self.looks.set(self.looks.get() + 1);
        match self.node(step) {
            Node::Waiting => self.look_at_waiting(step),
            Node::Interrupted { attempt, .. } if self.is_impatient(step) => {
                let ending = Ending::Aborted { reason: self.abort_reason() };
                Look::Record(Box::new(self.ended(step, *attempt, &ending)))
            }
            Node::Interrupted { attempt, .. } => Look::Start { attempt: *attempt },
            Node::Retrying { attempt, due: true, .. } => Look::Start { attempt: attempt + 1 },
            Node::Retrying { after, .. } | Node::UndoRetrying { after, due: false, .. } => {
                Look::Wait { after: *after }
            }
            Node::Paused { .. } => Look::Ask,
            Node::AwaitingApproval { message, expires_at_ms, .. } => {
                Look::AskAgain { message: message.clone(), expires_at_ms: *expires_at_ms }
            }
            Node::Closing { attempt, ending } => Look::Record(Box::new(self.ended(step, *attempt, ending))),
            // A `notify` entry may have another occasion.
            Node::Ended(_) | Node::Skipped(_) if self.occasion(step).is_some() => self.look_at_waiting(step),
            Node::Started { .. }
            | Node::Captured { .. }
            | Node::Ended(_)
            | Node::Skipped(_)
            | Node::Undoing { .. }
            | Node::UndoRetrying { .. }
            | Node::UndoInterrupted { .. }
            | Node::Undone(_)
            | Node::UndoFailed { .. } => Look::Nothing,
        }
    }

    fn look_at_waiting(&self, step: StepIndex) -> Look {
        let planned = self.step(step);
        let is_its_turn = match planned.phase {
            Phase::Observe => self.stage == Stage::Forward,
            Phase::Main => self.stage == Stage::Forward && self.open.observe == 0,
            Phase::Finally => self.stage == Stage::Decided,
            Phase::Notify { .. } => self.occasion(step).is_some(),
        };
        if !is_its_turn || self.open_needs[step.get()] > 0 {
            return Look::Nothing;
        }
        let skip = |reason| Look::Record(Box::new(Entry::StepSkipped { step: planned.id.clone(), reason }));
        if planned.phase == Phase::Main && self.is_unobserved() {
            return skip(match self.cause {
                Some(Cause::Cancelled) => SkipReason::Cancelled,
                Some(
                    Cause::Succeeded
                    | Cause::Rejected { .. }
                    | Cause::Failed { .. }
                    | Cause::Unobserved { .. },
                )
                | None => SkipReason::Unobserved,
            });
        }
        if !self.asks_status[step.get()] {
            if let Some(reason) = self.unmet(planned) {
                return skip(reason);
            }
            if self.is_impatient(step) {
                return skip(match self.abort_reason() {
                    AbortReason::Cancelled => SkipReason::Cancelled,
                    AbortReason::Unwinding => SkipReason::Unwinding,
                });
            }
        }
        let Some(condition) = &planned.condition else { return Look::Start { attempt: 1 } };
        match condition.evaluate_bool(&self.scope(step, &condition.references())) {
            Ok(true) => Look::Start { attempt: 1 },
            Ok(false) => skip(SkipReason::Condition),
            Err(error) => {
                let failure = Failure::new(FailureKind::InvalidConfig, format!("`if` has no value: {error}"));
                Look::Record(Box::new(self.ended(step, 1, &Ending::Failed { failure })))
            }
        }
    }

    /// Whether a proxy was asked in vain which slot is active: then nothing of `steps` may start, whatever its `if` says.
    fn is_unobserved(&self) -> bool {
        let observers = self.plan.header.targets.values().filter_map(|target| target.observer);
        observers.filter_map(|observer| self.node(observer).result()).any(|result| match result {
            StepResult::Success | StepResult::Warn => false,
            StepResult::Failure | StepResult::Error | StepResult::Skipped | StepResult::Aborted => true,
        })
    }

    /// The first need that ended with a result it does not accept.
    fn unmet(&self, step: &Step<G>) -> Option<SkipReason> {
        step.needs.iter().find_map(|need| {
            let tolerated = is_tolerated(self.step(need.step), self.effect(need.step));
            let result = self.node(need.step).result()?;
            let unmet = !is_accepted(need.accept, result, tolerated);
            unmet.then(|| SkipReason::Need { step: self.step(need.step).id.clone(), result })
        })
    }

    /// What the run as a whole does once no step has anything to do.
    pub(super) fn turn(&self) -> Option<Action> {
        let record = |entry| Some(Action::Record(Box::new(entry)));
        match self.stage {
            Stage::Forward if self.open.observe + self.open.main > 0 => None,
            Stage::Forward => match &self.cause {
                Some(cause) if !self.changes.is_empty() => {
                    record(Entry::UnwindStarted { cause: cause.clone() })
                }
                Some(_) | None => record(Entry::RunDecided { verdict: self.decision() }),
            },
            Stage::Unwinding => {
                let Some(Change { step, snapshot }) = self.changes.last() else {
                    return record(Entry::RunDecided { verdict: self.decision() });
                };
                let undo = |attempt| Some(Action::Undo { step: *step, attempt, snapshot: snapshot.clone() });
                match self.node(*step) {
                    Node::Ended(_) => undo(1),
                    Node::UndoInterrupted { attempt, .. } => undo(*attempt),
                    Node::UndoRetrying { attempt, due: true, .. } => undo(attempt + 1),
                    Node::UndoFailed { .. } => record(Entry::RunDecided { verdict: self.decision() }),
                    Node::UndoRetrying { due: false, .. } | Node::Undoing { .. } => None,
                    Node::Waiting
                    | Node::Started { .. }
                    | Node::Captured { .. }
                    | Node::Retrying { .. }
                    | Node::Paused { .. }
                    | Node::AwaitingApproval { .. }
                    | Node::Closing { .. }
                    | Node::Interrupted { .. }
                    | Node::Skipped(_)
                    | Node::Undone(_) => unreachable!("unwinding begins when all steps have ended"),
                }
            }
            Stage::Decided if self.open.finally + self.open.occasions > 0 => None,
            Stage::Decided => self.verdict.clone().and_then(|verdict| record(Entry::RunFinished { verdict })),
            Stage::New | Stage::Finished => None,
        }
    }

    /// The last entry of a step that ends without an attempt having run to its end now.
    pub(super) fn ended(&self, step: StepIndex, attempt: u32, ending: &Ending) -> Entry {
        let planned = self.step(step);
        Entry::StepEnded {
            step: planned.id.clone(),
            attempt,
            result: Some(final_result(planned, ending)),
            ending: ending.clone(),
            again_in_ms: None,
            elapsed_us: 0,
            log: None,
        }
    }

    /// The verdict that the steps' ends amount to.
    pub(super) fn decision(&self) -> Verdict {
        let id = |step: StepIndex| self.step(step).id.clone();
        let restored = || self.undone.iter().copied().map(id).collect();
        let world = match (&self.cause, self.changes.is_empty(), self.undone.is_empty()) {
            (_, true, true) => World::Unchanged,
            (None, _, _) => {
                World::Changed { steps: self.changes.iter().map(|change| id(change.step)).collect() }
            }
            (Some(_), true, false) => World::Restored { steps: restored() },
            (Some(_), false, _) => World::Stuck { restored: restored(), remaining: self.remaining() },
        };
        Verdict { cause: self.cause.clone().unwrap_or(Cause::Succeeded), world }
    }

    /// The changes that stand, in the order in which they have to be taken back.
    fn remaining(&self) -> Vec<Remaining> {
        let mut remaining: Vec<Remaining> = Vec::with_capacity(self.changes.len());
        for change in self.changes.iter().rev() {
            let reason = match (self.node(change.step), remaining.first()) {
                (Node::UndoFailed { failure, .. }, _) => failure.message.clone(),
                (_, Some(above)) => format!("not tried, because `{}` has to be taken back first", above.step),
                (_, None) => "not tried".to_owned(),
            };
            remaining.push(Remaining { step: self.step(change.step).id.clone(), reason });
        }
        remaining
    }
}
