//! `runner exec --dry-run`: the same run, with hands behind its back.

use std::sync::Arc;

use runner_engine::{NobodyAsked, Rehearsal, ports::Clock as _};
use runner_journal::Journal;
use runner_model::{ExitCode, Plan};
use runner_report::rehearsal;
use runner_wasm::Host;

use super::{
    carry_out::{Work, carry_out},
    print,
};
use crate::{
    args::{ExecArgs, Output},
    environment::Environment,
    error::CommandError,
    reports::Reports,
    runs,
    session::Session,
};

/// Plays `plan` without changing anything, and lists what a real run would change. Its journal is thrown away.
pub(crate) fn rehearse(
    plan: Arc<Plan>,
    steps: Host,
    args: &ExecArgs,
    reports: Reports,
    session: &Session,
    environment: &Environment,
) -> Result<ExitCode, CommandError> {
    let thrown_away = tempfile::tempdir().map_err(|source| CommandError::Write {
        what: "to the directory for temporary files".to_owned(),
        source,
    })?;
    let plan = Arc::new(Rehearsal::shortened(&plan));
    let rehearsal = Rehearsal::new(Arc::clone(&plan), Arc::new(steps));
    let run = session.new_run()?;
    let runs = thrown_away.path();
    let journal = Journal::create(runs, run, &plan, session.clock.now_ms(), env!("CARGO_PKG_VERSION"))
        .map_err(|error| runs::create_error(runs, error))?;
    environment.tell("dry run: nothing is changed, and nothing is kept\n");
    let work = Work {
        run,
        plan,
        journal,
        past: Vec::new(),
        steps: Arc::new(rehearsal.clone()),
        rehearsal: Some(Arc::new(NobodyAsked)),
        reports,
    };
    let exit = carry_out(work, &args.engine, session, environment)?;
    let intentions = rehearsal.intentions();
    let changes: Vec<(&str, &str)> =
        intentions.iter().map(|intention| (intention.step.as_str(), intention.what.as_str())).collect();
    print::text(&match args.engine.output {
        Output::Text => rehearsal::text(&changes),
        Output::Json => format!("{}\n", rehearsal::json(&changes)),
    })?;
    Ok(exit)
}
