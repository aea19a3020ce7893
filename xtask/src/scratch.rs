//! Folders that are gone when they are not needed any more.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// An empty folder; dropping it removes it with all that is in it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one. `name` tells it apart from others of this process.
    pub(crate) fn new(name: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("runner-{name}-{}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(Failure::problem(format!("create the folder `{}`: {error}", path.display()))
                .next("remove it if it is left over, or set TMPDIR to a folder that can be written")),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            crate::screen::say(&format!("note: `{}` could not be removed: {error}", self.0.display()));
        }
    }
}
