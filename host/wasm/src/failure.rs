//! How a call that did not return became a failure.
//!
//! Each way in which a guest can stop has its own words: whoever reads them decides between a larger limit, a fixed plugin
//! and a different pipeline.

use std::time::Duration;

use runner_capabilities::{
    Limits,
    host::CallsSpent,
    log::{clean_line, shorten},
    secrets::Redactor,
};
use runner_model::{Failure, FailureKind, format_duration};
use wasmtime::{Error, Trap, WasmBacktrace, component::ResourceTableError};
use wasmtime_wasi::I32Exit;

use crate::{guest::Guest, kind::WrongOperation, limiter::Refused};

/// Longest text of an error of the engine about a component.
const MAX_ERROR: usize = 500;
/// Longest message of a failure.
const MAX_MESSAGE: usize = 4096;
/// Longest name of a function; the plugin chooses it.
const MAX_NAME: usize = 200;

/// What `error` means for a call of `guest`.
pub(crate) fn of_call(error: &Error, guest: &Guest, limits: &Limits) -> Failure {
    let budget = |message: String| Failure::new(FailureKind::BudgetExceeded, message);
    let ended = ending(error);
    if let Some(WrongOperation(kind)) = error.downcast_ref() {
        return Failure::new(
            FailureKind::Internal,
            format!("a fault of the runner: {}", WrongOperation(*kind)),
        );
    }
    if let Some(refused) = guest.memory.refused() {
        let wanted = match refused {
            Refused::Memory => format!("more than its limit of {} bytes", limits.memory),
            Refused::Tables => "larger tables than any plugin gets".to_owned(),
        };
        // Without a trap it never got as far as running.
        let ended = if error.is::<Trap>() { format!(", then {ended}") } else { " to start with".to_owned() };
        return budget(format!("memory: the plugin wanted {wanted}{ended}"));
    }
    if error.is::<CallsSpent>() || guest.context.ledger().calls_spent() {
        return over_calls(limits);
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return budget(
            "handles: the plugin holds more files, connections or secrets at once than any plugin gets"
                .to_owned(),
        );
    }
    if matches!(error.downcast_ref(), Some(Trap::OutOfFuel)) {
        return budget(format!(
            "fuel: the plugin used up its {} units {}",
            limits.fuel.unwrap_or(0),
            place(error)
        ));
    }
    let cause = error.root_cause().to_string();
    // These two have no type of their own that could be asked for.
    if cause.contains("fuel allocated for hostcalls") {
        return budget("output: the plugin passed more than 32 MiB to the host at once".to_owned());
    }
    if cause.contains("resource limit exceeded") {
        return budget(format!("instances: {}", cause.trim_start_matches("resource limit exceeded: ")));
    }
    let stopped = error.is::<Trap>() || error.is::<I32Exit>() || error.is::<WasmBacktrace>();
    if !stopped {
        // No code of the plugin was running: it had returned, and what it returned could not be taken over.
        return Failure::new(FailureKind::BadAnswer, format!("its answer breaks the contract: {cause}"));
    }
    Failure::new(FailureKind::Trap, format!("the plugin {ended}"))
}

/// The plugin made more host calls than it may.
pub(crate) fn over_calls(limits: &Limits) -> Failure {
    let message = format!("calls: the plugin made more than its limit of {} host calls", limits.calls);
    Failure::new(FailureKind::BudgetExceeded, message)
}

/// The call took too long. `own` says whether it was the step's own limit or what was left for the call.
pub(crate) fn timed_out(time: Duration, limits: &Limits) -> Failure {
    let limit = Duration::from_millis(limits.time_ms);
    let message = if time < limit {
        format!("the step's time ran out {} after this call began", format_duration(time))
    } else {
        format!("time: the plugin call took longer than its limit of {}", format_duration(limit))
    };
    Failure::new(FailureKind::TimedOut, message)
}

/// How it ended, as the second half of a sentence about the plugin.
fn ending(error: &Error) -> String {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return format!("ended itself with exit code {}, which is no answer", exit.0);
    }
    let place = place(error);
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => format!("overflowed its stack {place}"),
        Some(Trap::UnreachableCodeReached) => {
            format!("stopped at an `unreachable` (a panic or abort) {place}")
        }
        Some(trap) => {
            let text = trap.to_string();
            format!("stopped: {} {place}", text.trim_start_matches("wasm trap: "))
        }
        None => format!("stopped: {} {place}", error.root_cause()),
    }
}

/// Where it ended: the function's name if the component has names, else its number.
fn place(error: &Error) -> String {
    let frame = error.downcast_ref::<WasmBacktrace>().and_then(|trace| trace.frames().first());
    match frame.map(|frame| (frame.func_name(), frame.func_index())) {
        Some((Some(name), _)) => format!("in function `{}`", readable(name)),
        Some((None, index)) => format!("in function {index}"),
        None => "outside of any function".to_owned(),
    }
}

/// A function's name as its author wrote it, without the hash that a compiler adds.
fn readable(name: &str) -> String {
    let mut name = match rustc_demangle::try_demangle(name) {
        Ok(demangled) => format!("{demangled:#}"),
        Err(_) => name.to_owned(),
    };
    shorten(&mut name, MAX_NAME);
    name
}

/// What the engine says about a component, with all its causes.
pub(crate) fn in_one_line(error: &Error) -> String {
    let mut text = clean_line(&format!("{error:#}"));
    shorten(&mut text, MAX_ERROR);
    text
}

/// `failure` as it may leave: one line, no secrets, not too long.
pub(crate) fn tidy(failure: Failure, redactor: &Redactor) -> Failure {
    let mut message = redactor.redact_line(&failure.message);
    shorten(&mut message, MAX_MESSAGE);
    Failure { kind: failure.kind, message }
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn names_of_functions_are_shown_as_they_were_written() {
        let table = [
            ("evaluate", "evaluate"),
            ("_RNvCs1234_7hostile6deeper", "hostile::deeper"),
            ("_ZN7hostile6deeper17h0123456789abcdefE", "hostile::deeper"),
            ("_ZN7hostile", "_ZN7hostile"),
        ];
        assert_eq!(table.map(|(name, _)| readable(name)), table.map(|(_, shown)| shown.to_owned()));
    }

    #[test]
    fn a_name_is_no_place_for_a_book() {
        // One that would be a thousand times as long once it is written out, and one that is long as it stands.
        let nested = format!("_RNv{}NtC1a1b{}1c", "I".repeat(50), "E".repeat(50));
        assert!(readable(&nested).len() < 300, "{}", readable(&nested));
        assert_eq!(readable(&"x".repeat(1000)), format!("{}… (800 bytes more)", "x".repeat(200)));
    }
}
