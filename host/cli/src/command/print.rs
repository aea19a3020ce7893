//! Data on stdout.

use std::io::{self, Write as _};

use runner_model::ExitCode;
use serde_json::Value;

use crate::error::CommandError;

/// Writes `bytes` to stdout. A reader that has gone away has had enough: that is no error.
pub(crate) fn bytes(bytes: &[u8]) -> Result<ExitCode, CommandError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::Write { what: "to stdout".to_owned(), source: error })
        }
        Ok(()) | Err(_) => Ok(ExitCode::Succeeded),
    }
}

/// Writes `text` to stdout.
pub(crate) fn text(text: &str) -> Result<ExitCode, CommandError> {
    bytes(text.as_bytes())
}

/// Writes `value` to stdout, indented, with a newline.
pub(crate) fn json(value: &Value) -> Result<ExitCode, CommandError> {
    text(&format!("{value:#}\n"))
}
