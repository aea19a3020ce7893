//! Any bytes as a journal: read without a panic, and folded into a state without a panic, however odd the order of entries.
//!
//! The input is lines of JSON objects. Numbers and checksums are added here, as fuzzing would never find them; so what gets
//! through to the reader is JSON of any shape, and what gets through that is entries in any order. An input that begins
//! with `!` is the file itself.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use runner_journal::testing::{approval, change, checkpoint, gate, notifier, plan};
use runner_journal::{Entry, State};
use runner_model::{Digest, Inconclusive, NotifyOn, RunId};
use sha2::{Digest as _, Sha256};

/// A run's directory, and the first line of its journal without checksum.
struct Run {
    directory: PathBuf,
    first: String,
}

/// A plan with a step of every sort.
fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let plan = plan([
            gate("check"),
            approval("ask", Inconclusive::Fail).needs(&["check"]),
            change("switch").needs(&["ask"]).attempts(2),
            notifier("tell").needs(&["switch"]),
            change("scale").needs(&["switch"]),
            gate("verify").needs(&["scale"]).condition("success()"),
            gate("look").needs(&["verify"]).condition("failure()"),
            checkpoint("clean").finally(),
            notifier("notify").on(&[NotifyOn::Failed, NotifyOn::Succeeded]),
        ]);
        let json = serde_json::to_vec(&plan).expect("a plan is plain data");
        let directory = std::env::temp_dir().join(format!("runner-fuzz-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a folder for the run");
        fs::write(directory.join("plan.json"), &json).expect("room for the plan");
        let started = Entry::RunStarted {
            run: RunId::from_parts(0, 0),
            pipeline: "deploy".to_owned(),
            plan: Digest::from_sha256(&Sha256::digest(&json).into()),
            runner: "0.1.0".to_owned(),
        };
        Run { directory, first: serde_json::to_string(&started).expect("an entry is plain data") }
    })
}

/// The file with these entries.
fn journal(first: &str, entries: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut chain = String::new();
    let lines = std::iter::once(first.as_bytes()).chain(entries.split(|&byte| byte == b'\n'));
    for (seq, line) in (1_u64..).zip(lines) {
        let Some(fields) = line.strip_prefix(b"{") else { continue };
        let mut line = format!("{{\"seq\":{seq},\"v\":1,\"at_ms\":{seq},").into_bytes();
        line.extend_from_slice(fields);
        let digest = Sha256::new().chain_update(&chain).chain_update(&line).finalize();
        chain = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        line.pop();
        line.extend_from_slice(format!(",\"chain\":\"{chain}\"}}\n").as_bytes());
        file.extend_from_slice(&line);
    }
    file
}

fuzz_target!(|bytes: &[u8]| {
    let Run { directory, first } = run();
    let file = match bytes.strip_prefix(b"!") {
        Some(file) => file.to_vec(),
        None => journal(first, bytes),
    };
    fs::write(directory.join("journal.jsonl"), &file).expect("room for the journal");
    let Ok(run) = runner_journal::read(directory) else { return };

    assert!(
        run.records.iter().map(|record| record.seq).eq(1..=run.records.len() as u64),
        "numbered without a gap"
    );
    let mut state = State::new(Arc::new(run.plan));
    for record in &run.records {
        if state.apply(&record.entry).is_err() {
            break;
        }
        // Whatever has happened, what has to be done next is known.
        state.next(8);
    }
});
