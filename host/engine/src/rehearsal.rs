//! A run that changes nothing.
//!
//! [`Rehearsal`] stands between the engine and what carries out calls. Which steps are asked for real, which only pretend
//! and which are not called is decided here, from the plan alone; the run itself is any other run.
//!
//! ```text
//! gate, health check that depends on no change   asked for real
//! gate, health check after a change              assumed to say yes: what it would look at is not there
//! change                                         `capture` looks for real, `apply` and `restore` pretend
//! notifier                                       not called, listed
//! person                                         not asked, assumed to say yes
//! ```

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use runner_journal::Decision;
use runner_model::{Answer, Effect, Failure, FailureKind, Outcome, Plan, Retry, StepId, StepIndex};

use crate::ports::{
    ApprovalAnswer, Approver, BoxFuture, Call, CallReport, LogLine, Mode, Operation, Question, Reply,
    Snapshot, StepRunner,
};

/// Something that a real run would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intention {
    /// The step that would do it.
    pub step: StepId,
    /// What, in one line.
    pub what: String,
}

/// Carries out the calls of a run that changes nothing, and keeps what it would have changed. Clones share the list.
#[derive(Clone)]
pub struct Rehearsal {
    steps: Arc<dyn StepRunner>,
    plan: Arc<Plan>,
    /// For each step, whether a change comes before it.
    after_change: Arc<[bool]>,
    intentions: Arc<Mutex<Vec<Intention>>>,
    /// Changes of which nothing can be said, and why.
    unknown: Arc<Mutex<HashMap<StepIndex, Failure>>>,
}

impl Rehearsal {
    /// A rehearsal of `plan` with `steps`.
    #[must_use]
    pub fn new(plan: Arc<Plan>, steps: Arc<dyn StepRunner>) -> Self {
        let after_change = after_change(&plan);
        Self {
            steps,
            plan,
            after_change: after_change.into(),
            intentions: Arc::default(),
            unknown: Arc::default(),
        }
    }

    /// `plan` without waiting for what a rehearsal cannot see: steps after a change are asked once and tried once.
    #[must_use]
    pub fn shortened(plan: &Plan) -> Plan {
        let after_change = after_change(plan);
        let mut plan = plan.clone();
        for (step, _) in plan.steps.iter_mut().zip(after_change).filter(|(_, after)| *after) {
            step.poll = None;
            step.retry = Retry::default();
        }
        plan
    }

    /// What a real run would have done so far, in this order.
    #[must_use]
    pub fn intentions(&self) -> Vec<Intention> {
        lock(&self.intentions).clone()
    }

    fn intend(&self, step: &StepId, what: impl IntoIterator<Item = String>) {
        lock(&self.intentions).extend(what.into_iter().map(|what| Intention { step: step.clone(), what }));
    }

    fn mode(&self, call: &Call) -> Mode {
        let after_change = self.after_change.get(call.step.get()).copied().unwrap_or(true);
        match &call.operation {
            Operation::Observe if after_change => Mode::Assumed,
            Operation::Observe => Mode::Real,
            Operation::Notify(_) => Mode::Assumed,
            Operation::Capture | Operation::Change(_) | Operation::Restore(_) => Mode::Rehearsed,
        }
    }
}

impl StepRunner for Rehearsal {
    fn call(&self, mut call: Call, on_log: Arc<dyn Fn(LogLine) + Send + Sync>) -> BoxFuture<CallReport> {
        call.mode = self.mode(&call);
        let (index, operation) = (call.step, call.operation.clone());
        let step = self.plan.step(index).id.clone();
        if let Operation::Notify(notice) = &operation {
            self.intend(&step, [format!("tell `{}`: {}", notice.name, notice.summary)]);
        }
        if let Some(failure) = self.unknown(index) {
            return Box::pin(std::future::ready(CallReport::of(Ok(instead(&operation, &failure)))));
        }
        let calling = self.steps.call(call, on_log);
        let this = self.clone();
        Box::pin(async move {
            let mut report = calling.await;
            let written = !report.rehearsed.is_empty();
            this.intend(&step, std::mem::take(&mut report.rehearsed));
            report.result = match report.result {
                Err(failure) if this.is_of_the_rehearsal(index, &operation, &failure, written) => {
                    if operation == Operation::Capture {
                        this.intend(&step, [format!("what cannot be told beforehand: {}", failure.message)]);
                        lock(&this.unknown).insert(index, failure.clone());
                    }
                    Ok(instead(&operation, &failure))
                }
                result => result,
            };
            report
        })
    }
}

impl Rehearsal {
    /// Whether a change failed because something before it was not done. What is denied would be denied in a run too.
    fn is_of_the_rehearsal(
        &self,
        step: StepIndex,
        operation: &Operation,
        failure: &Failure,
        written: bool,
    ) -> bool {
        let after_change = self.after_change.get(step.get()).copied().unwrap_or_default();
        failure.kind != FailureKind::Denied
            && match operation {
                Operation::Capture => after_change,
                Operation::Change(_) => after_change || written,
                Operation::Restore(_) => true,
                Operation::Observe | Operation::Notify(_) => false,
            }
    }

    /// Why nothing can be said of a change, if its `capture` could not look.
    fn unknown(&self, step: StepIndex) -> Option<Failure> {
        lock(&self.unknown).get(&step).cloned()
    }
}

/// What stands in for the answer of a change.
fn instead(operation: &Operation, failure: &Failure) -> Reply {
    match operation {
        Operation::Capture => Reply::Captured(Snapshot(String::new())),
        Operation::Restore(_) => Reply::Restored,
        Operation::Observe | Operation::Notify(_) | Operation::Change(_) => {
            let summary = format!("rehearsed as far as it goes: {}", failure.message);
            Reply::Outcome(Outcome::new(Answer::Done, summary))
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds the lock can panic half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For each step, whether a change comes before it.
fn after_change(plan: &Plan) -> Vec<bool> {
    let mut after_change: Vec<bool> = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let after = step.needs.iter().any(|need| {
            plan.effect(plan.step(need.step)) == Effect::Change
                || after_change.get(need.step.get()).copied().unwrap_or_default()
        });
        after_change.push(after);
    }
    after_change
}

/// Nobody is asked in a rehearsal.
#[derive(Debug, Clone, Copy)]
pub struct NobodyAsked;

impl Approver for NobodyAsked {
    fn ask(&self, _question: Question) -> BoxFuture<ApprovalAnswer> {
        let answer = ApprovalAnswer {
            decision: Decision::Approved,
            by: "nobody".to_owned(),
            reason: "this is a rehearsal".to_owned(),
        };
        Box::pin(std::future::ready(answer))
    }
}
