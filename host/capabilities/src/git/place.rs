//! Where a repository is, and whether it is what it seems.
//!
//! A repository is a directory that somebody else may have filled. Before libgit2 sees it: its `.git`, the directory it shares
//! with other working trees, the object stores it borrows from and every link in it have to stay inside; nothing in it may be
//! a pipe or a device; and its configuration may include no other file. Of the configuration only what git itself needs is
//! in force: the files with ignored names and attributes that it could name outside are replaced by empty ones.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use git2::{ConfigLevel, RepositoryOpenFlags};
use tempfile::NamedTempFile;

use super::{call::Fault, grant::HERE, library};
use crate::{
    Capability, Refusal,
    host::{Problem, reason},
};

/// Longest file of a repository that is read here: configuration and the like.
const MAX_FILE: u64 = 1 << 20;
/// Most files inside `.git` that are looked at.
const MAX_ENTRIES: usize = 500_000;
/// How far borrowed object stores may borrow themselves; git has the same bound.
const MAX_ALTERNATES: usize = 5;
/// What is in force over the repository's own configuration.
const OVERLAY: &[u8] = b"[core]\n\texcludesfile = /dev/null\n\tattributesfile = /dev/null\n";

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As the grant names it.
    pub(super) name: String,
    /// The pipeline's directory.
    pub(super) root: PathBuf,
    /// Its directory, absolute and without links. For `.` it may be above the pipeline's.
    pub(super) directory: PathBuf,
}

/// An open repository.
pub(super) struct Opened {
    pub(super) repository: git2::Repository,
    /// Stays as long as the repository reads it.
    _overlay: NamedTempFile,
}

impl Place {
    /// Looks for the repository `name`, which is in its one spelling, and at all that is in it.
    pub(super) fn find(root: &Path, name: &str) -> Result<Self, Fault> {
        let directory = if name == HERE {
            let above = root.ancestors().find(|directory| directory.join(".git").symlink_metadata().is_ok());
            match above {
                _ if is_bare(root) => root,
                Some(directory) => directory,
                None => {
                    return Err(Fault::NotFound(
                        "the pipeline's directory is in no git repository".to_owned(),
                    ));
                }
            }
            .to_owned()
        } else {
            fs::canonicalize(root.join(name)).map_err(|_| not_there(name))?
        };
        let real = match directory.strip_prefix(root) {
            _ if name == HERE => HERE.to_owned(),
            Ok(below) => below.to_string_lossy().into_owned(),
            Err(_) => return Err(led_astray(name, "it leads out of the pipeline's directory")),
        };
        let place = Self { name: real, root: root.to_owned(), directory };
        place.look_at_all()?;
        Ok(place)
    }

    /// The other side of an exchange on this machine: looked at as if it were one's own.
    pub(super) fn look_at_other(directory: &Path) -> Result<(), Fault> {
        let (name, directory) = (directory.display().to_string(), directory.to_owned());
        let other = Self { name, root: directory.clone(), directory };
        other.look_at_all()?;
        other.look_again()
    }

    fn look_at_all(&self) -> Result<(), Fault> {
        let (git, common) = self.directories()?;
        self.look_through(&git)?;
        if common != git {
            self.look_through(&common)?;
        }
        Ok(())
    }

    /// What can be looked at quickly.
    fn look_again(&self) -> Result<(), Fault> {
        let (git, common) = self.directories()?;
        for directory in [&git, &common] {
            self.no_includes(&directory.join("config"))?;
            self.no_includes(&directory.join("config.worktree"))?;
        }
        self.alternates(&common.join("objects"), MAX_ALTERNATES)
    }

    /// Opens it, after another look at what can be looked at quickly.
    pub(super) fn open(&self) -> Result<Opened, Fault> {
        library::ready()?;
        self.look_again()?;
        let no_ceiling: [&str; 0] = [];
        let repository =
            git2::Repository::open_ext(&self.directory, RepositoryOpenFlags::NO_SEARCH, no_ceiling)
                .map_err(|error| Fault::Failed(format!("`{}`: {}", self.name, error.message())))?;
        let overlay = overlay().map_err(|error| {
            Fault::Host(Problem::Unavailable(format!("the temporary directory: {}", reason(&error))))
        })?;
        repository.config()?.add_file(overlay.path(), ConfigLevel::App, true)?;
        for (part, what) in [
            (Some(repository.path()), "repository"),
            (Some(repository.commondir()), "shared directory"),
            (repository.workdir(), "working directory"),
        ] {
            let Some(part) = part else { continue };
            let real = fs::canonicalize(part).map_err(|error| self.unreadable(what, &error))?;
            if !real.starts_with(&self.directory) {
                return Err(self.astray(&format!("its {what}")));
            }
        }
        Ok(Opened { repository, _overlay: overlay })
    }

    /// Its `.git`, and the directory that holds what working trees share.
    fn directories(&self) -> Result<(PathBuf, PathBuf), Fault> {
        if is_bare(&self.directory) {
            return Ok((self.directory.clone(), self.directory.clone()));
        }
        let entry = self.directory.join(".git");
        let Ok(facts) = fs::metadata(&entry) else { return Err(not_there(&self.name)) };
        let git = if facts.is_file() {
            let text = self.text(&entry)?;
            let Some(path) = text.strip_prefix("gitdir:") else {
                return Err(Fault::Failed(format!(
                    "`{}`: its `.git` is a file without `gitdir:`",
                    self.name
                )));
            };
            self.inside(&self.directory.join(path.trim()), "its `.git`")?
        } else {
            self.inside(&entry, "its `.git`")?
        };
        let shared = git.join("commondir");
        let common = if shared.symlink_metadata().is_ok() {
            self.inside(&git.join(self.text(&shared)?.trim()), "its `commondir`")?
        } else {
            git.clone()
        };
        Ok((git, common))
    }

    /// Where `path` leads, if that is inside.
    fn inside(&self, path: &Path, what: &str) -> Result<PathBuf, Fault> {
        let real = fs::canonicalize(path).map_err(|error| self.unreadable(what, &error))?;
        if real.starts_with(&self.directory) { Ok(real) } else { Err(self.astray(what)) }
    }

    /// Every link below `directory` stays inside, and nothing there makes a reader wait.
    fn look_through(&self, directory: &Path) -> Result<(), Fault> {
        let mut open = vec![directory.to_owned()];
        let mut seen = 0;
        while let Some(directory) = open.pop() {
            let entries = fs::read_dir(&directory).map_err(|error| self.unreadable("its `.git`", &error))?;
            for entry in entries {
                let entry = entry.map_err(|error| self.unreadable("its `.git`", &error))?;
                let kind = entry.file_type().map_err(|error| self.unreadable("its `.git`", &error))?;
                seen += 1;
                if seen > MAX_ENTRIES {
                    return Err(Fault::Host(Problem::BudgetExceeded(format!(
                        "`{}` has more than {MAX_ENTRIES} files in its `.git`; `git gc` packs them",
                        self.name
                    ))));
                }
                let shown = || {
                    let path = entry.path();
                    path.strip_prefix(&self.directory).unwrap_or(&path).display().to_string()
                };
                let kind = if kind.is_symlink() {
                    let what = format!("`{}`", shown());
                    match fs::metadata(self.inside(&entry.path(), &what)?) {
                        Ok(facts) => facts.file_type(),
                        Err(error) => return Err(self.unreadable(&what, &error)),
                    }
                } else {
                    if kind.is_dir() {
                        open.push(entry.path());
                    }
                    kind
                };
                if kind.is_fifo() || kind.is_char_device() || kind.is_block_device() {
                    return Err(Fault::Failed(format!(
                        "`{}`: `{}` is a pipe or a device, which is nothing of git's; take it out",
                        self.name,
                        shown()
                    )));
                }
            }
        }
        Ok(())
    }

    fn no_includes(&self, config: &Path) -> Result<(), Fault> {
        if config.symlink_metadata().is_err() {
            return Ok(());
        }
        refuse_includes(&self.name, &self.text(config)?)
    }

    /// The object stores it borrows from.
    fn alternates(&self, objects: &Path, depth: usize) -> Result<(), Fault> {
        let list = objects.join("info/alternates");
        if list.symlink_metadata().is_err() {
            return Ok(());
        }
        let what = "its `objects/info/alternates`";
        if depth == 0 {
            return Err(Fault::Failed(format!("`{}`: {what} borrow from each other", self.name)));
        }
        for line in self.text(&list)?.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let store = self.inside(&objects.join(line), what)?;
            self.alternates(&store, depth - 1)?;
        }
        Ok(())
    }

    /// A small regular file.
    fn text(&self, path: &Path) -> Result<String, Fault> {
        let what = path.strip_prefix(&self.directory).unwrap_or(path).display().to_string();
        let path = self.inside(path, &format!("`{what}`"))?;
        read_text(&path).map_err(|error| self.unreadable(&format!("`{what}`"), &error))
    }

    fn unreadable(&self, what: &str, error: &io::Error) -> Fault {
        Fault::Failed(format!("`{}`: {what} cannot be read: {}", self.name, reason(error)))
    }

    fn astray(&self, what: &str) -> Fault {
        led_astray(
            &self.name,
            &format!("{what} leads out of the repository's directory, where nothing of it may be"),
        )
    }
}

fn refuse_includes(name: &str, config: &str) -> Result<(), Fault> {
    if !includes(config) {
        return Ok(());
    }
    Err(Fault::Failed(format!(
        "`{name}`: its configuration includes other files, which are not read here; take `include` and `includeIf` out \
         of it (`actions/checkout` adds none with `persist-credentials: false`)"
    )))
}

/// Whether a section `include` or `includeIf` may stand in it. Read carelessly on purpose: what looks like one counts.
fn includes(config: &str) -> bool {
    config.split('[').skip(1).any(|rest| {
        let word: String = rest.chars().filter(|sign| !sign.is_whitespace()).take("include".len()).collect();
        word.eq_ignore_ascii_case("include")
    })
}

fn read_text(path: &Path) -> io::Result<String> {
    // A pipe would wait for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("it is longer than {MAX_FILE} bytes")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn overlay() -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(OVERLAY)?;
    Ok(file)
}

/// What git takes for a bare repository.
fn is_bare(directory: &Path) -> bool {
    directory.join("HEAD").is_file() && directory.join("objects").is_dir() && directory.join("refs").is_dir()
}

fn not_there(name: &str) -> Fault {
    Fault::NotFound(format!("there is no git repository at `{name}`"))
}

fn led_astray(name: &str, why: &str) -> Fault {
    Fault::Host(Problem::Denied(Box::new(Refusal {
        capability: Capability::Git,
        request: format!("open the repository `{name}`"),
        message: why.to_owned(),
        grant: None,
    })))
}

#[cfg(test)]
mod tests {
    use super::includes;

    #[test]
    fn an_included_file_is_seen_however_it_is_spelled() {
        let found: Vec<bool> = [
            "[include]\n\tpath = /etc/passwd",
            "[core]\n[ Include ] path = x",
            "[includeIf \"gitdir:/\"]",
            "[core] bare = false\n\t[INCLUDE]",
            "[core]\n\tbare = false\n[remote \"include\"]\n\turl = x",
        ]
        .map(includes)
        .into();
        assert_eq!(found, [true, true, true, true, false]);
    }
}
