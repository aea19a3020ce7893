//! Where a line stands.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use runner_evidence::moment;
use runner_plugin::Finding;
use runner_plugin::host::OutputStream;

/// Where a line stands: in a file, or in what a container wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file, at a line.
    File { path: Rc<str>, line: u32 },
    /// In a stream of a container, written at a moment since 1970 if that is known.
    Stream { channel: OutputStream, at: Option<Duration> },
}

impl Place {
    /// A finding with its place: as file and line if there is one, else in words.
    pub(crate) fn of(&self, finding: Finding) -> Finding {
        match self {
            Self::File { path, line } => finding.in_file(&**path).at_line(*line),
            Self::Stream { .. } => {
                let message = format!("{self}: {}", finding.message);
                Finding { message, ..finding }
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line, .. } => write!(f, "line {line}"),
            Self::Stream { channel, at } => {
                f.write_str(match channel {
                    OutputStream::Stdout => "stdout",
                    OutputStream::Stderr => "stderr",
                })?;
                match at.and_then(|at| moment::of_clock(at).ok()) {
                    Some(at) => write!(f, " at {at}"),
                    None => Ok(()),
                }
            }
        }
    }
}
