//! `runner graph`.

use runner_model::ExitCode;
use runner_report::graph as report;

use super::print;
use crate::{
    args::{GraphArgs, GraphFormat},
    environment::Environment,
    error::CommandError,
    secrets,
    session::Session,
    source,
};

/// Draws the graph.
pub(crate) fn graph(args: &GraphArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let session = Session::start(args.pipeline.cache_dir.as_deref(), environment)?;
    let granted = source::checked(&args.pipeline, &session)?;
    let plan = source::planned(granted, &source::given(&args.given), environment)?.plan;
    let redactor = secrets::redactor(&plan.header, &environment.variables);
    print::text(&redactor.redact(&match args.format {
        GraphFormat::Svg => report::svg(&plan),
        GraphFormat::Mermaid => report::mermaid(&plan),
        GraphFormat::Dot => report::dot(&plan),
    }))
}
