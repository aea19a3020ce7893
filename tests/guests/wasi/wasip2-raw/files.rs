//! `wasi:filesystem`, function by function.

use schemars::JsonSchema;
use serde::Deserialize;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags};

use crate::Outcome;

/// One call. `in` is the directory that was handed over under that name; paths start there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    r#in: String,
    #[serde(rename = "do")]
    what: What,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// Opens a path, and does something with what it got.
    Open(Open),
    Link(Pair),
    Rename(Pair),
    /// `from` is what the link holds, `to` where it stands.
    Symlink(Pair),
    Unlink(String),
    Mkdir(String),
    Rmdir(String),
    Readlink(String),
    SetTimes(String),
    Stat(String),
    List(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Open {
    path: String,
    /// Some of `read`, `write`, `mutate`, `create`, `exclusive`, `truncate`, `directory`, `follow`.
    #[serde(default)]
    how: Vec<How>,
    then: Option<Then>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum How {
    Read,
    Write,
    Mutate,
    Create,
    Exclusive,
    Truncate,
    Directory,
    Follow,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Then {
    Read,
    Write,
    Append,
    Empty,
    SetTimes,
    List,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pair {
    from: String,
    to: String,
    /// Directory of `to`, if it is another one.
    r#in: Option<String>,
}

impl Call {
    pub(crate) fn make(&self) -> Outcome {
        let base = directory(&self.r#in)?;
        self.what.make(&base)
    }
}

impl What {
    fn make(&self, base: &Descriptor) -> Outcome {
        let plain = PathFlags::empty();
        let silent = |()| String::new();
        let done = match self {
            Self::Open(open) => return open.make(base),
            Self::Link(pair) => base.link_at(plain, &pair.from, &*pair.target(base)?, &pair.to).map(silent),
            Self::Rename(pair) => base.rename_at(&pair.from, &*pair.target(base)?, &pair.to).map(silent),
            Self::Symlink(pair) => base.symlink_at(&pair.from, &pair.to).map(silent),
            Self::Unlink(path) => base.unlink_file_at(path).map(silent),
            Self::Mkdir(path) => base.create_directory_at(path).map(silent),
            Self::Rmdir(path) => base.remove_directory_at(path).map(silent),
            Self::Readlink(path) => base.readlink_at(path),
            Self::SetTimes(path) => {
                base.set_times_at(plain, path, NewTimestamp::Now, NewTimestamp::Now).map(silent)
            }
            Self::Stat(path) => {
                base.stat_at(PathFlags::SYMLINK_FOLLOW, path).map(|found| format!("{} bytes", found.size))
            }
            Self::List(path) => {
                let flags = (OpenFlags::DIRECTORY, DescriptorFlags::READ);
                let opened = base.open_at(PathFlags::SYMLINK_FOLLOW, path, flags.0, flags.1);
                opened.and_then(|directory| names(&directory))
            }
        };
        done.map_err(name)
    }
}

impl Open {
    fn make(&self, base: &Descriptor) -> Outcome {
        let has = |how| self.how.contains(&how);
        let set = |how, flag: OpenFlags| if has(how) { flag } else { OpenFlags::empty() };
        let open = set(How::Create, OpenFlags::CREATE)
            | set(How::Exclusive, OpenFlags::EXCLUSIVE)
            | set(How::Truncate, OpenFlags::TRUNCATE)
            | set(How::Directory, OpenFlags::DIRECTORY);
        let set = |how, flag: DescriptorFlags| if has(how) { flag } else { DescriptorFlags::empty() };
        let flags = set(How::Read, DescriptorFlags::READ)
            | set(How::Write, DescriptorFlags::WRITE)
            | set(How::Mutate, DescriptorFlags::MUTATE_DIRECTORY);
        let follow = if has(How::Follow) { PathFlags::SYMLINK_FOLLOW } else { PathFlags::empty() };
        let opened = base.open_at(follow, &self.path, open, flags).map_err(name)?;
        let Some(then) = self.then else { return Ok(String::new()) };
        then.with(&opened).map_err(|error| format!("opened, then {}", name(error)))
    }
}

impl Then {
    fn with(self, opened: &Descriptor) -> Result<String, ErrorCode> {
        match self {
            Self::Read => {
                opened.read(1024, 0).map(|(bytes, _)| String::from_utf8_lossy(&bytes).trim_end().to_owned())
            }
            Self::Write => opened.write(b"hostile", 0).map(|_| String::new()),
            Self::Append => opened.append_via_stream().map(|stream| {
                // What the stream says comes too late for a code of its own.
                let written = stream.blocking_write_and_flush(b"hostile");
                if written.is_ok() { String::new() } else { "but nothing was written".to_owned() }
            }),
            Self::Empty => opened.set_size(0).map(|()| String::new()),
            Self::SetTimes => opened.set_times(NewTimestamp::Now, NewTimestamp::Now).map(|()| String::new()),
            Self::List => names(opened),
        }
    }
}

impl Pair {
    fn target<'d>(&self, base: &'d Descriptor) -> Result<Target<'d>, String> {
        match &self.r#in {
            Some(path) => directory(path).map(Target::Other),
            None => Ok(Target::Same(base)),
        }
    }
}

enum Target<'d> {
    Same(&'d Descriptor),
    Other(Descriptor),
}

impl std::ops::Deref for Target<'_> {
    type Target = Descriptor;

    fn deref(&self) -> &Descriptor {
        match self {
            Self::Same(directory) => directory,
            Self::Other(directory) => directory,
        }
    }
}

/// The directory that was handed over as `path`.
pub(crate) fn directory(path: &str) -> Result<Descriptor, String> {
    let mut handed = preopens::get_directories();
    let known: Vec<String> = handed.iter().map(|(_, name)| name.clone()).collect();
    let place = known.iter().position(|name| name == path);
    place.map(|index| handed.swap_remove(index).0).ok_or_else(|| format!("not handed over, only {known:?}"))
}

fn names(directory: &Descriptor) -> Result<String, ErrorCode> {
    let entries = directory.read_directory()?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry()? {
        names.push(entry.name);
    }
    names.sort();
    Ok(names.join(" "))
}

fn name(error: ErrorCode) -> String {
    error.name().to_owned()
}
