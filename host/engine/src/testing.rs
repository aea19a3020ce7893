//! Fakes for the ports.
//!
//! [`FakeRunner`] answers as its script says, and yes where it says nothing. [`FakeClock`] goes by Tokio's clock, which a
//! test pauses (`start_paused`): it then jumps to the next moment as soon as nothing else can happen, and no test waits.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use runner_journal::{Progress, Record, Sink, Snapshot};
use runner_model::{Answer, Failure, FailureKind, Outcome, Plan, StepIndex};
use tokio::{sync::Notify, time::Instant};

use crate::ports::{
    ApprovalAnswer, Approver, BoxFuture, Call, CallReport, Clock, LogLine, Operation, Question, Reply,
    StepRunner,
};

/// What a fake plugin does when it is called.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers.
    Answer(CallReport),
    /// Never answers.
    Hang,
    /// Fails as timed out in the moment in which its time is up, as a sandbox does that minds the time itself.
    TimeOut,
    /// Answers once somebody calls [`Notify::notify_one`].
    Hold(Arc<Notify>, CallReport),
    /// Panics, as a fault of ours would.
    Panic,
}

/// A plugin runner with a script.
#[derive(Debug, Default)]
pub struct FakeRunner {
    plan: Option<Arc<Plan>>,
    scripts: Mutex<HashMap<(String, &'static str), VecDeque<Act>>>,
    calls: Mutex<Vec<Call>>,
}

impl FakeRunner {
    /// One that says yes to everything.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan: Some(plan), ..Self::default() }
    }

    /// The same, but the next call of `operation` (`observe`, `notify`, `capture`, `change`, `restore`) for `step`
    /// acts like this; several are used up in order.
    #[must_use]
    pub fn on(self, step: &str, operation: &'static str, act: Act) -> Self {
        lock(&self.scripts).entry((step.to_owned(), operation)).or_default().push_back(act);
        self
    }

    /// What was called, as `operation step#attempt`.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        let told = |call: &Call| format!("{} {}#{}", word(&call.operation), self.id(call.step), call.attempt);
        lock(&self.calls).iter().map(told).collect()
    }

    /// Every call as it came.
    #[must_use]
    pub fn whole_calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    fn id(&self, step: StepIndex) -> String {
        self.plan.as_ref().map_or_else(String::new, |plan| plan.step(step).id.to_string())
    }
}

impl StepRunner for FakeRunner {
    fn call(&self, call: Call, on_log: Arc<dyn Fn(LogLine) + Send + Sync>) -> BoxFuture<CallReport> {
        let key = (self.id(call.step), word(&call.operation));
        let act = lock(&self.scripts).get_mut(&key).and_then(VecDeque::pop_front);
        let yes = yes(&call.operation);
        let time = call.time;
        lock(&self.calls).push(call);
        Box::pin(async move {
            let report = match act {
                None => yes,
                Some(Act::Answer(report)) => report,
                Some(Act::Hang) => std::future::pending().await,
                Some(Act::TimeOut) => {
                    tokio::time::sleep(time).await;
                    failure(FailureKind::TimedOut, "it took too long")
                }
                Some(Act::Hold(until, report)) => {
                    until.notified().await;
                    report
                }
                Some(Act::Panic) => std::panic::panic_any("a fault put in by the test"),
            };
            for line in &report.log {
                on_log(line.clone());
            }
            report
        })
    }
}

/// An answer with nothing beside it.
#[must_use]
pub fn answer(answer: Answer, summary: &str) -> CallReport {
    report(Ok(Reply::Outcome(Outcome::new(answer, summary))))
}

/// No answer.
#[must_use]
pub fn failure(kind: FailureKind, message: &str) -> CallReport {
    report(Err(Failure::new(kind, message)))
}

/// A report with nothing beside the answer.
#[must_use]
pub const fn report(result: Result<Reply, Failure>) -> CallReport {
    CallReport::of(result)
}

fn yes(operation: &Operation) -> CallReport {
    report(Ok(match operation {
        Operation::Observe => Reply::Outcome(Outcome::new(Answer::Pass, "yes")),
        Operation::Notify(_) => Reply::Outcome(Outcome::new(Answer::Done, "delivered")),
        Operation::Capture => Reply::Captured(Snapshot("before".to_owned())),
        Operation::Change(_) => Reply::Outcome(Outcome::new(Answer::Done, "changed")),
        Operation::Restore(_) => Reply::Restored,
    }))
}

fn word(operation: &Operation) -> &'static str {
    match operation {
        Operation::Observe => "observe",
        Operation::Notify(_) => "notify",
        Operation::Capture => "capture",
        Operation::Change(_) => "change",
        Operation::Restore(_) => "restore",
    }
}

/// Milliseconds since 1970 at which every [`FakeClock`] begins.
pub const BEGIN_MS: u64 = 1_700_000_000_000;

/// A clock that goes by Tokio's.
#[derive(Debug)]
pub struct FakeClock(Instant);

impl FakeClock {
    /// A clock that shows [`BEGIN_MS`].
    #[must_use]
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FakeClock {
    fn now_ms(&self) -> u64 {
        BEGIN_MS + u64::try_from(self.0.elapsed().as_millis()).unwrap_or_default()
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or_default()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// People with prepared answers; without one they say nothing.
#[derive(Debug, Default)]
pub struct FakeApprover {
    answers: Mutex<HashMap<String, ApprovalAnswer>>,
    questions: Mutex<Vec<Question>>,
}

impl FakeApprover {
    /// The same, with an answer to the question of `step`.
    #[must_use]
    pub fn on(self, step: &str, answer: ApprovalAnswer) -> Self {
        lock(&self.answers).insert(step.to_owned(), answer);
        self
    }

    /// What was asked.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        lock(&self.questions).clone()
    }
}

impl Approver for FakeApprover {
    fn ask(&self, question: Question) -> BoxFuture<ApprovalAnswer> {
        let answer = lock(&self.answers).get(question.step.as_str()).cloned();
        lock(&self.questions).push(question);
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

/// A sink that keeps what it is shown.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    records: Arc<Mutex<Vec<Record>>>,
    progress: Arc<Mutex<Vec<Progress>>>,
}

impl Seen {
    /// Every entry, in order.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        lock(&self.records).clone()
    }

    /// Everything else.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        lock(&self.progress).clone()
    }
}

impl Sink for Seen {
    fn plan(&mut self, _: &Plan, _: &[Record]) {}

    fn record(&mut self, record: &Record) {
        lock(&self.records).push(record.clone());
    }

    fn progress(&mut self, progress: &Progress) {
        lock(&self.progress).push(progress.clone());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
