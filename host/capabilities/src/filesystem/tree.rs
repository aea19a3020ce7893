//! The pipeline's directory as the operating system sees it.
//!
//! A path is resolved inside a `cap-std` directory, which no link leads out of. What comes out is a path without links;
//! the grant is asked about that one too, and it is then walked name by name with `O_NOFOLLOW`. A link that is swapped in
//! between therefore ends the walk instead of leading it astray.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use cap_std::{ambient_authority, fs::Dir};
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, openat, renameat, statat, unlinkat},
    io::Errno,
};

use super::{Access, FilesystemGrant};
use crate::{
    Capability, Refusal,
    host::{Problem, reason},
};

/// Most entries of a directory that is listed.
const MAX_ENTRIES: usize = 10_000;

/// The directory that the paths of a pipeline start from.
pub struct Tree {
    directory: Dir,
    /// The same, absolute and without links.
    path: PathBuf,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Other,
}

/// Facts about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) mode: u32,
    /// Milliseconds since 1970.
    pub(super) modified: u64,
}

/// A name in a directory.
struct Place {
    parent: OwnedFd,
    name: PathBuf,
    is_there: bool,
}

impl Tree {
    /// Opens `path`, an absolute path of the host.
    ///
    /// # Errors
    ///
    /// It is not a directory that can be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        Ok(Self { directory: Dir::open_ambient_dir(&path, ambient_authority())?, path })
    }

    /// The directory's path, absolute and without links: for what can only be told a path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file, if it has at most `most` bytes.
    pub(crate) fn read(&self, grant: &FilesystemGrant, path: &str, most: u64) -> Result<Vec<u8>, Problem> {
        let real = self.real_path(grant, Access::Read, path)?;
        let (parent, name) = self.parent(&real).map_err(|error| problem(path, &error))?;
        let name = name.ok_or_else(|| Problem::Invalid(format!("`{path}` is a directory")))?;
        // Looked at before it is opened: opening a FIFO waits, and opening a device may do something.
        let facts = facts_at(&parent, &name).map_err(|error| problem(path, &error))?;
        match facts.kind {
            Kind::File => {}
            Kind::Directory => return Err(Problem::Invalid(format!("`{path}` is a directory"))),
            Kind::Other => return Err(Problem::Invalid(format!("`{path}` is not a regular file"))),
        }
        let too_long = || Problem::BudgetExceeded(format!("`{path}` is longer than {most} bytes"));
        if facts.size > most {
            return Err(too_long());
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(
            openat(&parent, &name, flags, Mode::empty()).map_err(|error| problem(path, &error.into()))?,
        );
        let opened = file.metadata().map_err(|error| problem(path, &error))?;
        if !opened.is_file() {
            return Err(Problem::Unavailable(format!("`{path}` changed while it was opened")));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(opened.len().min(most)).unwrap_or(0));
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| problem(path, &error))?;
        if bytes.len() as u64 > most { Err(too_long()) } else { Ok(bytes) }
    }

    /// Replaces a file as a whole. A link at `path` is replaced, not followed.
    pub(super) fn write(&self, grant: &FilesystemGrant, path: &str, data: &[u8]) -> Result<(), Problem> {
        self.write_with(grant, path, |file| file.write_all(data))
    }

    /// As [`Tree::write`], with bytes that come bit by bit. What `fill` fails at leaves the old file as it was.
    pub(crate) fn write_with(
        &self,
        grant: &FilesystemGrant,
        path: &str,
        fill: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), Problem> {
        let Place { parent, name, .. } = self.place(grant, path)?;
        replace(&parent, &name, fill).map_err(|error| problem(path, &error))
    }

    /// Removes a file, or a link. True if it was there.
    pub(super) fn remove(&self, grant: &FilesystemGrant, path: &str) -> Result<bool, Problem> {
        let Place { parent, name, is_there } = self.place(grant, path)?;
        if !is_there {
            return Ok(false);
        }
        match unlinkat(&parent, &name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(problem(path, &error.into())),
        }
    }

    /// Where a file is to be written or removed: its directory must be there, granted as written and as it really is; of
    /// its own name only a file or a link may be there.
    fn place(&self, grant: &FilesystemGrant, path: &str) -> Result<Place, Problem> {
        grant.covers(Access::Write, path)?;
        let written = Path::new(path);
        let Some(Component::Normal(name)) = written.components().next_back() else {
            return Err(Problem::Invalid(format!("`{path}` is a directory")));
        };
        let name = PathBuf::from(name);
        let above = written.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = self.resolve(path, above)?.join(&name);
        covers_real(grant, Access::Write, path, &real)?;
        let (parent, _) = self.parent(&real).map_err(|error| problem(path, &error))?;
        match facts_of_link_at(&parent, &name) {
            Ok(FileType::Directory) => Err(Problem::Invalid(format!("`{path}` is a directory"))),
            Ok(FileType::RegularFile | FileType::Symlink) => Ok(Place { parent, name, is_there: true }),
            Err(Errno::NOENT) => Ok(Place { parent, name, is_there: false }),
            Ok(_) => Err(Problem::Invalid(format!("`{path}` is not a regular file"))),
            Err(error) => Err(problem(path, &error.into())),
        }
    }

    /// The names in a directory, sorted, and what each is. A link is what it leads to if that is granted.
    pub(super) fn list(&self, grant: &FilesystemGrant, path: &str) -> Result<Vec<(String, Kind)>, Problem> {
        let real = self.real_path(grant, Access::Read, path)?;
        let (parent, name) = self.parent(&real).map_err(|error| problem(path, &error))?;
        let name = name.unwrap_or_else(|| PathBuf::from("."));
        let directory = open_directory(&parent, &name).map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => Problem::Invalid(format!("`{path}` is not a directory")),
            error => problem(path, &error.into()),
        })?;
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&directory).map_err(|error| problem(path, &error.into()))? {
            let entry = entry.map_err(|error| problem(path, &error.into()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." {
                continue;
            }
            if entries.len() == MAX_ENTRIES {
                return Err(Problem::BudgetExceeded(format!("`{path}` has more than {MAX_ENTRIES} entries")));
            }
            let below =
                if path.is_empty() { name.clone() } else { format!("{}/{name}", path.trim_end_matches('/')) };
            let kind = match facts_of_link_at(&directory, Path::new(&name)) {
                Ok(FileType::RegularFile) => Kind::File,
                Ok(FileType::Directory) => Kind::Directory,
                Ok(FileType::Symlink) => {
                    self.facts(grant, &below).ok().flatten().map_or(Kind::Other, |facts| facts.kind)
                }
                // Gone since, or something that cannot be opened.
                Ok(_) | Err(_) => Kind::Other,
            };
            entries.push((name, kind));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(entries)
    }

    /// Facts about a path; `None` if there is nothing.
    pub(crate) fn facts(&self, grant: &FilesystemGrant, path: &str) -> Result<Option<Facts>, Problem> {
        let real = match self.real_path(grant, Access::Read, path) {
            Err(Problem::Unavailable(_)) if self.is_missing(path) => return Ok(None),
            other => other?,
        };
        let found = self.parent(&real).and_then(|(parent, name)| match name {
            Some(name) => facts_at(&parent, &name),
            None => facts_at(&parent, Path::new(".")),
        });
        match found {
            Ok(facts) => Ok(Some(facts)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(problem(path, &error)),
        }
    }

    /// A granted directory, opened.
    pub(crate) fn granted_directory(&self, path: &Path) -> io::Result<OwnedFd> {
        self.real_directory(path).map(|(_, opened)| opened)
    }

    /// Where a directory really is, as a path below the pipeline's directory, and that directory opened.
    pub(crate) fn real_directory(&self, path: &Path) -> io::Result<(PathBuf, OwnedFd)> {
        let real = self.directory.canonicalize(path)?;
        let (parent, name) = self.parent(&real)?;
        let opened = match name {
            None => parent,
            Some(name) => open_directory(&parent, &name)?,
        };
        Ok((real, opened))
    }

    /// Whether `path`, an absolute path of the host without links, lies in this directory.
    pub(crate) fn holds(&self, path: &Path) -> io::Result<bool> {
        let own = rustix::fs::fstat(&self.directory)?;
        for above in path.ancestors() {
            let found = rustix::fs::stat(above)?;
            if (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_missing(&self, path: &str) -> bool {
        self.directory.canonicalize(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Where `path` leads; granted both as written and as it is.
    pub(super) fn real_path(
        &self,
        grant: &FilesystemGrant,
        access: Access,
        path: &str,
    ) -> Result<PathBuf, Problem> {
        grant.covers(access, path)?;
        let real = self.resolve(path, Path::new(if path.is_empty() { "." } else { path }))?;
        covers_real(grant, access, path, &real)?;
        Ok(real)
    }

    pub(super) fn resolve(&self, shown: &str, path: &Path) -> Result<PathBuf, Problem> {
        self.directory.canonicalize(path).map_err(|error| {
            // What `cap-std` says when a link leads out of the directory.
            if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
                Problem::Denied(Box::new(led_astray(shown, "it leads out of the pipeline's directory")))
            } else {
                problem(shown, &error)
            }
        })
    }

    /// Opens the directory above `real`, which holds no links, and gives the last name; none for the directory itself.
    pub(super) fn parent(&self, real: &Path) -> io::Result<(OwnedFd, Option<PathBuf>)> {
        let mut names: Vec<&Path> = real
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(Path::new(name)),
                Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
            })
            .collect();
        let last = names.pop().map(Path::to_owned);
        let mut at = self.directory.as_fd().try_clone_to_owned()?;
        for name in names {
            at = open_directory(&at, name)?;
        }
        Ok((at, last))
    }
}

pub(super) fn covers_real(
    grant: &FilesystemGrant,
    access: Access,
    path: &str,
    real: &Path,
) -> Result<(), Problem> {
    let text = real
        .to_str()
        .ok_or_else(|| Problem::Invalid(format!("`{path}` leads to a name that is not text")))?;
    match grant.covers(access, text) {
        Ok(_) => Ok(()),
        Err(refusal) => {
            let why = format!("it leads to `{text}`, and {}", refusal.message);
            Err(Problem::Denied(Box::new(Refusal { grant: refusal.grant.clone(), ..led_astray(path, &why) })))
        }
    }
}

fn led_astray(path: &str, why: &str) -> Refusal {
    Refusal {
        capability: Capability::Files,
        request: format!("follow `{path}`"),
        message: why.to_owned(),
        grant: None,
    }
}

pub(super) fn open_directory(parent: &OwnedFd, name: &Path) -> Result<OwnedFd, Errno> {
    openat(
        parent,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

pub(super) fn facts_of_link_at(parent: &OwnedFd, name: &Path) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode))
}

fn facts_at(parent: &OwnedFd, name: &Path) -> io::Result<Facts> {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Kind::Other,
    };
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    // Unsigned here, signed on other systems; never negative.
    let nanoseconds = stat.st_mtime_nsec as u64;
    Ok(Facts {
        kind,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mode: stat.st_mode & 0o7777,
        modified: seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000),
    })
}

/// Writes a temporary file beside `name` and renames it over.
fn replace(parent: &OwnedFd, name: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mode = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
            Mode::from_raw_mode(stat.st_mode & 0o777)
        }
        _ => Mode::from_raw_mode(0o644),
    };
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = PathBuf::from(format!(".runner-{}-{number}.tmp", std::process::id()));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(parent, &temporary, flags, mode)?);
    let written = fill(&mut file)
        .and_then(|()| file.sync_all())
        .and_then(|()| renameat(parent, &temporary, parent, name).map_err(io::Error::from));
    if written.is_err() {
        let _ = unlinkat(parent, &temporary, AtFlags::empty());
    }
    written
}

pub(super) fn problem(path: &str, error: &io::Error) -> Problem {
    Problem::Unavailable(format!("`{path}`: {}", reason(error)))
}
