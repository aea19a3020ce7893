//! The loop around the dispatcher: events in, entries to disk, effects out.

use std::{collections::HashMap, num::NonZeroUsize, sync::Arc};

use futures::future::{AbortHandle, Abortable};
use runner_journal::{AppendError, Entry, IllegalEntry, Journal, Progress, Record, Sink};
use runner_model::{Plan, RunId, Verdict};
use tokio::sync::mpsc;

use crate::{
    dispatcher::Dispatcher,
    executor::Executor,
    message::{Command, Event, Flight},
    ports::{Approver, Clock, StepRunner},
};

/// Lines for people who look on. When they do not keep up, lines are dropped rather than kept.
const PROGRESS: usize = 1024;

/// Events that are decided, and written, together at most.
const BATCH: usize = 256;

/// All crates of the runner have the same version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a run needs.
pub struct Setup {
    /// What is going to happen.
    pub plan: Arc<Plan>,
    /// Where it is written down.
    pub journal: Journal,
    /// The entries of a run that is taken up again; empty for a new one.
    pub past: Vec<Record>,
    /// Carries out plugin calls.
    pub steps: Arc<dyn StepRunner>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The people to ask.
    pub approver: Arc<dyn Approver>,
    /// Who looks on.
    pub sinks: Vec<Box<dyn Sink>>,
    /// How many steps run at once at most.
    pub jobs: NonZeroUsize,
    /// What comes from outside.
    pub signals: mpsc::Receiver<Signal>,
}

/// What somebody outside wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Start nothing more, and take back what was changed.
    Cancel {
        /// `SIGINT`, `SIGTERM`.
        by: String,
    },
    /// Stop now, and leave a journal to go on from.
    Stop,
}

/// A run without verdict. Its journal holds what happened; `runner resume` goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal cannot be written. The run stopped before the next effect.
    #[error("the run was stopped, because what it does can no longer be written down")]
    Journal(#[from] AppendError),
    /// Somebody stopped it.
    #[error("the run was stopped where it was")]
    Stopped,
    /// What the journal holds is not the beginning of a run of this plan. Nothing was started.
    #[error("entry {seq} of the journal does not fit this plan")]
    Past {
        /// Its number.
        seq: u64,
        /// Why not.
        #[source]
        source: IllegalEntry,
    },
    /// A fault of the runner: it was about to write something that cannot be. The run stopped before that.
    #[error("the runner has a fault; the run was stopped where it was")]
    Illegal(#[from] IllegalEntry),
    /// A fault of the runner: nothing goes on, and nothing is decided.
    #[error("the runner has a fault: {0}; the run was stopped where it was")]
    Bug(String),
}

/// Runs a plan to its verdict, or takes a run up again.
///
/// Must be called inside a Tokio runtime. A run that has finished already gives its verdict at once, unless it was
/// stuck: then the remaining work is tried again.
///
/// # Errors
///
/// [`RunError`]: there is no verdict, and nothing that was begun is waited for.
pub async fn run(setup: Setup) -> Result<Verdict, RunError> {
    run_with(setup, Arc::new(kill)).await
}

/// [`run`] with another way to die for [`runner_model::Fault::Crash`].
///
/// # Errors
///
/// As for [`run`].
pub async fn run_with(setup: Setup, crash: Arc<dyn Fn() + Send + Sync>) -> Result<Verdict, RunError> {
    // A loop inside `block_on` pays a wake across threads for each event; in a task of its own it does not.
    let mut driver = AbortOnDrop(tokio::spawn(drive(setup, crash)));
    match (&mut driver.0).await {
        Ok(ended) => ended,
        Err(error) => Err(RunError::Bug(error.to_string())),
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<Result<Verdict, RunError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends this process without a trace, as a power cut would.
fn kill() {
    // Refused for no process that asks it for itself.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

async fn drive(setup: Setup, crash: Arc<dyn Fn() + Send + Sync>) -> Result<Verdict, RunError> {
    let Setup { plan, journal, past, steps, clock, approver, mut sinks, jobs, mut signals } = setup;
    let resumed = !past.is_empty();
    let past = if resumed { past } else { vec![journal.started().clone()] };
    let mut dispatcher = Dispatcher::new(Arc::clone(&plan), &past, jobs.get())
        .map_err(|(seq, source)| RunError::Past { seq, source })?;
    for sink in &mut sinks {
        sink.plan(&plan, if resumed { &past } else { &[] });
    }
    if !resumed {
        for sink in &mut sinks {
            sink.record(&past[0]);
        }
    }
    if let Some(verdict) = dispatcher.finished()
        && !dispatcher.is_stuck()
    {
        return Ok(verdict.clone());
    }

    let (send_event, mut events) = mpsc::unbounded_channel();
    let (send_progress, mut progress) = mpsc::channel(PROGRESS);
    let executor = Executor {
        run: run_of(&past),
        plan,
        steps,
        clock: Arc::clone(&clock),
        approver,
        logs: journal.logs(),
        progress: send_progress,
        crash: (!resumed).then_some(crash),
    };
    let mut outside = Outside {
        journal,
        sinks,
        clock,
        executor: Arc::new(executor),
        events: send_event,
        flights: HashMap::new(),
    };

    let now_ms = outside.clock.now_ms();
    let commands = if resumed { dispatcher.resume(VERSION, now_ms)? } else { dispatcher.start(now_ms)? };
    outside.carry_out(commands)?;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        if let Some(verdict) = dispatcher.finished() {
            outside.journal.sync()?;
            return Ok(verdict.clone());
        }
        if dispatcher.is_idle() {
            return Err(RunError::Bug("nothing goes on, and nothing is decided".to_owned()));
        }
        tokio::select! {
            biased;
            Some(signal) = signals.recv() => match signal {
                Signal::Cancel { by } => batch.push(Event::Cancel { by }),
                Signal::Stop => {
                    outside.journal.sync()?;
                    return Err(RunError::Stopped);
                }
            },
            _ = events.recv_many(&mut batch, BATCH) => {}
            Some(shown) = progress.recv() => {
                outside.show(&shown);
                continue;
            }
        }
        // What was sent before an event is shown before it.
        while let Ok(shown) = progress.try_recv() {
            outside.show(&shown);
        }
        let now_ms = outside.clock.now_ms();
        let mut commands = Vec::new();
        for event in batch.drain(..) {
            if let Event::Landed { flight, .. } = &event {
                outside.flights.remove(flight);
            }
            commands.extend(dispatcher.handle(event, now_ms)?);
        }
        outside.carry_out(commands)?;
    }
}

/// What the loop acts on. Dropping it gives up every task.
struct Outside {
    journal: Journal,
    sinks: Vec<Box<dyn Sink>>,
    clock: Arc<dyn Clock>,
    executor: Arc<Executor>,
    events: mpsc::UnboundedSender<Event>,
    flights: HashMap<Flight, AbortHandle>,
}

impl Outside {
    /// Writes all entries at once, then shows them, then lets the rest begin.
    fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), AppendError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut effects = Vec::new();
        for command in commands {
            match command {
                Command::Write(entry) => entries.push(*entry),
                Command::Begin(_) | Command::Abort(_) => effects.push(command),
            }
        }
        if !entries.is_empty() {
            for record in self.journal.append(entries, self.clock.now_ms())? {
                for sink in &mut self.sinks {
                    sink.record(&record);
                }
            }
        }
        for effect in effects {
            match effect {
                Command::Begin(task) => {
                    let flight = task.flight;
                    let (handle, registration) = AbortHandle::new_pair();
                    let work = Abortable::new(Arc::clone(&self.executor).carry_out(*task), registration);
                    let events = self.events.clone();
                    self.flights.insert(flight, handle);
                    // Its end is the event; nobody asks the task itself.
                    drop(tokio::spawn(async move {
                        if let Ok(event) = work.await {
                            // Nobody listens only when the run has stopped.
                            drop(events.send(event));
                        }
                    }));
                }
                Command::Abort(flight) => {
                    if let Some(handle) = self.flights.remove(&flight) {
                        handle.abort();
                    }
                }
                Command::Write(_) => unreachable!("sorted out above"),
            }
        }
        Ok(())
    }

    fn show(&mut self, progress: &Progress) {
        for sink in &mut self.sinks {
            sink.progress(progress);
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        for handle in self.flights.values() {
            handle.abort();
        }
    }
}

fn run_of(past: &[Record]) -> RunId {
    let Some(Entry::RunStarted { run, .. }) = past.first().map(|record| &record.entry) else {
        unreachable!("the dispatcher takes no other first entry")
    };
    *run
}
