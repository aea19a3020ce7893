//! The second half of the straight line, the same for a new run and for one that is taken up again.

use std::{
    num::NonZeroUsize,
    path::{Path, absolute},
    sync::Arc,
    thread,
};

use runner_capabilities::DockerHost;
use runner_engine::{
    RunError, Setup,
    ports::{Approver as Ask, StepRunner},
};
use runner_journal::{Journal, Record, Sink};
use runner_model::{ExitCode, Plan, PluginAlias, RunId};
use runner_report::{TimeZone, json::Lines, terminal};
use runner_wasm::{Host, HostOptions, LoadError};

use crate::{
    approver::Approver,
    args::{EngineArgs, Output},
    environment::Environment,
    error::CommandError,
    reports::Reports,
    secrets,
    session::Session,
    signals,
};

/// A run and all it stands on.
pub(crate) struct Work {
    pub(crate) run: RunId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) journal: Journal,
    /// What it has done before, if it is taken up again.
    pub(crate) past: Vec<Record>,
    pub(crate) steps: Arc<dyn StepRunner>,
    /// Who is asked instead of people, and where nothing is kept; none for a real run.
    pub(crate) rehearsal: Option<Arc<dyn Ask>>,
    /// What to write once it has ended.
    pub(crate) reports: Reports,
}

/// Loads the components of a plan, with the secrets and variables they may use.
///
/// # Errors
///
/// A `DOCKER_HOST` that cannot be read, a secret that is not there, every plugin that cannot be used, or every Docker Engine
/// that does not answer. Nothing was started.
pub(crate) fn load(
    plan: &Plan,
    state_dir: &Path,
    session: &Session,
    environment: &Environment,
) -> Result<Host, CommandError> {
    let secrets = secrets::read(&plan.header, &environment.variables)?;
    secrets::keep_out(plan, &secrets)?;
    let options = HostOptions {
        env: environment.variables.clone(),
        secrets,
        docker: if needs_engine(plan) { environment.docker()? } else { DockerHost::default() },
        state: Some(
            absolute(state_dir)
                .map_err(|source| CommandError::Read { path: state_dir.to_owned(), source })?,
        ),
    };
    let described = |(alias, error): (PluginAlias, LoadError)| (alias, error.to_string(), Some(error.help()));
    let loaded = session
        .handle
        .block_on(Host::load(&session.loader, plan, options))
        .map_err(|problems| CommandError::Load { problems: problems.into_iter().map(described).collect() });
    // An entry that somebody altered is no reason to stop, and no secret either.
    session.loader.notes().iter().for_each(|note| environment.tell(&format!("note: {note}\n")));
    let host = loaded?;
    // Without its engine a run would come to its first step on it, and no further.
    session.handle.block_on(host.engines_answer()).map_err(|problems| CommandError::Engines { problems })?;
    Ok(host)
}

/// Whether some step works with this machine's own Docker Engine.
fn needs_engine(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| step.target.is_none() && !step.grants.rules().docker.is_empty())
}

/// Carries a run out to its verdict.
///
/// # Errors
///
/// There is no verdict; the journal says how far it came.
pub(crate) fn carry_out(
    work: Work,
    args: &EngineArgs,
    session: &Session,
    environment: &Environment,
) -> Result<ExitCode, CommandError> {
    let Work { run, plan, journal, past, steps, rehearsal, reports } = work;
    let directory = journal.directory().to_owned();
    let kept = rehearsal.is_none().then_some(directory.as_path());
    let sinks = sinks(args.output, kept, environment);
    let approver = rehearsal.unwrap_or_else(|| {
        Arc::new(Approver::new(directory.clone(), environment.can_ask, environment.user()))
    });
    reports.begin(environment);
    let verdict = session.handle.block_on(async {
        runner_engine::run(Setup {
            plan,
            past,
            steps,
            clock: session.clock.clone(),
            approver,
            sinks,
            jobs: args.jobs.unwrap_or_else(default_jobs),
            signals: signals::listen()?,
            journal,
        })
        .await
        .map_err(|error| run_error(run, error))
    });
    // Also of a run that has no verdict: what is known of it is in the journal.
    reports.write(run, &directory, environment);
    Ok(verdict?.exit())
}

/// Who looks on: people on stderr, programs on stdout. With `json` people see nothing but errors.
fn sinks(output: Output, directory: Option<&Path>, environment: &Environment) -> Vec<Box<dyn Sink>> {
    match output {
        Output::Json => vec![Box::new(Lines::new(std::io::stdout()))],
        Output::Text => {
            let about = terminal::About {
                journal: directory.map(|path| path.join("journal.jsonl").to_string_lossy().into_owned()),
                can_answer: environment.can_ask,
                zone: TimeZone::system,
            };
            vec![Box::new(terminal::Terminal::stderr(environment.style, about))]
        }
    }
}

/// Steps wait for others more than they compute, so there are more of them than cores.
fn default_jobs() -> NonZeroUsize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new((4 * cores).max(8)).unwrap_or(NonZeroUsize::MIN)
}

fn run_error(run: RunId, error: RunError) -> CommandError {
    let resume = format!("then `runner resume {run}` goes on from the journal");
    match error {
        RunError::Stopped => CommandError::Stopped { run },
        RunError::Journal(source) => CommandError::Journal {
            message: format!(
                "run {run} was stopped before its next effect: it could no longer be written down"
            ),
            help: format!("make room on the disk, {resume}"),
            source: Some(Box::new(source)),
        },
        RunError::Past { .. } => CommandError::Journal {
            message: format!("run {run} cannot be taken up again: {error}"),
            help: "nothing was done; the journal and the plan beside it are not of the same run".to_owned(),
            source: Some(Box::new(error)),
        },
        RunError::Illegal(_) | RunError::Bug(_) => CommandError::Bug(error.to_string()),
    }
}
