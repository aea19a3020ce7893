//! The command line.

use crate::caddy::Choice;
use crate::coverage::Output;
use crate::demo::Example;
use crate::failure::Failure;

pub(crate) const HELP: &str = "\
Chores of this repository.

usage: cargo xtask <command>

  demo                            builds everything and plays an example: a deployment that succeeds, and one that breaks
                                  and is taken back; leaves nothing behind. It is `l9` where a Docker Engine answers, else
                                  `quickstart`
  demo l9                         examples/l9: blue and green as containers, from the checkout to the live site
  demo quickstart [--proxy caddy|stand-in]
                                  examples/quickstart: two processes and a proxy
  plugins [--guests]              builds the plugins into target/plugins/, with --guests also what the tests are made with:
                                  small components into target/guests/, the L9 example's service into target/l9/
  test                            everything that has to hold before a commit; ends with `N passed, N failed, N skipped`
  fuzz [SECONDS]                  runs each fuzz target for so long (30)
  coverage-of-requirements [--output text|json] [--min N]
                                  which rows of docs/requirements.md a test or an example shows, which are features of
                                  the host still to come, and which nothing shows; fails under N rows, and for wrong ids
  help                            this text

examples:
  cargo xtask demo                           the product in a minute
  cargo xtask demo quickstart --proxy stand-in
                                             the same without Docker, and without looking for Caddy
  cargo xtask plugins --guests && cargo test -p runner-tests journal
                                             the end-to-end tests with `journal` in their name
  CI=true cargo xtask test                   as CI does: what is missing is an error
  cargo xtask fuzz 600                       ten minutes for each target
  cargo xtask coverage-of-requirements --output json | jq .sums

Ctrl-C ends what runs, takes the servers down, and removes the scratch folders.";

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Demo { example: Example },
    Plugins { guests: bool },
    Test,
    Fuzz { seconds: u32 },
    Coverage { output: Output, min: usize },
}

/// How long a fuzz target runs if nobody says.
const SECONDS: u32 = 30;

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, Failure> {
    let words: Vec<String> = arguments.collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h", ..] => Ok(Command::Help),
        ["demo"] => Ok(Command::Demo { example: Example::Any }),
        ["demo", "l9"] => Ok(Command::Demo { example: Example::L9 }),
        ["demo", "quickstart"] => Ok(Command::Demo { example: Example::Quickstart(Choice::Any) }),
        ["demo", "quickstart", "--proxy", "caddy"] => {
            Ok(Command::Demo { example: Example::Quickstart(Choice::Caddy) })
        }
        ["demo", "quickstart", "--proxy", "stand-in"] => {
            Ok(Command::Demo { example: Example::Quickstart(Choice::StandIn) })
        }
        ["plugins"] => Ok(Command::Plugins { guests: false }),
        ["plugins", "--guests"] => Ok(Command::Plugins { guests: true }),
        ["test"] => Ok(Command::Test),
        ["fuzz"] => Ok(Command::Fuzz { seconds: SECONDS }),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds @ 1..) => Ok(Command::Fuzz { seconds }),
            Ok(0) | Err(_) => Err(Failure::usage(format!("`{seconds}` is not a number of seconds"))),
        },
        ["coverage-of-requirements", options @ ..] => coverage(options),
        _ => Err(Failure::usage(format!("`cargo xtask {}` is not a command", words.join(" ")))),
    }
}

fn coverage(options: &[&str]) -> Result<Command, Failure> {
    let (mut output, mut min) = (Output::Text, 0);
    let mut options = options;
    while let [name, value, rest @ ..] = options {
        match (*name, *value) {
            ("--output", "text") => output = Output::Text,
            ("--output", "json") => output = Output::Json,
            ("--min", number) => {
                min = number
                    .parse()
                    .map_err(|_| Failure::usage(format!("`{number}` is not a number of rows")))?;
            }
            _ => return Err(Failure::usage(format!("`{name} {value}` is no option of this command"))),
        }
        options = rest;
    }
    match options {
        [] => Ok(Command::Coverage { output, min }),
        rest => Err(Failure::usage(format!("`{}` is no option of this command", rest.join(" ")))),
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
        assert_eq!(parsed("demo"), Ok(Command::Demo { example: Example::Any }));
        assert_eq!(parsed("demo l9"), Ok(Command::Demo { example: Example::L9 }));
        assert_eq!(
            parsed("demo quickstart --proxy stand-in"),
            Ok(Command::Demo { example: Example::Quickstart(Choice::StandIn) })
        );
        assert_eq!(parsed("plugins --guests"), Ok(Command::Plugins { guests: true }));
        assert_eq!(parsed("fuzz"), Ok(Command::Fuzz { seconds: 30 }));
        assert_eq!(parsed("fuzz 600"), Ok(Command::Fuzz { seconds: 600 }));
        assert_eq!(
            parsed("coverage-of-requirements"),
            Ok(Command::Coverage { output: Output::Text, min: 0 })
        );
        assert_eq!(
            parsed("coverage-of-requirements --min 60 --output json"),
            Ok(Command::Coverage { output: Output::Json, min: 60 })
        );
    }

    #[test]
    fn what_is_no_command_is_said() {
        assert_eq!(parsed("tests"), Err(Failure::usage("`cargo xtask tests` is not a command")));
        assert_eq!(
            parsed("demo l9 --proxy caddy"),
            Err(Failure::usage("`cargo xtask demo l9 --proxy caddy` is not a command"))
        );
        assert_eq!(parsed("test now"), Err(Failure::usage("`cargo xtask test now` is not a command")));
        assert_eq!(parsed("fuzz 0"), Err(Failure::usage("`0` is not a number of seconds")));
        for (options, problem) in [
            ("--min many", "`many` is not a number of rows"),
            ("--output yaml", "`--output yaml` is no option of this command"),
            ("--min", "`--min` is no option of this command"),
            ("now", "`now` is no option of this command"),
        ] {
            assert_eq!(parsed(&format!("coverage-of-requirements {options}")), Err(Failure::usage(problem)));
        }
        assert_eq!(parsed("fuzz soon"), Err(Failure::usage("`soon` is not a number of seconds")));
    }
}
