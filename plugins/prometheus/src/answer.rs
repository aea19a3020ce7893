//! The answer of `/api/v1/query`: text to facts.
//!
//! Every number in it comes as text, because JSON has no `NaN` and no infinity. What has another shape is not
//! guessed at: the answer as a whole is then not understood.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use runner_plugin::host::Response;
use runner_plugin::text::shortened;
use runner_plugin::{Failure, FailureKind};
use serde::Deserialize;
use serde_json::Value;

/// What a query came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// What was measured.
    pub(crate) result: Measured,
    /// What the server has to say about how it got there: parts that did not answer, for example.
    pub(crate) warnings: Vec<String>,
    /// Remarks about the query.
    pub(crate) infos: Vec<String>,
}

/// The four shapes of a result, as two.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measured {
    /// Series with their samples: a vector has one each, a matrix several, a scalar is one series without a name.
    Series(Vec<Series>),
    /// A text.
    Text(String),
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// As in PromQL: `up{job="api"}`.
    pub(crate) name: String,
    /// Oldest first, at least one.
    pub(crate) samples: Vec<Sample>,
}

/// A number at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(crate) at: f64,
    /// May be `NaN` or infinite.
    pub(crate) value: f64,
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    #[serde(rename = "errorType", default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    result: Value,
}

#[derive(Deserialize)]
struct RawSeries {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Option<RawSample>,
    values: Option<Vec<RawSample>>,
}

/// Time as a number, value as text.
type RawSample = (f64, String);

/// Understands the answer to the query called `name`.
pub(crate) fn parse(name: &str, response: &Response) -> Result<Answer, Failure> {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&response.body) else {
        return Err(not_an_answer(name, response));
    };
    if envelope.status != "success" {
        return Err(refused(name, response.status, &envelope));
    }
    let data = envelope.data.ok_or_else(|| not_an_answer(name, response))?;
    let result = measured(data).map_err(|why| {
        Failure::invalid_input(format!("`{name}`: the answer of the server is not understood: {why}"))
    })?;
    Ok(Answer { result, warnings: envelope.warnings, infos: envelope.infos })
}

fn not_an_answer(name: &str, response: &Response) -> Failure {
    match response.status {
        401 | 403 => Failure::unavailable(format!(
            "`{name}`: the server refuses to answer (status {}); see `auth`",
            response.status
        )),
        200..=299 => {
            Failure::invalid_input(format!("`{name}`: the answer is not one of a Prometheus; see `url`"))
        }
        status => Failure::unavailable(format!("`{name}`: the server answers with status {status}")),
    }
}

/// A query that the server cannot read is the pipeline's fault; everything else is the server's state.
fn refused(name: &str, status: u16, envelope: &Envelope) -> Failure {
    let kind = match envelope.error_type.as_str() {
        "bad_data" => FailureKind::InvalidConfig,
        "timeout" => FailureKind::TimedOut,
        _ => FailureKind::Unavailable,
    };
    let (error_type, error) = (shortened(&envelope.error_type), shortened(&envelope.error));
    Failure::new(kind, format!("`{name}`: the server answers {error_type} (status {status}): {error}"))
}

fn measured(data: Data) -> Result<Measured, String> {
    match data.result_type.as_str() {
        "vector" | "matrix" => {
            let raw: Vec<RawSeries> =
                serde_json::from_value(data.result).map_err(|error| error.to_string())?;
            raw.into_iter().map(series).collect::<Result<_, _>>().map(Measured::Series)
        }
        "scalar" => {
            let raw: RawSample = serde_json::from_value(data.result).map_err(|error| error.to_string())?;
            let name = "scalar".to_owned();
            Ok(Measured::Series(vec![Series { samples: vec![sample(&name, &raw)?], name }]))
        }
        "string" => {
            let (_, text): RawSample =
                serde_json::from_value(data.result).map_err(|error| error.to_string())?;
            Ok(Measured::Text(text))
        }
        other => Err(format!("the result type `{}` is not known", shortened(other))),
    }
}

fn series(raw: RawSeries) -> Result<Series, String> {
    let name = series_name(&raw.metric);
    let samples = match (raw.value, raw.values) {
        (Some(one), None) => vec![sample(&name, &one)?],
        (None, Some(several)) if !several.is_empty() => {
            several.iter().map(|one| sample(&name, one)).collect::<Result<_, _>>()?
        }
        // Native histograms have `histogram` instead: a threshold needs a number.
        _ => {
            return Err(format!(
                "`{name}` has no number; ask for one, with `histogram_quantile` for example"
            ));
        }
    };
    Ok(Series { name, samples })
}

fn sample(series: &str, (at, text): &RawSample) -> Result<Sample, String> {
    let value = text
        .parse()
        .map_err(|_| format!("`{series}` has the value `{}`, which is no number", shortened(text)))?;
    Ok(Sample { at: *at, value })
}

/// Writes a series as PromQL would, so that it can be pasted into a query.
fn series_name(metric: &BTreeMap<String, String>) -> String {
    let mut name = metric.get("__name__").cloned().unwrap_or_default();
    let labels: Vec<String> = metric
        .iter()
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}={value:?}"))
        .collect();
    if !labels.is_empty() || name.is_empty() {
        let _ = write!(name, "{{{}}}", labels.join(", "));
    }
    name
}
