//! The decisions of a run.
//!
//! One event in, commands out: no clock, no I/O, no task. The dispatcher applies each entry to the state as it decides
//! it, so that the next event of the same moment is judged by it; `drive.rs` writes the entries before it lets anything
//! begin. If writing fails, the state is thrown away with the run, and the file holds what really happened.

use std::{collections::HashMap, sync::Arc, time::Duration};

use runner_capabilities::{Refusal, Use};
use runner_expression::Template;
use runner_journal::{
    AbortReason, Action, Decision, Ending, Entry, IllegalEntry, LogReference, Node, Record, Snapshot, Stage,
    State,
    settle::{Next, undo_delay},
};
use runner_model::{
    Answer, Cause, Effect, Failure, FailureKind, Fault, Outcome, Phase, Plan, RunId, StepId, StepIndex,
    StepResult, Uses, Verdict,
};
use serde_json::{Map, Value};

use crate::{
    message::{Command, Event, Flight, Landing, Task, Told, Work},
    notice::notice,
    ports::Question,
};

/// How long a person has for a step that answered neither yes nor no (`on_inconclusive: pause`); as for approvals.
const PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// What the dispatcher remembers of a task.
#[derive(Debug, Clone, PartialEq)]
struct InFlight {
    step: StepIndex,
    attempt: u32,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Observe,
    Announce,
    Capture { config: Value },
    Change,
    Undo,
    Ask,
    Wait,
}

/// The state of a run and what goes on for it outside.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    state: State,
    jobs: usize,
    flights: HashMap<Flight, InFlight>,
    last_flight: u64,
    /// When people were asked.
    asked_at_ms: HashMap<StepIndex, u64>,
    commands: Vec<Command>,
}

impl Dispatcher {
    /// A run with these entries behind it.
    ///
    /// # Errors
    ///
    /// The number of the first entry that cannot follow those before it.
    pub(crate) fn new(plan: Arc<Plan>, past: &[Record], jobs: usize) -> Result<Self, (u64, IllegalEntry)> {
        let mut state = State::new(plan);
        for record in past {
            state.apply(&record.entry).map_err(|error| (record.seq, error))?;
        }
        Ok(Self {
            state,
            jobs,
            flights: HashMap::new(),
            last_flight: 0,
            asked_at_ms: HashMap::new(),
            commands: Vec::new(),
        })
    }

    /// What the run starts with: its first steps.
    pub(crate) fn start(&mut self, now_ms: u64) -> Result<Vec<Command>, IllegalEntry> {
        self.pump(now_ms)?;
        Ok(std::mem::take(&mut self.commands))
    }

    /// Takes the run up again.
    pub(crate) fn resume(&mut self, runner: &str, now_ms: u64) -> Result<Vec<Command>, IllegalEntry> {
        self.write(Entry::RunResumed { runner: runner.to_owned() })?;
        self.start(now_ms)
    }

    /// Takes one event. What an abandoned task sends is passed over.
    pub(crate) fn handle(&mut self, event: Event, now_ms: u64) -> Result<Vec<Command>, IllegalEntry> {
        match event {
            Event::Cancel { by } => self.cancel(by)?,
            Event::Landed { flight, landing } => {
                if let Some(in_flight) = self.flights.remove(&flight) {
                    self.landed(in_flight, landing)?;
                }
            }
        }
        self.pump(now_ms)?;
        Ok(std::mem::take(&mut self.commands))
    }

    /// How the run ended, once nothing is left to do.
    pub(crate) fn finished(&self) -> Option<&Verdict> {
        match self.state.stage() {
            Stage::Finished => self.state.verdict(),
            Stage::New | Stage::Forward | Stage::Unwinding | Stage::Decided => None,
        }
    }

    /// Whether nothing goes on outside.
    pub(crate) fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    /// Whether a resumed run that has finished has work left.
    pub(crate) fn is_stuck(&self) -> bool {
        self.state.cause().is_some() && !self.state.changes().is_empty()
    }

    fn cancel(&mut self, by: String) -> Result<(), IllegalEntry> {
        self.write(Entry::CancelRequested { by })?;
        let mut observing: Vec<(Flight, InFlight)> = self
            .flights
            .iter()
            .filter(|(_, in_flight)| in_flight.kind == Kind::Observe)
            .map(|(flight, in_flight)| (*flight, in_flight.clone()))
            .collect();
        observing.sort_unstable_by_key(|(flight, _)| flight.0);
        for (flight, InFlight { step, attempt, .. }) in observing {
            self.abort(flight);
            self.end(step, attempt, Ending::Aborted { reason: AbortReason::Cancelled }, 0, None)?;
        }
        Ok(())
    }

    fn landed(&mut self, in_flight: InFlight, landing: Landing) -> Result<(), IllegalEntry> {
        let InFlight { step, attempt, kind } = in_flight;
        match (landing, kind) {
            (Landing::Captured { snapshot, started_us, told }, Kind::Capture { config }) => {
                self.captured(step, attempt, config, snapshot, started_us, told)
            }
            (Landing::Ended { ending, elapsed_us, log, denied, used }, _) => {
                self.denied(step, denied)?;
                self.used(step, used)?;
                let ending = self.observed(step, self.renamed(step, ending));
                self.end(step, attempt, ending, elapsed_us, log)
            }
            (Landing::Undone { result, left, denied, used }, _) => {
                self.denied(step, denied)?;
                self.used(step, used)?;
                let id = self.id(step);
                self.write(match result {
                    Ok(()) => Entry::UndoSucceeded { step: id, left },
                    Err(failure) => Entry::UndoFailed {
                        step: id,
                        attempt,
                        failure,
                        again_in_ms: undo_delay(attempt).map(ms),
                    },
                })
            }
            (Landing::Answered(answer), _) => self.answered(step, answer.decision, answer.by, answer.reason),
            (Landing::Expired, _) => self.answered(step, Decision::Expired, String::new(), String::new()),
            (Landing::Due, _) => {
                self.state.due(step);
                Ok(())
            }
            (Landing::Captured { .. }, _) => unreachable!("only a capture captures"),
        }
    }

    /// The change may begin as soon as its snapshot is on disk, unless the run is going back by now: what has not begun
    /// need not be taken back.
    fn captured(
        &mut self,
        step: StepIndex,
        attempt: u32,
        config: Value,
        snapshot: Snapshot,
        started_us: u64,
        mut told: Told,
    ) -> Result<(), IllegalEntry> {
        // Synced with the snapshot, at no cost: what the change does may be the last thing this process does.
        self.used(step, std::mem::take(&mut told.used))?;
        if self.state.is_impatient(step) {
            self.denied(step, told.denied)?;
            let reason = match self.state.cause() {
                Some(Cause::Cancelled) => AbortReason::Cancelled,
                Some(
                    Cause::Succeeded
                    | Cause::Rejected { .. }
                    | Cause::Failed { .. }
                    | Cause::Unobserved { .. },
                )
                | None => AbortReason::Unwinding,
            };
            return self.end(step, attempt, Ending::Aborted { reason }, 0, None);
        }
        self.write(Entry::StepCaptured { step: self.id(step), snapshot: snapshot.clone() })?;
        let work = Work::Change { attempt, config, snapshot, started_us: Some(started_us), told };
        self.begin(step, attempt, Kind::Change, work);
        Ok(())
    }

    fn answered(
        &mut self,
        step: StepIndex,
        decision: Decision,
        by: String,
        reason: String,
    ) -> Result<(), IllegalEntry> {
        // The question may have been withdrawn in the same moment.
        if !matches!(self.state.node(step), Node::AwaitingApproval { .. }) {
            return Ok(());
        }
        self.write(Entry::ApprovalAnswered { step: self.id(step), decision, by, reason })
    }

    /// Does whatever the state calls for, until it calls for nothing more.
    fn pump(&mut self, now_ms: u64) -> Result<(), IllegalEntry> {
        loop {
            let actions = self.state.next(self.jobs);
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.carry_out(action, now_ms)?;
            }
        }
        self.withdraw();
        Ok(())
    }

    fn carry_out(&mut self, action: Action, now_ms: u64) -> Result<(), IllegalEntry> {
        match action {
            Action::Record(entry) => {
                let entry = self.with_waiting_time(*entry, now_ms);
                self.write(entry)
            }
            Action::Start { step, attempt, snapshot } => self.start_step(step, attempt, snapshot),
            Action::Ask { step } => self.ask(step, now_ms),
            Action::AskAgain { step, message, expires_at_ms } => {
                self.begin_asking(step, message, expires_at_ms);
                Ok(())
            }
            Action::Wait { step, after } => {
                self.begin(step, 0, Kind::Wait, Work::Wait(after));
                Ok(())
            }
            Action::Undo { step, attempt, snapshot } => {
                self.write(Entry::UndoStarted { step: self.id(step), attempt })?;
                match self.config(step) {
                    Ok(config) => {
                        self.begin(step, attempt, Kind::Undo, Work::Undo { attempt, config, snapshot });
                        Ok(())
                    }
                    Err(failure) => {
                        let again_in_ms = undo_delay(attempt).map(ms);
                        self.write(Entry::UndoFailed { step: self.id(step), attempt, failure, again_in_ms })
                    }
                }
            }
        }
    }

    fn start_step(
        &mut self,
        step: StepIndex,
        attempt: u32,
        snapshot: Option<Snapshot>,
    ) -> Result<(), IllegalEntry> {
        let id = self.id(step);
        let plan = Arc::clone(self.state.plan());
        let planned = plan.step(step);
        let first = !matches!(self.state.node(step), Node::Retrying { .. } | Node::Interrupted { .. });
        let config = match &planned.uses {
            Uses::Approval(_) => return self.write(Entry::StepStarted { step: id, attempt }),
            Uses::Checkpoint => match planned.fault {
                // The executor answers in place of a plugin; there is none to be called.
                Some(Fault::Fail | Fault::Trap | Fault::Hang) => Ok(Value::Null),
                Some(Fault::UndoFail | Fault::Crash) | None => {
                    self.write(Entry::StepStarted { step: id, attempt })?;
                    let outcome = Outcome::new(Answer::Done, "reached");
                    return self.end(step, attempt, Ending::Answered { outcome }, 0, None);
                }
            },
            Uses::Plugin(_) => self.config(step),
        };
        let config = match config {
            Ok(config) => config,
            Err(failure) => {
                if !first {
                    self.write(Entry::StepStarted { step: id, attempt })?;
                    return self.end(step, attempt, Ending::Failed { failure }, 0, None);
                }
                let ending = Ending::Failed { failure };
                let result = Some(StepResult::Error);
                let entry = Entry::StepEnded {
                    step: id,
                    attempt,
                    ending,
                    result,
                    again_in_ms: None,
                    elapsed_us: 0,
                    log: None,
                };
                return self.write(entry);
            }
        };
        let (kind, work) = match (self.state.effect(step), snapshot) {
            (Effect::Observe, _) => (Kind::Observe, Work::Observe { attempt, config }),
            (Effect::Announce, _) => {
                let notice = Box::new(notice(&self.state, step));
                (Kind::Announce, Work::Announce { attempt, config, notice })
            }
            (Effect::Change, None) => {
                (Kind::Capture { config: config.clone() }, Work::Capture { attempt, config })
            }
            (Effect::Change, Some(snapshot)) => {
                let told = Told::default();
                (Kind::Change, Work::Change { attempt, config, snapshot, started_us: None, told })
            }
        };
        self.write(Entry::StepStarted { step: id, attempt })?;
        self.begin(step, attempt, kind, work);
        Ok(())
    }

    fn ask(&mut self, step: StepIndex, now_ms: u64) -> Result<(), IllegalEntry> {
        let plan = Arc::clone(self.state.plan());
        let planned = plan.step(step);
        let (message, timeout) = match (&planned.uses, self.state.node(step)) {
            (Uses::Approval(approval), _) => (self.message(step, &approval.message), approval.timeout),
            (Uses::Plugin(_) | Uses::Checkpoint, Node::Paused { outcome: Some(outcome), .. }) => {
                (format!("it is not clear: {}", outcome.summary), PAUSE)
            }
            (Uses::Plugin(_) | Uses::Checkpoint, _) => ("it is not clear".to_owned(), PAUSE),
        };
        let expires_at_ms = now_ms.saturating_add(ms(timeout));
        self.asked_at_ms.insert(step, now_ms);
        self.write(Entry::ApprovalRequested {
            step: self.id(step),
            message: message.clone(),
            expires_at_ms,
        })?;
        match planned.fault {
            Some(Fault::Fail | Fault::Trap) => {
                self.answered(step, Decision::Rejected, "--inject".to_owned(), "put in on purpose".to_owned())
            }
            Some(Fault::Hang | Fault::UndoFail | Fault::Crash) | None => {
                self.begin_asking(step, message, expires_at_ms);
                Ok(())
            }
        }
    }

    /// An approval's question. One that has no value is asked as it is written: the person sees what is wrong.
    fn message(&self, step: StepIndex, written: &str) -> String {
        let Ok(template) = Template::parse(Value::String(written.to_owned())) else {
            return written.to_owned();
        };
        match template.render(&self.state.scope(step, &template.references())) {
            Ok(Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(error) => format!("{written} ({error})"),
        }
    }

    fn begin_asking(&mut self, step: StepIndex, message: String, expires_at_ms: u64) {
        let run = self.state.run().unwrap_or_else(|| RunId::from_parts(0, 0));
        let question = Question { run, step: self.id(step), message, expires_at_ms };
        self.begin(step, 0, Kind::Ask, Work::Ask(question));
    }

    /// The step's `with`, expressions evaluated.
    fn config(&self, step: StepIndex) -> Result<Value, Failure> {
        let template = &self.state.plan().step(step).with;
        template.render(&self.state.scope(step, &template.references())).map_err(|error| {
            Failure::new(FailureKind::InvalidConfig, format!("`with` has no value: {error}"))
        })
    }

    /// Outputs under the names that the step gives them.
    fn renamed(&self, step: StepIndex, ending: Ending) -> Ending {
        let (Ending::Answered { outcome }, Some(names)) = (&ending, &self.state.plan().step(step).outputs)
        else {
            return ending;
        };
        let outputs: Map<String, Value> = names
            .iter()
            .filter_map(|(own, theirs)| Some((own.clone(), outcome.outputs.get(theirs)?.clone())))
            .collect();
        Ending::Answered { outcome: Outcome { outputs, ..outcome.clone() } }
    }

    /// The answer of a proxy with what follows from it; if nothing does, it is no answer.
    fn observed(&self, step: StepIndex, ending: Ending) -> Ending {
        let plan = self.state.plan();
        let planned = plan.step(step);
        let (Phase::Observe, Ending::Answered { outcome }) = (&planned.phase, &ending) else { return ending };
        let Some((_, target)) = plan.target(planned) else { return ending };
        match target.assign_outputs(&outcome.outputs) {
            Ok(assignment) => {
                let mut outcome = outcome.clone();
                outcome.summary = assignment.to_string();
                outcome.outputs.extend(assignment.outputs());
                Ending::Answered { outcome }
            }
            Err(why) => Ending::Failed { failure: Failure::new(FailureKind::InvalidInput, why.to_string()) },
        }
    }

    fn end(
        &mut self,
        step: StepIndex,
        attempt: u32,
        ending: Ending,
        elapsed_us: u64,
        log: Option<LogReference>,
    ) -> Result<(), IllegalEntry> {
        let (result, again_in_ms) = match self.state.after(step, attempt, &ending) {
            Next::Again { after } => (None, Some(ms(after))),
            Next::Ask => (None, None),
            Next::Ended(result) => (Some(result), None),
        };
        let step = self.id(step);
        self.write(Entry::StepEnded { step, attempt, ending, result, again_in_ms, elapsed_us, log })
    }

    /// The end of a question says how long people took.
    fn with_waiting_time(&mut self, entry: Entry, now_ms: u64) -> Entry {
        let Entry::StepEnded { step, attempt, ending, result, again_in_ms, log, .. } = entry else {
            return entry;
        };
        let asked = self.state.find(step.as_str()).and_then(|index| self.asked_at_ms.remove(&index));
        let elapsed_us = asked.map_or(0, |asked| now_ms.saturating_sub(asked).saturating_mul(1_000));
        Entry::StepEnded { step, attempt, ending, result, again_in_ms, elapsed_us, log }
    }

    fn denied(&mut self, step: StepIndex, refusals: Vec<Refusal>) -> Result<(), IllegalEntry> {
        for refusal in refusals {
            self.write(Entry::CapabilityDenied { step: self.id(step), refusal })?;
        }
        Ok(())
    }

    /// Costs nothing where nothing was used: most gates of a large run use nothing.
    fn used(&mut self, step: StepIndex, uses: Vec<Use>) -> Result<(), IllegalEntry> {
        if uses.is_empty() {
            return Ok(());
        }
        self.write(Entry::GrantsUsed { step: self.id(step), uses })
    }

    /// Gives up waits and questions that the run no longer cares for.
    fn withdraw(&mut self) {
        if self.state.cause().is_none() && self.state.stage() == Stage::Forward {
            return;
        }
        let mut idle: Vec<Flight> = self
            .flights
            .iter()
            .filter(|(_, in_flight)| match in_flight.kind {
                Kind::Ask | Kind::Wait => !matches!(
                    self.state.node(in_flight.step),
                    Node::AwaitingApproval { .. } | Node::Retrying { .. } | Node::UndoRetrying { .. }
                ),
                Kind::Observe | Kind::Announce | Kind::Capture { .. } | Kind::Change | Kind::Undo => false,
            })
            .map(|(flight, _)| *flight)
            .collect();
        idle.sort_unstable_by_key(|flight| flight.0);
        for flight in idle {
            self.abort(flight);
        }
    }

    fn abort(&mut self, flight: Flight) {
        self.flights.remove(&flight);
        self.commands.push(Command::Abort(flight));
    }

    fn begin(&mut self, step: StepIndex, attempt: u32, kind: Kind, work: Work) {
        self.last_flight += 1;
        let flight = Flight(self.last_flight);
        self.flights.insert(flight, InFlight { step, attempt, kind });
        let assignment = self.state.assignment(step);
        self.commands.push(Command::Begin(Box::new(Task { flight, step, assignment, work })));
    }

    fn write(&mut self, entry: Entry) -> Result<(), IllegalEntry> {
        self.state.apply(&entry)?;
        self.commands.push(Command::Write(Box::new(entry)));
        Ok(())
    }

    fn id(&self, step: StepIndex) -> StepId {
        self.state.plan().step(step).id.clone()
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "dispatcher_tests.rs"]
mod tests;
