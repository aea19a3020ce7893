//! Files below the pipeline's directory.

use super::backend::Backend;
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
    /// text names the line, never its content.
    pub fn read_to_string(&self, path: &str) -> Result<String, Failure> {
        text(self.read(path)?).map_err(|problem| Failure::invalid_input(format!("read `{path}`: {problem}")))
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

/// Understands bytes as text, or says in the words of an editor why not.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("it is UTF-16 (its byte order mark says so); save it as UTF-8".to_owned());
    }
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("line {line} is not UTF-8; save it as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeHost;
    use crate::{FailureKind, HostError};

    #[test]
    fn a_byte_order_mark_is_taken_away() {
        let host = FakeHost::new().file("a", "\u{feff}text").host();

        assert_eq!(host.files().read_to_string("a"), Ok("text".to_owned()));
    }

    #[test]
    fn what_is_not_utf_8_is_said_with_its_line() {
        let host =
            FakeHost::new().file("utf-16", b"\xff\xfea\0").file("latin-1", b"one\ntwo\ncaf\xe9\n").host();

        assert_eq!(
            host.files().read_to_string("utf-16"),
            Err(Failure::invalid_input(
                "read `utf-16`: it is UTF-16 (its byte order mark says so); save it as UTF-8"
            )),
        );
        assert_eq!(
            host.files().read_to_string("latin-1"),
            Err(Failure::invalid_input("read `latin-1`: line 3 is not UTF-8; save it as UTF-8")),
        );
    }

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
