//! A directory with all below it.
//!
//! Every name is granted as it is written, and opened without following a link: a link is told as what it is.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, mkdirat, openat, readlinkat, statat},
    io::Errno,
};

use super::{
    Access, FilesystemGrant,
    tree::{Tree, covers_real, open_directory, problem},
};
use crate::host::Problem;

/// Most files and directories of one walk.
const MAX_FOUND: usize = 200_000;

/// Something below the directory that was walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Relative to that directory, with `/`.
    pub(crate) path: String,
    /// What it is.
    pub(crate) kind: FoundKind,
    /// Permissions.
    pub(crate) mode: u32,
    /// Seconds since 1970.
    pub(crate) modified: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundKind {
    /// A directory.
    Directory,
    /// A file of so many bytes.
    File(u64),
    /// A link, and where it leads as it is written.
    Link(String),
}

impl Tree {
    /// Everything below `start`, sorted by name in each directory, without what `enter` turns down: it is asked about each
    /// path, and whether that is a directory. Sockets, devices and pipes are left out.
    pub(crate) fn walk(
        &self,
        grant: &FilesystemGrant,
        start: &str,
        enter: &mut dyn FnMut(&str, bool) -> Enter,
    ) -> Result<Vec<Found>, Problem> {
        let real = self.real_path(grant, Access::Read, start)?;
        let (parent, name) = self.parent(&real).map_err(|error| problem(start, &error))?;
        let name = name.unwrap_or_else(|| PathBuf::from("."));
        let open = |error: Errno| match error {
            Errno::NOTDIR | Errno::LOOP => Problem::Invalid(format!("`{start}` is not a directory")),
            error => problem(start, &error.into()),
        };
        let directory = open_directory(&parent, &name).map_err(open)?;
        let mut found = Vec::new();
        // Directories that are open, with what is still to be seen in them, last name first.
        let mut open = vec![(String::new(), names(&directory, start)?, directory)];
        while let Some((path, rest, directory)) = open.last_mut() {
            let Some(name) = rest.pop() else {
                open.pop();
                continue;
            };
            let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let shown = joined(start, &below);
            let stat = match statat(&*directory, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Gone since.
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(problem(&shown, &error.into())),
            };
            let kind = FileType::from_raw_mode(stat.st_mode);
            let entering = enter(&below, kind == FileType::Directory);
            if entering == Enter::Not {
                continue;
            }
            let what = match kind {
                FileType::Directory => FoundKind::Directory,
                FileType::RegularFile => FoundKind::File(u64::try_from(stat.st_size).unwrap_or(0)),
                FileType::Symlink => {
                    let target = readlinkat(&*directory, name.as_str(), Vec::new())
                        .map_err(|error| problem(&shown, &error.into()))?;
                    let target = target.into_string();
                    FoundKind::Link(target.map_err(|_| {
                        Problem::Invalid(format!("`{shown}` leads to a name that is not text"))
                    })?)
                }
                FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => continue,
            };
            if entering == Enter::Take {
                let text = real.join(&below);
                covers_real(grant, Access::Read, &shown, &text)?;
                let modified = u64::try_from(stat.st_mtime).unwrap_or(0);
                found.push(Found {
                    path: below.clone(),
                    kind: what.clone(),
                    mode: stat.st_mode & 0o7777,
                    modified,
                });
                if found.len() > MAX_FOUND {
                    let what = format!("`{start}` has more than {MAX_FOUND} files");
                    return Err(Problem::BudgetExceeded(what));
                }
            }
            if what == FoundKind::Directory {
                let inner = open_directory(directory, Path::new(&name))
                    .map_err(|error| problem(&shown, &error.into()))?;
                let rest = names(&inner, &shown)?;
                open.push((below, rest, inner));
            }
        }
        Ok(found)
    }

    /// Opens a file for reading bit by bit. A link is not followed.
    pub(crate) fn open_file(&self, grant: &FilesystemGrant, path: &str) -> Result<File, Problem> {
        let real = self.real_path(grant, Access::Read, path)?;
        let (parent, name) = self.parent(&real).map_err(|error| problem(path, &error))?;
        let name = name.ok_or_else(|| Problem::Invalid(format!("`{path}` is a directory")))?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file =
            openat(&parent, &name, flags, Mode::empty()).map_err(|error| problem(path, &error.into()))?;
        let file = File::from(file);
        if file.metadata().is_ok_and(|facts| facts.is_file()) {
            Ok(file)
        } else {
            Err(Problem::Invalid(format!("`{path}` is not a regular file")))
        }
    }

    /// Makes the directory `path` and those above it, where there are none.
    pub(crate) fn make_directories(&self, grant: &FilesystemGrant, path: &str) -> Result<(), Problem> {
        grant.covers(Access::Write, path)?;
        let mut at = PathBuf::new();
        for name in path.split('/').filter(|name| !matches!(*name, "" | ".")) {
            let above = if at.as_os_str().is_empty() { Path::new(".") } else { &at };
            let real = self.resolve(path, above)?.join(name);
            at.push(name);
            let (parent, last) = self.parent(&real).map_err(|error| problem(path, &error))?;
            let Some(last) = last else { continue };
            match statat(&parent, &last, AtFlags::empty()) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => continue,
                Ok(_) => return Err(Problem::Invalid(format!("`{}` is not a directory", at.display()))),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(problem(path, &error.into())),
            }
            covers_real(grant, Access::Write, path, &real)?;
            match mkdirat(&parent, &last, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(problem(path, &io::Error::from(error))),
            }
        }
        Ok(())
    }
}

/// What to do with something that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enter {
    /// Take it, and what is below it.
    Take,
    /// Leave it out, but look below it.
    Pass,
    /// Leave it out with all that is below it.
    Not,
}

/// Names in a directory, last first.
fn names(directory: &std::os::fd::OwnedFd, shown: &str) -> Result<Vec<String>, Problem> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory).map_err(|error| problem(shown, &error.into()))? {
        let entry = entry.map_err(|error| problem(shown, &error.into()))?;
        let name = entry.file_name().to_str();
        match name {
            Ok("." | "..") => {}
            Ok(name) => names.push(name.to_owned()),
            Err(_) => return Err(Problem::Invalid(format!("`{shown}` holds a name that is not text"))),
        }
    }
    names.sort_by(|a, b| b.cmp(a));
    Ok(names)
}

/// `path` below `start`.
pub(crate) fn joined(start: &str, path: &str) -> String {
    match start.trim_end_matches('/') {
        "" | "." => path.to_owned(),
        start => format!("{start}/{path}"),
    }
}
