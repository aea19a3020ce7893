//! A health check whose answer is a word: from its config, from the next line of a file, or from a URL.
//!
//! Words: `healthy`, `degraded`, `unhealthy`, `unknown`; any other is a failure with that text.

use runner_plugin::{Failure, Health, HealthCheck, Host, Report, Request};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the word comes from; without any of them it is `healthy`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The word itself.
    health: Option<String>,
    /// A file with one word per line. Each probe takes the first line away; the last one stays. Needs to be writable.
    sequence: Option<String>,
    /// A URL whose body is the word.
    url: Option<String>,
    /// The score to report.
    score: Option<f64>,
}

/// The health check.
#[derive(Debug)]
pub struct HealthConfig;

impl HealthCheck for HealthConfig {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["word"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        let word = word(&config, host)?;
        let health = match word.as_str() {
            "healthy" => Health::Healthy,
            "degraded" => Health::Degraded,
            "unhealthy" => Health::Unhealthy,
            "unknown" => Health::Unknown,
            other => return Err(Failure::unavailable(other)),
        };
        let report = Report::new(health, format!("it is {word}")).output("word", word);
        Ok(match config.score {
            Some(score) => report.score(score),
            None => report,
        })
    }
}

fn word(config: &Config, host: &Host) -> Result<String, Failure> {
    if let Some(path) = &config.sequence {
        let text = host.files().read_to_string(path)?;
        let (first, rest) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
        if !rest.is_empty() {
            host.files().write(path, format!("{rest}\n"))?;
        }
        return Ok(first.to_owned());
    }
    if let Some(url) = &config.url {
        return Ok(host.http().get(url).send()?.text()?.trim().to_owned());
    }
    Ok(config.health.clone().unwrap_or_else(|| "healthy".to_owned()))
}

runner_plugin::export_health_check!(HealthConfig);
