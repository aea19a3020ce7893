//! Health check: whether something accepts connections.
//!
//! Each address is connected to, one after the other; where a banner is expected it is read. Then the connection is
//! closed. An address that does not answer is unhealthy, which is an answer; one that the step may not reach is a
//! failure.
//!
//! Never here: what is behind the port. That is a matter of `redis-health`, `postgres-health` and the others.

mod banner;

use std::time::Duration;

use runner_plugin::text::counted;
use runner_plugin::{Check, Failure, Health, HealthCheck, Host, Report, Request};
use runner_probe::{Address, Latency, Wire, line, milliseconds, unreachable};
use schemars::JsonSchema;
use serde::Deserialize;

use banner::Banner;

/// What has to accept a connection, and what it has to say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to connect: `host:port`, each once.
    #[schemars(length(min = 1, max = 100), extend("uniqueItems" = true))]
    addresses: Vec<Address>,
    /// How many of the addresses have to be well. Without it: all. With fewer than all the whole is degraded.
    #[schemars(range(min = 1))]
    at_least: Option<usize>,
    /// Text to send first, for services that wait to be spoken to. It needs a `banner`.
    send: Option<String>,
    /// What the other side has to say.
    banner: Option<Banner>,
    /// How slow is not well: from the start of the connection to its end, or to the end of the banner.
    #[serde(default)]
    latency: Latency,
    /// For connection and banner together, of each address, in milliseconds.
    #[serde(default = "runner_probe::timeout_ms")]
    #[schemars(range(min = 1))]
    timeout_ms: u32,
}

/// The health check.
#[derive(Debug)]
pub struct TcpHealth;

impl HealthCheck for TcpHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["reachable", "latency_ms"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        let needed = config.needed()?;
        let seen = config
            .addresses
            .iter()
            .map(|address| look(&config, address, host))
            .collect::<Result<Vec<Seen>, Failure>>()?;
        Ok(report(needed, seen))
    }
}

/// What one address was like.
struct Seen {
    check: Check,
    /// How long it took, if it answered as expected.
    took_ms: Option<u64>,
}

impl Config {
    fn needed(&self) -> Result<usize, Failure> {
        let all = self.addresses.len();
        if all == 0 {
            return Err(Failure::invalid_config("`addresses` is empty: there is nothing to connect to"));
        }
        if self.send.is_some() && self.banner.is_none() {
            return Err(Failure::invalid_config("`send` needs a `banner`: nobody would read the answer"));
        }
        match self.at_least {
            None => Ok(all),
            Some(needed) if (1..=all).contains(&needed) => Ok(needed),
            Some(needed) => Err(Failure::invalid_config(format!(
                "`at_least` is {needed}, but there {} {}",
                if all == 1 { "is" } else { "are" },
                counted(all, "address", "addresses")
            ))),
        }
    }
}

fn look(config: &Config, address: &Address, host: &Host) -> Result<Seen, Failure> {
    let begun = host.clock().monotonic();
    match talk(config, address, host) {
        Ok(said) => {
            let took_ms = milliseconds(host.clock().monotonic().saturating_sub(begun));
            let Some(slow) = config.latency.check(took_ms).filter(|slow| slow.health != Health::Healthy)
            else {
                let check = Check::new(address.to_string(), Health::Healthy, said);
                return Ok(Seen { check, took_ms: Some(took_ms) });
            };
            let message = format!("{address}: {}", slow.message);
            let check = Check::new(address.to_string(), slow.health, message);
            Ok(Seen { check, took_ms: Some(took_ms) })
        }
        Err(NotWell::Said(problem)) => {
            let check = Check::new(address.to_string(), Health::Unhealthy, format!("{address}: {problem}"));
            Ok(Seen { check, took_ms: None })
        }
        Err(NotWell::Failed(failure)) => {
            let check = Check { name: address.to_string(), ..unreachable(failure)? };
            Ok(Seen { check, took_ms: None })
        }
    }
}

/// Why an address is not well.
enum NotWell {
    /// It said something else than expected.
    Said(String),
    /// A call to the host failed.
    Failed(Failure),
}

impl From<Failure> for NotWell {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn talk(config: &Config, address: &Address, host: &Host) -> Result<String, NotWell> {
    let mut wire = Wire::connect(host, address, Duration::from_millis(config.timeout_ms.into()))?;
    let Some(banner) = &config.banner else { return Ok("it accepts connections".to_owned()) };
    if let Some(text) = &config.send {
        wire.write(text.as_bytes())?;
    }
    banner.expect(&mut wire)
}

fn report(needed: usize, seen: Vec<Seen>) -> Report {
    let all = seen.len();
    let reachable = seen.iter().filter(|seen| seen.took_ms.is_some()).count();
    let slowest = seen.iter().filter_map(|seen| seen.took_ms).max();
    let serving = seen.iter().filter(|seen| seen.check.health != Health::Unhealthy).count();
    let checks: Vec<Check> = seen.into_iter().map(|seen| seen.check).collect();
    let summary = line(&checks, &format!("{reachable} of {}", counted(all, "address", "addresses")));
    let report = Report::of(checks, summary);
    // Enough of them are well: what the others are like is shown, and only degrades the whole.
    let report = if report.health == Health::Unhealthy && serving >= needed {
        let missing = report.summary.strip_prefix("unhealthy: ").unwrap_or(&report.summary);
        let summary = format!("degraded: {serving} of {all}, at least {needed} needed; {missing}");
        Report { health: Health::Degraded, summary, ..report }
    } else {
        report
    };
    report.output("reachable", reachable).output("latency_ms", slowest)
}

runner_plugin::export_health_check!(TcpHealth);

#[cfg(test)]
mod tests;
