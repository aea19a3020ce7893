//! A notifier that appends each event to a file, one line of JSON each.

use runner_plugin::{Event, Failure, Host, Notifier, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Which file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file. It must exist.
    path: String,
    /// Text for the line.
    text: Option<String>,
    /// Whether to deliver nothing.
    #[serde(default)]
    fail: bool,
}

/// The notifier.
#[derive(Debug)]
pub struct NotifyFile;

impl Notifier for NotifyFile {
    type Config = Config;

    fn notify(config: Config, request: &Request, event: &Event, host: &Host) -> Result<(), Failure> {
        if config.fail {
            return Err(Failure::unavailable("nothing is delivered, as its config says"));
        }
        let line = json!({
            "name": event.name,
            "pipeline": event.pipeline,
            "status": event.status,
            "severity": event.severity,
            "step": event.step,
            "summary": event.summary,
            "as": request.step_id,
            "text": config.text,
        });
        event.details()?;
        let before = host.files().read_to_string(&config.path)?;
        host.files().write(&config.path, format!("{before}{line}\n"))
    }
}

runner_plugin::export_notifier!(NotifyFile);
