//! Health checks against real servers on loopback.
//!
//! Each server is a thread of the test that says what a real one said when it was recorded. For every kind there is a
//! run that passes, one that says no, and one in which the other side is not what it should be.

mod http;
mod postgres;
mod tls;
mod wire;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::Project;

/// How each step of the newest run ended: `answer: summary`, or `kind: message` of the failure.
fn ended(project: &Project) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    project
        .journal()
        .iter()
        .filter(|entry| entry["type"] == "step-ended")
        .map(|entry| {
            let end = match entry["ending"].as_str() {
                Some("answered") => {
                    format!("{}: {}", text(&entry["outcome"]["answer"]), text(&entry["outcome"]["summary"]))
                }
                _ => format!("{}: {}", text(&entry["failure"]["kind"]), text(&entry["failure"]["message"])),
            };
            (text(&entry["step"]), end)
        })
        .collect()
}

/// The parts of a step of the newest run, as `name answer message`.
fn parts(project: &Project, step: &str) -> Vec<String> {
    let outcome = outcome(project, step);
    let checks = outcome["checks"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    checks
        .iter()
        .map(|check| {
            format!("{} {} {}", text(&check["name"]), text(&check["answer"]), text(&check["message"]))
        })
        .collect()
}

/// The answer of a step of the newest run.
fn outcome(project: &Project, step: &str) -> Value {
    let journal = project.journal();
    let entry = journal.iter().find(|entry| entry["type"] == "step-ended" && entry["step"] == step);
    entry.map(|entry| entry["outcome"].clone()).unwrap_or_default()
}
