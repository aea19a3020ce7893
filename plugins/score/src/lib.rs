//! Gate: a score falls into a band, and the band says yes, yes with reservations, or no.
//!
//! Scores come from the step itself (mostly an output of an earlier step) or from a document. Several of them become
//! their weighted mean. The bands have to cover the whole scale, each number once: a score for which nobody
//! has decided anything would otherwise pass or fail by accident (`bands`, pure).

mod bands;

use runner_plugin::document;
use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

use bands::{Band, Scale};

/// What is scored, and what the scores mean.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The scores. Of several the weighted mean counts.
    #[schemars(length(min = 1))]
    scores: Vec<Score>,
    /// The smallest and the largest score there can be.
    #[serde(default)]
    scale: Scale,
    /// What the scores mean. Together the bands cover the scale, each number once.
    #[schemars(length(min = 1))]
    bands: Vec<Band>,
}

/// One score. It has either a `value`, or a `file` and a `pointer`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Score {
    /// What is scored.
    #[schemars(length(min = 1))]
    name: String,
    /// The score itself, as in `${{ steps.assess.outputs.confidence }}`.
    value: Option<f64>,
    /// A JSON, YAML or TOML file the score stands in.
    file: Option<String>,
    /// Where in the file: a JSON pointer such as `/scores/readiness`.
    #[schemars(regex(pattern = "^(/.*)?$"))]
    pointer: Option<String>,
    /// How much it counts, relative to the sum of all weights.
    #[serde(default = "one")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    weight: f64,
}

fn one() -> f64 {
    1.0
}

/// The gate.
#[derive(Debug)]
pub struct ScoreGate;

impl Gate for ScoreGate {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["score", "band"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let bands = bands::check(&config.bands, &config.scale)?;
        let mut values = Vec::new();
        for score in &config.scores {
            let value = score.read(host)?;
            config.scale.check(&score.name, value)?;
            values.push((score, value));
        }
        let weights: f64 = config.scores.iter().map(|score| score.weight).sum();
        let mean = values.iter().map(|(score, value)| value * (score.weight / weights)).sum::<f64>();
        // A mean lies between its values; the last digit of a sum does not always know that.
        let mean = mean.clamp(config.scale.from, config.scale.to);
        let band = bands::of(&bands, mean);
        let subject = match &config.scores[..] {
            [one] => format!("`{}`", one.name),
            several => format!("the weighted mean of {} scores", several.len()),
        };
        let summary = format!("{subject} is {}: {}", shown(mean), band.label);
        let mut evaluation = Evaluation::new(band.means.into(), &summary);
        if let Some(severity) = band.means.severity() {
            let finding =
                Finding::new(severity, "score", format!("{summary} ({})", band.range(&config.scale)));
            evaluation.findings.push(match &config.scores[..] {
                [Score { file: Some(file), .. }] => finding.in_file(file),
                _ => finding,
            });
        }
        if let [_, _, ..] = &config.scores[..] {
            evaluation.findings.extend(values.iter().map(|(score, value)| score.note(*value)));
        }
        Ok(evaluation.output("score", mean).output("band", band.label.as_str()))
    }
}

impl Score {
    fn read(&self, host: &Host) -> Result<f64, Failure> {
        let name = &self.name;
        if self.weight.is_nan() || self.weight <= 0.0 {
            return Err(Failure::invalid_config(format!("`{name}`: the weight has to be above 0")));
        }
        match (self.value, &self.file, &self.pointer) {
            (Some(value), None, None) => Ok(value),
            (None, Some(file), Some(pointer)) => {
                let document = document::read(&host.files(), file, None)?;
                let Some(value) = document.pointer(pointer) else {
                    return Err(Failure::invalid_input(format!(
                        "`{name}`: `{file}` has nothing at `{pointer}`"
                    )));
                };
                value.as_f64().ok_or_else(|| {
                    let found = runner_plugin::json::shown(value);
                    Failure::invalid_input(format!(
                        "`{name}`: at `{pointer}` of `{file}` there is {found}, which is not a number"
                    ))
                })
            }
            _ => Err(Failure::invalid_config(format!(
                "`{name}` needs either a `value`, or a `file` and a `pointer`"
            ))),
        }
    }

    fn note(&self, value: f64) -> Finding {
        let message = format!("`{}` is {}, with weight {}", self.name, shown(value), self.weight);
        let note = Finding::note("part-of-score", message);
        match &self.file {
            Some(file) => note.in_file(file),
            None => note,
        }
    }
}

/// A score with two decimals, cut and not rounded: 81.999 is not 82.
fn shown(score: f64) -> String {
    let cut = (score * 100.0).floor() / 100.0;
    format!("{cut}")
}

runner_plugin::export_gate!(ScoreGate);

#[cfg(test)]
mod tests;
