//! Coverage against its bounds.

use fast_glob::glob_match;
use runner_evidence::Bounds;
use runner_plugin::{Decision, Evaluation, Finding, Findings, Severity};

use crate::changed::Change;
use crate::data::{Count, File, Finished};
use crate::{Changed, Config, matches};

pub(crate) fn judge(config: &Config, coverage: &Finished, change: Option<&Change>) -> Evaluation {
    let mut findings = Findings::new();
    let (mut lines, mut branches) = (Count::default(), Count::default());
    for file in coverage.files.values() {
        lines.add(file.lines());
        branches.add(file.branches());
    }
    if lines.total == 0 {
        findings.push(Finding::error("nothing-measured", "the reports have no line that could be covered"));
    }
    if let Some(bounds) = &config.lines
        && let Some(broken) = broken_by(bounds, lines)
    {
        findings.push(Finding::error("low-coverage", format!("lines covered, in percent: {broken}")));
    }
    if let Some(bounds) = &config.branches {
        if branches.total == 0 {
            findings
                .push(Finding::error("nothing-measured", "the reports have no branch that could be covered"));
        }
        if let Some(broken) = broken_by(bounds, branches) {
            findings.push(Finding::error("low-coverage", format!("branches covered, in percent: {broken}")));
        }
    }
    per_file(config, coverage, &mut findings);
    let changed = match (&config.changed, change) {
        (Some(rule), Some(change)) => Some(changed(rule, coverage, change, &mut findings)),
        _ => None,
    };
    let failed = findings.count_of(Severity::Error) > 0;
    let mut parts = vec![format!("{} of {} lines covered", shown(lines), lines.total)];
    if branches.total > 0 {
        parts.push(format!("{} of {} branches", shown(branches), branches.total));
    }
    if let Some(changed) = changed {
        parts.push(format!("{} of {} changed lines", shown(changed), changed.total));
    }
    let mut evaluation = Evaluation::judge(findings.into_vec(), parts.join(", "));
    let nothing_changed = changed.is_some_and(|changed| changed.total == 0);
    if nothing_changed && !failed && !config.changed.as_ref().is_some_and(|rule| rule.allow_none) {
        evaluation.decision = Decision::Inconclusive;
        evaluation.summary = "the change has no line that could be covered".to_owned();
    }
    let counts = [("lines", Some(lines)), ("branches", Some(branches)), ("changed", changed)];
    let evaluation = evaluation.output("files", coverage.files.len()).output("lines_covered", lines.covered);
    counts.into_iter().fold(evaluation, |evaluation, (name, count)| {
        let Some(count) = count else { return evaluation };
        let evaluation = evaluation.output(name, count.total);
        match count.percent() {
            Some(percent) => evaluation.output(format!("{name}_percent"), percent),
            None => evaluation,
        }
    })
}

fn per_file(config: &Config, coverage: &Finished, findings: &mut Findings) {
    for rule in &config.per_file {
        let mut any = false;
        for (path, file) in &coverage.files {
            if rule.files != *path && !glob_match(&rule.files, path) {
                continue;
            }
            any = true;
            let kinds = [("lines", &rule.lines, file.lines()), ("branches", &rule.branches, file.branches())];
            for (what, bounds, count) in kinds {
                if let Some(broken) = bounds.as_ref().and_then(|bounds| broken_by(bounds, count)) {
                    let message = format!("{what} covered, in percent: {broken}");
                    findings.push(Finding::error("low-file-coverage", message).in_file(path));
                }
            }
        }
        if !any {
            let message = format!("the reports have no file that matches `{}`", rule.files);
            findings.push(Finding::error("unmatched-pattern", message));
        }
    }
}

fn changed(rule: &Changed, coverage: &Finished, change: &Change, findings: &mut Findings) -> Count {
    let mut count = Count::default();
    let mut missed = Vec::new();
    for (path, lines) in change.iter().filter(|(_, lines)| !lines.is_empty()) {
        let Some(file) = coverage.files.get(path) else {
            if matches(&rule.files, path) {
                let finding = Finding::error("no-data", "the file was changed, and no report knows it");
                findings.push(
                    finding.in_file(path).help("let the tests measure it, or take it out of `changed.files`"),
                );
            }
            continue;
        };
        for number in lines {
            if let Some(covered) = file.is_covered(*number) {
                count.add(Count { covered: u32::from(covered), total: 1 });
            }
        }
        missed.extend(ranges(file, lines).into_iter().map(|range| (path, range)));
    }
    let broken = broken_by(&rule.lines, count);
    if let Some(broken) = &broken {
        findings.push(Finding::error(
            "low-change-coverage",
            format!("changed lines covered, in percent: {broken}"),
        ));
    }
    let severity = if broken.is_some() { Severity::Error } else { Severity::Note };
    for (path, (first, last)) in missed {
        let message = if first == last {
            format!("line {first} was changed and is not covered")
        } else {
            format!("lines {first} to {last} were changed and are not covered")
        };
        findings.push(Finding::new(severity, "uncovered-change", message).in_file(path).at_line(first));
    }
    count
}

/// The changed lines that are not covered, lines in a row together.
fn ranges(file: &File, lines: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in lines.iter().copied().filter(|number| file.is_covered(*number) == Some(false)) {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

/// Says which bound is broken. Of nothing, no bound is.
fn broken_by(bounds: &Bounds, count: Count) -> Option<String> {
    let percent = count.percent()?;
    let exact = bounds.broken_by(percent)?;
    // 89.999 is shown as 89.99, never as the 90 that it is not.
    Some(bounds.broken_by(cut(percent)).unwrap_or(exact))
}

fn shown(count: Count) -> String {
    count.percent().map_or_else(|| "none".to_owned(), |percent| format!("{} %", cut(percent)))
}

fn cut(percent: f64) -> f64 {
    (percent * 100.0).floor() / 100.0
}
