//! `runner resume`: the same machinery on a journal that has begun.

use std::sync::Arc;

use runner_journal::Journal;
use runner_model::ExitCode;

use super::carry_out::{Work, carry_out, load};
use crate::{
    args::ResumeArgs, environment::Environment, error::CommandError, policy, reports::Reports, runs,
    session::Session,
};

/// Takes an interrupted run up again. Grants are admitted anew, under today's policy.
pub(crate) fn resume(args: &ResumeArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let reports = Reports::prepare(&args.engine.reports)?;
    let run = runs::find(&args.state.state_dir, args.run.as_deref())?;
    let policy = policy::read(args.policy.as_deref())?;
    let session = Session::start(args.cache_dir.as_deref(), environment)?;
    let directory = runs::directory(&args.state.state_dir).join(run.to_string());
    let opened = Journal::open(&directory).map_err(|error| runs::open_error(run, error))?;
    if opened.torn_bytes > 0 {
        environment.tell(&format!(
            "note: the last line of the journal was cut short ({} bytes); it announced nothing that had begun\n",
            opened.torn_bytes
        ));
    }
    let plan = opened.plan.admit(&policy).map_err(|refusals| CommandError::NotAdmitted {
        run,
        refusals: refusals.into_iter().map(|(step, refusal)| (step, refusal.request)).collect(),
    })?;
    let plan = Arc::new(plan);

    let steps = Arc::new(load(&plan, &args.state.state_dir, &session, environment)?);
    let work =
        Work { run, plan, journal: opened.journal, past: opened.records, steps, rehearsal: None, reports };
    carry_out(work, &args.engine, &session, environment)
}
