//! The commands, one file each.

mod answer;
mod carry_out;
mod check;
mod compile;
mod doctor;
mod exec;
mod graph;
mod plan;
mod plugin;
mod print;
mod read;
mod rehearse;
mod resume;

use clap::CommandFactory as _;
use runner_model::ExitCode;

use crate::{
    args::{Cli, Command},
    environment::Environment,
    error::CommandError,
};

/// Carries out one command.
///
/// # Errors
///
/// Whatever stopped it, with its exit code.
pub(crate) fn dispatch(command: Command, environment: &Environment) -> Result<ExitCode, CommandError> {
    match command {
        Command::Exec(args) => exec::exec(&args, environment),
        Command::Check(args) => check::check(&args, environment),
        Command::Plan(args) => plan::plan(&args, environment),
        Command::Graph(args) => graph::graph(&args, environment),
        Command::Resume(args) => resume::resume(&args, environment),
        Command::Status(args) => read::status(&args, environment),
        Command::History(args) => read::history(&args, environment),
        Command::Show(args) => read::show(&args, environment),
        Command::Logs(args) => read::logs(&args),
        Command::Approve(args) => answer::approve(&args, environment),
        Command::Reject(args) => answer::reject(&args, environment),
        Command::Plugin(command) => plugin::plugin(&command, environment),
        Command::Schema => print::json(&runner_pipeline::schema()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "runner", &mut script);
            print::bytes(&script)
        }
        Command::CompileComponent(args) => compile::compile(&args),
        Command::Doctor(args) => doctor::doctor(&args, environment),
    }
}
