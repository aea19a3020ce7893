//! Holding a page, or two, against a check.

use std::collections::BTreeMap;

use runner_plugin::Finding;
use serde_json::{Number, Value};

use crate::Check;
use crate::exposition::Sample;

/// How many values of one metric stand in the outputs.
const SHOWN: usize = 100;

/// What came of one check.
pub(crate) struct Judged {
    /// What is wrong, or not known.
    pub(crate) findings: Vec<Finding>,
    /// Whether a value that is needed for an answer is `NaN`.
    pub(crate) inconclusive: bool,
    /// The newest value of the only series, or a list of the first 100.
    pub(crate) value: Value,
}

/// Compares the newest page with the bounds, and with the one before it.
pub(crate) fn judge(check: &Check, first: &[Sample], second: Option<&[Sample]>) -> Judged {
    let meant = |page: &[Sample]| -> Vec<Sample> {
        page.iter().filter(|sample| check.selector.selects(sample)).cloned().collect()
    };
    let (before, now) = (meant(first), meant(second.unwrap_or(first)));
    let mut findings = Vec::new();
    let mut inconclusive = false;
    if now.len() < check.metric.min_series {
        findings.push(too_few(check, now.len(), second.unwrap_or(first)));
    }
    for sample in &now {
        if sample.value.is_nan() {
            inconclusive = true;
            findings.push(Finding::warning("not-a-number", format!("`{}` is NaN", sample.series())));
        } else {
            findings.extend(broken(check, sample));
        }
    }
    if let Some(wanted) = check.metric.increases_by
        && !now.is_empty()
        && !inconclusive
    {
        findings.extend(growth(check, wanted, &before, &now));
    }
    let value = match now.as_slice() {
        [one] => number(one.value),
        several => several.iter().take(SHOWN).map(|sample| number(sample.value)).collect(),
    };
    Judged { findings, inconclusive, value }
}

fn too_few(check: &Check, number: usize, page: &[Sample]) -> Finding {
    let (name, wanted) = (check.name(), check.metric.min_series);
    let finding = if number == 0 {
        Finding::error("missing-metric", format!("`{name}` is not on the page"))
    } else {
        let message = format!("`{name}` has {number} series, at least {wanted} must be there");
        Finding::error("missing-series", message)
    };
    let others = page.iter().filter(|sample| sample.name == check.metric.name).count();
    if number == 0 && others > 0 {
        finding.help(format!("series of this name with other labels: {others}"))
    } else {
        finding
    }
}

fn broken(check: &Check, sample: &Sample) -> Option<Finding> {
    let first = |bounds: &Option<runner_evidence::Bounds>| bounds.as_ref()?.broken_by(sample.value);
    let message = |why: String| format!("`{}`: {why}", sample.series());
    if let Some(why) = first(&check.metric.expect) {
        return Some(Finding::error("out-of-bounds", message(why)));
    }
    first(&check.metric.warn).map(|why| Finding::warning("near-bounds", message(why)))
}

/// Adds up by how much the series have grown. One that is smaller than before has begun again at zero, so all of it
/// is growth; one that was not there before likewise.
fn growth(check: &Check, wanted: f64, before: &[Sample], now: &[Sample]) -> Vec<Finding> {
    let before: BTreeMap<&[(String, String)], f64> = before
        .iter()
        .filter(|sample| !sample.value.is_nan())
        .map(|sample| (sample.labels.as_slice(), sample.value))
        .collect();
    let mut findings = Vec::new();
    let mut grown = 0.0;
    for sample in now {
        let earlier = before.get(sample.labels.as_slice()).copied().unwrap_or(0.0);
        if sample.value < earlier {
            let message = format!(
                "`{}` fell from {earlier} to {}: it has begun again, has the service?",
                sample.series(),
                sample.value
            );
            findings.push(Finding::warning("counter-reset", message));
            grown += sample.value;
        } else {
            grown += sample.value - earlier;
        }
    }
    // Infinity minus itself is not a number, and not growth.
    if grown.is_nan() || grown < wanted {
        let message = format!("`{}` grew by {grown}, not by {wanted} at least", check.name());
        findings.push(
            Finding::error("not-increasing", message)
                .help("is the service doing anything? See also `wait_ms`"),
        );
    }
    findings
}

/// A number as JSON. What JSON cannot say is text.
fn number(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| Value::from(value.to_string()), Value::Number)
}
