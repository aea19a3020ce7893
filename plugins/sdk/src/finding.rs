//! What a plugin has found, precise enough to be shown beside the file it is in.

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A reason for a "no".
    Error,
    /// Worth fixing, not a reason for a "no".
    Warning,
    /// For information.
    Note,
}

/// One thing a plugin has found.
///
/// ```
/// use runner_plugin::Finding;
///
/// let finding = Finding::error("unpinned-dependency", "`flask` has no version")
///     .in_file("requirements.txt")
///     .at_line(3)
///     .help("write `flask==<version>`");
/// assert_eq!(finding.line, Some(3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How serious it is.
    pub severity: Severity,
    /// A stable kebab-case name of the rule.
    pub rule: String,
    /// One sentence that says what is wrong.
    pub message: String,
    /// The file, relative to the pipeline's directory.
    pub file: Option<String>,
    /// 1-based line in `file`.
    pub line: Option<u32>,
    /// 1-based column in `line`.
    pub column: Option<u32>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// Makes a finding without a place.
    pub fn new(severity: Severity, rule: impl Into<String>, message: impl Into<String>) -> Self {
        let (rule, message) = (rule.into(), message.into());
        Self { severity, rule, message, file: None, line: None, column: None, help: None }
    }

    /// A reason for a "no".
    pub fn error(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, rule, message)
    }

    /// Worth fixing, not a reason for a "no".
    pub fn warning(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, rule, message)
    }

    /// For information.
    pub fn note(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, rule, message)
    }

    /// Says which file it is in.
    #[must_use]
    pub fn in_file(self, file: impl Into<String>) -> Self {
        Self { file: Some(file.into()), ..self }
    }

    /// Says which line of the file it is at, counted from 1.
    #[must_use]
    pub fn at_line(self, line: u32) -> Self {
        Self { line: Some(line), ..self }
    }

    /// Says where in the line it starts, counted from 1.
    #[must_use]
    pub fn at_column(self, column: u32) -> Self {
        Self { column: Some(column), ..self }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}
