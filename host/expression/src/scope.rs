//! What an expression can see.

use std::collections::BTreeMap;

use serde_json::Value;

/// How the run stands, for `success()`, `failure()` and `aborted()`. `always()` is true in all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RunStatus {
    /// Nothing has failed so far.
    #[default]
    Success,
    /// A step said no or could not answer.
    Failure,
    /// Somebody cancelled the run.
    Aborted,
}

/// The variables of one evaluation. Top-level names only: `inputs`, `env`, `matrix`, `steps`, `run`, `event`,
/// `target`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// The values by name.
    pub variables: BTreeMap<String, Value>,
    /// What the status functions answer by.
    pub status: RunStatus,
}

/// What an expression or template refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Each path from a top-level variable as far as it is fixed: `["steps", "build", "outputs", "digest"]`.
    /// An index that is computed ends the path.
    pub paths: Vec<Vec<String>>,
    /// Whether one of `success()`, `failure()`, `always()`, `aborted()` is called.
    pub status: bool,
}

impl References {
    /// The distinct values of the second name under `root`: `second("steps")` gives the ids of the steps referred to.
    pub fn second<'a>(&'a self, root: &'a str) -> impl Iterator<Item = &'a str> {
        self.paths
            .iter()
            .filter(move |path| path.first().is_some_and(|first| first == root))
            .filter_map(|path| path.get(1).map(String::as_str))
    }

    /// Adds what `other` refers to.
    pub fn extend(&mut self, other: &Self) {
        for path in &other.paths {
            if !self.paths.contains(path) {
                self.paths.push(path.clone());
            }
        }
        self.status |= other.status;
    }
}
