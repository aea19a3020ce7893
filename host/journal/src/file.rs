//! The append-only file of a run, and the directory around it.
//!
//! ```text
//! runs/01JD3K…/plan.json       what was decided before anything started; its digest is in the first entry
//!              journal.jsonl   one entry per line
//!              logs/<step>.log what plugins wrote
//!              run.lock        locked as long as somebody works on the run
//! ```
//!
//! Entries that announce an effect, and decisions, are on disk when [`Journal::append`] returns; the others only have
//! to be there before a later one of those is, which one file sees to by itself.
//! After the first write that fails nothing more is written: the run has to stop before the next effect.

use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use runner_model::{Digest, Effect, Plan, RecordedPlan, RunId, StepId};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Entry, Logs, Record,
    line::{self, Chain, VERSION},
    read::{OpenError, Run, missing, read_locked},
    storage::Storage,
};

pub(crate) const PLAN: &str = "plan.json";
pub(crate) const JOURNAL: &str = "journal.jsonl";
const LOCK: &str = "run.lock";

/// A journal that is not begun. Nothing was started; what there is of the directory holds no run.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is a run with this id.
    #[error("there is a run in `{}` already", .path.display())]
    Exists {
        /// Its directory.
        path: PathBuf,
    },
    /// The file system says no.
    #[error("`{}` cannot be written", .path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The plan has no JSON.
    #[error("the plan cannot be written down")]
    Plan(#[source] serde_json::Error),
}

/// Entries that are not on disk. What they announce must not begin, and the run has to stop.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing of them is in the file, or, if `torn`, a part of a line that the next reader drops.
    #[error("the journal cannot be written")]
    Write {
        /// Why.
        #[source]
        source: io::Error,
        /// Whether a part of them could not be taken out again.
        torn: bool,
    },
    /// They are in the file, but nobody knows whether they are on disk.
    #[error("the journal cannot be brought to disk")]
    Sync {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// One of them has no JSON. Nothing of them is in the file.
    #[error("an entry cannot be written down")]
    Encode(#[source] serde_json::Error),
    /// An earlier write failed. Nothing was tried.
    #[error("the journal failed before and is not written any more")]
    Poisoned,
}

/// The journal of one run, held open and locked.
pub struct Journal {
    directory: PathBuf,
    storage: Box<dyn Storage>,
    effects: HashMap<StepId, Effect>,
    started: Record,
    seq: u64,
    chain: Chain,
    length: u64,
    unsynced: bool,
    poisoned: bool,
    buffer: Vec<u8>,
    /// Dropping it gives the run free.
    _lock: Option<File>,
}

/// A journal that was opened to go on with.
pub struct Opened {
    /// To go on with.
    pub journal: Journal,
    /// The plan as it was recorded; its grants have to be admitted again.
    pub plan: RecordedPlan,
    /// Every entry.
    pub records: Vec<Record>,
    /// How many bytes of a line that was being written at the end were dropped.
    pub torn_bytes: u64,
}

impl Journal {
    /// Begins the journal of `run` below `runs`: makes its directory, writes the plan and the first entry, and returns
    /// once all of it is on disk. Only the owner can read it.
    ///
    /// # Errors
    ///
    /// [`CreateError`]: nothing has begun.
    pub fn create(
        runs: &Path,
        run: RunId,
        plan: &Plan,
        now_ms: u64,
        version: &str,
    ) -> Result<Self, CreateError> {
        let directory = runs.join(run.to_string());
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| CreateError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(runs).map_err(at(runs))?;
        DirBuilder::new().mode(0o700).create(&directory).map_err(|source| {
            let path = directory.clone();
            let exists = source.kind() == io::ErrorKind::AlreadyExists;
            if exists { CreateError::Exists { path } } else { CreateError::Io { path, source } }
        })?;
        let lock = directory.join(LOCK);
        let lock = lock_file(&lock).and_then(|file| file.lock().map(|()| file)).map_err(at(&lock))?;

        let json = serde_json::to_vec(plan).map_err(CreateError::Plan)?;
        let path = directory.join(PLAN);
        write_whole(&path, &json).map_err(at(&path))?;
        Logs::create(&directory).map_err(at(&directory.join("logs")))?;
        let path = directory.join(JOURNAL);
        let file = private().append(true).create_new(true).open(&path).map_err(at(&path))?;

        let plan_digest = digest_of(&json);
        let entry = Entry::RunStarted {
            run,
            pipeline: plan.header.name.clone(),
            plan: plan_digest,
            runner: version.to_owned(),
        };
        let journal =
            Self::begin(directory.clone(), Box::new(file), effects(plan), entry, now_ms, Some(lock));
        let journal = journal.map_err(|error| match error {
            AppendError::Write { source, .. } | AppendError::Sync { source } => {
                CreateError::Io { path, source }
            }
            AppendError::Encode(source) => CreateError::Plan(source),
            AppendError::Poisoned => unreachable!("it is the first write"),
        })?;
        let above = runs.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        for folder in [&directory, runs, above] {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
        }
        Ok(journal)
    }

    /// Opens the journal of the run in `directory` to go on with, and locks it. A line that was being written when the
    /// process died is dropped, in the file too.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: nothing was changed.
    pub fn open(directory: &Path) -> Result<Opened, OpenError> {
        let at = |path: PathBuf| move |source| OpenError::Io { path, source };
        if !directory.join(JOURNAL).exists() {
            return Err(missing(directory));
        }
        let path = directory.join(LOCK);
        let lock = lock_file(&path).map_err(at(path.clone()))?;
        if !lock_now(&lock).map_err(at(path))? {
            return Err(OpenError::Locked { path: directory.to_owned() });
        }
        let (Run { plan, records, torn_bytes }, chain, length) = read_locked(directory)?;
        let path = directory.join(JOURNAL);
        let file = private().append(true).open(&path).map_err(at(path.clone()))?;
        if torn_bytes > 0 {
            file.set_len(length).and_then(|()| file.sync_all()).map_err(at(path))?;
        }
        let journal = Self {
            directory: directory.to_owned(),
            storage: Box::new(file),
            effects: effects(&plan),
            started: records[0].clone(),
            seq: u64::try_from(records.len()).unwrap_or(u64::MAX),
            chain,
            length,
            unsynced: true,
            poisoned: false,
            buffer: Vec::new(),
            _lock: Some(lock),
        };
        Ok(Opened { journal, plan, records, torn_bytes })
    }

    fn begin(
        directory: PathBuf,
        storage: Box<dyn Storage>,
        effects: HashMap<StepId, Effect>,
        entry: Entry,
        now_ms: u64,
        lock: Option<File>,
    ) -> Result<Self, AppendError> {
        let started = Record { seq: 1, v: VERSION, at_ms: now_ms, entry: entry.clone() };
        let mut journal = Self {
            directory,
            storage,
            effects,
            started,
            seq: 0,
            chain: Chain::default(),
            length: 0,
            unsynced: false,
            poisoned: false,
            buffer: Vec::with_capacity(4096),
            _lock: lock,
        };
        journal.append(vec![entry], now_ms)?;
        Ok(journal)
    }

    /// A journal on another storage, for tests.
    ///
    /// # Errors
    ///
    /// The first entry cannot be written.
    #[cfg(any(test, feature = "testing"))]
    pub fn on(
        directory: &Path,
        storage: Box<dyn Storage>,
        run: RunId,
        plan: &Plan,
    ) -> Result<Self, AppendError> {
        let digest = digest_of(&serde_json::to_vec(plan).map_err(AppendError::Encode)?);
        let pipeline = plan.header.name.clone();
        let entry = Entry::RunStarted { run, pipeline, plan: digest, runner: "0.1.0".to_owned() };
        Self::begin(directory.to_owned(), storage, effects(plan), entry, 0, None)
    }

    /// Appends `entries` with one write. If one of them announces an effect or is a decision, they are on disk when this
    /// returns, with all that went before.
    ///
    /// # Errors
    ///
    /// [`AppendError`]: what the entries announce must not begin. The journal is not written any more.
    pub fn append(&mut self, entries: Vec<Entry>, now_ms: u64) -> Result<Vec<Record>, AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        let effects = &self.effects;
        let durable = entries
            .iter()
            .any(|entry| entry.is_durable(|step| effects.get(step).copied().unwrap_or(Effect::Change)));
        self.buffer.clear();
        let mut chain = self.chain.clone();
        let mut records = Vec::with_capacity(entries.len());
        for (seq, entry) in (self.seq + 1..).zip(entries) {
            let record = Record { seq, v: VERSION, at_ms: now_ms, entry };
            chain = line::encode(&record, &chain, &mut self.buffer).map_err(|error| {
                self.poisoned = true;
                AppendError::Encode(error)
            })?;
            records.push(record);
        }
        if let Err(source) = self.storage.append(&self.buffer) {
            self.poisoned = true;
            let torn = self.storage.truncate(self.length).is_err();
            return Err(AppendError::Write { source, torn });
        }
        self.length += self.buffer.len() as u64;
        self.seq += records.len() as u64;
        self.chain = chain;
        self.unsynced = true;
        if durable {
            self.sync()?;
        }
        Ok(records)
    }

    /// Returns once everything that was appended is on disk.
    ///
    /// # Errors
    ///
    /// [`AppendError::Sync`]; the journal is not written any more.
    pub fn sync(&mut self) -> Result<(), AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        if self.unsynced {
            self.storage.sync().map_err(|source| {
                self.poisoned = true;
                AppendError::Sync { source }
            })?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// The first entry.
    #[must_use]
    pub const fn started(&self) -> &Record {
        &self.started
    }

    /// The run's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the steps' logs go.
    #[must_use]
    pub fn logs(&self) -> Logs {
        Logs::of(&self.directory)
    }
}

/// Whether somebody works on the run in `directory` right now.
#[must_use]
pub fn is_live(directory: &Path) -> bool {
    let Ok(lock) = File::open(directory.join(LOCK)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_sha256(&Sha256::digest(bytes).into())
}

fn effects<G: Serialize>(plan: &Plan<G>) -> HashMap<StepId, Effect> {
    plan.steps.iter().map(|step| (step.id.clone(), plan.effect(step))).collect()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Locks the file; `false` if somebody works on the run. Those who only look whether somebody does ([`is_live`]) hold
/// a shared lock for a moment, and are waited for.
fn lock_now(file: &File) -> io::Result<bool> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        match file.try_lock_shared() {
            Ok(()) => file.unlock()?,
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => return Ok(false),
        }
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    private().write(true).create(true).truncate(false).open(path)
}

/// Writes a file so that either all of it is there or nothing.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("tmp");
    let mut file = private().write(true).create_new(true).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(draft, path)
}
