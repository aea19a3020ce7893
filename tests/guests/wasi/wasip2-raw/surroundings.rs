//! What a process inherits: variables, arguments, standard input, the terminal.

use schemars::JsonSchema;
use serde::Deserialize;
use wasip2::cli;
use wasip2::io::streams::StreamError;

use crate::Outcome;

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Look {
    /// All variables, as `NAME=value`.
    Environment,
    Arguments,
    Directory,
    /// Reads until the end.
    Stdin,
    /// Which of the three standard streams is a terminal.
    Terminal,
    /// Directories that were handed over.
    Preopens,
    /// Two draws of 16 bytes: are they alike?
    Random,
    /// The start of the insecure generator, twice.
    Seed,
}

impl Look {
    pub(crate) fn make(self) -> Outcome {
        match self {
            Self::Environment => {
                let mut variables: Vec<String> = cli::environment::get_environment()
                    .into_iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                variables.sort();
                Ok(variables.join(" "))
            }
            Self::Arguments => Ok(cli::environment::get_arguments().join(" ")),
            Self::Directory => Ok(cli::environment::initial_cwd().unwrap_or_default()),
            Self::Stdin => {
                let stdin = cli::stdin::get_stdin();
                match stdin.blocking_read(1024) {
                    Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
                    Err(StreamError::Closed) => Err("closed".to_owned()),
                    Err(StreamError::LastOperationFailed(error)) => Err(error.to_debug_string()),
                }
            }
            Self::Terminal => {
                let found = [
                    ("stdin", cli::terminal_stdin::get_terminal_stdin().is_some()),
                    ("stdout", cli::terminal_stdout::get_terminal_stdout().is_some()),
                    ("stderr", cli::terminal_stderr::get_terminal_stderr().is_some()),
                ];
                Ok(found.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect::<Vec<_>>().join(" "))
            }
            Self::Preopens => {
                let handed = wasip2::filesystem::preopens::get_directories();
                Ok(handed.into_iter().map(|(_, path)| path).collect::<Vec<_>>().join(" "))
            }
            Self::Random => {
                let draw = || wasip2::random::random::get_random_bytes(16);
                Ok(if draw() == draw() { "the same" } else { "different" }.to_owned())
            }
            Self::Seed => {
                let draw = wasip2::random::insecure_seed::insecure_seed;
                Ok(if draw() == draw() { "the same" } else { "different" }.to_owned())
            }
        }
    }
}
