//! Finds runs below the state directory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use runner_journal::{CreateError, Entry, OpenError, Record, Run};
use runner_model::RunId;

use crate::error::CommandError;

/// Where the runs are, below the state directory.
pub(crate) fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("runs")
}

/// The ids of all runs, oldest first. A state directory that does not exist has none.
///
/// # Errors
///
/// A directory that is there and cannot be read.
pub(crate) fn list(state_dir: &Path) -> Result<Vec<RunId>, CommandError> {
    let runs = directory(state_dir);
    let entries = match fs::read_dir(&runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(CommandError::Read { path: runs, source }),
    };
    let mut ids: Vec<RunId> =
        entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The run that `asked` means: a whole id, the start or the end of one, or the newest if nothing is asked.
///
/// # Errors
///
/// None fits, or more than one.
pub(crate) fn find(state_dir: &Path, asked: Option<&str>) -> Result<RunId, CommandError> {
    let ids = list(state_dir)?;
    let Some(asked) = asked else {
        let none = || CommandError::NoRun(format!("there is no run in `{}`", state_dir.display()));
        return ids.last().copied().ok_or_else(none);
    };
    let wanted = asked.to_ascii_uppercase();
    let fitting: Vec<&RunId> = ids
        .iter()
        .filter(|id| {
            let id = id.to_string();
            !wanted.is_empty() && (id.starts_with(&wanted) || id.ends_with(&wanted))
        })
        .collect();
    match fitting.as_slice() {
        [one] => Ok(**one),
        [] => Err(CommandError::NoRun(format!("no run in `{}` is called `{asked}`", state_dir.display()))),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(CommandError::NoRun(format!("`{asked}` may be any of {}", names.join(", "))))
        }
    }
}

/// Directory and contents of a run.
///
/// # Errors
///
/// A journal that is damaged says where.
pub(crate) fn read(state_dir: &Path, run: RunId) -> Result<(PathBuf, Run), CommandError> {
    let path = directory(state_dir).join(run.to_string());
    let read = runner_journal::read(&path).map_err(|error| open_error(run, error))?;
    Ok((path, read))
}

/// Whether nothing is left to do: the last word of the journal is a verdict.
pub(crate) fn is_finished(records: &[Record]) -> bool {
    matches!(records.last().map(|record| &record.entry), Some(Entry::RunFinished { .. }))
}

/// Says why a journal cannot be opened.
pub(crate) fn open_error(run: RunId, error: OpenError) -> CommandError {
    if matches!(error, OpenError::Locked { .. }) {
        return CommandError::Locked { run };
    }
    CommandError::Journal {
        message: format!("the journal of run {run} cannot be used: {error}"),
        help: error.help().to_owned(),
        source: None,
    }
}

/// Says why a journal cannot be made.
pub(crate) fn create_error(runs: &Path, error: CreateError) -> CommandError {
    CommandError::Journal {
        message: format!("no run can be recorded in `{}`", runs.display()),
        help: "nothing was started; choose another place with `--state-dir`, or make room".to_owned(),
        source: Some(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::{find, list};

    const OLD: &str = "01HZZZZZZZZZZZZZZZZZZZZZZA";
    const NEW: &str = "01J00000000000000000000000";

    fn state() -> tempfile::TempDir {
        let state = tempfile::tempdir().unwrap();
        for name in [NEW, OLD, "notes", "01"] {
            std::fs::create_dir_all(state.path().join("runs").join(name)).unwrap();
        }
        state
    }

    #[test]
    fn runs_are_found_by_id_start_or_end_and_the_newest_by_nothing() {
        let state = state();
        let found =
            |asked| find(state.path(), asked).map(|id| id.to_string()).map_err(|error| error.to_string());
        assert_eq!(found(None), Ok(NEW.to_owned()));
        assert_eq!(found(Some(OLD)), Ok(OLD.to_owned()));
        assert_eq!(found(Some("01h")), Ok(OLD.to_owned()));
        assert_eq!(found(Some("ZZZA")), Ok(OLD.to_owned()));
        assert_eq!(found(Some("01")), Err(format!("`01` may be any of {OLD}, {NEW}")));
        assert_eq!(found(Some("x")), Err(format!("no run in `{}` is called `x`", state.path().display())));
        assert_eq!(found(Some("")), Err(format!("no run in `{}` is called ``", state.path().display())));
    }

    #[test]
    fn a_state_directory_that_is_not_there_has_no_runs() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(list(&state.path().join("none")).unwrap(), Vec::new());
    }
}
