//! Files below the pipeline's directory.

use super::backend::Backend;
use super::encoding;
use crate::Failure;

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else (socket, device); cannot be opened.
    Other,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Name without directory.
    pub name: String,
    /// What it is. A symbolic link shows as what it leads to if that is granted, else as [`FileKind::Other`].
    pub kind: FileKind,
}

/// Facts about a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Size in bytes.
    pub size: u64,
    /// Unix permission bits, e.g. `0o644`.
    pub mode: u32,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub modified: u64,
}

/// Files, from [`Host::files`](crate::Host::files). Paths are relative to the pipeline's directory, with `/`.
#[derive(Debug)]
pub struct Files<'a> {
    backend: &'a Backend,
}

impl<'a> Files<'a> {
    pub(super) fn new(backend: &'a Backend) -> Self {
        Self { backend }
    }

    /// Reads a whole file, at most 16 MiB.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) without a grant,
    /// [`Unavailable`](crate::FailureKind::Unavailable) when there is no such file,
    /// [`BudgetExceeded`](crate::FailureKind::BudgetExceeded) when it is longer.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.backend.read(path, None).map_err(|error| Failure::of_call(format_args!("read `{path}`"), error))
    }

    /// Reads a whole file, at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`Files::read`].
    pub fn read_at_most(&self, path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        self.backend
            .read(path, Some(limit))
            .map_err(|error| Failure::of_call(format_args!("read `{path}`"), error))
    }

    /// Reads a whole UTF-8 file, at most 16 MiB. A byte order mark at its start is taken away.
    ///
    /// # Errors
    ///
    /// As [`Files::read`], and [`InvalidInput`](crate::FailureKind::InvalidInput) when it is not UTF-8; the
    /// text names the line, the byte and what the encoding looks like, never the content.
    pub fn read_to_string(&self, path: &str) -> Result<String, Failure> {
        encoding::text(self.read(path)?)
            .map_err(|problem| Failure::invalid_input(format!("read `{path}`: {problem}")))
    }

    /// Replaces a file as a whole. The directory must exist.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) without a grant,
    /// [`Unavailable`](crate::FailureKind::Unavailable) when it cannot be written; then the old file is still
    /// there.
    pub fn write(&self, path: &str, data: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.backend
            .write(path, data.as_ref())
            .map_err(|error| Failure::of_call(format_args!("write `{path}`"), error))
    }

    /// Removes a file; a symbolic link is removed, not followed. True if it was there.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) where it could not be written either,
    /// [`Unavailable`](crate::FailureKind::Unavailable) when it cannot be removed.
    pub fn remove(&self, path: &str) -> Result<bool, Failure> {
        self.backend.remove(path).map_err(|error| Failure::of_call(format_args!("remove `{path}`"), error))
    }

    /// Lists a directory, sorted by name.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) without a grant,
    /// [`Unavailable`](crate::FailureKind::Unavailable) when there is no such directory.
    pub fn list(&self, path: &str) -> Result<Vec<DirEntry>, Failure> {
        self.backend.list_dir(path).map_err(|error| Failure::of_call(format_args!("list `{path}`"), error))
    }

    /// Looks at a path without opening it. `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) without a grant.
    pub fn stat(&self, path: &str) -> Result<Option<Metadata>, Failure> {
        self.backend.stat(path).map_err(|error| Failure::of_call(format_args!("look at `{path}`"), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeHost;
    use crate::{FailureKind, HostError};

    #[test]
    fn a_longer_file_is_not_read() {
        let host = FakeHost::new().file("a", "12345").host();

        assert_eq!(host.files().read_at_most("a", 5), Ok(b"12345".to_vec()));
        assert_eq!(
            host.files().read_at_most("a", 4),
            Err(Failure::new(FailureKind::BudgetExceeded, "read `a`: file is longer than 4 bytes")),
        );
    }

    #[test]
    fn a_removed_file_is_gone() {
        let fake = FakeHost::new().file("a", "1").file_error("secret", HostError::Denied);
        let host = fake.host();

        assert_eq!((host.files().remove("a"), host.files().remove("a")), (Ok(true), Ok(false)));
        assert_eq!(fake.content("a"), None);
        assert_eq!(
            host.files().remove("secret"),
            Err(Failure::new(
                FailureKind::Denied,
                "remove `secret`: denied, no grant of this step covers it"
            )),
        );
    }

    #[test]
    fn a_missing_and_a_denied_file_are_told_apart() {
        let host = FakeHost::new().file_error("secret", HostError::Denied).host();

        assert_eq!(host.files().read("absent"), Err(Failure::unavailable("read `absent`: no such file")),);
        assert_eq!(
            host.files().read("secret"),
            Err(Failure::new(FailureKind::Denied, "read `secret`: denied, no grant of this step covers it")),
        );
        assert_eq!(host.files().stat("absent"), Ok(None));
    }
}
