//! Reports for CI servers: where `--report` wants them, and the documents themselves.
//!
//! ```text
//! --report junit=PATH --> Reports::prepare    before anything runs: can it be written at all?
//!                         Reports::begin      the report of an earlier run goes, so that no old one is taken for this one's
//! journal --------------> Reports::write      after the run, whatever came of it
//! ```
//!
//! A report is written beside its place and then renamed, so that nobody ever reads half of one. It is made of the
//! journal, like `runner show`, and whatever happens to it is told and never changes the verdict.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use runner_journal::Logs;
use runner_model::{RunId, StepId};
use runner_report::{
    junit::{self, LogTail},
    run::Run,
    sarif, show,
    text::clean,
};

use crate::{
    args::{ReportArg, ReportFormat},
    environment::Environment,
    error::CommandError,
};

/// The reports of a run, each at a place that could be written when the run began.
#[derive(Debug)]
pub(crate) struct Reports(Vec<Report>);

#[derive(Debug, PartialEq, Eq)]
struct Report {
    format: ReportFormat,
    place: Place,
}

/// Where a report goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// A file, there or not: replaced as a whole. Links have been followed.
    File(PathBuf),
    /// `/dev/null` and its like: there is nothing to replace.
    Device(PathBuf),
}

impl Reports {
    /// Looks at every place before anything runs.
    ///
    /// # Errors
    ///
    /// All places that cannot be written, as far as that can be known. Nothing was started.
    pub(crate) fn prepare(asked: &[ReportArg]) -> Result<Self, CommandError> {
        let mut reports: Vec<Report> = Vec::new();
        let mut problems = Vec::new();
        for ReportArg { format, path } in asked {
            match Place::find(path) {
                Ok(place) if reports.iter().any(|other| other.place == place) => {
                    problems.push(format!("`{}`: two reports cannot have one place", path.display()));
                }
                Ok(place) => reports.push(Report { format: *format, place }),
                Err(reason) => problems.push(format!("`{}`: {reason}", path.display())),
            }
        }
        if problems.is_empty() { Ok(Self(reports)) } else { Err(CommandError::Reports { problems }) }
    }

    /// Takes away what an earlier run has left at the places. What cannot be taken away is told.
    pub(crate) fn begin(&self, environment: &Environment) {
        for Report { place, .. } in &self.0 {
            let Place::File(path) = place else { continue };
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => environment.tell(&format!(
                    "warning: the report of an earlier run in `{}` cannot be removed: {error}\n",
                    path.display()
                )),
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Writes every report of the run in `directory` as its journal has it now. What cannot be written is told.
    pub(crate) fn write(&self, run: RunId, directory: &Path, environment: &Environment) {
        if self.0.is_empty() {
            return;
        }
        let failed = |what: &str, error: &dyn std::error::Error, again: &str| {
            environment.tell(&format!(
                "\nwarning: {what} could not be written: {error}\n  = how the run ended stands in its journal, and is not changed by this\n\n\
                 hint: `runner show {run} --output {again} > FILE` makes it anew\n"
            ));
        };
        let read = match runner_journal::read(directory) {
            Ok(read) => read,
            Err(error) => return failed("the reports", &error, "FORMAT"),
        };
        for Report { format, place } in &self.0 {
            let written = document(*format, &read, directory).and_then(|text| place.write(text.as_bytes()));
            if let Err(error) = written {
                let path = place.path().to_string_lossy();
                failed(&format!("the report `{}`", clean(&path)), &error, format.as_str());
            }
        }
    }
}

/// A recorded run in one of the formats.
///
/// # Errors
///
/// None but what the writer of a format may find.
pub(crate) fn document(
    format: ReportFormat,
    read: &runner_journal::Run,
    directory: &Path,
) -> io::Result<String> {
    let run = Run::read(&read.plan, &read.records);
    match format {
        ReportFormat::Json => Ok(format!("{:#}\n", show::run_json(&read.plan, &run))),
        ReportFormat::Sarif => Ok(format!("{:#}\n", sarif::document(&read.plan, &run))),
        ReportFormat::Junit => {
            let logs = Logs::of(directory);
            let tails: Vec<LogTail> =
                read.plan.steps.iter().map(|step| tail_or_why(&logs, &step.id)).collect();
            junit::document(&read.plan, &run, &tails)
        }
    }
}

/// The end of a step's log; a log that cannot be read keeps no verdict out of a report.
fn tail_or_why(logs: &Logs, step: &StepId) -> LogTail {
    tail(logs, step)
        .unwrap_or_else(|error| LogTail::of(format!("the log cannot be read: {error}\n").as_bytes(), 0))
}

/// The end of a step's log. Only that much of the file is read: a step that is asked again and again may have written
/// gigabytes.
fn tail(logs: &Logs, step: &StepId) -> io::Result<LogTail> {
    let mut file = match fs::File::open(logs.path(step)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LogTail::default()),
        opened => opened?,
    };
    let before = file.metadata()?.len().saturating_sub(junit::LOG_TAIL);
    file.seek(SeekFrom::Start(before))?;
    let mut bytes = Vec::new();
    file.take(junit::LOG_TAIL).read_to_end(&mut bytes)?;
    Ok(LogTail::of(&bytes, before))
}

impl Place {
    /// The place that `path` means, or why nothing can be written there.
    fn find(path: &Path) -> Result<Self, String> {
        // Through links: what is renamed over `latest.xml` must not replace the link itself, let alone `/dev/stdout`.
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::new_file(path),
            Err(error) => return Err(error.to_string()),
        };
        let kind = fs::metadata(&real).map_err(|error| error.to_string())?.file_type();
        if kind.is_dir() {
            return Err("that is a directory; name a file in it".to_owned());
        }
        if kind.is_char_device() {
            OpenOptions::new().write(true).open(&real).map_err(|error| error.to_string())?;
            return Ok(Self::Device(real));
        }
        if !kind.is_file() {
            return Err("that is neither a file nor a character device".to_owned());
        }
        draft_beside(&real)?;
        Ok(Self::File(real))
    }

    fn new_file(path: &Path) -> Result<Self, String> {
        if fs::symlink_metadata(path).is_ok() {
            return Err("that is a link to nothing".to_owned());
        }
        let Some(name) = path.file_name() else {
            return Err("that is no name of a file".to_owned());
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        let parent = fs::canonicalize(parent).map_err(|error| {
            let parent = parent.display();
            if error.kind() == io::ErrorKind::NotFound {
                format!("the directory `{parent}` is not there")
            } else {
                format!("`{parent}`: {error}")
            }
        })?;
        let file = parent.join(name);
        draft_beside(&file)?;
        Ok(Self::File(file))
    }

    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Device(path) => path,
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Device(path) => OpenOptions::new().write(true).open(path)?.write_all(bytes),
            Self::File(path) => {
                let mut draft = draft(path)?;
                draft.write_all(bytes)?;
                draft.persist(path)?;
                Ok(())
            }
        }
    }
}

/// Whether a file can be made where the report is going to be written; it is gone at once.
fn draft_beside(file: &Path) -> Result<(), String> {
    draft(file).map(drop).map_err(|error| format!("no file can be made beside it: {error}"))
}

/// A file in the directory of `file` that is gone unless it is renamed. Others may read it as far as the umask allows:
/// CI servers often run as another user.
fn draft(file: &Path) -> io::Result<tempfile::NamedTempFile> {
    let directory = file.parent().unwrap_or(Path::new("/"));
    let mut draft = tempfile::Builder::new();
    draft.prefix(".runner-report-").permissions(Permissions::from_mode(0o666)).tempfile_in(directory)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::{Place, Reports};
    use crate::args::{ReportArg, ReportFormat};

    fn found(path: &Path) -> Result<Place, String> {
        let before = entries(path.parent().unwrap());
        let found = Place::find(path);
        assert_eq!(entries(path.parent().unwrap()), before, "looking leaves nothing behind");
        found
    }

    fn entries(directory: &Path) -> Vec<std::ffi::OsString> {
        let mut names: Vec<_> =
            fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_also_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::write(root.join("old.xml"), "old, and longer than the new one").unwrap();
        symlink("old.xml", root.join("latest.xml")).unwrap();

        let place = found(&root.join("latest.xml")).unwrap();
        assert_eq!(place, Place::File(root.join("old.xml")));
        place.write(b"new").unwrap();
        assert_eq!(fs::read_to_string(root.join("latest.xml")).unwrap(), "new");
        assert!(root.join("latest.xml").is_symlink());
        assert_eq!(found(&root.join("new.xml")), Ok(Place::File(root.join("new.xml"))));
    }

    #[test]
    fn places_that_cannot_be_written_are_known_before() {
        let directory = tempfile::tempdir().unwrap();
        // One level down: what is above the project is looked at too, and other tests make theirs beside it.
        let root = directory.path().canonicalize().unwrap().join("project");
        fs::create_dir(&root).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::RWXU).unwrap();
        fs::write(root.join("file"), "").unwrap();
        let error = |name: &str| found(&root.join(name)).unwrap_err();
        assert_eq!(error("."), "that is a directory; name a file in it");
        assert_eq!(error("dangling"), "that is a link to nothing");
        assert_eq!(error("pipe"), "that is neither a file nor a character device");
        assert_eq!(
            error("missing/report.xml"),
            format!("the directory `{}` is not there", root.join("missing").display())
        );
        assert_eq!(error("file/report.xml"), "Not a directory (os error 20)");
        assert_eq!(error(".."), "that is a directory; name a file in it");
    }

    #[test]
    fn a_device_is_written_and_never_replaced() {
        let place = Place::find(Path::new("/dev/null")).unwrap();
        assert_eq!(place, Place::Device("/dev/null".into()));
        place.write(b"gone").unwrap();
        let full = Place::find(Path::new("/dev/full")).unwrap();
        assert_eq!(full.write(b"x").unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let asked = |format, path| ReportArg { format, path };
        let error = Reports::prepare(&[
            asked(ReportFormat::Json, path("one")),
            asked(ReportFormat::Sarif, path("./one")),
            asked(ReportFormat::Junit, path("")),
        ])
        .unwrap_err();
        let super::CommandError::Reports { problems } = error else { unreachable!("{error:?}") };
        assert_eq!(
            problems,
            [
                format!("`{}`: two reports cannot have one place", path("./one").display()),
                format!("`{}`: that is a directory; name a file in it", path("").display()),
            ]
        );
    }
}
