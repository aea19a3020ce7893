//! How often a step is tried, and how often asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::milliseconds;

/// How the wait grows between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Backoff(pub f64);

/// What is worth another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// Any failure to answer. The default, alone.
    Error,
    /// The answer no.
    Failure,
    /// One kind of failure to answer.
    #[serde(untagged)]
    Kind(crate::FailureKind),
}

/// How often and when a step is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all; 1 means none is repeated.
    pub attempts: u32,
    /// Wait before the second attempt.
    #[serde(with = "milliseconds")]
    pub delay: Duration,
    /// Factor from one wait to the next; 1 keeps it the same.
    pub backoff: Backoff,
    /// Longest wait.
    #[serde(with = "milliseconds")]
    pub max_delay: Duration,
    /// What is worth another attempt.
    pub on: Vec<RetryOn>,
}

impl Retry {
    /// Wait after attempt number `attempt`, counted from 1.
    #[must_use]
    pub fn delay_after(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.delay.as_secs_f64() * self.backoff.0.powi(exponent);
        Duration::try_from_secs_f64(seconds).map_or(self.max_delay, |delay| delay.min(self.max_delay))
    }
}

impl Default for Retry {
    /// One attempt.
    fn default() -> Self {
        Self {
            attempts: 1,
            delay: Duration::from_secs(1),
            backoff: Backoff(2.0),
            max_delay: Duration::from_secs(60),
            on: vec![RetryOn::Error],
        }
    }
}

/// How a health check or gate is asked again and again. Words and rules as in Argo Rollouts' analysis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Wait before the first measurement. Default 0.
    #[serde(with = "milliseconds")]
    pub initial_delay: Duration,
    /// From the start of one measurement to the start of the next. Default 5 s.
    #[serde(with = "milliseconds")]
    pub interval: Duration,
    /// Measurements in all; `None` means until decided or `deadline`.
    pub count: Option<u32>,
    /// That many successes in a row decide for success at once.
    pub consecutive_successes: Option<u32>,
    /// More failures than this decide for failure; `None` means any number is borne. Default 0.
    pub failure_limit: Option<u32>,
    /// More inconclusive measurements than this decide for inconclusive; `None` means any number. Default 0.
    pub inconclusive_limit: Option<u32>,
    /// More errors *in a row* than this decide for error; `None` means any number. Default 4.
    pub error_limit: Option<u32>,
    /// From the start of the step; then the last measurement decides, and a success that is not yet
    /// `consecutive_successes` counts as failure.
    #[serde(with = "milliseconds::optional")]
    pub deadline: Option<Duration>,
}
