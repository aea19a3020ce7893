//! Repositories of a world, by the `git` program, without the configuration of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::{self, WorldError};

/// A repository.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    home: PathBuf,
    path: PathBuf,
}

impl Repository {
    /// The one at `path`; `home` is the world's directory.
    pub(crate) fn at(home: &Path, path: impl Into<PathBuf>) -> Self {
        Self { home: home.to_owned(), path: path.into() }
    }

    /// Runs git in it.
    pub(crate) fn git(&self, arguments: &[&str]) -> Result<String, WorldError> {
        programs::run(git(&self.home).arg("-C").arg(&self.path).args(arguments))
    }

    /// Makes it an empty repository, with a remote, and somebody who commits.
    pub(crate) fn create(&self, remote: &Path) -> Result<(), WorldError> {
        programs::run(
            git(&self.home).args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(remote),
        )?;
        self.git(&["init", "--quiet", "--initial-branch=main"])?;
        self.git(&["remote", "add", "origin", &remote.to_string_lossy()])?;
        self.name_somebody("Ada Developer", "ada@example.com")
    }

    /// Makes it a clone of `remote`.
    pub(crate) fn clone_of(&self, remote: &Path) -> Result<(), WorldError> {
        programs::run(git(&self.home).args(["clone", "--quiet"]).arg(remote).arg(&self.path))?;
        self.name_somebody("Deploy", "deploy@example.com")
    }

    /// Tags, and reflogs, are of somebody.
    fn name_somebody(&self, name: &str, email: &str) -> Result<(), WorldError> {
        self.git(&["config", "user.name", name])?;
        self.git(&["config", "user.email", email]).map(drop)
    }

    /// Commits everything that is not ignored.
    pub(crate) fn commit(&self, message: &str) -> Result<(), WorldError> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message]).map(drop)
    }

    /// The commit it stands at.
    pub(crate) fn head(&self) -> Result<String, WorldError> {
        self.git(&["rev-parse", "HEAD"])
    }
}

fn git(home: &Path) -> Command {
    let mut git = programs::program(Path::new("git"), home);
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
    git
}
