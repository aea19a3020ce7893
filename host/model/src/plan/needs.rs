//! What has to end before a step, and how.

use serde::{Deserialize, Serialize};

use super::StepIndex;
use crate::StepResult;

/// One step that has to end before another may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Which.
    pub step: StepIndex,
    /// The results that let the other start; with any other it is skipped.
    pub accept: ResultSet,
}

/// A set of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<StepResult>", into = "Vec<StepResult>")]
pub struct ResultSet(u8);

impl ResultSet {
    /// What a need accepts if it does not say: success and warn.
    pub const DEFAULT: Self = Self((1 << StepResult::Success as u8) | (1 << StepResult::Warn as u8));

    /// Whether `result` is in it.
    #[must_use]
    pub const fn contains(self, result: StepResult) -> bool {
        self.0 & (1 << result as u8) != 0
    }

    /// The results in it.
    pub fn iter(self) -> impl Iterator<Item = StepResult> {
        StepResult::ALL.into_iter().filter(move |result| self.contains(*result))
    }
}

impl FromIterator<StepResult> for ResultSet {
    fn from_iter<I: IntoIterator<Item = StepResult>>(results: I) -> Self {
        Self(results.into_iter().fold(0, |bits, result| bits | (1 << result as u8)))
    }
}

impl From<Vec<StepResult>> for ResultSet {
    fn from(results: Vec<StepResult>) -> Self {
        results.into_iter().collect()
    }
}

impl From<ResultSet> for Vec<StepResult> {
    fn from(set: ResultSet) -> Self {
        set.iter().collect()
    }
}
