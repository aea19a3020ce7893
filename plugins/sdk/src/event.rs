//! What there is to tell.

use serde_json::Value;

use crate::Failure;

/// Something that happened to a run, as a notifier is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `run.succeeded`, `run.failed`, `run.rolled_back`, `run.stuck`, `run.cancelled`, `approval.waiting`, or
    /// `step` when the notifier is used as a step of its own.
    pub name: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// `running`, `succeeded`, `rejected`, `failed`, `cancelled` or `stuck`.
    pub status: String,
    /// `info`, `warning` or `error`, as the pipeline says.
    pub severity: String,
    /// The step that decided the status, if one did.
    pub step: Option<String>,
    /// One sentence: what happened.
    pub summary: String,
    /// Everything above and the state of all steps, as JSON text.
    pub json: String,
}

impl Event {
    /// Parses [`Event::json`].
    ///
    /// # Errors
    ///
    /// [`FailureKind::InvalidInput`](crate::FailureKind::InvalidInput) when the host's text is no JSON.
    pub fn details(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.json)
            .map_err(|error| Failure::invalid_input(format!("the event is not JSON: {error}")))
    }
}
