//! A component as it is read: digest and head without keeping it, its bytes only if it has to be compiled.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use runner_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::inspect::LoadError;

/// Largest component that is read: several times a Python interpreter.
const MAX_SIZE: u64 = 128 << 20;
/// As many bytes as tell what a file is.
const HEAD: usize = 8;

/// The bytes of a component.
pub(crate) enum Text {
    /// Read once for its digest, and a second time only if it has to be compiled.
    File(PathBuf),
    Memory(Vec<u8>),
}

/// What reading a component has shown.
pub(crate) struct Read {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Its first bytes.
    head: Vec<u8>,
    pub(crate) text: Text,
}

impl Read {
    pub(crate) fn memory(bytes: Vec<u8>) -> Self {
        let digest = Digest::from_sha256(&Sha256::digest(&bytes).into());
        let head = bytes.iter().copied().take(HEAD).collect();
        Self { digest, head, size: bytes.len() as u64, text: Text::Memory(bytes) }
    }

    /// Whether it looks like a component.
    ///
    /// # Errors
    ///
    /// What it looks like instead.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        check_header(&self.head)
    }

    /// Reads a file through, without keeping it. Blocks.
    pub(crate) fn file(path: PathBuf) -> Result<Self, LoadError> {
        let unreadable = |error: io::Error| LoadError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        let mut file = open(&path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 128 << 10];
        let (mut size, mut head) = (0, Vec::new());
        loop {
            let length = file.read(&mut buffer).map_err(unreadable)?;
            let read = &buffer[..length];
            if read.is_empty() {
                break;
            }
            size += length as u64;
            if size > MAX_SIZE {
                let bytes = file.metadata().map_or(size, |found| found.len());
                return Err(LoadError::TooLarge { bytes, limit: MAX_SIZE });
            }
            head.extend(read.iter().take(HEAD - head.len()));
            hasher.update(read);
        }
        let digest = Digest::from_sha256(&hasher.finalize().into());
        Ok(Self { digest, size, head, text: Text::File(path) })
    }
}

impl Text {
    /// For people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Memory(_) => "a component".to_owned(),
        }
    }

    /// The bytes with this digest. A file may have become another one since.
    pub(crate) fn bytes(&self, expected: &Digest) -> Result<Cow<'_, [u8]>, LoadError> {
        let path = match self {
            Self::File(path) => path,
            Self::Memory(bytes) => return Ok(Cow::Borrowed(bytes)),
        };
        let mut bytes = Vec::new();
        open(path)?.take(MAX_SIZE).read_to_end(&mut bytes).map_err(|error| LoadError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        let found = Digest::from_sha256(&Sha256::digest(&bytes).into());
        if found == *expected {
            Ok(Cow::Owned(bytes))
        } else {
            Err(LoadError::Changed { expected: expected.clone(), found })
        }
    }
}

fn open(path: &Path) -> Result<File, LoadError> {
    let unreadable = |reason: String| LoadError::Unreadable { path: path.display().to_string(), reason };
    // Asked first: opening a pipe that nobody writes to would wait for ever.
    let found = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !found.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    if found.len() > MAX_SIZE {
        return Err(LoadError::TooLarge { bytes: found.len(), limit: MAX_SIZE });
    }
    File::open(path).map_err(|error| unreadable(error.to_string()))
}

/// What a file is by its first bytes, before the compiler looks at it.
fn check_header(head: &[u8]) -> Result<(), LoadError> {
    let found = match head {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => "a core module",
        [0, b'a', b's', b'm', ..] => "WebAssembly of an unknown sort",
        [0x7f, b'E', b'L', b'F', ..] => "a native program or a precompiled component",
        [] => "empty",
        _ => "something else",
    };
    Err(LoadError::NotAComponent { found })
}
