//! How slow is not well.

use std::time::Duration;

use runner_plugin::{Check, Health};
use schemars::JsonSchema;
use serde::Deserialize;

/// How slow is not well, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Latency {
    /// From here on the service is degraded.
    pub degraded_ms: Option<u64>,
    /// From here on the service is unhealthy.
    pub unhealthy_ms: Option<u64>,
}

impl Latency {
    /// The part `latency`, if there is a limit.
    #[must_use]
    pub fn check(&self, took_ms: u64) -> Option<Check> {
        self.check_as("it took", took_ms)
    }

    /// As [`Latency::check`], in other words than `it took`.
    #[must_use]
    pub fn check_as(&self, what: &str, took_ms: u64) -> Option<Check> {
        let reached = |limit: Option<u64>| limit.filter(|&limit| took_ms >= limit);
        let slow =
            |health, limit| Check::new("latency", health, format!("{what} {took_ms} ms, {limit} ms or more"));
        match (reached(self.unhealthy_ms), reached(self.degraded_ms)) {
            (Some(limit), _) => Some(slow(Health::Unhealthy, limit)),
            (None, Some(limit)) => Some(slow(Health::Degraded, limit)),
            (None, None) if self.degraded_ms.is_none() && self.unhealthy_ms.is_none() => None,
            (None, None) => Some(Check::new("latency", Health::Healthy, format!("{what} {took_ms} ms"))),
        }
    }
}

/// Whole milliseconds of a duration.
#[must_use]
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_is_degraded_and_slower_is_unhealthy() {
        let latency = Latency { degraded_ms: Some(100), unhealthy_ms: Some(1000) };
        let checks = [99, 100, 1000].map(|took| latency.check(took));

        assert_eq!(
            checks,
            [
                Some(Check::new("latency", Health::Healthy, "it took 99 ms")),
                Some(Check::new("latency", Health::Degraded, "it took 100 ms, 100 ms or more")),
                Some(Check::new("latency", Health::Unhealthy, "it took 1000 ms, 1000 ms or more")),
            ],
        );
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_judge() {
        assert_eq!(Latency::default().check(10), None);
    }
}
