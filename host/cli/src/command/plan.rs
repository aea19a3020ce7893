//! `runner plan`.

use runner_model::ExitCode;
use runner_report::plan as report;

use super::print;
use crate::{
    args::{Output, PlanArgs},
    environment::Environment,
    error::CommandError,
    secrets,
    session::Session,
    source,
};

/// Shows what would run.
pub(crate) fn plan(args: &PlanArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let session = Session::start(args.pipeline.cache_dir.as_deref(), environment)?;
    let granted = source::checked(&args.pipeline, &session)?;
    let plan = source::planned(granted, &source::given(&args.given), environment)?.plan;
    let redactor = secrets::redactor(&plan.header, &environment.variables);
    print::text(&redactor.redact(&match args.output {
        Output::Text => report::text(&plan, &environment.stdout_style),
        Output::Json => format!("{:#}\n", report::to_json(&plan)),
    }))
}
