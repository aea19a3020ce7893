//! What stands in for a call that a rehearsal does not make.

use runner_engine::ports::{Call, CallReport, Mode, Operation, Reply, Snapshot};
use runner_model::{Answer, Outcome};
use serde_json::{Map, Value};

use crate::manifest::Manifest;

/// What is answered instead of calling the plugin; `None` if it is to be called.
///
/// A guest that speaks WASI is never called in a rehearsal: what goes through its files and sockets cannot be looked at one
/// write at a time.
pub(crate) fn instead(call: &Call, manifest: &Manifest, wasi: bool) -> Option<CallReport> {
    let (summary, rehearsed) = match call.mode {
        Mode::Real => return None,
        Mode::Rehearsed if !wasi => return None,
        Mode::Rehearsed => {
            let what = match &call.operation {
                Operation::Change(_) => vec![format!(
                    "whatever `{}` does: it speaks WASI, where a write cannot be told beforehand",
                    manifest.name
                )],
                Operation::Capture | Operation::Restore(_) | Operation::Observe | Operation::Notify(_) => {
                    Vec::new()
                }
            };
            ("not called: it speaks WASI", what)
        }
        Mode::Assumed => {
            let summary = match &call.operation {
                Operation::Notify(_) => "not told: this is a rehearsal",
                Operation::Observe | Operation::Capture | Operation::Change(_) | Operation::Restore(_) => {
                    "not asked: it looks at what would be changed before"
                }
            };
            (summary, Vec::new())
        }
    };
    let reply = match &call.operation {
        Operation::Capture => Reply::Captured(Snapshot(String::new())),
        Operation::Restore(_) => Reply::Restored,
        Operation::Observe | Operation::Notify(_) | Operation::Change(_) => {
            Reply::Outcome(Outcome { outputs: unknown(manifest), ..Outcome::new(Answer::Done, summary) })
        }
    };
    Some(CallReport { rehearsed, ..CallReport::of(Ok(reply)) })
}

/// A stand-in for every output, so that later steps can be shown.
fn unknown(manifest: &Manifest) -> Map<String, Value> {
    let stand_in = |name: &String| (name.clone(), Value::String(format!("<{name} of {}>", manifest.name)));
    manifest.outputs.iter().map(stand_in).collect()
}
