//! One name for one message.

use runner_plugin::{Event, Request};

/// The same for each attempt to deliver one message, different for any two messages: `<run>/<event>`.
///
/// `step` and `approval.waiting` may come more than once in a run, each time for another step, which then stands at
/// the end.
#[must_use]
pub fn key(request: &Request, event: &Event) -> String {
    let key = format!("{}/{}", request.run_id, event.name);
    match event.name.as_str() {
        "step" => format!("{key}/{}", request.step_id),
        "approval.waiting" => format!("{key}/{}", event.step.as_deref().unwrap_or(&request.step_id)),
        _ => key,
    }
}
