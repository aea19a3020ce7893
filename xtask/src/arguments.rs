//! The command line.

use crate::caddy::Choice;
use crate::failure::Failure;

pub(crate) const HELP: &str = "\
Chores of this repository.

usage: cargo xtask <command>

  demo [--proxy caddy|stand-in]   builds everything and runs examples/quickstart: a deployment that succeeds, and one
                                  that breaks and is taken back; leaves nothing behind
  plugins [--guests]              builds the plugins into target/plugins/, with --guests also the small components of the
                                  tests into target/guests/
  test                            everything that has to hold before a commit; ends with `N passed, N failed, N skipped`
  fuzz [SECONDS]                  runs each fuzz target for so long (30)
  help                            this text

examples:
  cargo xtask demo                           the product in a minute, with Caddy if there is one
  cargo xtask demo --proxy stand-in          the same without looking for Caddy
  cargo xtask plugins --guests && cargo test -p runner-tests journal
                                             the end-to-end tests with `journal` in their name
  CI=true cargo xtask test                   as CI does: what is missing is an error
  cargo xtask fuzz 600                       ten minutes for each target

Ctrl-C ends what runs, takes the servers down, and removes the scratch folders.";

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Demo { proxy: Choice },
    Plugins { guests: bool },
    Test,
    Fuzz { seconds: u32 },
}

/// How long a fuzz target runs if nobody says.
const SECONDS: u32 = 30;

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, Failure> {
    let words: Vec<String> = arguments.collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h", ..] => Ok(Command::Help),
        ["demo"] => Ok(Command::Demo { proxy: Choice::Any }),
        ["demo", "--proxy", "caddy"] => Ok(Command::Demo { proxy: Choice::Caddy }),
        ["demo", "--proxy", "stand-in"] => Ok(Command::Demo { proxy: Choice::StandIn }),
        ["plugins"] => Ok(Command::Plugins { guests: false }),
        ["plugins", "--guests"] => Ok(Command::Plugins { guests: true }),
        ["test"] => Ok(Command::Test),
        ["fuzz"] => Ok(Command::Fuzz { seconds: SECONDS }),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds @ 1..) => Ok(Command::Fuzz { seconds }),
            Ok(0) | Err(_) => Err(Failure::usage(format!("`{seconds}` is not a number of seconds"))),
        },
        _ => Err(Failure::usage(format!("`cargo xtask {}` is not a command", words.join(" ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, Failure> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn commands_are_read() {
        assert_eq!(parsed(""), Ok(Command::Help));
        assert_eq!(parsed("demo"), Ok(Command::Demo { proxy: Choice::Any }));
        assert_eq!(parsed("demo --proxy stand-in"), Ok(Command::Demo { proxy: Choice::StandIn }));
        assert_eq!(parsed("plugins --guests"), Ok(Command::Plugins { guests: true }));
        assert_eq!(parsed("fuzz"), Ok(Command::Fuzz { seconds: 30 }));
        assert_eq!(parsed("fuzz 600"), Ok(Command::Fuzz { seconds: 600 }));
    }

    #[test]
    fn what_is_no_command_is_said() {
        assert_eq!(parsed("tests"), Err(Failure::usage("`cargo xtask tests` is not a command")));
        assert_eq!(parsed("test now"), Err(Failure::usage("`cargo xtask test now` is not a command")));
        assert_eq!(parsed("fuzz 0"), Err(Failure::usage("`0` is not a number of seconds")));
        assert_eq!(parsed("fuzz soon"), Err(Failure::usage("`soon` is not a number of seconds")));
    }
}
