//! Where the bytes go.

use std::{
    fs::File,
    io::{self, Write as _},
};

/// A place to append to. The file is one; tests have others, which run full or break.
pub trait Storage: Send {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    ///
    /// Any; a part of the bytes may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once everything that was appended is on disk.
    ///
    /// # Errors
    ///
    /// Any; nobody knows what is on disk then.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts off everything from byte `length` on.
    ///
    /// # Errors
    ///
    /// Any; nothing was cut off.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl Storage for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
