//! JSON, YAML and TOML as one kind of value.
//!
//! A text goes in, a [`Value`] comes out, or a [`Problem`] with line and column. What two readers could
//! understand in two ways is refused: duplicate keys, several documents, tags of one's own, numbers that JSON cannot
//! hold (NaN, infinities, too many digits). Nesting and the size of aliases are bounded, so that no text ends the
//! component instead of the answer.
//!
//! YAML is read by the core schema of version 1.2, so `no` and `on` are words; merge keys (`<<`) are merged, since
//! the files of other tools have them. Dates of TOML become text, as they are in JSON.
//!
//! ```
//! use runner_plugin::document::{self, Format};
//! use serde_json::json;
//!
//! assert_eq!(document::parse(Format::Yaml, "a: [1, no]"), Ok(json!({ "a": [1, "no"] })));
//! assert_eq!(document::parse(Format::Toml, "a = 1"), Ok(json!({ "a": 1 })));
//! assert_eq!(
//!     document::parse(Format::Json, "{\"a\": 1,\n \"a\": 2}").unwrap_err().to_string(),
//!     "line 2, column 4: `a` stands twice in this object",
//! );
//! ```

mod json;
mod scalar;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use std::fmt;

use serde_json::Value;

use crate::Failure;
use crate::host::Files;

pub use yaml::{Document, Place, yaml};

/// Deepest nesting of values. Deeper than any document a person writes, and shallow enough for a stack of 64 KiB.
pub const MAX_DEPTH: usize = 64;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// YAML 1.2, core schema.
    Yaml,
    /// TOML 1.
    Toml,
}

impl Format {
    /// The format that the name of a file says it has: by `.json`, `.yaml`, `.yml` and `.toml`.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
        }
    }
}

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// 1-based.
    pub line: u32,
    /// 1-based.
    pub column: u32,
    /// What is wrong, without the place.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl Problem {
    fn new(line: usize, column: usize, message: impl Into<String>) -> Self {
        let narrow = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        Self { line: narrow(line), column: narrow(column), message: message.into() }
    }

    /// A problem at a byte of the text.
    fn at_byte(text: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self::new(line, column, message)
    }

    fn too_deep(line: usize, column: usize) -> Self {
        Self::new(line, column, format!("values are nested deeper than {MAX_DEPTH} levels"))
    }
}

/// Understands a text.
///
/// # Errors
///
/// A [`Problem`] when it is not of this format, or holds what no two readers would agree on.
pub fn parse(format: Format, text: &str) -> Result<Value, Problem> {
    match format {
        Format::Json => json(text),
        Format::Yaml => yaml(text).map(|document| document.value),
        Format::Toml => toml::parse(text),
    }
}

/// Understands a JSON text. A component that calls this and not [`parse`] has no reader of YAML and TOML in it, which is
/// half its size.
///
/// # Errors
///
/// As [`parse`].
pub fn json(text: &str) -> Result<Value, Problem> {
    json::parse(text)
}

/// Reads and understands a file; without a format it is told by the name of the file.
///
/// # Errors
///
/// Those of [`Files::read_to_string`], [`InvalidConfig`](crate::FailureKind::InvalidConfig) when the name does not
/// tell the format, and [`InvalidInput`](crate::FailureKind::InvalidInput) when [`parse`] finds a problem.
pub fn read(files: &Files<'_>, path: &str, format: Option<Format>) -> Result<Value, Failure> {
    let Some(format) = format.or_else(|| Format::of_path(path)) else {
        return Err(Failure::invalid_config(format!(
            "`{path}`: the name does not tell the format; `.json`, `.yaml`, `.yml` and `.toml` do"
        )));
    };
    parse(format, &files.read_to_string(path)?).map_err(|problem| unreadable(path, format, &problem))
}

/// The failure of a file that is not a document.
#[must_use]
pub fn unreadable(path: &str, format: Format, problem: &Problem) -> Failure {
    Failure::invalid_input(format!("read `{path}` as {}: {problem}", format.name()))
}
