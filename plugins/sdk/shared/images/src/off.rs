//! Rules that are switched off, each with a reason that is shown with every run.

use std::collections::BTreeSet;

use runner_plugin::{Finding, Findings, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// A rule of a gate: closed, so that its names stand in the schema.
pub trait Rule: Copy + PartialEq {
    /// Its name, as findings have it.
    fn name(self) -> &'static str;
}

/// A rule that does not apply.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Off<R> {
    /// The rule.
    rule: R,
    /// The only file or service where it does not apply. Without it, it applies nowhere.
    #[serde(rename = "in")]
    place: Option<String>,
    /// Why. It is shown with each run.
    #[schemars(length(min = 1))]
    reason: String,
}

/// Collects findings; those of a rule that is switched off become notes with the reason.
#[derive(Debug)]
pub struct Judge<'c, R> {
    off: &'c [Off<R>],
    used: BTreeSet<usize>,
    findings: Findings,
}

impl<'c, R: Rule> Judge<'c, R> {
    /// A judge that has found nothing so far.
    #[must_use]
    pub fn new(off: &'c [Off<R>]) -> Self {
        Self { off, used: BTreeSet::new(), findings: Findings::new() }
    }

    /// Adds a finding of a rule. `place` is the file or service that it is about.
    pub fn add(&mut self, rule: R, place: &str, finding: Finding) {
        let off = self.off.iter().position(|off| off.rule == rule && off.is_at(place));
        let Some(index) = off else {
            self.findings.push(finding);
            return;
        };
        self.used.insert(index);
        let message = format!("{}; switched off: {}", finding.message, self.off[index].reason);
        self.findings.push(Finding { severity: Severity::Note, message, help: None, ..finding });
    }

    /// Adds a finding that cannot be switched off.
    pub fn always(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Everything found, and a warning for each switch that switches nothing off: it would hide the next mistake.
    /// `places` are all that were looked at.
    #[must_use]
    pub fn findings(mut self, places: &[String]) -> Findings {
        for (index, off) in self.off.iter().enumerate() {
            if self.used.contains(&index) {
                continue;
            }
            let place = off.place.as_deref().map_or(String::new(), |place| format!(" in `{place}`"));
            let known = places.iter().any(|place| off.is_at(place));
            let why = if known { "which nothing breaks" } else { "which is not among those looked at" };
            let message = format!("`off` names `{}`{place}, {why}", off.rule.name());
            self.findings.push(Finding::warning("unused-off", message).help("take it out of `off`"));
        }
        self.findings
    }
}

impl<R> Off<R> {
    fn is_at(&self, place: &str) -> bool {
        self.place.as_deref().is_none_or(|own| own.trim_start_matches("./") == place.trim_start_matches("./"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Long;

    impl Rule for Long {
        fn name(self) -> &'static str {
            "long"
        }
    }

    fn off(place: Option<&str>) -> Vec<Off<Long>> {
        vec![Off { rule: Long, place: place.map(str::to_owned), reason: "old".to_owned() }]
    }

    fn judged(off: &[Off<Long>], places: &[&str]) -> Vec<Finding> {
        let mut judge = Judge::new(off);
        judge.add(Long, "a", Finding::error("long", "too long").in_file("a").help("cut it"));
        let places: Vec<String> = places.iter().map(|&place| place.to_owned()).collect();
        judge.findings(&places).into_vec()
    }

    #[test]
    fn a_rule_that_is_off_leaves_a_note_with_the_reason() {
        let note = Finding::note("long", "too long; switched off: old").in_file("a");

        assert_eq!(judged(&off(None), &["a"]), std::slice::from_ref(&note));
        assert_eq!(judged(&off(Some("./a")), &["a"]), [note]);
    }

    #[test]
    fn a_switch_that_switches_nothing_off_is_a_warning() {
        let found = |place| judged(&off(Some(place)), &["a", "b"]).pop().unwrap().message;

        assert_eq!(found("b"), "`off` names `long` in `b`, which nothing breaks");
        assert_eq!(found("c"), "`off` names `long` in `c`, which is not among those looked at");
    }
}
