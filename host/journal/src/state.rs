//! The state of a run: its entries folded together, and what follows from them.
//!
//! ```text
//!            Forward ───────────────┬──> Decided ──> Finished
//!               │ something decided │       ^            │ only if stuck,
//!               │ and changes stand │       │            │ by `runner resume`
//!               └──> Unwinding ─────┴───────┘ <──────────┘
//! ```
//!
//! [`State::apply`] is the legal order: it takes an entry or says why it cannot be. [`State::next`] says
//! what has to be done. Both keep counters and a queue of the steps that have to be looked at, so that a run costs as
//! much as its graph has edges, and never a look at every step per event.
//!
//! Where targets have slots, the run begins with the steps that ask their proxies. Nothing else has its turn before they
//! have ended, and if one of them has no answer, no step of `steps` ever has.
//!
//! A [`Entry::RunResumed`] is what tells a crash from a step that still runs: whatever was running at that place in
//! the journal is not running any more, and is queued again.

mod apply;
mod look;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod order_tests;
mod scope;
#[cfg(test)]
mod tests;
mod transition;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use runner_capabilities::GrantSet;
use runner_model::{
    Assignment, Cause, Effect, NotifyOn, Phase, Plan, RunId, Step, StepId, StepIndex, Target, Verdict,
};

pub use apply::IllegalEntry;
use look::Look;

use crate::{AbortReason, Entry, Node, Snapshot};

/// What has to be done next. Each action is given once; its entry is applied before [`State::next`] is asked again.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It follows from what is known: it only has to be written down.
    Record(Box<Entry>),
    /// An attempt of a step begins. Its entry is [`Entry::StepStarted`], or, if the step's configuration has no value,
    /// an [`Entry::StepEnded`] that says so.
    Start {
        /// Which step.
        step: StepIndex,
        /// Counted from 1.
        attempt: u32,
        /// What was captured before, if this change is tried again.
        snapshot: Option<Snapshot>,
    },
    /// A person is asked. Its entry is [`Entry::ApprovalRequested`].
    Ask {
        /// Which step.
        step: StepIndex,
    },
    /// A person was asked before the runner was stopped, and is still asked. No entry.
    AskAgain {
        /// Which step.
        step: StepIndex,
        /// The question.
        message: String,
        /// When it expires: milliseconds since 1970.
        expires_at_ms: u64,
    },
    /// Time has to pass; then [`State::due`]. No entry.
    Wait {
        /// Which step.
        step: StepIndex,
        /// How long.
        after: Duration,
    },
    /// A change is taken back. Its entry is [`Entry::UndoStarted`].
    Undo {
        /// Which step.
        step: StepIndex,
        /// Counted from 1.
        attempt: u32,
        /// What its plugin needs.
        snapshot: Snapshot,
    },
}

/// What makes a `notify` entry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// This step waits for an approval.
    Approval(StepIndex),
    /// The verdict is known.
    Verdict(NotifyOn),
}

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Not begun.
    New,
    /// Steps start.
    Forward,
    /// Changes are taken back.
    Unwinding,
    /// The verdict is known; `finally` and `notify` run.
    Decided,
    /// Nothing is left to do.
    Finished,
}

/// A change that stands, and what it takes to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The step that made it, or was about to.
    pub step: StepIndex,
    /// What its plugin needs for `restore`.
    pub snapshot: Snapshot,
}

/// The state of one run.
#[derive(Debug, Clone)]
pub struct State<G = GrantSet> {
    plan: Arc<Plan<G>>,
    run: Option<RunId>,
    stage: Stage,
    cause: Option<Cause>,
    verdict: Option<Verdict>,
    nodes: Vec<Node>,
    /// Changes that stand, in the order in which they were captured.
    changes: Vec<Change>,
    /// Steps whose changes were taken back, newest change first.
    undone: Vec<StepIndex>,
    /// Why each `notify` entry has to run, oldest first. The front one is being delivered.
    occasions: HashMap<StepIndex, VecDeque<Occasion>>,
    /// Steps that observe, of `steps`, of `finally`, and occasions, that have not ended.
    open: Open,

    index: HashMap<StepId, StepIndex>,
    /// Combinations of a matrix step by the name before the bracket.
    combinations: HashMap<String, Vec<StepIndex>>,
    effects: Vec<Effect>,
    /// Whether the `if` of a step calls a status function.
    asks_status: Vec<bool>,
    dependents: Vec<Vec<StepIndex>>,
    notifications: Vec<StepIndex>,
    open_needs: Vec<u32>,
    /// Steps that run now.
    running: usize,
    /// Steps of `steps` that wait for time or for a person.
    lingering: BTreeSet<StepIndex>,
    /// Steps to look at, and those that may start as soon as there is room. No step is in both or twice.
    ready: VecDeque<StepIndex>,
    startable: VecDeque<StepIndex>,
    queued: Vec<bool>,
    /// How often a step was looked at: what tests hold against the size of the graph.
    #[cfg(test)]
    looks: std::cell::Cell<usize>,
}

/// How much is left of each part of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Open {
    observe: usize,
    main: usize,
    finally: usize,
    occasions: usize,
}

impl<G> State<G> {
    /// The state before the first entry.
    ///
    /// Costs one look at every step and need of the plan.
    #[must_use]
    pub fn new(plan: Arc<Plan<G>>) -> Self {
        let count = plan.steps.len();
        let mut state = Self {
            run: None,
            stage: Stage::New,
            cause: None,
            verdict: None,
            nodes: vec![Node::Waiting; count],
            changes: Vec::new(),
            undone: Vec::new(),
            occasions: HashMap::new(),
            open: Open::default(),
            index: HashMap::with_capacity(count),
            combinations: HashMap::new(),
            effects: Vec::with_capacity(count),
            asks_status: Vec::with_capacity(count),
            dependents: vec![Vec::new(); count],
            notifications: Vec::new(),
            open_needs: Vec::with_capacity(count),
            running: 0,
            lingering: BTreeSet::new(),
            ready: VecDeque::new(),
            startable: VecDeque::new(),
            queued: vec![false; count],
            #[cfg(test)]
            looks: std::cell::Cell::new(0),
            plan: Arc::clone(&plan),
        };
        for (index, step) in plan.indexed() {
            match step.phase {
                Phase::Observe => state.open.observe += 1,
                Phase::Main => state.open.main += 1,
                Phase::Finally => state.open.finally += 1,
                Phase::Notify { .. } => state.notifications.push(index),
            }
            state.index.insert(step.id.clone(), index);
            if let Some((whole, _)) = step.id.as_str().split_once('[') {
                state.combinations.entry(whole.to_owned()).or_default().push(index);
            }
            state.effects.push(plan.effect(step));
            state
                .asks_status
                .push(step.condition.as_ref().is_some_and(|condition| condition.references().status));
            state.open_needs.push(u32::try_from(step.needs.len()).unwrap_or(u32::MAX));
            for need in &step.needs {
                state.dependents[need.step.get()].push(index);
            }
        }
        state
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan<G>> {
        &self.plan
    }

    /// The run's id, once it has begun.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        self.run
    }

    /// How far the run is.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// What has decided the run so far: the first failure, or that somebody cancelled it.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// How the run ended, once that is known.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// `running`, or the status of the verdict.
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.verdict.as_ref().map_or("running", Verdict::status)
    }

    /// Where a step stands.
    ///
    /// # Panics
    ///
    /// If `step` is of another plan.
    #[must_use]
    pub fn node(&self, step: StepIndex) -> &Node {
        &self.nodes[step.get()]
    }

    /// The place of a step by its id.
    #[must_use]
    pub fn find(&self, step: &str) -> Option<StepIndex> {
        self.index.get(step).copied()
    }

    /// The changes that stand, in the order in which they were captured.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Why a `notify` entry runs now.
    #[must_use]
    pub fn occasion(&self, step: StepIndex) -> Option<Occasion> {
        self.occasions.get(&step)?.front().copied()
    }

    /// Which slot of a step's target was active when the run began; nothing if the target has no slots, or its proxy has not
    /// said so (yet).
    #[must_use]
    pub fn assignment(&self, step: StepIndex) -> Option<Assignment> {
        let (_, target) = self.plan.target(self.step(step))?;
        self.assigned(target)
    }

    fn assigned(&self, target: &Target) -> Option<Assignment> {
        target.assign_outputs(&self.node(target.observer?).end()?.outputs).ok()
    }

    /// What a step does to the world.
    #[must_use]
    pub fn effect(&self, step: StepIndex) -> Effect {
        self.effects[step.get()]
    }

    /// Whether the run does no more than it must for this step: it is going back, and the step did not ask to run then.
    /// Such a step is neither tried again nor waited for.
    #[must_use]
    pub fn is_impatient(&self, step: StepIndex) -> bool {
        match self.step(step).phase {
            Phase::Observe => self.cause.is_some(),
            Phase::Main => self.cause.is_some() && !self.asks_status[step.get()],
            Phase::Finally | Phase::Notify { .. } => false,
        }
    }

    /// What has to be done, with at most `room` steps running at once; nothing means that something has to happen first.
    ///
    /// Entries that only have to be written down come alone, and steps start one by one: a step whose configuration has
    /// no value ends at once, and that can change what may start.
    pub fn next(&mut self, room: usize) -> Vec<Action> {
        let mut records = Vec::new();
        let mut looks = Vec::new();
        while let Some(step) = self.ready.pop_front() {
            self.queued[step.get()] = false;
            match self.look(step) {
                Look::Nothing => {}
                Look::Record(entry) => {
                    // An ending can decide the run, and then the others have to be looked at again.
                    let ends = matches!(*entry, Entry::StepEnded { .. });
                    records.push(Action::Record(entry));
                    if ends {
                        break;
                    }
                }
                Look::Start { .. } => {
                    self.queued[step.get()] = true;
                    self.startable.push_back(step);
                }
                look @ (Look::Ask | Look::AskAgain { .. } | Look::Wait { .. }) => looks.push((step, look)),
            }
        }
        if !records.is_empty() {
            for (step, _) in looks {
                self.enqueue(step);
            }
            return records;
        }
        let mut actions: Vec<Action> = looks
            .into_iter()
            .filter_map(|(step, look)| match look {
                Look::Ask => Some(Action::Ask { step }),
                Look::AskAgain { message, expires_at_ms } => {
                    Some(Action::AskAgain { step, message, expires_at_ms })
                }
                Look::Wait { after } => Some(Action::Wait { step, after }),
                Look::Nothing | Look::Record(_) | Look::Start { .. } => None,
            })
            .collect();
        if self.running < room
            && let Some(step) = self.startable.pop_front()
        {
            self.queued[step.get()] = false;
            match self.look(step) {
                Look::Start { attempt } => {
                    actions.push(Action::Start { step, attempt, snapshot: self.snapshot(step).cloned() });
                }
                Look::Nothing | Look::Record(_) | Look::Ask | Look::AskAgain { .. } | Look::Wait { .. } => {
                    self.enqueue(step);
                    return self.next(room);
                }
            }
        }
        if actions.is_empty() { self.turn().into_iter().collect() } else { actions }
    }

    /// The wait before the next attempt of a step, or of taking it back, is over. Only time knows that, so there is no
    /// entry for it; after a crash the wait begins anew.
    pub fn due(&mut self, step: StepIndex) {
        match &mut self.nodes[step.get()] {
            Node::Retrying { due, .. } => {
                *due = true;
                self.enqueue(step);
            }
            Node::UndoRetrying { due, .. } => *due = true,
            Node::Waiting
            | Node::Started { .. }
            | Node::Captured { .. }
            | Node::Paused { .. }
            | Node::AwaitingApproval { .. }
            | Node::Closing { .. }
            | Node::Interrupted { .. }
            | Node::Ended(_)
            | Node::Skipped(_)
            | Node::Undoing { .. }
            | Node::UndoInterrupted { .. }
            | Node::Undone(_)
            | Node::UndoFailed { .. } => {}
        }
    }

    fn step(&self, step: StepIndex) -> &Step<G> {
        self.plan.step(step)
    }

    fn abort_reason(&self) -> AbortReason {
        match self.cause {
            Some(Cause::Cancelled) => AbortReason::Cancelled,
            Some(
                Cause::Succeeded | Cause::Rejected { .. } | Cause::Failed { .. } | Cause::Unobserved { .. },
            )
            | None => AbortReason::Unwinding,
        }
    }

    /// What was captured for a step that is to start again.
    fn snapshot(&self, step: StepIndex) -> Option<&Snapshot> {
        let captured = matches!(
            self.node(step),
            Node::Retrying { captured: true, .. } | Node::Interrupted { captured: true, .. }
        );
        if !captured {
            return None;
        }
        self.changes.iter().rev().find(|change| change.step == step).map(|change| &change.snapshot)
    }
}
