//! The `runner` binary: arguments, wiring, exit code.
//!
//! Each command is one function in `command/` that reads top to bottom; `command/exec.rs` is the one to read first. The
//! commands own no logic: pipelines are judged in `pipeline`, runs carried out in `engine`, plugins called in `wasm`,
//! everything shown by `report`. What only a process can do is done here and handed down: environment, clock,
//! signals, terminal.

mod answers;
mod approver;
mod args;
mod clock;
mod command;
mod compiler;
mod environment;
mod error;
mod plugins;
mod policy;
mod reports;
mod runs;
mod secrets;
mod session;
mod signals;
mod source;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Cli, environment::Environment};

fn main() -> ExitCode {
    let environment = Environment::read();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe while printing help is nobody's fault.
            drop(error.print());
            return if error.use_stderr() {
                runner_model::ExitCode::Usage
            } else {
                runner_model::ExitCode::Succeeded
            }
            .into();
        }
    };
    match command::dispatch(cli.command, &environment) {
        Ok(code) => code.into(),
        Err(error) => {
            environment.tell(&error.render(&environment));
            error.exit().into()
        }
    }
}
