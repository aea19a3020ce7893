//! Lines of places, found without counting from the top each time.

use runner_model::{Sources, Span};

/// Where the lines of every text begin.
pub(super) struct Places<'a> {
    sources: &'a Sources,
    newlines: Vec<Vec<usize>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        let newlines = |text: &str| text.match_indices('\n').map(|(at, _)| at).collect();
        Self { sources, newlines: sources.iter().map(|source| newlines(&source.text)).collect() }
    }

    /// `file:line`.
    pub(super) fn line(&self, span: Span) -> String {
        let Some(source) = self.sources.get(span.source) else { return String::new() };
        let newlines = &self.newlines[span.source.0 as usize];
        let line = newlines.partition_point(|newline| *newline < span.start as usize) + 1;
        format!("{}:{line}", source.name)
    }
}
