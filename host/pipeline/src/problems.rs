//! What the stages found wrong, all of it together.

use runner_model::{Diagnostic, ExitCode, Severity, Sources};

/// Why there is no plan: every problem that was found, and the texts their places are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// Errors and warnings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts.
    pub sources: Sources,
}

impl Problems {
    /// Sorts what was found by place.
    pub(crate) fn new(mut diagnostics: Vec<Diagnostic>, sources: Sources) -> Self {
        sort(&mut diagnostics);
        Self { diagnostics, sources }
    }

    /// What the process ends with: the smallest code among the errors, so 6 beats 7 beats 8.
    #[must_use]
    pub fn exit(&self) -> ExitCode {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .map(|diagnostic| diagnostic.exit)
            .min()
            .unwrap_or(ExitCode::InvalidPipeline)
    }
}

/// By place; what has none comes first. Problems at one place keep the order in which they were found.
pub(crate) fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by_key(|diagnostic| {
        diagnostic.labels.first().map(|label| (label.span.source, label.span.start))
    });
}

pub(crate) fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// `names` as a list for people: `a`, `b` and 3 more.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// The known name that `wrong` was probably meant to be.
pub(crate) fn similar<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One sign is a slip in three, and another word in two.
    let tolerated = match wrong.chars().count() {
        0..=2 => return None,
        length => (length / 3).max(1),
    };
    known
        .into_iter()
        .filter(|name| name.len().abs_diff(wrong.len()) <= 4 * tolerated)
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Past this many problems nobody reads suggestions, and looking for them would make a file with thousands of wrong
/// names slow.
const SUGGESTED: usize = 100;

/// "did you mean …", or what there is.
pub(crate) fn suggestion<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
    what: &str,
    found: &[Diagnostic],
) -> String {
    if found.len() >= SUGGESTED {
        return format!("compare with the {what} that there are");
    }
    let known: Vec<&str> = known.into_iter().collect();
    match similar(wrong, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("there are no {what}"),
        None => format!("{what}: {}", listed(known)),
    }
}

#[cfg(test)]
mod tests {
    use runner_model::{Diagnostic, ExitCode, Sources};

    use super::{Problems, similar};

    #[test]
    fn six_beats_seven_beats_eight_and_warnings_do_not_count() {
        let exit = |codes: &[ExitCode]| {
            let errors = codes.iter().map(|code| Diagnostic::error("x", "x").exit(*code));
            let all = errors.chain([Diagnostic::warning("w", "w")]).collect();
            Problems::new(all, Sources::default()).exit()
        };
        let (six, seven, eight) =
            (ExitCode::InvalidPipeline, ExitCode::GrantRefused, ExitCode::PluginUnusable);
        assert_eq!([exit(&[eight, seven, six]), exit(&[eight, seven]), exit(&[eight])], [six, seven, eight]);
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["needs", "uses", "timeout"];
        assert_eq!(
            ["need", "tiemout", "neeeds", "with", "us"].map(|wrong| similar(wrong, known)),
            [Some("needs"), Some("timeout"), Some("needs"), None, None]
        );
    }
}
