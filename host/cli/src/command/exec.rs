//! `runner exec`: the straight line from a file to a verdict.

use std::sync::Arc;

use runner_engine::ports::Clock as _;
use runner_journal::Journal;
use runner_model::ExitCode;

use super::{
    carry_out::{Work, carry_out, load},
    rehearse::rehearse,
};
use crate::{
    args::ExecArgs, environment::Environment, error::CommandError, reports::Reports, runs, session::Session,
    source,
};

/// Runs one pipeline to its verdict.
pub(crate) fn exec(args: &ExecArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let reports = Reports::prepare(&args.engine.reports)?;
    let session = Session::start(args.pipeline.cache_dir.as_deref(), environment)?;
    let granted = source::checked(&args.pipeline, &session)?;
    let mut given = source::given(&args.given);
    given.faults.clone_from(&args.inject);
    let plan = Arc::new(source::planned(granted, &given, environment)?.plan);

    let steps = load(&plan, &args.state.state_dir, &session, environment)?;

    if args.dry_run {
        return rehearse(plan, steps, args, reports, &session, environment);
    }
    let run = session.new_run()?;
    let runs = runs::directory(&args.state.state_dir);
    let journal = Journal::create(&runs, run, &plan, session.clock.now_ms(), env!("CARGO_PKG_VERSION"))
        .map_err(|error| runs::create_error(&runs, error))?;
    let work =
        Work { run, plan, journal, past: Vec::new(), steps: Arc::new(steps), rehearsal: None, reports };
    carry_out(work, &args.engine, &session, environment)
}
