//! Chores: `cargo xtask demo | plugins | test | fuzz | coverage-of-requirements | help`.
//!
//! One program instead of shell scripts, so that a machine with rustup and a linker is enough. Whatever it starts runs in a
//! process group of its own: Ctrl-C reaches this program alone, which passes it on to what runs in the foreground, waits,
//! and then takes down its servers and scratch folders. So nothing is left behind.
//!
//! Never here: knowledge of how the runner works. It is started as users start it.

mod apt;
mod arguments;
mod caddy;
mod components;
mod coverage;
mod demo;
mod failure;
mod fuzz;
mod process;
mod scratch;
mod screen;
mod test;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use arguments::Command;
use failure::Failure;
use workspace::Workspace;

fn main() -> ExitCode {
    let outcome = process::watch_signals()
        .and_then(|()| arguments::parse(std::env::args().skip(1)))
        .and_then(|command| run(&command));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen::failure(&failure);
            failure.exit_code()
        }
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    let workspace = Workspace::find()?;
    match command {
        Command::Help => {
            screen::say(arguments::HELP);
            Ok(())
        }
        Command::Demo { example } => demo::show(&workspace, *example),
        Command::Plugins { guests } => {
            toolchain::ready()?;
            components::plugins(&workspace)?;
            if *guests {
                components::guests(&workspace)?;
                components::service(&workspace)?;
            }
            Ok(())
        }
        Command::Test => test::everything(&workspace),
        Command::Coverage { output, min } => coverage::print(&workspace, *output, *min),
        Command::Fuzz { seconds } => fuzz::every_target(&workspace, *seconds),
    }
}
