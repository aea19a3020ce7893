//! Filling an event into JSON.

use runner_plugin::{Event, Failure};
use serde_json::Value;

/// What can be filled in.
pub(crate) struct Fields<'e> {
    pub(crate) run: &'e str,
    pub(crate) event: &'e Event,
}

impl Fields<'_> {
    fn text(&self, name: &str) -> Result<&str, Failure> {
        let Event { name: event, pipeline, status, severity, step, summary, json: _ } = self.event;
        match name {
            "run" => Ok(self.run),
            "pipeline" => Ok(pipeline),
            "event" => Ok(event),
            "status" => Ok(status),
            "severity" => Ok(severity),
            "step" => Ok(step.as_deref().unwrap_or_default()),
            "summary" => Ok(summary),
            _ => Err(Failure::invalid_config(format!(
                "`body` has `{{{name}}}`, which is none of `run`, `pipeline`, `event`, `status`, `severity`, `step`, \
                 `summary` (and `details` alone); write `{{{{` for a brace"
            ))),
        }
    }
}

/// Fills in all texts of a value; keys stay as they are.
///
/// # Errors
///
/// `invalid-config` when a text names a field that there is not, or a brace is not closed.
pub(crate) fn fill(template: &Value, fields: &Fields) -> Result<Value, Failure> {
    Ok(match template {
        Value::String(text) if text == "{details}" => fields.event.details()?,
        Value::String(text) => Value::String(fill_text(text, fields)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| fill(item, fields)).collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), fill(value, fields)?)))
                .collect::<Result<_, Failure>>()?,
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    })
}

fn fill_text(template: &str, fields: &Fields) -> Result<String, Failure> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let from = &rest[at..];
        if from.starts_with("{{") || from.starts_with("}}") {
            text.push_str(&from[..1]);
            rest = &from[2..];
            continue;
        }
        let Some((name, after)) = from.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
            return Err(Failure::invalid_config(
                "`body` has a brace without its other half; write `{{` or `}}` for a brace",
            ));
        };
        text.push_str(fields.text(name)?);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(template: Value) -> Result<Value, Failure> {
        let event = Event {
            name: "run.failed".into(),
            pipeline: "l9".into(),
            status: "failed".into(),
            severity: "error".into(),
            step: None,
            summary: "smoke failed".into(),
            json: r#"{"steps":[]}"#.into(),
        };
        fill(&template, &Fields { run: "01J", event: &event })
    }

    #[test]
    fn texts_are_filled_in_at_any_depth() {
        assert_eq!(
            filled(
                json!({ "a": ["{pipeline} {status}: {summary}", 1], "{run}": { "b": "{run}{step}", "c": null } })
            ),
            Ok(json!({ "a": ["l9 failed: smoke failed", 1], "{run}": { "b": "01J", "c": null } })),
        );
    }

    #[test]
    fn details_alone_become_an_object() {
        assert_eq!(filled(json!({ "all": "{details}" })), Ok(json!({ "all": { "steps": [] } })));
    }

    #[test]
    fn doubled_braces_are_braces() {
        assert_eq!(filled(json!("{{run}} = {run}")), Ok(json!("{run} = 01J")));
    }

    #[test]
    fn a_field_that_there_is_not_is_refused() {
        assert_eq!(
            filled(json!({ "a": "{sumary}" })),
            Err(Failure::invalid_config(
                "`body` has `{sumary}`, which is none of `run`, `pipeline`, `event`, `status`, `severity`, `step`, \
                 `summary` (and `details` alone); write `{{` for a brace"
            )),
        );
        let half = Err(Failure::invalid_config(
            "`body` has a brace without its other half; write `{{` or `}}` for a brace",
        ));
        assert_eq!(filled(json!("{run")), half);
        assert_eq!(filled(json!("run}")), half);
    }
}
