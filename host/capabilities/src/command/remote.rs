//! A command on another machine, as one script for the shell there.
//!
//! `ssh` hands its last argument to the login shell of the other side, so every word is quoted. Variables go over standard
//! input, before what the program itself is to read: command lines are there for everybody to see, on both machines. The
//! script takes exactly their bytes from it.
//!
//! A program that is not there, or a directory, ends the script with the code that `ssh` has for its own failures.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};

use super::words::for_shell;

/// What `ssh` ends with if it is its own fault.
pub(super) const FAILED: i32 = 255;

/// Where programs are looked for on the other side.
pub(super) const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// A command on another machine.
pub(super) struct Remote<'a> {
    pub(super) program: &'a str,
    pub(super) args: &'a [String],
    pub(super) env: &'a [(OsString, OsString)],
    /// Where it starts: each below the one before; where a login starts if there is none.
    pub(super) directories: Vec<&'a str>,
    pub(super) stdin: &'a [u8],
}

impl Remote<'_> {
    /// The script, and what it has to be given to read.
    pub(super) fn script(&self) -> (OsString, Vec<u8>) {
        let mut input = Vec::new();
        for (name, value) in self.env {
            let (name, value) = (name.as_encoded_bytes(), value.as_encoded_bytes());
            input.extend_from_slice(b"export ");
            input.extend_from_slice(name);
            input.push(b'=');
            input.extend_from_slice(&for_shell(value));
            input.push(b'\n');
        }
        let mut script = format!("PATH={PATH}; export PATH; ").into_bytes();
        if !input.is_empty() {
            // Byte by byte: whatever reads more at once takes from the program what is behind.
            let take = format!("eval \"$(dd bs=1 count={} 2>/dev/null)\" || exit {FAILED}; ", input.len());
            script.extend_from_slice(take.as_bytes());
        }
        for directory in &self.directories {
            script.extend_from_slice(b"cd -- ");
            script.extend_from_slice(&for_shell(directory.as_bytes()));
            script.extend_from_slice(format!(" || exit {FAILED}; ").as_bytes());
        }
        let program = for_shell(self.program.as_bytes());
        script.extend_from_slice(b"command -v ");
        script.extend_from_slice(&program);
        script.extend_from_slice(b" >/dev/null || { echo ");
        script.extend_from_slice(&for_shell(format!("there is no program {}", self.program).as_bytes()));
        script.extend_from_slice(format!(" >&2; exit {FAILED}; }}; exec ").as_bytes());
        script.extend_from_slice(&program);
        for arg in self.args {
            script.push(b' ');
            script.extend_from_slice(&for_shell(arg.as_bytes()));
        }
        input.extend_from_slice(self.stdin);
        (OsString::from_vec(script), input)
    }
}
