//! One key: what is wrong with it.

use jiff::{SignedDuration, Timestamp};
use regex_lite::Regex;
use runner_evidence::moment;
use runner_plugin::Finding;
use runner_plugin::text::{counted, shortened};
use serde_json::Value;

use crate::Config;
use crate::keys::Written;

/// How far clocks may be apart before a time is in the future.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What is known of a key, and what is wrong with it.
#[derive(Debug, PartialEq)]
pub(crate) struct Judged {
    /// The id, if it is one.
    pub(crate) id: Option<String>,
    /// Whole days since it was made, if that is known.
    pub(crate) days: Option<i64>,
    pub(crate) findings: Vec<Finding>,
}

/// Holds a key against the config.
pub(crate) fn judge(config: &Config, id_pattern: &Regex, key: &Written, now: Timestamp) -> Judged {
    let mut findings = Vec::new();
    let id = match id(id_pattern, key) {
        Ok(id) => Some(id),
        Err(finding) => {
            findings.push(finding);
            None
        }
    };
    let name = id.as_ref().map_or_else(|| format!("key {}", key.number), |id| format!("`{id}`"));
    match active(&name, key) {
        Ok(true) => {}
        Ok(false) if config.ignore_inactive => return Judged { id, days: None, findings },
        Ok(false) => findings.push(
            Finding::error("inactive-key", format!("{name} is not active"))
                .help("take it out; `ignore_inactive: true` lets it be"),
        ),
        Err(finding) => findings.push(finding),
    }
    findings.extend(scopes(config, &name, key));
    let days = match age(&name, key, now) {
        Ok(days) => {
            findings.extend(too_old(config, &name, days));
            Some(days)
        }
        Err(finding) => {
            findings.push(finding);
            None
        }
    };
    Judged { id, days, findings }
}

fn id(pattern: &Regex, key: &Written) -> Result<String, Finding> {
    let number = key.number;
    match &key.id {
        None => Err(Finding::error("missing-id", format!("key {number} has no id"))),
        Some(Value::String(id)) if pattern.is_match(id) => Ok(id.clone()),
        Some(_) => {
            Err(Finding::error("invalid-id", format!("the id of key {number} does not fit `id_pattern`"))
                .help("it is not shown, as it may be the key itself"))
        }
    }
}

/// A key that does not say is active. `"false"` is a text, and would be true to many a reader.
fn active(name: &str, key: &Written) -> Result<bool, Finding> {
    match &key.active {
        None => Ok(true),
        Some(Value::Bool(active)) => Ok(*active),
        Some(Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => Err(
            Finding::error("invalid-active", format!("whether {name} is active is neither true nor false")),
        ),
    }
}

fn scopes(config: &Config, name: &str, key: &Written) -> Vec<Finding> {
    let Some(allowed) = &config.scopes else { return Vec::new() };
    let invalid =
        || vec![Finding::error("invalid-scopes", format!("the scopes of {name} are no list of texts"))];
    let written = match &key.scopes {
        None => {
            let help = format!("say which: {}", allowed.join(", "));
            return vec![Finding::error("missing-scopes", format!("{name} has no scopes")).help(help)];
        }
        Some(Value::Array(written)) => written,
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            return invalid();
        }
    };
    let Some(written) = written.iter().map(Value::as_str).collect::<Option<Vec<&str>>>() else {
        return invalid();
    };
    if written.is_empty() {
        return vec![Finding::error("missing-scopes", format!("{name} has an empty list of scopes"))];
    }
    let beyond = written.into_iter().filter(|scope| !allowed.iter().any(|allowed| allowed == scope));
    beyond
        .map(|scope| {
            let message = format!("{name} has the scope `{}`", shortened(scope));
            Finding::error("unexpected-scope", message).help(format!("allowed: {}", allowed.join(", ")))
        })
        .collect()
}

fn age(name: &str, key: &Written, now: Timestamp) -> Result<i64, Finding> {
    let invalid = |why: &str| Finding::error("invalid-date", format!("the date of {name} {why}"));
    let created = match &key.created {
        None => return Err(Finding::error("missing-date", format!("{name} does not say when it was made"))),
        Some(Value::String(text)) => moment::parse(text).map_err(|why| invalid(&why))?,
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(invalid("is no text like `2026-03-01T12:00:00Z`"));
        }
    };
    let age = now.duration_since(created);
    if age < -SKEW {
        let finding = Finding::error("future-date", format!("{name} was made in the future, at {created}"));
        return Err(finding.help("see the clock of this machine, and of the one that made the key"));
    }
    Ok(age.as_hours() / 24)
}

fn too_old(config: &Config, name: &str, days: i64) -> Option<Finding> {
    let (warn, fail) = (i64::from(config.warn_days), i64::from(config.fail_days));
    let message = |limit: i64| {
        let old = counted(usize::try_from(days).unwrap_or(0), "day", "days");
        format!("{name} is {old} old; the limit is {limit}")
    };
    if days >= fail {
        Some(Finding::error("overdue-key", message(fail)).help("rotate it before you go on"))
    } else if days >= warn {
        let left = counted(usize::try_from(fail - days).unwrap_or(0), "day", "days");
        Some(Finding::warning("due-key", message(warn)).help(format!("rotate it; it is refused in {left}")))
    } else {
        None
    }
}
