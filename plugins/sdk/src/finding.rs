//! What a plugin has found, precise enough to be shown beside the file it is in.

use std::collections::BTreeMap;

use crate::text::counted;

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

/// Findings as they come: the first 100 of each rule are kept, the others counted.
///
/// A million findings help nobody, and neither memory nor the limit of an answer holds them.
///
/// ```
/// use runner_plugin::{Finding, Findings};
///
/// let mut findings = Findings::new();
/// for line in 1..=250 {
///     findings.push(Finding::error("long-line", "too long").in_file("a").at_line(line));
/// }
/// assert_eq!(findings.count(), 250);
/// let kept = findings.into_vec();
/// assert_eq!(kept.len(), 101);
/// assert_eq!(kept[100], Finding::error("long-line", "150 more findings of `long-line` are not shown"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    seen: BTreeMap<(String, Severity), usize>,
}

/// Findings of one rule that are shown.
const SHOWN: usize = 100;

impl Findings {
    /// None so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one more.
    pub fn push(&mut self, finding: Finding) {
        let seen = self.seen.entry((finding.rule.clone(), finding.severity)).or_default();
        *seen += 1;
        if *seen <= SHOWN {
            self.kept.push(finding);
        }
    }

    /// How many there were, shown or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.values().sum()
    }

    /// How many there were of one severity, shown or not.
    #[must_use]
    pub fn count_of(&self, severity: Severity) -> usize {
        self.seen.iter().filter(|((_, of), _)| *of == severity).map(|(_, seen)| seen).sum()
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Those that are shown, and for each rule with more of them one that says how many.
    #[must_use]
    pub fn into_vec(self) -> Vec<Finding> {
        let more = self.seen.into_iter().filter(|(_, seen)| *seen > SHOWN).map(|((rule, severity), seen)| {
            let more = counted(seen - SHOWN, "more finding", "more findings");
            let verb = if seen - SHOWN == 1 { "is" } else { "are" };
            let message = format!("{more} of `{rule}` {verb} not shown");
            Finding::new(severity, rule, message)
        });
        let mut kept = self.kept;
        kept.extend(more);
        kept
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        for finding in findings {
            self.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_counted_by_rule_and_severity() {
        let mut findings = Findings::new();
        findings.extend((0..101).map(|_| Finding::error("a", "m")));
        findings.push(Finding::warning("a", "w"));
        findings.extend((0..100).map(|_| Finding::note("b", "n")));

        assert_eq!(
            (findings.count(), findings.count_of(Severity::Error), findings.count_of(Severity::Warning)),
            (202, 101, 1)
        );
        let kept = findings.into_vec();
        assert_eq!(kept.len(), 202);
        assert_eq!(kept.last(), Some(&Finding::error("a", "1 more finding of `a` is not shown")));
    }
}
