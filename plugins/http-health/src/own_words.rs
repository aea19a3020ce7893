//! What a body says about its service in the words that health endpoints use.
//!
//! A status code alone is not enough: some frameworks turn `return {...}, 503` into a 200 with the list
//! `[{...}, 503]`.

use runner_plugin::Health;
use serde_json::Value;

/// Longest error text kept.
const KEPT: usize = 1000;

/// What a body says about its service.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct OwnWords {
    /// Its `status`, if that is a known word, and what it means.
    pub(crate) status: Option<(String, Health)>,
    /// Its `error`, if it has one.
    pub(crate) error: Option<String>,
}

impl OwnWords {
    /// Listens to a JSON object, or to the object at the start of a list.
    pub(crate) fn of(body: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        let Some(object) = body.get(0).unwrap_or(&body).as_object() else { return Self::default() };
        let status = object
            .get("status")
            .and_then(Value::as_str)
            .and_then(|word| Some((word.to_owned(), meaning(word)?)));
        let error = object.get("error").and_then(error_text);
        Self { status, error }
    }
}

pub(crate) fn meaning(word: &str) -> Option<Health> {
    match word.to_ascii_lowercase().as_str() {
        "healthy" | "ok" | "up" | "pass" | "passing" => Some(Health::Healthy),
        "degraded" | "warn" | "warning" => Some(Health::Degraded),
        "unhealthy" | "down" | "fail" | "failed" | "failing" | "error" | "critical" | "out_of_service" => {
            Some(Health::Unhealthy)
        }
        _ => None,
    }
}

/// An error is a text, or anything else but null as JSON.
fn error_text(error: &Value) -> Option<String> {
    let text = match error {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => error.to_string(),
    };
    Some(text.chars().take(KEPT).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(body: &str) -> (Option<Health>, Option<String>) {
        let words = OwnWords::of(body.as_bytes());
        (words.status.map(|(_, health)| health), words.error)
    }

    #[test]
    fn known_words_are_understood_and_others_ignored() {
        assert_eq!(heard(r#"{"status":"UP"}"#), (Some(Health::Healthy), None));
        assert_eq!(heard(r#"{"status":"degraded"}"#), (Some(Health::Degraded), None));
        assert_eq!(heard(r#"{"status":"DOWN"}"#), (Some(Health::Unhealthy), None));
        assert_eq!(heard(r#"{"status":"starting"}"#), (None, None));
        assert_eq!(heard(r#"{"status":3}"#), (None, None));
        assert_eq!(heard("ok"), (None, None));
        assert_eq!(heard("[]"), (None, None));
    }

    /// 003-54: the error text is kept, also when a framework has made a list of the answer.
    #[test]
    fn the_error_is_kept() {
        let unhealthy = (Some(Health::Unhealthy), Some("no database".to_owned()));

        assert_eq!(heard(r#"{"status":"unhealthy","error":"no database"}"#), unhealthy);
        assert_eq!(heard(r#"[{"status":"unhealthy","error":"no database"},503]"#), unhealthy);
        assert_eq!(heard(r#"{"error":{"code":7}}"#), (None, Some(r#"{"code":7}"#.to_owned())));
        assert_eq!(heard(r#"{"error":null}"#), (None, None));
    }
}
