//! What benchmark tools write, as metrics with names.
//!
//! All are JSON; the plain format may be YAML or TOML as well. A file that says nothing of a metric, or that holds
//! something else than a number where one belongs, is refused with its place: a benchmark that has crashed is not fast.

use std::collections::BTreeMap;

use runner_plugin::document;
use runner_plugin::text::counted;
use runner_plugin::{Failure, Host};
use runner_reading::Part;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::measurement::Measurement;

/// Which tool wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// `estimates.json` of criterion, one for each benchmark.
    Criterion,
    /// `hyperfine --export-json`.
    Hyperfine,
    /// `pytest --benchmark-json`.
    PytestBenchmark,
    /// `{ metric: number or list of samples }`, also as YAML or TOML.
    Plain,
}

/// The metrics of one side, by name.
pub(crate) type Metrics = BTreeMap<String, Metric>;

/// What a file says of one metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    pub(crate) measurement: Measurement,
    /// The file it stands in.
    pub(crate) file: String,
    /// Why it may not be what it seems, as a reason for a "no".
    pub(crate) problems: Vec<String>,
}

/// Reads the files of one side.
pub(crate) fn read(host: &Host, patterns: &[String], format: Option<Format>) -> Result<Metrics, Failure> {
    let mut metrics = Metrics::new();
    for path in host.files().find(patterns)? {
        let value = document::read(&host.files(), &path, None)?;
        let report = Part::whole(&path, &value);
        let named = match format.unwrap_or_else(|| detect(&report)) {
            Format::Criterion => criterion(&report, &name_of_directory(&path, patterns)),
            Format::Hyperfine => hyperfine(&report),
            Format::PytestBenchmark => pytest_benchmark(&report),
            Format::Plain => plain(&report),
        }?;
        if named.is_empty() {
            return Err(report.refuse("there is no metric in it"));
        }
        for (name, measurement, problems) in named {
            let metric = Metric { measurement, file: path.clone(), problems };
            if let Some(other) = metrics.insert(name.clone(), metric) {
                return Err(report.refuse(&format!("`{name}` was measured twice, also in `{}`", other.file)));
            }
        }
    }
    Ok(metrics)
}

type Named = (String, Measurement, Vec<String>);

/// Which tool wrote a report, by what no other one writes.
fn detect(report: &Part<'_>) -> Format {
    let has = |pointer: &str| report.pointer(pointer).is_some();
    if has("/median/point_estimate") {
        Format::Criterion
    } else if has("/benchmarks/0/stats") || (has("/benchmarks") && has("/machine_info")) {
        Format::PytestBenchmark
    } else if has("/results/0/command") {
        Format::Hyperfine
    } else {
        Format::Plain
    }
}

fn criterion(report: &Part<'_>, name: &str) -> Result<Vec<Named>, Failure> {
    let median = report.required_amount("/median/point_estimate")?;
    let distance = report.required_amount("/median_abs_dev/point_estimate")?;
    Ok(vec![(name.to_owned(), Measurement::with_distance(median, distance), Vec::new())])
}

/// Criterion names a benchmark by the directory of its estimates: `<group>/<benchmark>/<new or base>`.
fn name_of_directory(path: &str, patterns: &[String]) -> String {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let benchmark = directory.rsplit_once('/').map_or("", |(benchmark, _)| benchmark);
    let fixed =
        patterns.iter().map(|pattern| fixed_part(pattern)).filter(|fixed| benchmark.starts_with(fixed));
    let longest = fixed.max_by_key(|fixed| fixed.len()).unwrap_or_default();
    match benchmark[longest.len()..].trim_matches('/') {
        "" => benchmark.rsplit('/').next().unwrap_or_default().to_owned(),
        name => name.to_owned(),
    }
}

fn hyperfine(report: &Part<'_>) -> Result<Vec<Named>, Failure> {
    let results = report.required_list("results")?.into_iter().map(|result| {
        let measurement = match result.get("times") {
            Some(times) => samples(&times)?,
            None => Measurement::single(result.required_amount("/median")?),
        };
        let codes = result.get("exit_codes").map(|codes| codes.items()).transpose()?.unwrap_or_default();
        let failed = codes.iter().filter(|code| code.value().as_i64() != Some(0)).count();
        let failed = (failed > 0)
            .then(|| format!("{} ended with another exit code than 0", counted(failed, "run", "runs")));
        Ok((result.required_text("command")?.to_owned(), measurement, failed.into_iter().collect()))
    });
    results.collect()
}

fn pytest_benchmark(report: &Part<'_>) -> Result<Vec<Named>, Failure> {
    let benchmarks = report.required_list("benchmarks")?.into_iter().map(|benchmark| {
        let name = match benchmark.text("fullname")? {
            Some(name) => name,
            None => benchmark.required_text("name")?,
        };
        let measurement = match benchmark.pointer("/stats/data") {
            Some(data) => samples(&data)?,
            None => {
                let median = benchmark.required_amount("/stats/median")?;
                // Without samples: half of the samples are within the quartiles, so half of their distance is the
                // median distance of samples that lie evenly.
                Measurement::with_distance(median, benchmark.required_amount("/stats/iqr")? / 2.0)
            }
        };
        Ok((name.to_owned(), measurement, Vec::new()))
    });
    benchmarks.collect()
}

fn plain(report: &Part<'_>) -> Result<Vec<Named>, Failure> {
    if !report.value().is_object() {
        return Err(report.is_not("an object of metrics, nor the report of a tool that is known"));
    }
    let metrics = report.entries()?.into_iter().map(|(name, metric)| {
        let measurement =
            if metric.value().is_array() { samples(&metric)? } else { Measurement::single(metric.amount()?) };
        Ok((name.to_owned(), measurement, Vec::new()))
    });
    metrics.collect()
}

fn samples(part: &Part<'_>) -> Result<Measurement, Failure> {
    let samples: Vec<f64> = part.items()?.iter().map(Part::amount).collect::<Result<_, _>>()?;
    Measurement::of(&samples).ok_or_else(|| part.is_not("a list with a sample in it"))
}

/// The directory of a pattern, up to the first sign with a meaning.
fn fixed_part(pattern: &str) -> &str {
    let pattern = pattern.trim_start_matches("./");
    let special = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    pattern[..special].rsplit_once('/').map_or("", |(directory, _)| directory)
}
