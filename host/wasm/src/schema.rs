//! A plugin's JSON Schema for the step's `with`.

use jsonschema::{PatternOptions, Validator};
use runner_model::check_schema_work;
use serde_json::Value;

/// Problems that are listed; more are counted.
const SHOWN: usize = 5;
/// Longest text about one problem; it may quote the value.
const MAX_PROBLEM: usize = 300;

/// A schema, ready to check with.
pub(crate) struct Schema {
    text: Value,
    validator: Validator,
}

impl Schema {
    /// Reads a schema. References to other documents are not followed, and patterns take time in proportion to the text:
    /// the schema comes from the plugin.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map(|validator| Self { text: schema.clone(), validator })
            .map_err(|error| shortened(error.to_string()))
    }

    /// Checks `config`.
    pub(crate) fn check(&self, config: &Value) -> Result<(), String> {
        check_schema_work(&self.text, config)
            .map_err(|why| format!("the plugin's config-schema cannot be applied: {why}"))?;
        let mut problems = self.validator.iter_errors(config);
        let shown: Vec<String> = problems
            .by_ref()
            .take(SHOWN)
            .map(|error| {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() {
                    "`with`".to_owned()
                } else {
                    format!("`with{}`", place.replace('/', "."))
                };
                format!("{place}: {}", shortened(error.to_string()))
            })
            .collect();
        let more = problems.count();
        match (shown.is_empty(), more) {
            (true, _) => Ok(()),
            (false, 0) => Err(shown.join("; ")),
            (false, more) => Err(format!("{}; and {more} more", shown.join("; "))),
        }
    }
}

fn shortened(mut text: String) -> String {
    runner_capabilities::log::shorten(&mut text, MAX_PROBLEM);
    text
}
