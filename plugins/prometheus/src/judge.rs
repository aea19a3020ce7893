//! Holding an answer against what a query expects.

use runner_plugin::text::shortened;
use runner_plugin::{Finding, Severity};
use serde_json::Value;

use crate::Query;
use crate::answer::{Answer, Measured, Sample, Series};

/// How many values of one query stand in the outputs.
const SHOWN: usize = 100;

/// What came of one query.
#[derive(Debug, PartialEq)]
pub(crate) struct Judged {
    /// What is wrong, or not known.
    pub(crate) findings: Vec<Finding>,
    /// Whether something that is needed for an answer is not known.
    pub(crate) inconclusive: bool,
    /// The value of the only series, or a list of the first 100.
    pub(crate) value: Value,
}

/// Compares. `now` is in seconds since 1970 and only needed for `max_age_s`.
pub(crate) fn judge(query: &Query, answer: &Answer, now: Option<f64>) -> Judged {
    let said =
        |rule: &str, text: &String| format!("`{}`: the server {rule}: {}", query.name(), shortened(text));
    let mut findings: Vec<Finding> = answer
        .warnings
        .iter()
        .map(|text| Finding::warning("server-warning", said("warns", text)))
        .chain(answer.infos.iter().map(|text| Finding::note("server-remark", said("remarks", text))))
        .collect();
    match &answer.result {
        Measured::Text(text) => {
            findings.extend(text_mismatch(query, text));
            Judged { findings, inconclusive: false, value: Value::from(text.as_str()) }
        }
        Measured::Series(series) => {
            let mut inconclusive = false;
            for unknown in too_few(query, series).into_iter().chain(unknown(query, series, now)) {
                inconclusive = true;
                findings.push(unknown);
            }
            findings.extend(series.iter().flat_map(|one| broken(query, one)));
            findings.extend(
                query
                    .text
                    .is_some()
                    .then(|| query.error("not-text", "the result is a number, and `text` asks for a string")),
            );
            Judged { findings, inconclusive, value: value(series) }
        }
    }
}

fn text_mismatch(query: &Query, text: &str) -> Option<Finding> {
    match &query.text {
        Some(expected) if expected == text => None,
        Some(expected) => {
            let message = format!("the result is {:?}, not {expected:?}", shortened(text));
            Some(query.error("unexpected-text", &message))
        }
        None => Some(
            query
                .error("not-numeric", &format!("the result is the text {:?}", shortened(text)))
                .help("compare a string with `text`, not with `expect`"),
        ),
    }
}

/// Not enough series: what is not there cannot be asked how it is.
fn too_few(query: &Query, series: &[Series]) -> Option<Finding> {
    let (number, wanted) = (series.len(), query.min_series);
    (number < wanted).then(|| {
        let message = format!("there are {number} series, at least {wanted} must be there");
        let finding = query.error("missing-series", &message);
        Finding { severity: Severity::Warning, ..finding }
            .help("nothing is scraped under this name, or not any more: see the server's targets")
    })
}

/// Series that say nothing: `NaN`, or too old.
fn unknown(query: &Query, series: &[Series], now: Option<f64>) -> Vec<Finding> {
    let warning = |rule: &str, message: String| {
        let finding = query.error(rule, &message);
        Finding { severity: Severity::Warning, ..finding }
    };
    let mut findings = Vec::new();
    for one in series {
        if one.samples.iter().any(|sample| sample.value.is_nan()) {
            findings.push(warning("not-a-number", format!("`{}` is NaN", one.name)));
        }
        if let (Some(now), Some(limit)) = (now, query.max_age_s)
            && let Some(age) = one.samples.last().map(|newest| now - newest.at)
            && age > f64::from(limit)
        {
            findings.push(warning(
                "stale",
                format!("the newest sample of `{}` is {age:.0} s old, more than {limit} s", one.name),
            ));
        }
    }
    findings
}

/// The first sample of a series that breaks `expect`, or else the first that breaks `warn`.
fn broken(query: &Query, series: &Series) -> Option<Finding> {
    let first = |bounds: &Option<runner_evidence::Bounds>| {
        let bounds = bounds.as_ref()?;
        let numbers = series.samples.iter().filter(|sample| !sample.value.is_nan());
        numbers.map(|sample| sample.value).find_map(|value| bounds.broken_by(value))
    };
    let message = |why: String| format!("`{}`: `{}`: {why}", query.name(), series.name);
    if let Some(why) = first(&query.expect) {
        return Some(Finding::error("out-of-bounds", message(why)));
    }
    first(&query.warn).map(|why| Finding::warning("near-bounds", message(why)))
}

fn value(series: &[Series]) -> Value {
    let newest = |one: &Series| one.samples.last().map_or(Value::Null, number);
    match series {
        [one] => newest(one),
        several => Value::Array(several.iter().take(SHOWN).map(newest).collect()),
    }
}

/// A number as JSON. What JSON cannot say is text, as Prometheus itself does it.
fn number(sample: &Sample) -> Value {
    serde_json::Number::from_f64(sample.value)
        .map_or_else(|| Value::from(sample.value.to_string()), Value::Number)
}
