//! Programs in a test: what was run, and how it ends.

use std::time::Duration;

use crate::HostError;
use crate::host::{Completion, Ending};

/// A command that a plugin has run, with its secrets filled in as the real host would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RanCommand {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables in the order written, then those with secrets.
    pub env: Vec<(String, String)>,
    /// Its input; empty for none.
    pub stdin: Vec<u8>,
    /// Where it starts, if that was said.
    pub directory: Option<String>,
    /// The time limit, if one was set.
    pub timeout_ms: Option<u32>,
    /// The limit of the output, if one was set.
    pub max_bytes: Option<u32>,
}

impl RanCommand {
    /// A command with these arguments and nothing else.
    pub fn new(program: impl Into<String>, args: &[&str]) -> Self {
        Self {
            program: program.into(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: Vec::new(),
            stdin: Vec::new(),
            directory: None,
            timeout_ms: None,
            max_bytes: None,
        }
    }

    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the input.
    #[must_use]
    pub fn stdin(self, stdin: impl Into<Vec<u8>>) -> Self {
        Self { stdin: stdin.into(), ..self }
    }

    /// Sets where it starts.
    #[must_use]
    pub fn directory(self, directory: &str) -> Self {
        Self { directory: Some(directory.to_owned()), ..self }
    }

    /// Sets the time limit.
    #[must_use]
    pub fn timeout_ms(self, timeout_ms: u32) -> Self {
        Self { timeout_ms: Some(timeout_ms), ..self }
    }

    /// Sets the limit of the output.
    #[must_use]
    pub fn max_bytes(self, max_bytes: u32) -> Self {
        Self { max_bytes: Some(max_bytes), ..self }
    }

    /// `program argument …`, as endings are prepared for.
    pub(super) fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        words.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// How a program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit(pub(super) Result<Completion, HostError>);

impl Exit {
    /// By itself, with this code, after 1 ms and without a word.
    #[must_use]
    pub fn code(code: i32) -> Self {
        Self(Ok(Completion {
            ending: Ending::Exited(code),
            stdout: Vec::new(),
            stderr: Vec::new(),
            truncated: false,
            elapsed: Duration::from_millis(1),
        }))
    }

    /// By a signal.
    #[must_use]
    pub fn signal(signal: i32) -> Self {
        Self::code(0).with(|completion| completion.ending = Ending::Signalled(signal))
    }

    /// Not at all: the host refuses, or has lost it.
    #[must_use]
    pub fn error(error: HostError) -> Self {
        Self(Err(error))
    }

    /// Sets what it writes to standard output.
    #[must_use]
    pub fn stdout(self, stdout: impl Into<Vec<u8>>) -> Self {
        self.with(|completion| completion.stdout = stdout.into())
    }

    /// Sets what it writes to standard error.
    #[must_use]
    pub fn stderr(self, stderr: impl Into<Vec<u8>>) -> Self {
        self.with(|completion| completion.stderr = stderr.into())
    }

    fn with(mut self, change: impl FnOnce(&mut Completion)) -> Self {
        if let Ok(completion) = &mut self.0 {
            change(completion);
        }
        self
    }
}
