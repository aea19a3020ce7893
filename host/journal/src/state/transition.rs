//! How the state changes: each step's node, and the counters and queues that follow from it.

use std::sync::Arc;

use runner_model::{Cause, NotifyOn, Phase, StepIndex, Verdict, World};

use crate::{AbortReason, Ending, Node, Occasion, Stage, State};

impl<G> State<G> {
    /// Puts a step into another state and keeps the counts.
    pub(super) fn set(&mut self, step: StepIndex, node: Node) {
        let place = &mut self.nodes[step.get()];
        self.running = self.running + usize::from(node.is_running()) - usize::from(place.is_running());
        match (place.is_lingering(), node.is_lingering()) {
            (false, true) => {
                self.lingering.insert(step);
            }
            (true, false) => {
                self.lingering.remove(&step);
            }
            (true, true) | (false, false) => {}
        }
        *place = node;
    }

    /// Has a step looked at by the next [`State::next`].
    pub(super) fn enqueue(&mut self, step: StepIndex) {
        if !std::mem::replace(&mut self.queued[step.get()], true) {
            self.ready.push_back(step);
        }
    }

    /// Has every step of a phase looked at that waits for nothing.
    pub(super) fn enqueue_phase(&mut self, phase: &Phase) {
        let plan = Arc::clone(&self.plan);
        for (index, step) in plan.indexed() {
            if step.phase == *phase && self.open_needs[index.get()] == 0 {
                self.enqueue(index);
            }
        }
    }

    /// A step has a result from now on: those that need it come nearer to their turn.
    pub(super) fn release(&mut self, step: StepIndex) {
        let plan = Arc::clone(&self.plan);
        match plan.step(step).phase {
            Phase::Observe => {
                self.open.observe -= 1;
                if self.open.observe == 0 {
                    self.enqueue_phase(&Phase::Main);
                }
            }
            Phase::Main => self.open.main -= 1,
            Phase::Finally => {
                self.open.finally -= 1;
                self.announce_if_due();
            }
            Phase::Notify { .. } => {
                self.open.occasions -= 1;
                if let Some(queue) = self.occasions.get_mut(&step) {
                    queue.pop_front();
                }
                self.enqueue(step);
            }
        }
        for place in 0..self.dependents[step.get()].len() {
            let dependent = self.dependents[step.get()][place];
            self.open_needs[dependent.get()] -= 1;
            if self.open_needs[dependent.get()] == 0 {
                self.enqueue(dependent);
            }
        }
    }

    /// Gives every `notify` entry that listens an occasion.
    pub(super) fn announce(&mut self, occasion: impl Fn(&[NotifyOn]) -> Option<Occasion>) {
        let plan = Arc::clone(&self.plan);
        for place in 0..self.notifications.len() {
            let index = self.notifications[place];
            if let Phase::Notify { on, .. } = &plan.step(index).phase
                && let Some(occasion) = occasion(on)
            {
                self.occasions.entry(index).or_default().push_back(occasion);
                self.open.occasions += 1;
                self.enqueue(index);
            }
        }
    }

    /// `notify` speaks of the verdict once all of `finally` has ended.
    pub(super) fn announce_if_due(&mut self) {
        if self.stage != Stage::Decided || self.open.finally > 0 {
            return;
        }
        let Some(verdict) = self.verdict.clone() else { return };
        self.announce(|on| on.iter().copied().find(|on| applies(*on, &verdict)).map(Occasion::Verdict));
    }

    /// The first failure, or a cancellation, decides: nothing new starts, and nothing is waited for any more.
    pub(super) fn decide(&mut self, cause: Cause) {
        if self.cause.is_some() {
            return;
        }
        self.cause = Some(cause);
        let again: Vec<StepIndex> = self.startable.drain(..).collect();
        for step in again {
            self.queued[step.get()] = false;
            self.enqueue(step);
        }
        let lingering: Vec<StepIndex> = self.lingering.iter().copied().collect();
        for step in lingering {
            if self.is_impatient(step) {
                self.cut_short(step, self.abort_reason());
            }
        }
    }

    /// Ends every wait for time and for people, whatever it is for.
    pub(super) fn cut_all_short(&mut self) {
        for step in std::mem::take(&mut self.lingering) {
            self.cut_short(step, AbortReason::Cancelled);
        }
    }

    /// Ends a wait: a step that was to be tried again keeps how it ended, a question is aborted.
    fn cut_short(&mut self, step: StepIndex, reason: AbortReason) {
        let aborted = Box::new(Ending::Aborted { reason });
        let closing = match self.node(step) {
            Node::Retrying { attempt, ending, .. } => {
                Node::Closing { attempt: *attempt, ending: ending.clone() }
            }
            Node::Paused { attempt, .. } | Node::AwaitingApproval { attempt, .. } => {
                Node::Closing { attempt: *attempt, ending: aborted }
            }
            Node::Waiting
            | Node::Started { .. }
            | Node::Captured { .. }
            | Node::Closing { .. }
            | Node::Interrupted { .. }
            | Node::Ended(_)
            | Node::Skipped(_)
            | Node::Undoing { .. }
            | Node::UndoRetrying { .. }
            | Node::UndoInterrupted { .. }
            | Node::Undone(_)
            | Node::UndoFailed { .. } => unreachable!("only these linger"),
        };
        self.set(step, closing);
        self.enqueue(step);
    }

    /// What ran when the runner was stopped does not run any more.
    pub(super) fn interrupt(&mut self) {
        for index in (0..).map(StepIndex).take(self.nodes.len()) {
            let node = match self.node(index) {
                Node::Started { attempt } => Node::Interrupted { attempt: *attempt, captured: false },
                Node::Captured { attempt } => Node::Interrupted { attempt: *attempt, captured: true },
                Node::Retrying { attempt, after, captured, ending, .. } => Node::Retrying {
                    attempt: *attempt,
                    after: *after,
                    due: false,
                    captured: *captured,
                    ending: ending.clone(),
                },
                Node::Undoing { end, attempt } | Node::UndoInterrupted { end, attempt } => {
                    Node::UndoInterrupted { end: end.clone(), attempt: *attempt }
                }
                Node::UndoRetrying { end, attempt, after, .. } => {
                    Node::UndoRetrying { end: end.clone(), attempt: *attempt, after: *after, due: false }
                }
                // Only in a stuck run that had finished: the remaining work is tried again.
                Node::UndoFailed { end, .. } if self.stage == Stage::Finished => {
                    Node::UndoInterrupted { end: end.clone(), attempt: 1 }
                }
                other @ (Node::Paused { .. }
                | Node::AwaitingApproval { .. }
                | Node::Closing { .. }
                | Node::Interrupted { .. }) => other.clone(),
                Node::Waiting
                | Node::Ended(_)
                | Node::Skipped(_)
                | Node::Undone(_)
                | Node::UndoFailed { .. } => continue,
            };
            self.set(index, node);
            self.enqueue(index);
        }
    }
}

/// Whether a `notify` entry that waits for `on` speaks of this verdict.
fn applies(on: NotifyOn, verdict: &Verdict) -> bool {
    match on {
        NotifyOn::Succeeded => matches!(verdict.cause, Cause::Succeeded),
        NotifyOn::Failed => {
            matches!(verdict.cause, Cause::Rejected { .. } | Cause::Failed { .. } | Cause::Unobserved { .. })
        }
        NotifyOn::RolledBack => matches!(verdict.world, World::Restored { .. }),
        NotifyOn::Stuck => matches!(verdict.world, World::Stuck { .. }),
        NotifyOn::Cancelled => matches!(verdict.cause, Cause::Cancelled),
        NotifyOn::ApprovalWaiting => false,
    }
}
