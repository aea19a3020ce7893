//! Gate: what a container uses stays below ceilings.
//!
//! The engine measures for about a second; each ceiling that is broken is a finding of its own. A container that does not
//! run uses nothing, which is no reason to pass: it is a failure.
//!
//! Never here: an average over longer. For that ask again (`poll`), or ask `prometheus`.

mod ceiling;

use runner_evidence::Size;
use runner_plugin::host::Usage;
use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

use ceiling::MemoryCeiling;

/// Which container, and what it may use.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    { "required": ["max_memory"] }, { "required": ["max_cpu"] }, { "required": ["max_pids"] },
]))]
pub struct Config {
    /// Name or id of the container.
    #[schemars(length(min = 1))]
    container: String,
    /// Most memory, without the file cache: a size, or a part of its limit such as `80%`.
    max_memory: Option<MemoryCeiling>,
    /// Most processor time: 0.5 is half of one processor.
    #[schemars(range(min = 0.001))]
    max_cpu: Option<f64>,
    /// Most processes and threads.
    #[schemars(range(min = 1))]
    max_pids: Option<u64>,
}

/// The gate.
#[derive(Debug)]
pub struct Stats;

impl Gate for Stats {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["memory", "memory_limit", "memory_percent", "cpu", "pids"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        config.check()?;
        let name = &config.container;
        let Some(container) = host.docker().find_container(name)? else {
            return Err(Failure::unavailable(format!(
                "there is no container `{name}` for this step; nothing was measured"
            )));
        };
        let usage = container.stats()?;
        if usage.memory == 0 && usage.pids == 0 {
            return Err(Failure::unavailable(format!(
                "container `{name}` uses nothing: it does not run, so there is nothing to judge"
            )));
        }
        Ok(answer(&config, &usage, config.broken(&usage)?))
    }
}

impl Config {
    fn check(&self) -> Result<(), Failure> {
        if self.max_memory.is_none() && self.max_cpu.is_none() && self.max_pids.is_none() {
            return Err(Failure::invalid_config(
                "nothing is looked at: give `max_memory`, `max_cpu` or `max_pids`",
            ));
        }
        match self.max_cpu {
            Some(cpu) if !cpu.is_finite() || cpu <= 0.0 => {
                Err(Failure::invalid_config(format!("`max_cpu`: {cpu} is no number of processors")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A finding for each ceiling that is broken.
    fn broken(&self, usage: &Usage) -> Result<Vec<Finding>, Failure> {
        let memory = match &self.max_memory {
            Some(ceiling) => ceiling.broken_by(usage)?,
            None => None,
        };
        let cpu = self.max_cpu.filter(|most| cpu(usage) > *most).map(|most| {
            let message = format!("it uses {} processors, at most {most} are allowed", cpu(usage));
            Finding::error("cpu", message).help("is it busy with requests, or does it go round in a circle?")
        });
        let pids = match self.max_pids {
            Some(_) if usage.pids == 0 => {
                let message = format!(
                    "the engine does not count the processes of container `{}`; leave `max_pids` out",
                    self.container
                );
                return Err(Failure::unavailable(message));
            }
            most => most.filter(|most| usage.pids > *most).map(|most| {
                let message =
                    format!("it has {} processes and threads, at most {most} are allowed", usage.pids);
                Finding::error("pids", message).help("are children reaped? `init: true` does that")
            }),
        };
        Ok([memory, cpu, pids].into_iter().flatten().collect())
    }
}

/// Processors in use.
fn cpu(usage: &Usage) -> f64 {
    f64::from(usage.cpu_millis) / 1000.0
}

fn answer(config: &Config, usage: &Usage, broken: Vec<Finding>) -> Evaluation {
    let pids = match usage.pids {
        0 => String::new(),
        1 => ", 1 process".to_owned(),
        pids => format!(", {pids} processes"),
    };
    let memory = Size::of(usage.memory).in_mebibytes();
    let summary = format!("`{}` uses {memory}, {} processors{pids}", config.container, cpu(usage));
    Evaluation::judge(broken, summary)
        .output("memory", usage.memory)
        .output("memory_limit", usage.memory_limit)
        .output("memory_percent", ceiling::percent(usage))
        .output("cpu", cpu(usage))
        .output("pids", usage.pids)
}

runner_plugin::export_gate!(Stats);

#[cfg(test)]
mod tests;
