//! Comparing JSON with what was expected of it.

use std::fmt;

use serde_json::Value;

use crate::text::shortened;

/// One place where JSON is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: `$` is the whole, `$.status` a key, `$.items[2]` an element.
    pub path: String,
    /// What was expected there, shortened.
    pub expected: String,
    /// What is there, shortened. `None` if nothing is.
    pub actual: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, expected, actual } = self;
        match actual {
            Some(actual) => write!(f, "`{path}` is {actual}, not {expected}"),
            None => write!(f, "`{path}` is missing, expected {expected}"),
        }
    }
}

/// Compares `actual` with a subset of it.
///
/// Objects may have more keys than expected; everything else must be equal, arrays element by element.
/// Numbers are equal if their values are: `1` and `1.0`.
///
/// ```
/// use runner_plugin::json::differences;
/// use serde_json::json;
///
/// let expected = json!({ "status": "healthy" });
/// assert_eq!(differences(&expected, &json!({ "status": "healthy", "version": 3 })), []);
/// assert_eq!(
///     differences(&expected, &json!({ "status": "unhealthy" }))[0].to_string(),
///     r#"`$.status` is "unhealthy", not "healthy""#,
/// );
/// ```
#[must_use]
pub fn differences(expected: &Value, actual: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("$", expected, actual, &mut found);
    found
}

fn compare(path: &str, expected: &Value, actual: &Value, found: &mut Vec<Difference>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, expected) in expected {
                let path = format!("{path}.{key}");
                match actual.get(key) {
                    Some(actual) => compare(&path, expected, actual, found),
                    None => found.push(Difference { path, expected: shown(expected), actual: None }),
                }
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{path}[{index}]"), expected, actual, found);
            }
        }
        (Value::Number(expected), Value::Number(actual)) if expected.as_f64() == actual.as_f64() => {}
        (expected, actual) if expected == actual => {}
        (expected, actual) => {
            let (expected, actual) = (shown(expected), Some(shown(actual)));
            found.push(Difference { path: path.to_owned(), expected, actual });
        }
    }
}

/// A value as it may stand in a message: [`shortened`].
#[must_use]
pub fn shown(value: &Value) -> String {
    shortened(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(expected: Value, actual: Value) -> Vec<String> {
        differences(&expected, &actual).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn more_keys_than_expected_are_no_difference() {
        assert_eq!(texts(json!({ "a": { "b": 1 } }), json!({ "a": { "b": 1, "c": 2 }, "d": 3 })), [""; 0]);
    }

    #[test]
    fn every_difference_is_found_with_its_place() {
        let expected = json!({ "status": "healthy", "parts": [{ "up": true }, { "up": true }], "n": 1 });
        let actual = json!({ "status": "unhealthy", "parts": [{ "up": true }, { "up": false }] });

        assert_eq!(
            texts(expected, actual),
            [
                r#"`$.status` is "unhealthy", not "healthy""#,
                "`$.parts[1].up` is false, not true",
                "`$.n` is missing, expected 1",
            ],
        );
    }

    #[test]
    fn arrays_of_other_length_differ_as_a_whole() {
        assert_eq!(texts(json!([1]), json!([1, 2])), ["`$` is [1,2], not [1]"]);
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert_eq!(texts(json!(1), json!(1.0)), [""; 0]);
        assert_eq!(texts(json!(1), json!("1")), [r#"`$` is "1", not 1"#]);
    }
}
