//! What is wrong with a text, and where. Made by the stages, shown by `report`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ExitCode;

/// Index into [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId(pub u32);

/// A part of a text: byte offsets, `start` included, `end` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Which text.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One text with the name people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Path as given on the command line or in `include`.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
}

/// All texts of a pipeline: the file itself and what it includes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a text.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        let id = SourceId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(Source { name: name.into(), text: text.into() });
        id
    }

    /// The text behind an id; `None` for an id of another set.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.0.get(usize::try_from(id.0).ok()?)
    }

    /// All texts.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// `file:line:column` of the start of `span`, both counted from 1, the column in characters.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        let Some(source) = self.get(span.source) else { return String::new() };
        let (line, column) = source.line_column(span.start);
        format!("{}:{line}:{column}", source.name)
    }
}

impl Source {
    /// Line and column of a byte, both counted from 1, the column in characters.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let mut offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The pipeline does not run.
    Error,
    /// It runs, and somebody should look.
    Warning,
}

/// A marked part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Which part.
    pub span: Span,
    /// What to say about it; may be empty.
    pub text: String,
}

/// One problem, complete: what, where, why we know, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable kebab-case name of the rule, e.g. `unknown-key`.
    pub code: &'static str,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// Where: the first is the place itself, the others explain. May be empty (a file that cannot be read).
    pub labels: Vec<Label>,
    /// Why we know, one line each.
    pub notes: Vec<String>,
    /// What to do next, possibly several lines.
    pub help: Option<String>,
    /// What the process ends with because of this.
    pub exit: ExitCode,
}

impl Diagnostic {
    /// An error that makes the pipeline invalid (exit 6).
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            exit: ExitCode::InvalidPipeline,
        }
    }

    /// Something to look at that stops nothing.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, exit: ExitCode::Succeeded, ..Self::error(code, message) }
    }

    /// The same with another exit code.
    #[must_use]
    pub fn exit(mut self, exit: ExitCode) -> Self {
        self.exit = exit;
        self
    }

    /// The same with one more marked part.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// The same with one more reason.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
