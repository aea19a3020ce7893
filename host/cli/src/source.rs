//! From a path on the command line to a pipeline that has been judged.

use std::{fs, path::Path};

use runner_model::{Diagnostic, Sources};
use runner_pipeline::{Given, Granted, MainFile, Planned};

use crate::{
    args::{GivenArgs, PipelineArgs},
    environment::Environment,
    error::CommandError,
    plugins::Plugins,
    policy,
    session::Session,
};

/// Reads, parses, resolves and checks a pipeline, in that order: the first half of the straight line.
///
/// # Errors
///
/// [`CommandError::Read`], or everything that is wrong with the policy or the pipeline at once.
pub(crate) fn checked(args: &PipelineArgs, session: &Session) -> Result<Granted, CommandError> {
    let policy = policy::read(args.policy.as_deref())?;
    let read_error = |source| CommandError::Read { path: args.pipeline.clone(), source };
    let file = fs::canonicalize(&args.pipeline).map_err(read_error)?;
    let bytes = fs::read(&file).map_err(read_error)?;
    let directory = file.parent().unwrap_or(Path::new("/")).to_owned();

    let main = MainFile {
        name: &args.pipeline.to_string_lossy(),
        bytes: &bytes,
        file: &file.to_string_lossy(),
        directory: &directory.to_string_lossy(),
    };
    let include = |path: &str| fs::read(directory.join(path)).map_err(|error| error.to_string());
    let plugins = Plugins::new(directory.clone(), session.loader.clone(), session.handle.clone());

    let authored = runner_pipeline::parse(main, &include)?;
    let resolved = runner_pipeline::resolve(authored, &plugins);
    Ok(runner_pipeline::check(resolved, &policy)?)
}

/// The plan of a checked pipeline under what it is given. Warnings are shown on stderr.
///
/// # Errors
///
/// What is given does not fit.
pub(crate) fn planned(
    granted: Granted,
    given: &Given,
    environment: &Environment,
) -> Result<Planned, CommandError> {
    let planned = runner_pipeline::plan(granted, given)?;
    show_warnings(&planned.warnings, &planned.sources, environment);
    Ok(planned)
}

/// What the command line gives.
pub(crate) fn given(args: &GivenArgs) -> Given {
    Given { inputs: args.inputs.iter().cloned().collect(), event: args.event.clone(), faults: Vec::new() }
}

fn show_warnings(warnings: &[Diagnostic], sources: &Sources, environment: &Environment) {
    if !warnings.is_empty() {
        environment.tell(&runner_report::diagnostics::render(warnings, sources, &environment.style));
    }
}
