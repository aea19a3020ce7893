//! What a step costs without its plugin: dispatcher, journal and executor, in microseconds per step.
//!
//! `cargo run --release -p runner-engine --example overhead [DIRECTORY]`
#![expect(clippy::print_stdout, reason = "it is a program that prints numbers")]

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use runner_engine::{
    Setup,
    ports::{
        ApprovalAnswer, Approver, BoxFuture, Call, CallReport, Clock, LogLine, Question, Reply, StepRunner,
    },
    run,
};
use runner_journal::{
    Journal,
    testing::{Draft, gate, plan},
};
use runner_model::{Answer, Outcome, Plan, RunId};
use tokio::sync::mpsc;

/// Says yes at once.
struct Yes;

impl StepRunner for Yes {
    fn call(&self, _: Call, _: Arc<dyn Fn(LogLine) + Send + Sync>) -> BoxFuture<CallReport> {
        Box::pin(async {
            let result = Ok(Reply::Outcome(Outcome::new(Answer::Pass, "yes")));
            CallReport::of(result)
        })
    }
}

struct Monotonic(Instant);

impl Clock for Monotonic {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or_default()
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or_default()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

struct Nobody;

impl Approver for Nobody {
    fn ask(&self, _: Question) -> BoxFuture<ApprovalAnswer> {
        Box::pin(std::future::pending())
    }
}

fn chain(count: usize) -> Plan {
    let ids: Vec<String> = (0..count).map(|place| format!("s{place}")).collect();
    plan((0..count).map(|place| match place.checked_sub(1) {
        Some(before) => gate(&ids[place]).needs(&[&ids[before]]),
        None => gate(&ids[place]),
    }))
}

/// Layers of a hundred steps, each of which needs three of the layer before.
fn layers(count: usize) -> Plan {
    let ids: Vec<String> = (0..count).map(|place| format!("s{place}")).collect();
    plan((0..count).map(|place| {
        let mut draft: Draft = gate(&ids[place]);
        if let Some(before) = (place / 100).checked_sub(1) {
            for offset in [0, 33, 66] {
                draft = draft.needs(&[&ids[before * 100 + (place + offset) % 100]]);
            }
        }
        draft
    }))
}

fn flat(count: usize) -> Plan {
    plan((0..count).map(|place| gate(&format!("s{place}"))))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let directory = tempfile::tempdir_in(place)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let mut random = 0;
    for (shape, make) in [("chain", chain as fn(usize) -> Plan), ("100 wide", layers), ("flat", flat)] {
        for count in [1_000, 10_000] {
            let plan = Arc::new(make(count));
            let mut micros: Vec<f64> = Vec::new();
            for _ in 0..9 {
                random += 1;
                let journal =
                    Journal::create(directory.path(), RunId::from_parts(1, random), &plan, 0, "0.1.0")?;
                let setup = Setup {
                    plan: Arc::clone(&plan),
                    journal,
                    past: Vec::new(),
                    steps: Arc::new(Yes),
                    clock: Arc::new(Monotonic(Instant::now())),
                    approver: Arc::new(Nobody),
                    sinks: Vec::new(),
                    jobs: NonZeroUsize::MIN.saturating_add(63),
                    signals: mpsc::channel(1).1,
                };
                let begin = Instant::now();
                runtime.block_on(run(setup))?;
                micros.push(begin.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(count)?));
            }
            micros.sort_by(f64::total_cmp);
            println!("{shape:>8} {count:>6} steps: {:5.1} µs per step (best {:.1})", micros[4], micros[0]);
        }
    }
    Ok(())
}
