//! The file against crashes, full disks and altered bytes.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use runner_model::{
    Answer, Cause, Failure, FailureKind, Outcome, Plan, RunId, StepId, StepResult, Verdict, World,
};

use crate::{
    AppendError, CreateError, Damage, Ending, Ends, Entry, Journal, OpenError, Record, SkipReason, Snapshot,
    Storage, history, is_live,
    line::{Chain, encode},
    read,
    read::lines,
    testing::{change, gate, plan},
};

const RUN: u128 = 7;

fn run_id() -> RunId {
    RunId::from_parts(1_700_000_000_000, RUN)
}

fn deployment() -> Plan {
    plan([gate("check"), change("switch").needs(&["check"]), gate("verify").needs(&["switch"])])
}

fn started(step: &str) -> Entry {
    Entry::StepStarted { step: StepId::new(step), attempt: 1 }
}

fn ended(step: &str, ending: Ending, result: StepResult) -> Entry {
    Entry::StepEnded {
        step: StepId::new(step),
        attempt: 1,
        ending,
        result: Some(result),
        again_in_ms: None,
        elapsed_us: 1_234,
        log: None,
    }
}

/// A journal with most kinds of entries in it: a deployment that is taken back.
fn entries() -> Vec<Entry> {
    let [check, switch] = ["check", "switch"].map(StepId::new);
    let pass = Ending::Answered {
        outcome: Outcome { score: Some(0.1), ..Outcome::new(Answer::Pass, "up „quoted“") },
    };
    let failure = Failure::new(FailureKind::TimedOut, "no answer\nin \"time\"");
    let cause = Cause::Failed { step: switch.clone() };
    let verdict = Verdict { cause: cause.clone(), world: World::Restored { steps: vec![switch.clone()] } };
    vec![
        started("check"),
        ended("check", pass, StepResult::Success),
        started("switch"),
        Entry::StepCaptured {
            step: switch.clone(),
            snapshot: Snapshot("{\"upstream\":\"blue\"}".to_owned()),
        },
        ended("switch", Ending::Failed { failure: failure.clone() }, StepResult::Error),
        Entry::StepSkipped {
            step: StepId::new("verify"),
            reason: SkipReason::Need { step: check, result: StepResult::Error },
        },
        Entry::UnwindStarted { cause },
        Entry::UndoStarted { step: switch.clone(), attempt: 1 },
        Entry::UndoFailed { step: switch.clone(), attempt: 1, failure, again_in_ms: Some(1_000) },
        Entry::UndoStarted { step: switch.clone(), attempt: 2 },
        Entry::UndoSucceeded { step: switch, left: Some("one thing stays".to_owned()) },
        Entry::RunDecided { verdict: verdict.clone() },
        Entry::RunFinished { verdict },
    ]
}

/// A run on disk with these entries after the first.
fn written(entries: Vec<Entry>) -> (tempfile::TempDir, PathBuf, Vec<Record>) {
    let runs = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(runs.path(), run_id(), &deployment(), 1_000, "0.1.0").unwrap();
    let mut records = vec![journal.started().clone()];
    for (at_ms, entry) in (1_001..).zip(entries) {
        records.extend(journal.append(vec![entry], at_ms).unwrap());
    }
    let directory = journal.directory().to_owned();
    (runs, directory, records)
}

#[test]
fn what_was_written_is_read_back() {
    let (_runs, directory, records) = written(entries());
    let run = read(&directory).unwrap();
    assert_eq!(run.records, records);
    assert_eq!(run.torn_bytes, 0);
    let plan: Plan = run.plan.admit(&runner_capabilities::Policy::unrestricted()).unwrap();
    assert_eq!(plan, deployment());
}

#[test]
fn a_line_is_numbered_versioned_and_chained() {
    let (_runs, directory, _) = written(vec![started("check")]);
    let text = fs::read_to_string(directory.join("journal.jsonl")).unwrap();
    let second = text.lines().nth(1).unwrap();
    let (entry, chain) = second.rsplit_once(",\"chain\":").unwrap();
    assert_eq!(entry, r#"{"seq":2,"v":3,"at_ms":1001,"type":"step-started","step":"check","attempt":1"#);
    assert_eq!(chain.len(), "\"\"}".len() + 32);
}

#[test]
fn a_run_that_is_cut_anywhere_is_a_beginning_of_itself() {
    let (_runs, directory, records) = written(entries());
    let bytes = fs::read(directory.join("journal.jsonl")).unwrap();
    for cut in 0..bytes.len() {
        let read = lines(&bytes[..cut]).unwrap();
        let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(read.records, records[..whole], "cut at {cut}");
    }
}

#[test]
fn an_altered_byte_is_never_believed() {
    let (_runs, directory, records) = written(entries());
    let bytes = fs::read(directory.join("journal.jsonl")).unwrap();
    let mut refused = 0;
    for place in 0..bytes.len() {
        for change in [0x01, 0x02, 0x10, 0x20, 0x80, 0xFF] {
            let mut altered = bytes.clone();
            altered[place] ^= change;
            match lines(&altered) {
                Err(_) => refused += 1,
                // Only an altered last newline looks like a line that was being written.
                Ok(read) => assert_eq!(
                    (place, read.records.as_slice()),
                    (bytes.len() - 1, &records[..records.len() - 1])
                ),
            }
        }
    }
    assert_eq!(refused, (bytes.len() - 1) * 6);
}

proptest::proptest! {
    #[test]
    fn no_bytes_bring_the_reader_down(bytes: Vec<u8>, text in "(\\{\"seq\":[0-9]{1,3},.{0,40},\"chain\":\"[0-9a-f]{32}\"\\}\n){0,3}") {
        for bytes in [bytes, text.into_bytes()] {
            let whole = bytes.iter().filter(|byte| **byte == b'\n').count();
            proptest::prop_assert_eq!(lines(&bytes).is_ok(), whole == 0);
        }
    }
}

#[test]
fn a_missing_doubled_or_moved_line_is_damage() {
    let (_runs, directory, _) = written(entries());
    let text = fs::read_to_string(directory.join("journal.jsonl")).unwrap();
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let damage = |lines_of: Vec<&str>| lines(lines_of.concat().as_bytes()).unwrap_err();
    for place in 0..all.len() - 1 {
        let mut missing = all.clone();
        missing.remove(place);
        assert_eq!(damage(missing), (place + 1, Damage::Checksum));
        let mut doubled = all.clone();
        doubled.insert(place, all[place]);
        assert_eq!(damage(doubled), (place + 2, Damage::Checksum));
        let mut moved = all.clone();
        moved.swap(place, place + 1);
        assert_eq!(damage(moved), (place + 1, Damage::Checksum));
    }
    assert_eq!(damage(vec![all[0], "{}\n"]), (2, Damage::NoChecksum));
    assert_eq!(damage(vec![all[0], "\n"]), (2, Damage::NoChecksum));
}

#[test]
fn lines_of_another_version_or_kind_are_named() {
    let first = Record { seq: 1, v: 1, at_ms: 0, entry: started("a") };
    let line = |record: &Record, replace: [&str; 2]| {
        let mut buffer = Vec::new();
        encode(record, &Chain::default(), &mut buffer).unwrap();
        // The checksum is made again, as another version would.
        let text = String::from_utf8(buffer).unwrap().replace(replace[0], replace[1]);
        let json = format!("{}}}", text.rsplit_once(",\"chain\"").unwrap().0);
        Chain::default().line(&json)
    };
    let damage = |bytes: Vec<u8>| lines(&bytes).unwrap_err();
    assert_eq!(damage(line(&first, ["\"v\":1", "\"v\":4"])), (1, Damage::Version { found: 4 }));
    assert_eq!(damage(line(&first, ["\"v\":1", "\"v\":0"])), (1, Damage::Version { found: 0 }));
    assert_eq!(
        damage(line(&first, ["\"seq\":1", "\"seq\":4"])),
        (1, Damage::Sequence { expected: 1, found: 4 })
    );
    let (number, Damage::Entry { reason }) = damage(line(&first, ["step-started", "step-paused"])) else {
        panic!("an unknown entry")
    };
    assert_eq!(number, 1);
    assert!(reason.starts_with("unknown variant `step-paused`, expected one of `run-started`"), "{reason}");
}

#[test]
fn a_torn_line_is_dropped_and_the_run_goes_on_after_the_one_before() {
    let (_runs, directory, records) = written(entries());
    let path = directory.join("journal.jsonl");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    let mut opened = Journal::open(&directory).unwrap();
    let kept = records.len() - 1;
    assert_eq!(opened.records, records[..kept]);
    assert!(opened.torn_bytes > 0);
    let last = records[kept].clone();
    assert_eq!(opened.journal.append(vec![last.entry.clone()], last.at_ms).unwrap(), [last]);
    drop(opened);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_run_is_worked_on_once_and_read_by_anybody() {
    let runs = tempfile::tempdir().unwrap();
    let journal = Journal::create(runs.path(), run_id(), &deployment(), 0, "0.1.0").unwrap();
    let directory = journal.directory().to_owned();
    assert!(is_live(&directory));
    assert!(matches!(Journal::open(&directory), Err(OpenError::Locked { path }) if path == directory));
    assert!(matches!(
        Journal::create(runs.path(), run_id(), &deployment(), 0, "0.1.0"),
        Err(CreateError::Exists { path }) if path == directory
    ));
    assert_eq!(read(&directory).unwrap().records, [journal.started().clone()]);
    drop(journal);
    assert!(!is_live(&directory));
    assert!(Journal::open(&directory).is_ok());
}

#[test]
fn a_glance_at_a_run_does_not_keep_anybody_from_it() {
    let (_runs, directory, _) = written(entries());
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let glances = {
        let (directory, stop) = (directory.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::hint::black_box(is_live(&directory));
            }
        })
    };
    let opened = (0..100).filter(|_| Journal::open(&directory).is_ok()).count();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    glances.join().unwrap();
    assert_eq!(opened, 100);
}

#[test]
fn only_the_owner_can_read_a_run() {
    let (_runs, directory, _) = written(entries());
    let mode = |name: &str| fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777;
    let modes = ["", "logs", "plan.json", "journal.jsonl", "run.lock"].map(mode);
    assert_eq!(modes, [0o700, 0o700, 0o600, 0o600, 0o600]);
}

#[test]
fn a_plan_that_was_altered_is_not_believed() {
    let (_runs, directory, _) = written(entries());
    let path = directory.join("plan.json");
    let altered = fs::read_to_string(&path).unwrap().replace("/work/deploy.yaml", "/work/evil.yaml");
    fs::write(&path, altered).unwrap();
    assert!(matches!(Journal::open(&directory), Err(OpenError::PlanChanged { path: of }) if of == path));
}

#[test]
fn a_run_that_never_began_says_so() {
    let (runs, directory, _) = written(Vec::new());
    let path = directory.join("journal.jsonl");
    fs::write(&path, &fs::read(&path).unwrap()[..30]).unwrap();
    assert!(matches!(Journal::open(&directory), Err(OpenError::NotBegun { .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(Journal::open(&directory), Err(OpenError::NotBegun { .. })));
    assert!(matches!(read(&directory), Err(OpenError::NotBegun { .. })));
    assert!(matches!(read(&runs.path().join("nowhere")), Err(OpenError::Missing { .. })));
}

#[test]
fn runs_are_listed_oldest_first_and_a_damaged_one_hides_no_other() {
    let runs = tempfile::tempdir().unwrap();
    let id = |place: u64| RunId::from_parts(1_700_000_000_000 + place, 1);
    let live = Journal::create(runs.path(), id(3), &deployment(), 3, "0.1.0").unwrap();
    for place in [2, 1] {
        Journal::create(runs.path(), id(place), &deployment(), place, "0.1.0")
            .unwrap()
            .append(vec![started("check")], place)
            .unwrap();
    }
    let path = runs.path().join(id(2).to_string()).join("journal.jsonl");
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("check", "chock")).unwrap();
    fs::write(runs.path().join("notes.txt"), "not a run").unwrap();

    let listed = history(runs.path()).unwrap();
    assert_eq!(listed.iter().map(|listed| listed.run).collect::<Vec<_>>(), [1, 2, 3].map(id));
    let Ends { first, last, live: is_live } = listed[0].ends.as_ref().unwrap();
    assert_eq!(
        (first.seq, first.at_ms, last.seq, &last.entry, *is_live),
        (1, 1, 2, &started("check"), false)
    );
    // The ends are only looked at: what is between them, and whether they fit together, `show` finds out.
    assert_eq!(listed[1].ends.as_ref().unwrap().last.entry, started("chock"));
    assert!(matches!(
        read(&listed[1].directory),
        Err(OpenError::Damaged { line: 2, damage: Damage::Checksum, .. })
    ));
    assert_eq!(
        listed[2].ends.as_ref().unwrap(),
        &Ends { first: live.started().clone(), last: live.started().clone(), live: true }
    );

    fs::write(&path, "scribble\n").unwrap();
    let listed = history(runs.path()).unwrap();
    assert!(matches!(listed[1].ends, Err(OpenError::Damaged { line: 1, damage: Damage::NoChecksum, .. })));
}

#[test]
fn a_place_without_runs_has_no_history() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(history(&place.path().join("none")).unwrap().len(), 0);
}

/// A disk that runs full after so many bytes, and counts how often it is synced.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    bytes: Vec<u8>,
    room: Option<usize>,
    syncs: usize,
    sync_fails: bool,
    truncate_fails: bool,
}

impl Storage for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inside = self.0.lock().unwrap();
        let fits =
            inside.room.map_or(bytes.len(), |room| room.saturating_sub(inside.bytes.len()).min(bytes.len()));
        inside.bytes.extend(&bytes[..fits]);
        if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inside = self.0.lock().unwrap();
        inside.syncs += 1;
        if inside.sync_fails { Err(io::Error::other("EIO")) } else { Ok(()) }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut inside = self.0.lock().unwrap();
        if inside.truncate_fails {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        inside.bytes.truncate(usize::try_from(length).unwrap());
        Ok(())
    }
}

fn on_disk(disk: &Disk) -> Journal {
    Journal::on(std::path::Path::new("/nowhere"), Box::new(disk.clone()), run_id(), &deployment()).unwrap()
}

#[test]
fn only_what_announces_an_effect_or_decides_waits_for_the_disk() {
    let disk = Disk::default();
    let mut journal = on_disk(&disk);
    let syncs = || disk.0.lock().unwrap().syncs;
    let mut after = vec![syncs()];
    for entry in entries() {
        journal.append(vec![entry], 0).unwrap();
        after.push(syncs());
    }
    // run; check starts, ends; switch starts*, captured*, ends; skip; unwind*; undo*, failed; undo*, undone; decided*, finished*
    assert_eq!(after, [1, 1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 6, 7, 8]);

    let disk = Disk::default();
    on_disk(&disk).append(entries(), 0).unwrap();
    assert_eq!(disk.0.lock().unwrap().syncs, 2);
}

#[test]
fn a_full_disk_takes_nothing_and_nothing_more() {
    let disk = Disk::default();
    let mut journal = on_disk(&disk);
    let before = disk.0.lock().unwrap().bytes.clone();
    disk.0.lock().unwrap().room = Some(before.len() + 10);
    let full = journal.append(vec![started("check")], 0);
    assert!(matches!(full, Err(AppendError::Write { torn: false, .. })));
    disk.0.lock().unwrap().room = None;
    assert!(matches!(journal.append(vec![started("check")], 0), Err(AppendError::Poisoned)));
    assert!(matches!(journal.sync(), Err(AppendError::Poisoned)));
    assert_eq!(disk.0.lock().unwrap().bytes, before);
}

#[test]
fn a_part_of_a_line_that_cannot_be_taken_out_again_is_dropped_by_the_reader() {
    let disk = Disk::default();
    let mut journal = on_disk(&disk);
    let mut inside = disk.0.lock().unwrap();
    inside.room = Some(inside.bytes.len() + 10);
    inside.truncate_fails = true;
    drop(inside);
    let full = journal.append(vec![started("check")], 0);
    assert!(matches!(full, Err(AppendError::Write { torn: true, .. })));
    assert_eq!(lines(&disk.0.lock().unwrap().bytes).unwrap().records, [journal.started().clone()]);
}

#[test]
fn a_sync_that_fails_stops_the_journal() {
    let disk = Disk::default();
    let mut journal = on_disk(&disk);
    disk.0.lock().unwrap().sync_fails = true;
    assert!(journal.append(vec![started("check")], 0).is_ok());
    assert!(matches!(journal.append(vec![started("switch")], 0), Err(AppendError::Sync { .. })));
    assert!(matches!(journal.append(vec![started("verify")], 0), Err(AppendError::Poisoned)));
}

#[test]
fn a_real_device_that_is_full_is_an_error_too() {
    let full = fs::OpenOptions::new().append(true).open("/dev/full").unwrap();
    let refused = Journal::on(std::path::Path::new("/nowhere"), Box::new(full), run_id(), &deployment());
    let Err(AppendError::Write { source, torn: true }) = refused else { panic!("/dev/full took a line") };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
}
