//! `runner plan`.

use runner_model::ExitCode;
use runner_report::plan as report;

use super::print;
use crate::{
    args::{Output, PlanArgs},
    environment::Environment,
    error::CommandError,
    session::Session,
    source,
};

/// Shows what would run.
pub(crate) fn plan(args: &PlanArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let session = Session::start(args.pipeline.cache_dir.as_deref(), environment)?;
    let granted = source::checked(&args.pipeline, &session)?;
    let plan = source::planned(granted, &source::given(&args.given), environment)?.plan;
    match args.output {
        Output::Text => print::text(&report::text(&plan, &environment.stdout_style)),
        Output::Json => print::json(&report::to_json(&plan)),
    }
}
