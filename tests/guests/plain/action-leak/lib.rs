//! An action that puts a secret into what it captures, in the form its config names, and writes a file.

use runner_plugin::{Action, Applied, Failure, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

/// What to capture and to write.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The secret.
    secret: String,
    /// Whether it is captured in pieces, with a control character in between.
    #[serde(default)]
    in_pieces: bool,
    /// The file that `apply` writes.
    path: String,
}

/// The action.
#[derive(Debug)]
pub struct ActionLeak;

impl Action for ActionLeak {
    type Config = Config;

    fn capture(config: Config, _: &Request, host: &Host) -> Result<String, Failure> {
        let secret = host.secret(&config.secret)?.reveal()?;
        let (first, second) = secret.split_at(secret.len() / 2);
        let between = if config.in_pieces { "\u{0}" } else { "" };
        Ok(format!("before: {first}{between}{second}"))
    }

    fn apply(config: Config, _: &str, _: &Request, host: &Host) -> Result<Applied, Failure> {
        host.files().write(&config.path, "changed")?;
        Ok(Applied::new("changed"))
    }

    fn restore(config: Config, _: &str, _: &Request, host: &Host) -> Result<(), Failure> {
        host.files().write(&config.path, "restored")
    }
}

runner_plugin::export_action!(ActionLeak);
