//! The first-party plugins as components inside the runner: real files, real servers on loopback.

mod command;
mod formats;
mod git;
mod health;
mod notify;
mod policy;
mod reports;
mod written;

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use crate::harness::{Project, root};

/// How each step of the newest run ended: answer, summary and findings, or kind and message of the failure.
pub(crate) fn endings(project: &Project) -> BTreeMap<String, Value> {
    let journal = project.journal();
    let ended = journal.iter().filter(|entry| entry["type"] == "step-ended");
    ended
        .map(|entry| {
            let ending = match entry["outcome"].as_object() {
                Some(outcome) => {
                    let findings = outcome.get("findings").cloned().unwrap_or_else(|| json!([]));
                    json!([outcome["answer"], outcome["summary"], findings])
                }
                None => json!([entry["failure"]["kind"], entry["failure"]["message"]]),
            };
            (entry["step"].as_str().expect("a step").to_owned(), ending)
        })
        .collect()
}

/// The same as [`endings`] should give it.
fn expected<const N: usize>(endings: [(&str, Value); N]) -> BTreeMap<String, Value> {
    endings.into_iter().map(|(step, ending)| (step.to_owned(), ending)).collect()
}

/// The first example of a plugin's README, with the component of this build.
pub(crate) fn readme_example(plugin: &str) -> String {
    let path = root().join("plugins").join(plugin).join("README.md");
    let readme = fs::read_to_string(path).expect("a README");
    let example = readme.split("```").nth(1).and_then(|block| block.strip_prefix("yaml\n"));
    let file = plugin.replace('-', "_");
    example.expect("an example").replace(&format!("file:plugins/{file}.wasm"), &format!("plugin:{file}"))
}
