//! An action that writes a text to a file that exists, and writes back what was there.
//!
//! It can break at every place where an action can break, and tells the order of its calls.

use std::time::Duration;

use runner_plugin::{Action, Applied, Failure, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

/// What to write, and where to break.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file. It must exist.
    path: String,
    /// Its new content.
    text: String,
    /// A file to which each call adds a line: `capture STEP`, `apply STEP`, `restore STEP`. It must exist.
    record: Option<String>,
    /// Where `apply` fails.
    fail: Option<Moment>,
    /// Where `apply` panics.
    panic: Option<Moment>,
    /// How long `apply` waits once it has written.
    #[serde(default)]
    sleep_ms: u64,
    /// While this file is not empty, `restore` fails.
    restore_fails_while: Option<String>,
    /// Whether `capture` fails.
    #[serde(default)]
    capture_fails: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Moment {
    /// Before the file is written.
    Before,
    /// After it was written.
    After,
}

/// The action.
#[derive(Debug)]
pub struct ActionFile;

impl Action for ActionFile {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["before"];

    fn capture(config: Config, request: &Request, host: &Host) -> Result<String, Failure> {
        config.record(host, "capture", request)?;
        if config.capture_fails {
            return Err(Failure::unavailable("capture fails, as its config says"));
        }
        host.files().read_to_string(&config.path)
    }

    fn apply(config: Config, snapshot: &str, request: &Request, host: &Host) -> Result<Applied, Failure> {
        config.record(host, "apply", request)?;
        config.break_at(Moment::Before)?;
        host.files().write(&config.path, &config.text)?;
        if config.sleep_ms > 0 {
            host.clock().sleep(Duration::from_millis(config.sleep_ms));
        }
        config.break_at(Moment::After)?;
        Ok(Applied::new(format!("wrote `{}`", config.path)).output("before", snapshot))
    }

    fn restore(config: Config, snapshot: &str, request: &Request, host: &Host) -> Result<(), Failure> {
        config.record(host, "restore", request)?;
        if let Some(path) = &config.restore_fails_while
            && !host.files().read(path)?.is_empty()
        {
            return Err(Failure::unavailable(format!("`{path}` is not empty")));
        }
        host.files().write(&config.path, snapshot)
    }
}

impl Config {
    fn record(&self, host: &Host, call: &str, request: &Request) -> Result<(), Failure> {
        let Some(path) = &self.record else { return Ok(()) };
        let before = host.files().read_to_string(path)?;
        host.files().write(path, format!("{before}{call} {}\n", request.step_id))
    }

    fn break_at(&self, moment: Moment) -> Result<(), Failure> {
        assert_ne!(self.panic, Some(moment), "as its config says");
        if self.fail == Some(moment) {
            return Err(Failure::unavailable("apply fails, as its config says"));
        }
        Ok(())
    }
}

runner_plugin::export_action!(ActionFile);
