//! Action: writes down what is deployed.
//!
//! The record is one JSON file: the step's own fields, a status, the moment, the run, and if wanted the records before it.
//! It is replaced as a whole. The moment is taken when the old record is kept, so that a second try writes the same bytes;
//! `restore` brings the old record back, or removes the new one if there was none.
//!
//! Never here: what counts as a success. The record is written where it stands in the pipeline.

use runner_evidence::moment;
use runner_kept::Kept;
use runner_plugin::{Action, Applied, Failure, Host, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// What the action writes itself.
const OWN: [&str; 4] = ["status", "deployed_at", "run_id", "history"];

/// Where the record is, and what stands in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file. Its directory must exist.
    #[serde(default = "default_path")]
    #[schemars(length(min = 1))]
    path: String,
    /// What to write down: tag, commit, digest, who. `status`, `deployed_at`, `run_id` and `history` are added.
    fields: Map<String, Value>,
    /// How the deployment ended.
    #[serde(default)]
    status: Status,
    /// How many of the records before this one are kept in it, newest first.
    #[serde(default)]
    history: usize,
}

fn default_path() -> String {
    ".deployed-metadata.json".to_owned()
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    /// What was to be deployed is.
    #[default]
    Success,
    /// What was there before is there again.
    RolledBack,
    /// Neither.
    Failed,
}

/// What is kept for going back, and the moment of the record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    at: String,
    was: Kept,
}

impl Config {
    /// The record as it will stand in the file.
    fn record(self, snapshot: &Snapshot, request: &Request) -> Result<Vec<u8>, Failure> {
        if let Some(own) = OWN.iter().find(|own| self.fields.contains_key(**own)) {
            return Err(Failure::invalid_config(format!(
                "`fields.{own}` is written by the action itself; nothing was written"
            )));
        }
        let history = self.earlier(&snapshot.was)?;
        let mut record = self.fields;
        record.insert("status".to_owned(), json!(self.status));
        record.insert("deployed_at".to_owned(), json!(snapshot.at));
        record.insert("run_id".to_owned(), json!(request.run_id));
        if self.history > 0 {
            record.insert("history".to_owned(), Value::Array(history));
        }
        let mut text = serde_json::to_vec_pretty(&record)
            .map_err(|error| Failure::internal(format!("the record cannot be written: {error}")))?;
        text.push(b'\n');
        Ok(text)
    }

    /// The records before this one, newest first.
    fn earlier(&self, was: &Kept) -> Result<Vec<Value>, Failure> {
        let Some(old) = (if self.history > 0 { was.content()? } else { None }) else { return Ok(Vec::new()) };
        let unusable = |why: &str| {
            Failure::invalid_input(format!(
                "`{}` {why}, so its history cannot be kept; nothing was written",
                self.path
            ))
        };
        let mut newest: Map<String, Value> =
            serde_json::from_slice(&old).map_err(|error| unusable(&format!("is no record ({error})")))?;
        let before = match newest.shift_remove("history") {
            None => Vec::new(),
            Some(Value::Array(records)) => records,
            Some(_) => return Err(unusable("has a `history` that is no list")),
        };
        Ok(std::iter::once(Value::Object(newest)).chain(before).take(self.history).collect())
    }
}

/// Writes down what is deployed.
pub struct Record;

impl Action for Record {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["path", "digest"];

    fn capture(config: Config, request: &Request, host: &Host) -> Result<String, Failure> {
        let now = std::time::Duration::from_secs(host.clock().now().as_secs());
        let snapshot =
            Snapshot { at: moment::of_clock(now)?.to_string(), was: Kept::look(host, &config.path)? };
        // What cannot be written is known before anything is kept.
        config.record(&snapshot, request)?;
        runner_kept::snapshot(&snapshot)
    }

    fn apply(config: Config, snapshot: &str, request: &Request, host: &Host) -> Result<Applied, Failure> {
        let snapshot: Snapshot = runner_kept::read(snapshot)?;
        let path = config.path.clone();
        let record = config.record(&snapshot, request)?;
        host.files().write(&path, &record)?;
        let digest: String = Sha256::digest(&record).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Applied::new(format!("wrote `{path}`"))
            .output("path", path)
            .output("digest", format!("sha256:{digest}")))
    }

    fn restore(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<(), Failure> {
        let Snapshot { was, .. } = runner_kept::read(snapshot)?;
        was.bring_back(host, &config.path)
    }
}

runner_plugin::export_action!(Record);

#[cfg(test)]
mod tests;
