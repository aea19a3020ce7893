//! Several looks at a service that should stay as it is.

use std::time::Duration;

use runner_plugin::text::counted;
use runner_plugin::{Check, Failure, Health, Report};
use runner_probe::{line, milliseconds};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::look::{Look, Question};

/// Most looks of one probe. Each is one host call or two, and the step has 10,000.
const MOST: u32 = 1_000;

/// Several looks at a service that should stay as it is. All of it has to fit into the step's `limits.time`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["for_ms"] }, { "required": ["count"] }]))]
pub(crate) struct Watch {
    /// How long, in milliseconds: the last look is not before this time is over.
    #[schemars(range(min = 1))]
    for_ms: Option<u64>,
    /// How many looks. With `for_ms`: whichever ends later.
    #[schemars(range(min = 1, max = 1000))]
    count: Option<u32>,
    /// How long to wait between two looks, in milliseconds.
    #[serde(default = "interval")]
    interval_ms: u64,
    /// How many looks may find the service unhealthy; then it is only degraded. One more ends the watch.
    #[serde(default)]
    failures: u32,
    /// How often the state may change (without `state`: between healthy, degraded and unhealthy). Looks go on to the end
    /// then, whatever they find.
    max_changes: Option<u32>,
    /// Of all answers, the latency that this percentage do not exceed is judged by `latency`.
    #[serde(default = "percentile")]
    #[schemars(range(min = 1, max = 100))]
    percentile: u8,
}

fn interval() -> u64 {
    1_000
}

fn percentile() -> u8 {
    95
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    looks: u32,
    unhealthy: u32,
    degraded: u32,
    /// What the last look that was not well has found.
    problems: String,
    latencies: Vec<u64>,
    /// The states one after the other, each as often as it was entered.
    states: Vec<String>,
}

impl Watch {
    pub(crate) fn run(&self, question: &Question<'_>) -> Result<Report, Failure> {
        self.is_sound()?;
        let clock = question.host.clock();
        let begun = clock.monotonic();
        let mut seen = Seen::default();
        loop {
            let look = question.look()?;
            seen.add(&look);
            let elapsed = milliseconds(clock.monotonic().saturating_sub(begun));
            let broken = self.max_changes.is_none() && seen.unhealthy > self.failures;
            if broken || self.is_over(seen.looks, elapsed) {
                return Ok(self.report(question, seen, look, elapsed));
            }
            if seen.looks == MOST {
                return Err(Failure::invalid_config(format!(
                    "`watch` looked {MOST} times in {elapsed} ms, which is the most; make `interval_ms` longer"
                )));
            }
            let left = self.for_ms.map_or(u64::MAX, |all| all.saturating_sub(elapsed)).max(1);
            let enough = self.count.is_none_or(|count| seen.looks >= count);
            let wait = if enough { self.interval_ms.min(left) } else { self.interval_ms };
            clock.sleep(Duration::from_millis(wait));
        }
    }

    fn is_sound(&self) -> Result<(), Failure> {
        match (self.for_ms, self.count) {
            (None, None) => Err(Failure::invalid_config("`watch` needs `for_ms` or `count`")),
            (_, Some(0)) => Err(Failure::invalid_config("`watch.count` is 0: nothing would be looked at")),
            (_, Some(count)) if count > MOST => {
                Err(Failure::invalid_config(format!("`watch.count` is {count}, {MOST} are the most")))
            }
            _ if !(1..=100).contains(&self.percentile) => {
                Err(Failure::invalid_config("`watch.percentile` is not between 1 and 100"))
            }
            _ => Ok(()),
        }
    }

    fn is_over(&self, looks: u32, elapsed_ms: u64) -> bool {
        self.for_ms.is_none_or(|all| elapsed_ms >= all) && self.count.is_none_or(|count| looks >= count)
    }

    fn report(&self, question: &Question<'_>, mut seen: Seen, last: Look, elapsed_ms: u64) -> Report {
        let mut checks = vec![self.stable(&seen, elapsed_ms)];
        checks.extend(self.max_changes.map(|most| seen.flapping(most, elapsed_ms)));
        seen.latencies.sort_unstable();
        let answers = counted(seen.latencies.len(), "answer", "answers");
        let what = format!("the {} of {answers} took", ordinal(self.percentile));
        let latency = seen.at(self.percentile);
        checks.extend(latency.and_then(|latency| question.config.latency.check_as(&what, latency)));
        let looks = counted(seen.looks as usize, "look", "looks");
        let summary = line(&checks, &format!("{looks} in {elapsed_ms} ms"));
        last.outputs(Report::of(checks, summary))
            .output("probes", seen.looks)
            .output("p50_ms", seen.at(50))
            .output("p95_ms", seen.at(95))
            .output("p99_ms", seen.at(99))
    }

    fn stable(&self, seen: &Seen, elapsed_ms: u64) -> Check {
        let looks = counted(seen.looks as usize, "look", "looks");
        let part = |health, message: String| Check::new("stable", health, message);
        match (seen.unhealthy, seen.degraded) {
            (0, 0) => part(Health::Healthy, format!("well in {looks}, for {elapsed_ms} ms")),
            (0, degraded) => {
                let message = format!("not quite well in {degraded} of {looks}: {}", seen.problems);
                part(Health::Degraded, message)
            }
            (unhealthy, _) => {
                let health = if unhealthy > self.failures { Health::Unhealthy } else { Health::Degraded };
                part(
                    health,
                    format!("not well in {unhealthy} of {looks}, after {elapsed_ms} ms: {}", seen.problems),
                )
            }
        }
    }
}

impl Seen {
    fn add(&mut self, look: &Look) {
        self.looks += 1;
        let health = look.health();
        match health {
            Health::Healthy => {}
            Health::Degraded => self.degraded += 1,
            Health::Unhealthy | Health::Unknown => self.unhealthy += 1,
        }
        if health != Health::Healthy {
            self.problems = look.problems();
        }
        self.latencies.extend(look.latency_ms);
        let state = match (&look.state, health) {
            (Some(state), _) => state.clone(),
            (None, Health::Healthy) => "healthy".to_owned(),
            (None, Health::Degraded) => "degraded".to_owned(),
            (None, Health::Unhealthy | Health::Unknown) => "unhealthy".to_owned(),
        };
        if self.states.last() != Some(&state) {
            self.states.push(state);
        }
    }

    /// 002-07: a service that comes and goes is not well, however often it comes.
    fn flapping(&self, most: u32, elapsed_ms: u64) -> Check {
        let changes = self.states.len().saturating_sub(1);
        let mut way: Vec<&str> = self.states.iter().take(8).map(String::as_str).collect();
        if self.states.len() > 8 {
            way.push("…");
        }
        let times = counted(changes, "time", "times");
        let way = runner_probe::said(way.join(", "));
        let message = format!("it changed {times} in {elapsed_ms} ms: {way}");
        if changes <= most as usize {
            return Check::new("flapping", Health::Healthy, message);
        }
        Check::new("flapping", Health::Unhealthy, format!("{message}; {most} are the most"))
    }

    /// The latency that `percentage` of the answers do not exceed (nearest rank).
    fn at(&self, percentage: u8) -> Option<u64> {
        let rank = (self.latencies.len() * usize::from(percentage)).div_ceil(100);
        self.latencies.get(rank.saturating_sub(1)).copied()
    }
}

/// `95th percentile`.
fn ordinal(percentage: u8) -> String {
    let ending = match (percentage % 10, percentage % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{percentage}{ending} percentile")
}
