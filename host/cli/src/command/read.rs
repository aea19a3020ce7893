//! Commands that only read journals: `status`, `history`, `show`, `logs`.

use runner_engine::ports::Clock as _;
use runner_journal::Logs;
use runner_model::{ExitCode, RecordedPlan, RunId};
use runner_report::{
    TimeZone, history as table, ledger::table as table_of_grants, run::Run, show as report,
    status as standing,
};
use serde_json::{Value, json};

use super::print;
use crate::{
    args::{HistoryArgs, Output, ReadArgs, ReportFormat, RunStepArgs, ShowArgs, ShowOutput},
    clock::SystemClock,
    environment::Environment,
    error::CommandError,
    reports, runs,
};

/// Shows what runs now, and what waits.
pub(crate) fn status(args: &ReadArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let mut open: Vec<(RecordedPlan, Run, bool)> = Vec::new();
    for run in runs::list(&args.state.state_dir)? {
        let (directory, read) = match runs::read(&args.state.state_dir, run) {
            Ok(read) => read,
            Err(error) => {
                environment.tell(&error.render(environment));
                continue;
            }
        };
        let shown = Run::read(&read.plan, &read.records);
        if !runs::is_finished(&read.records) {
            open.push((read.plan, shown, runner_journal::is_live(&directory)));
        }
    }
    let standings: Vec<_> =
        open.iter().map(|(plan, run, live)| standing::Standing { plan, run, live: *live }).collect();
    match args.output {
        Output::Text => {
            let now = SystemClock::new().now_ms();
            print::text(&standing::text(&standings, now, &environment.stdout_style, &TimeZone::system()))
        }
        Output::Json => print::json(&Value::Array(standing::to_json(&standings))),
    }
}

/// Lists the runs, newest first.
pub(crate) fn history(args: &HistoryArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let runs = runs::directory(&args.read.state.state_dir);
    let mut listed =
        runner_journal::history(&runs).map_err(|source| CommandError::Read { path: runs, source })?;
    listed.reverse();
    listed.truncate(args.limit);
    let mut lines = Vec::new();
    for listed in listed {
        match listed.ends {
            Ok(ends) => lines.extend(table::Line::of(&[ends.first, ends.last], ends.live)),
            Err(error) => environment.tell(&runs::open_error(listed.run, error).render(environment)),
        }
    }
    match args.read.output {
        Output::Text => print::text(&table::table(&lines, &environment.stdout_style, &TimeZone::system())),
        Output::Json => print::json(&Value::Array(lines.iter().map(line_json).collect())),
    }
}

fn line_json(line: &table::Line) -> Value {
    json!({
        "run": line.run,
        "pipeline": line.pipeline,
        "started_ms": line.started_ms,
        "elapsed_ms": line.elapsed_ms,
        "status": line.status,
        "verdict": line.verdict,
    })
}

/// Shows a run, or one step of it.
pub(crate) fn show(args: &ShowArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let run = runs::find(&args.state.state_dir, args.run.as_deref())?;
    let (directory, read) = runs::read(&args.state.state_dir, run)?;
    let (plan, shown) = (&read.plan, Run::read(&read.plan, &read.records));
    let (style, zone) = (&environment.stdout_style, TimeZone::system());
    let whole = |format| {
        let failed = |source| CommandError::Write { what: format!("the report of run {run}"), source };
        reports::document(format, &read, &directory).map_err(failed)
    };
    match (&args.step, args.output) {
        (None, ShowOutput::Text) if args.ledger => print::text(&table_of_grants(plan, &shown, style, &zone)),
        (None, ShowOutput::Text) => print::text(&report::run(plan, &shown, style, &zone)),
        (None, ShowOutput::Json) => print::text(&whole(ReportFormat::Json)?),
        (None, ShowOutput::Sarif) => print::text(&whole(ReportFormat::Sarif)?),
        (None, ShowOutput::Junit) => print::text(&whole(ReportFormat::Junit)?),
        (Some(_), ShowOutput::Sarif | ShowOutput::Junit) => Err(CommandError::NoStep {
            message: "SARIF and JUnit are of a whole run".to_owned(),
            help: format!("leave the step out, or use `runner show {run} STEP --output json`"),
        }),
        (Some(step), ShowOutput::Text) => {
            let text = report::step(plan, &shown, step, style, &zone);
            print::text(&text.ok_or_else(|| no_step(plan, step, run))?)
        }
        (Some(step), ShowOutput::Json) => {
            let object = report::step_json(plan, &shown, step);
            print::json(&object.ok_or_else(|| no_step(plan, step, run))?)
        }
    }
}

/// Prints what the plugins of a run wrote: raw for one step, with a heading for each if there are several.
pub(crate) fn logs(args: &RunStepArgs) -> Result<ExitCode, CommandError> {
    let run = runs::find(&args.read.state.state_dir, args.run.as_deref())?;
    let (directory, read) = runs::read(&args.read.state.state_dir, run)?;
    if let Some(step) = &args.step
        && read.plan.find(step).is_none()
    {
        return Err(no_step(&read.plan, step, run));
    }
    let logs = Logs::of(&directory);
    let mut texts = Vec::new();
    for step in &read.plan.steps {
        if args.step.as_ref().is_none_or(|asked| asked == step.id.as_str()) {
            let bytes = logs
                .read(&step.id)
                .map_err(|source| CommandError::Read { path: logs.path(&step.id), source })?;
            if !bytes.is_empty() {
                texts.push((step.id.as_str(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
    match args.read.output {
        Output::Json => print::json(&Value::Array(
            texts.iter().map(|(step, text)| json!({ "step": step, "log": text })).collect(),
        )),
        Output::Text if args.step.is_some() => {
            print::text(&texts.into_iter().map(|(_, text)| text).collect::<String>())
        }
        Output::Text => print::text(
            &texts.iter().map(|(step, text)| format!("--- {step}\n{text}")).collect::<Vec<_>>().concat(),
        ),
    }
}

fn no_step(plan: &RecordedPlan, step: &str, run: RunId) -> CommandError {
    let names: Vec<String> = plan.steps.iter().take(20).map(|step| format!("`{}`", step.id)).collect();
    CommandError::NoStep {
        message: format!("run {run} has no step `{step}`"),
        help: format!("it has {}", names.join(", ")),
    }
}
