//! A service that goes through its states, one after the other.

use std::time::Duration;

use runner_plugin::{Check, Failure, Health, Report};
use runner_probe::{Latency, line, milliseconds, said};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::look::{Look, Question};

/// States that a service goes through, in this order. All of it has to fit into the step's `limits.time`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sequence {
    /// The states, e.g. `[BOOTING, IDLE, ACTIVE]`. Each may last; none may come back.
    #[schemars(length(min = 1))]
    states: Vec<String>,
    /// How long until the last one is there, in milliseconds.
    #[serde(default = "within")]
    #[schemars(range(min = 1))]
    within_ms: u64,
    /// How long to wait between two looks, in milliseconds. A state that is shorter may be missed.
    #[serde(default = "interval")]
    #[schemars(range(min = 1))]
    interval_ms: u64,
    /// Whether each of the states has to be seen. With `false` some may have been too short, or over before the first look.
    #[serde(default = "yes")]
    all: bool,
}

fn within() -> u64 {
    20_000
}

fn interval() -> u64 {
    500
}

fn yes() -> bool {
    true
}

impl Sequence {
    pub(crate) fn run(&self, question: &Question<'_>) -> Result<Report, Failure> {
        if self.states.is_empty() {
            return Err(Failure::invalid_config("`sequence.states` is empty"));
        }
        if question.config.state.is_none() {
            return Err(Failure::invalid_config(
                "`sequence` needs `state`: where the service says its state",
            ));
        }
        if question.config.latency != Latency::default() {
            return Err(Failure::invalid_config("`latency` is not judged in a `sequence`; leave it out"));
        }
        let clock = question.host.clock();
        let begun = clock.monotonic();
        let mut seen: Vec<usize> = Vec::new();
        loop {
            let look = question.look()?;
            let elapsed = milliseconds(clock.monotonic().saturating_sub(begun));
            let step = self.step(question, &look, &mut seen);
            let part = match step {
                Step::Arrived if look.health() == Health::Healthy => {
                    let message = format!("{} in {elapsed} ms", self.way(&seen));
                    Some(Check::new("sequence", Health::Healthy, message))
                }
                Step::Ended(health, why) => Some(Check::new("sequence", health, why)),
                Step::Arrived | Step::Waiting if elapsed >= self.within_ms => {
                    let found = look.problems();
                    let found = if found.is_empty() { found } else { format!("; last: {found}") };
                    let message = format!(
                        "after {elapsed} ms: {}, not yet well in `{}`{found}",
                        self.way(&seen),
                        self.last()
                    );
                    Some(Check::new("sequence", Health::Unhealthy, message))
                }
                Step::Arrived | Step::Waiting => None,
            };
            if let Some(part) = part {
                let summary = line(std::slice::from_ref(&part), &part.message);
                return Ok(look.outputs(Report::of(vec![part], summary)));
            }
            let left = self.within_ms.saturating_sub(elapsed);
            clock.sleep(Duration::from_millis(self.interval_ms.min(left).max(1)));
        }
    }

    /// What one look means for the way.
    fn step(&self, question: &Question<'_>, look: &Look, seen: &mut Vec<usize>) -> Step {
        // Whoever does not answer yet has not begun; that is what waiting is for.
        if look.status.is_none() {
            return Step::Waiting;
        }
        let Some(state) = &look.state else {
            return Step::Ended(Health::Unhealthy, look.problems());
        };
        let shown = said(state);
        let Some(index) = self.states.iter().position(|one| one == state) else {
            let health =
                question.config.state.as_ref().map_or(Health::Unhealthy, |known| known.health(state));
            // Even where that state is all right by itself, this is not the way.
            let health = if health == Health::Degraded { health } else { Health::Unhealthy };
            return Step::Ended(health, format!("it went to `{shown}`, after {}", self.way(seen)));
        };
        let last = seen.last().copied();
        if last.is_some_and(|last| index < last) {
            return Step::Ended(
                Health::Unhealthy,
                format!("it went back to `{shown}`, after {}", self.way(seen)),
            );
        }
        if last != Some(index) {
            let expected = last.map_or(0, |last| last + 1);
            if self.all && index > expected {
                let missed = said(&self.states[expected]);
                let message = format!("it is in `{shown}`, and was never seen in `{missed}`");
                return Step::Ended(Health::Unhealthy, message);
            }
            seen.push(index);
        }
        if index + 1 == self.states.len() { Step::Arrived } else { Step::Waiting }
    }

    fn way(&self, seen: &[usize]) -> String {
        if seen.is_empty() {
            return "no state".to_owned();
        }
        let names: Vec<String> =
            seen.iter().map(|&index| format!("`{}`", said(&self.states[index]))).collect();
        names.join(", ")
    }

    fn last(&self) -> String {
        self.states.last().map(said).unwrap_or_default()
    }
}

enum Step {
    /// In the last state.
    Arrived,
    /// Not there yet.
    Waiting,
    /// Off the way, for good.
    Ended(Health, String),
}
