//! Carries out what the dispatcher decided, one task per piece of work.
//!
//! A task talks to nobody but the dispatcher, by the one event it ends with; on the way it only sends lines for people
//! who look on. It never decides: time limits are the step's, results are the plugin's, faults are the plan's.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{
    FutureExt as _,
    future::{Either, select},
};
use runner_capabilities::Use;
use runner_journal::{Decision, Ending, LogReference, Logs, Progress, Snapshot};
use runner_model::{
    Answer, Assignment, Failure, FailureKind, Fault, Outcome, Plan, Poll, RunId, Step, StepIndex,
    format_duration,
};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    message::{Event, Landing, Task, Told, Work},
    poll::Polling,
    ports::{
        ApprovalAnswer, Approver, Call, CallReport, Clock, LogLine, Mode, Operation, Question, Reply,
        StepRunner,
    },
};

/// Between two measurements, however short the interval: other tasks want to run too.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// How long a call whose time is up may take to say what it did.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Everything that tasks need.
pub(crate) struct Executor {
    pub(crate) plan: Arc<Plan>,
    pub(crate) run: RunId,
    pub(crate) steps: Arc<dyn StepRunner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) approver: Arc<dyn Approver>,
    pub(crate) logs: Logs,
    pub(crate) progress: mpsc::Sender<Progress>,
    /// Ends the process, for [`Fault::Crash`]; `None` in a run that was taken up again, so that it crashes only once.
    pub(crate) crash: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// The step that a task is for, with the clock of its attempt.
struct Attempt<'a> {
    executor: &'a Executor,
    index: StepIndex,
    step: &'a Step,
    number: u32,
    assignment: Option<Assignment>,
    config: Value,
    started_us: u64,
    told: Told,
}

impl Executor {
    /// Carries out one task. A panic of ours becomes a failure of the step, so that the run can still be taken back.
    pub(crate) async fn carry_out(self: Arc<Self>, task: Task) -> Event {
        let Task { flight, step, assignment, work } = task;
        let instead = after_panic(&work);
        let landing =
            AssertUnwindSafe(self.land(step, assignment, work)).catch_unwind().await.unwrap_or(instead);
        Event::Landed { flight, landing }
    }

    async fn land(&self, index: StepIndex, assignment: Option<Assignment>, work: Work) -> Landing {
        let attempt = |number, config| Attempt {
            executor: self,
            index,
            step: self.plan.step(index),
            number,
            assignment,
            config,
            started_us: self.clock.monotonic_us(),
            told: Told::default(),
        };
        match work {
            Work::Observe { attempt: number, config } => attempt(number, config).observe().await,
            Work::Announce { attempt: number, config, notice } => {
                attempt(number, config).announce(Operation::Notify(*notice)).await
            }
            Work::Capture { attempt: number, config } => attempt(number, config).capture().await,
            Work::Change { attempt: number, config, snapshot, started_us, told } => {
                let mut attempt = attempt(number, config);
                attempt.started_us = started_us.unwrap_or(attempt.started_us);
                attempt.told = told;
                attempt.change(snapshot).await
            }
            Work::Undo { attempt: number, config, snapshot } => attempt(number, config).undo(snapshot).await,
            Work::Ask(question) => self.ask(question).await,
            Work::Wait(after) => {
                self.clock.sleep(after).await;
                Landing::Due
            }
        }
    }

    async fn ask(&self, question: Question) -> Landing {
        let left = Duration::from_millis(question.expires_at_ms.saturating_sub(self.clock.now_ms()));
        // An answer that is there already is taken, even if its time is over by now.
        match select(self.approver.ask(question), self.clock.sleep(left)).await {
            Either::Left((answer, _)) => Landing::Answered(answer),
            Either::Right(((), _)) => Landing::Expired,
        }
    }
}

impl Attempt<'_> {
    async fn observe(mut self) -> Landing {
        let ending = match &self.step.poll {
            Some(poll) => self.poll(poll).await,
            None => {
                let time = self.time_left(self.step.timeout);
                match self.call(Operation::Observe, time).await {
                    Some(result) => ending(result),
                    None => self.timed_out(),
                }
            }
        };
        self.ended(ending)
    }

    async fn announce(mut self, operation: Operation) -> Landing {
        let time = self.time_left(self.step.timeout);
        let ending = match self.call(operation, time).await {
            Some(result) => ending(result),
            None => self.timed_out(),
        };
        self.ended(ending)
    }

    async fn capture(mut self) -> Landing {
        let time = self.time_left(self.step.timeout);
        let ending = match self.call(Operation::Capture, time).await {
            Some(Ok(Reply::Captured(snapshot))) => {
                return Landing::Captured { snapshot, started_us: self.started_us, told: self.told };
            }
            Some(Ok(Reply::Outcome(_) | Reply::Restored)) => failed(wrong_reply("capture")),
            Some(Err(failure)) => failed(failure),
            None => self.timed_out(),
        };
        self.ended(ending)
    }

    async fn change(mut self, snapshot: Snapshot) -> Landing {
        let time = self.time_left(self.step.timeout);
        let ending = match self.call(Operation::Change(snapshot), time).await {
            Some(result) => ending(result),
            None => self.timed_out(),
        };
        self.ended(ending)
    }

    async fn undo(mut self, snapshot: Snapshot) -> Landing {
        let time = self.step.timeout;
        let result = match self.call(Operation::Restore(snapshot), time).await {
            Some(Ok(Reply::Restored)) => Ok(()),
            Some(Ok(Reply::Outcome(_) | Reply::Captured(_))) => Err(wrong_reply("restore")),
            Some(Err(failure)) => Err(failure),
            None => {
                let message = format!("it was not taken back within {}", format_duration(time));
                Err(Failure::new(FailureKind::TimedOut, message))
            }
        };
        // Nobody refers to the log of an undo; it is there to be read.
        drop(self.write_log(&format!("--- undo, attempt {}\n", self.number)));
        let Told { log, denied, used, .. } = self.told;
        let left = log.lines().rev().find_map(|line| line.strip_prefix("warn ")).map(str::to_owned);
        Landing::Undone { result, left, denied, used }
    }

    /// Measures until the measurements amount to something or the time is up.
    async fn poll(&mut self, poll: &Poll) -> Ending {
        let time = poll.deadline.map_or(self.step.timeout, |deadline| deadline.min(self.step.timeout));
        let mut polling = Polling::new(poll);
        let mut wait = poll.initial_delay;
        loop {
            let left = self.time_left(time);
            if wait >= left {
                self.executor.clock.sleep(left).await;
                return polling.deadline();
            }
            if !wait.is_zero() {
                self.executor.clock.sleep(wait).await;
            }
            let measured_at = self.executor.clock.monotonic_us();
            let left = self.time_left(time);
            let Some(result) = self.call(Operation::Observe, left).await else { return polling.deadline() };
            // A measurement that was cut short by the deadline says nothing about what is measured.
            let cut_short = result.as_ref().is_err_and(|failure| failure.kind == FailureKind::TimedOut);
            if cut_short && self.time_left(time).is_zero() {
                return polling.deadline();
            }
            let measurement = result.and_then(|reply| match reply {
                Reply::Outcome(outcome) => Ok(outcome),
                Reply::Captured(_) | Reply::Restored => Err(wrong_reply("evaluate")),
            });
            let summary = match &measurement {
                Ok(outcome) => outcome.summary.clone(),
                Err(failure) => failure.message.clone(),
            };
            let ending = polling.measured(measurement);
            self.show(Progress::Measured { step: self.step.id.clone(), count: polling.count(), summary });
            if let Some(ending) = ending {
                return ending;
            }
            let spent = self.executor.clock.monotonic_us().saturating_sub(measured_at);
            wait = poll.interval.saturating_sub(Duration::from_micros(spent)).max(SHORTEST_WAIT);
        }
    }

    /// One plugin call; `None` if there was no answer within `time`.
    async fn call(&mut self, operation: Operation, time: Duration) -> Option<Result<Reply, Failure>> {
        let executor = self.executor;
        if let Some(injected) = self.injected(&operation) {
            return match injected {
                Injected::Answer(result) => Some(result),
                Injected::Silence => {
                    executor.clock.sleep(time).await;
                    None
                }
            };
        }
        let crashes = self.step.fault == Some(Fault::Crash)
            && !matches!(operation, Operation::Capture | Operation::Restore(_));
        let call = Call {
            run: executor.run,
            step: self.index,
            attempt: self.number,
            assignment: self.assignment.clone(),
            operation,
            config: self.config.clone(),
            time,
            mode: Mode::Real,
        };
        let (progress, id) = (executor.progress.clone(), self.step.id.clone());
        let on_log = Arc::new(move |line: LogLine| {
            // Lines are dropped when nobody keeps up; all of them stand in the step's log.
            drop(progress.try_send(Progress::Log { step: id.clone(), level: line.level, line: line.text }));
        });
        let report = match select(executor.steps.call(call, on_log), executor.clock.sleep(time)).await {
            Either::Left((report, _)) => report,
            Either::Right(((), calling)) => {
                // It ends by itself in this very moment. Its answer is too late; what it did is told all the same.
                if let Either::Left((report, _)) = select(calling, executor.clock.sleep(LAST_WORDS)).await {
                    drop(self.hear(report));
                }
                return None;
            }
        };
        if crashes && let Some(crash) = &executor.crash {
            crash();
            // A process that was killed does not go on.
            return std::future::pending().await;
        }
        Some(self.hear(report))
    }

    /// What the plan puts in instead of the plugin's answer.
    fn injected(&self, operation: &Operation) -> Option<Injected> {
        let injected = |message| Failure::new(FailureKind::Trap, message);
        let undoes = match operation {
            Operation::Capture => return None,
            Operation::Restore(_) => true,
            Operation::Observe | Operation::Notify(_) | Operation::Change(_) => false,
        };
        match (self.step.fault?, undoes) {
            (Fault::Fail, false) => {
                let outcome = Outcome::new(Answer::Fail, "put in on purpose (--inject fail)");
                Some(Injected::Answer(Ok(Reply::Outcome(outcome))))
            }
            (Fault::Trap, false) => {
                Some(Injected::Answer(Err(injected("put in on purpose (--inject trap)"))))
            }
            (Fault::Hang, false) => Some(Injected::Silence),
            (Fault::UndoFail, true) => {
                let message = "put in on purpose (--inject undo-fail)";
                Some(Injected::Answer(Err(Failure::new(FailureKind::Internal, message))))
            }
            (Fault::Fail | Fault::Trap | Fault::Hang, true)
            | (Fault::UndoFail, false)
            | (Fault::Crash, _) => None,
        }
    }

    /// Keeps what a call left behind, and gives its answer.
    fn hear(&mut self, report: CallReport) -> Result<Reply, Failure> {
        for line in report.log {
            let Told { log, .. } = &mut self.told;
            log.push_str(line.level);
            log.push(' ');
            log.push_str(&line.text);
            log.push('\n');
        }
        self.told.dropped += report.dropped;
        for refusal in report.denied {
            if !self.told.denied.contains(&refusal) {
                self.told.denied.push(refusal);
            }
        }
        report.used.into_iter().for_each(|used| Use::add_to(&mut self.told.used, used));
        report.result
    }

    fn ended(mut self, ending: Ending) -> Landing {
        let head = if self.number > 1 { format!("--- attempt {}\n", self.number) } else { String::new() };
        let log = self.write_log(&head);
        let elapsed_us = self.executor.clock.monotonic_us().saturating_sub(self.started_us);
        let Told { denied, used, .. } = self.told;
        Landing::Ended { ending, elapsed_us, log, denied, used }
    }

    /// Puts what the plugin wrote into the step's file. A log that cannot be written costs the log, not the run.
    fn write_log(&mut self, head: &str) -> Option<LogReference> {
        let Told { log, dropped, .. } = &self.told;
        if log.is_empty() && *dropped == 0 {
            return None;
        }
        let text = format!("{head}{log}");
        match self.executor.logs.append(&self.step.id, text.as_bytes(), *dropped) {
            Ok(reference) => Some(reference),
            Err(error) => {
                let line = format!("its log cannot be written: {error}");
                self.show(Progress::Log { step: self.step.id.clone(), level: "warn", line });
                None
            }
        }
    }

    fn show(&self, progress: Progress) {
        // Nobody has to keep up.
        drop(self.executor.progress.try_send(progress));
    }

    fn time_left(&self, time: Duration) -> Duration {
        let spent = self.executor.clock.monotonic_us().saturating_sub(self.started_us);
        time.saturating_sub(Duration::from_micros(spent))
    }

    fn timed_out(&self) -> Ending {
        let message = format!("there was no answer within {}", format_duration(self.step.timeout));
        failed(Failure::new(FailureKind::TimedOut, message))
    }
}

/// What a task comes to that panics. Never a yes.
fn after_panic(work: &Work) -> Landing {
    let message = "the runner has a fault: the task for this step panicked";
    let failure = Failure::new(FailureKind::Internal, message);
    match work {
        Work::Observe { .. } | Work::Announce { .. } | Work::Capture { .. } | Work::Change { .. } => {
            let (denied, used) = (Vec::new(), Vec::new());
            Landing::Ended { ending: failed(failure), elapsed_us: 0, log: None, denied, used }
        }
        Work::Undo { .. } => {
            let (denied, used) = (Vec::new(), Vec::new());
            Landing::Undone { result: Err(failure), left: None, denied, used }
        }
        Work::Ask(_) => Landing::Answered(ApprovalAnswer {
            decision: Decision::Rejected,
            by: "runner".to_owned(),
            reason: message.to_owned(),
        }),
        Work::Wait(_) => Landing::Due,
    }
}

/// What a fault does to a call.
enum Injected {
    Answer(Result<Reply, Failure>),
    Silence,
}

fn ending(result: Result<Reply, Failure>) -> Ending {
    match result {
        Ok(Reply::Outcome(outcome)) => Ending::Answered { outcome },
        Ok(Reply::Captured(_) | Reply::Restored) => failed(wrong_reply("the call")),
        Err(failure) => failed(failure),
    }
}

fn failed(failure: Failure) -> Ending {
    Ending::Failed { failure }
}

fn wrong_reply(to: &str) -> Failure {
    Failure::new(FailureKind::BadAnswer, format!("the answer to `{to}` is of another kind"))
}
