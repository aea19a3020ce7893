//! What plugins wrote, one file per step.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use runner_model::StepId;

use crate::{LogReference, file::digest_of};

/// The longest file name that any file system takes is 255 bytes.
const LONGEST: usize = 200;

/// The logs of a run's steps.
#[derive(Debug, Clone)]
pub struct Logs {
    directory: PathBuf,
}

impl Logs {
    /// The logs of the run in `directory`.
    #[must_use]
    pub fn of(directory: &Path) -> Self {
        Self { directory: directory.join("logs") }
    }

    pub(crate) fn create(directory: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(directory.join("logs"))
    }

    /// Where a step's log is.
    #[must_use]
    pub fn path(&self, step: &StepId) -> PathBuf {
        self.directory.join(format!("{}.log", file_name(step)))
    }

    /// Appends what a plugin wrote in one attempt.
    ///
    /// # Errors
    ///
    /// Any; a part of it may have been written. No entry refers to that part.
    pub fn append(&self, step: &StepId, text: &[u8], dropped: u64) -> io::Result<LogReference> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(self.path(step))?;
        let offset = file.metadata()?.len();
        file.write_all(text)?;
        Ok(LogReference { offset, bytes: text.len() as u64, digest: digest_of(text), dropped })
    }

    /// All that a step's plugin wrote; empty if that was nothing.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be read.
    pub fn read(&self, step: &StepId) -> io::Result<Vec<u8>> {
        match fs::read(self.path(step)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }
}

/// A step's id as a file name: matrix values may hold anything, also `/` and `..`.
fn file_name(step: &StepId) -> String {
    let mut name = String::with_capacity(step.as_str().len());
    for byte in step.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            other => name.push_str(&format!("%{other:02x}")),
        }
    }
    if name.len() > LONGEST {
        name.truncate(LONGEST - 33);
        name.push('-');
        name.push_str(&digest_of(step.as_str().as_bytes()).hex()[..32]);
    }
    name
}

#[cfg(test)]
mod tests {
    use runner_model::StepId;

    use super::{Logs, file_name};

    #[test]
    fn every_step_has_a_file_of_its_own_inside_the_directory() {
        let name = |id: &str| file_name(&StepId::new(id));
        assert_eq!(name("smoke-test_2"), "smoke-test_2");
        assert_eq!(name("unit[../../x,ä]"), "unit%5b%2e%2e%2f%2e%2e%2fx%2c%c3%a4%5d");
        assert_eq!(name(&"x".repeat(400)).len(), 200);
        assert_ne!(name(&"x".repeat(400)), name(&"x".repeat(401)));
    }

    #[test]
    fn a_log_grows_by_attempts_and_each_reference_finds_its_part() {
        let run = tempfile::tempdir().unwrap();
        Logs::create(run.path()).unwrap();
        let (logs, step) = (Logs::of(run.path()), StepId::new("smoke"));
        assert_eq!(logs.read(&step).unwrap(), b"");
        let first = logs.append(&step, b"one\n", 0).unwrap();
        let second = logs.append(&step, b"two\n", 3).unwrap();
        assert_eq!(logs.read(&step).unwrap(), b"one\ntwo\n");
        assert_eq!((first.offset, first.bytes, first.dropped), (0, 4, 0));
        assert_eq!((second.offset, second.bytes, second.dropped), (4, 4, 3));
    }
}
