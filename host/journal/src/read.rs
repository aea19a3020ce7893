//! Looks into journals without touching them: also while the run is live.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use runner_model::{RecordedPlan, RunId};

use crate::{
    Entry, Record,
    file::{JOURNAL, PLAN, digest_of, is_live},
    line::{self, Chain, Damage},
};

/// A journal that cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no run there.
    #[error("there is no run in `{}`", .path.display())]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// Somebody works on the run.
    #[error("the run in `{}` is being worked on", .path.display())]
    Locked {
        /// The run's directory.
        path: PathBuf,
    },
    /// The runner was stopped before the run had begun.
    #[error("the run in `{}` never began", .path.display())]
    NotBegun {
        /// The run's directory.
        path: PathBuf,
    },
    /// The journal was altered, or the disk lost a part of it.
    #[error("`{}` is damaged in line {line}: {damage}", .path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        damage: Damage,
    },
    /// The plan is not the one that the run began with.
    #[error("`{}` is not the plan that the run began with", .path.display())]
    PlanChanged {
        /// The plan.
        path: PathBuf,
    },
    /// The plan cannot be understood, though it is the one that the run began with.
    #[error("`{}` was written by another version", .path.display())]
    Plan {
        /// The plan.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The file system says no.
    #[error("`{}` cannot be read", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "see `runner history` for the runs that there are",
            Self::Locked { .. } => {
                "wait for the other process, or stop it; `runner status` shows how far it is"
            }
            Self::NotBegun { .. } => "nothing was started; start the pipeline again with `runner exec`",
            Self::Damaged { .. } | Self::PlanChanged { .. } => {
                "look at the world by hand: nobody knows any more what this run has changed"
            }
            Self::Plan { .. } => {
                "use the version of the runner that began the run, named in the journal's first line"
            }
            Self::Io { .. } => "check who owns the file, and the disk",
        }
    }
}

/// What a run's directory says.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The plan as it was recorded.
    pub plan: RecordedPlan,
    /// Every entry.
    pub records: Vec<Record>,
    /// How many bytes of an unfinished line at the end were passed over.
    pub torn_bytes: u64,
}

/// One run in a list.
#[derive(Debug)]
pub struct Listed {
    /// Its id.
    pub run: RunId,
    /// Its directory.
    pub directory: PathBuf,
    /// Its first and last entry, or why they cannot be read.
    pub ends: Result<Ends, OpenError>,
}

/// Both ends of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Ends {
    /// Always a [`Entry::RunStarted`].
    pub first: Record,
    /// The newest.
    pub last: Record,
    /// Whether somebody works on the run right now. If not, and the last entry is not [`Entry::RunFinished`], the run
    /// was interrupted.
    pub live: bool,
}

/// Reads the run in `directory`, whoever works on it.
///
/// # Errors
///
/// [`OpenError`], never [`OpenError::Locked`].
pub fn read(directory: &Path) -> Result<Run, OpenError> {
    read_locked(directory).map(|(run, _, _)| run)
}

/// Lists the runs below `runs`, oldest first. Reads only the ends of each journal; a damaged one is listed as such.
///
/// # Errors
///
/// The directory is there and cannot be read.
pub fn history(runs: &Path) -> io::Result<Vec<Listed>> {
    let entries = match fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut listed = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(run) = entry.file_name().to_str().and_then(|name| name.parse::<RunId>().ok()) else {
            continue;
        };
        let directory = entry.path();
        listed.push(Listed { run, ends: ends(&directory), directory });
    }
    listed.sort_by_key(|listed| listed.run);
    Ok(listed)
}

/// Reads everything; also says what the next line needs and where it goes.
pub(crate) fn read_locked(directory: &Path) -> Result<(Run, Chain, u64), OpenError> {
    let path = directory.join(JOURNAL);
    let bytes = fs::read(&path).map_err(|source| missing_or(directory, path.clone(), source))?;
    let Lines { records, chain, length } =
        lines(&bytes).map_err(|(line, damage)| OpenError::Damaged { path: path.clone(), line, damage })?;
    let Some(Entry::RunStarted { plan: digest, .. }) = records.first().map(|record| &record.entry) else {
        return Err(match records.first() {
            None => OpenError::NotBegun { path: directory.to_owned() },
            Some(_) => OpenError::Damaged { path, line: 1, damage: Damage::Beginning },
        });
    };
    let path = directory.join(PLAN);
    let json = fs::read(&path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
    if digest_of(&json) != *digest {
        return Err(OpenError::PlanChanged { path });
    }
    let plan = serde_json::from_slice(&json).map_err(|source| OpenError::Plan { path, source })?;
    let torn_bytes = bytes.len() as u64 - length;
    Ok((Run { plan, records, torn_bytes }, chain, length))
}

#[derive(Debug, PartialEq)]
pub(crate) struct Lines {
    pub(crate) records: Vec<Record>,
    pub(crate) chain: Chain,
    /// Bytes up to the last newline; what follows was being written when the process died.
    pub(crate) length: u64,
}

/// Reads all whole lines, each against the one before it.
pub(crate) fn lines(bytes: &[u8]) -> Result<Lines, (usize, Damage)> {
    let mut lines = Lines { records: Vec::new(), chain: Chain::default(), length: 0 };
    for (place, line) in (1_usize..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        let (record, chain) =
            line::decode(line, place as u64, &lines.chain).map_err(|damage| (place, damage))?;
        lines.records.push(record);
        lines.chain = chain;
        lines.length += line.len() as u64 + 1;
    }
    Ok(lines)
}

fn ends(directory: &Path) -> Result<Ends, OpenError> {
    // Asked first: a run that ends in between is then shown as live with its last entry, never as interrupted.
    let live = is_live(directory);
    let path = directory.join(JOURNAL);
    let failed = |source| missing_or(directory, path.clone(), source);
    let mut file = File::open(&path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let first = head(&mut file, length).map_err(failed)?;
    let Some(first) = first else { return Err(OpenError::NotBegun { path: directory.to_owned() }) };
    let damaged = |line| {
        let path = path.clone();
        move |damage| OpenError::Damaged { path, line, damage }
    };
    let (first, _) = line::decode(&first, 1, &Chain::default()).map_err(damaged(1))?;
    let Entry::RunStarted { .. } = first.entry else { return Err(damaged(1)(Damage::Beginning)) };
    let last = tail(&mut file, length).map_err(failed)?;
    match last.map(|last| line::peek(&last)) {
        Some(Ok(last)) => Ok(Ends { first, last, live }),
        None => Ok(Ends { last: first.clone(), first, live }),
        // Reading it all says which line that is, or another one before it.
        Some(Err(damage)) => Err(match read(directory) {
            Err(error) => error,
            Ok(run) => damaged(run.records.len())(damage),
        }),
    }
}

fn missing_or(directory: &Path, path: PathBuf, source: io::Error) -> OpenError {
    if source.kind() == io::ErrorKind::NotFound { missing(directory) } else { OpenError::Io { path, source } }
}

/// Why there is no journal in `directory`.
pub(crate) fn missing(directory: &Path) -> OpenError {
    if directory.join(PLAN).exists() {
        return OpenError::NotBegun { path: directory.to_owned() };
    }
    OpenError::Missing { path: directory.to_owned() }
}

const CHUNK: u64 = 64 * 1024;

/// The first whole line, without its newline.
fn head(file: &mut File, length: u64) -> io::Result<Option<Vec<u8>>> {
    let mut wanted = CHUNK;
    loop {
        let bytes = part(file, 0, wanted.min(length))?;
        match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => return Ok(Some(bytes[..end].to_vec())),
            None if wanted >= length => return Ok(None),
            None => wanted *= 4,
        }
    }
}

/// The last whole line, without its newline.
fn tail(file: &mut File, length: u64) -> io::Result<Option<Vec<u8>>> {
    let mut wanted = CHUNK;
    loop {
        let start = length.saturating_sub(wanted);
        let bytes = part(file, start, length - start)?;
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        let before = end.and_then(|end| bytes[..end].iter().rposition(|byte| *byte == b'\n'));
        match (end, before) {
            (Some(end), Some(before)) => return Ok(Some(bytes[before + 1..end].to_vec())),
            (Some(end), None) if start == 0 => return Ok(Some(bytes[..end].to_vec())),
            (None, _) if start == 0 => return Ok(None),
            (Some(_) | None, _) => wanted *= 4,
        }
    }
}

fn part(file: &mut File, start: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}
