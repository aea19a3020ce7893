//! `runner check`.

use runner_model::{ExitCode, Severity};
use runner_pipeline::Problems;
use runner_report::diagnostics;
use serde_json::json;

use super::print;
use crate::{
    args::{CheckArgs, Output},
    environment::Environment,
    error::{CommandError, plural},
    session::Session,
    source,
};

/// Finds everything that can be found without running.
pub(crate) fn check(args: &CheckArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let session = Session::start(args.pipeline.cache_dir.as_deref(), environment)?;
    match (source::checked(&args.pipeline, &session), args.output) {
        (Ok(granted), Output::Text) => {
            let warnings = granted.warnings();
            environment.tell(&diagnostics::render(warnings, granted.sources(), &environment.style));
            let name = runner_report::text::clean(granted.name());
            let steps = plural(granted.step_count(), "step", "steps");
            print::text(&format!("`{name}` is in order: {steps}\n"))
        }
        (Ok(granted), Output::Json) => json_problems(granted.warnings(), granted.sources()),
        (Err(CommandError::Pipeline(problems)), Output::Json) => {
            let Problems { diagnostics, sources } = &*problems;
            json_problems(diagnostics, sources)?;
            Ok(problems.exit())
        }
        (Err(error), _) => Err(error),
    }
}

fn json_problems(
    found: &[runner_model::Diagnostic],
    sources: &runner_model::Sources,
) -> Result<ExitCode, CommandError> {
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    print::json(&json!({
        "errors": errors,
        "warnings": found.len() - errors,
        "problems": diagnostics::to_json(found, sources),
    }))
}
