//! What a plugin says about itself, once it has been checked.

use runner_capabilities::{
    host::bindings::runner::plugin::types,
    log::{clean_line, shorten},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::Schema;

/// Longest schema; the largest known is a hundredth of it.
const MAX_SCHEMA: usize = 256 * 1024;
/// Longest name, version and output name.
const MAX_NAME: usize = 64;
/// Longest summary.
const MAX_SUMMARY: usize = 300;
/// Most outputs.
const MAX_OUTPUTS: usize = 100;

/// What a plugin says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Kebab-case name.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One line: what it does.
    pub summary: String,
    /// JSON Schema of the step's `with`.
    pub config_schema: Value,
    /// Names of the outputs it may set.
    pub outputs: Vec<String>,
}

/// What `describe` returned, word for word. It is kept beside the compiled component, so that the plugin is asked once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) config_schema: String,
    pub(crate) outputs: Vec<String>,
}

impl From<types::Manifest> for Said {
    fn from(raw: types::Manifest) -> Self {
        let types::Manifest { name, version, summary, config_schema, outputs } = raw;
        Self { name, version, summary, config_schema, outputs }
    }
}

/// Reads what `describe` returned. The error is a lower-case fragment.
pub(crate) fn read(raw: Said) -> Result<(Manifest, Schema), String> {
    let quoted = |text: &str| {
        let mut text = clean_line(text);
        shorten(&mut text, 100);
        format!("`{text}`")
    };
    if !is_name(&raw.name, "") {
        return Err(format!(
            "its name {} is not kebab-case with at most {MAX_NAME} characters",
            quoted(&raw.name)
        ));
    }
    if !is_version(&raw.version) {
        return Err(format!(
            "its version {} is not a semantic version such as `1.0.0`",
            quoted(&raw.version)
        ));
    }
    if raw.config_schema.len() > MAX_SCHEMA {
        return Err(format!("its config-schema is longer than {MAX_SCHEMA} bytes"));
    }
    let config_schema: Value = serde_json::from_str(&raw.config_schema)
        .map_err(|error| format!("its config-schema is not JSON: {error}"))?;
    let schema = Schema::new(&config_schema)
        .map_err(|error| format!("its config-schema is not a JSON Schema: {error}"))?;
    if raw.outputs.len() > MAX_OUTPUTS {
        return Err(format!("it declares {} outputs, more than {MAX_OUTPUTS}", raw.outputs.len()));
    }
    for (index, output) in raw.outputs.iter().enumerate() {
        if !is_name(output, "_") {
            return Err(format!("its output {} is not a name like `image-digest`", quoted(output)));
        }
        if raw.outputs[..index].contains(output) {
            return Err(format!("it declares the output `{output}` twice"));
        }
    }
    let mut summary = clean_line(&raw.summary);
    shorten(&mut summary, MAX_SUMMARY);
    let manifest =
        Manifest { name: raw.name, version: raw.version, summary, config_schema, outputs: raw.outputs };
    Ok((manifest, schema))
}

/// `[a-z][a-z0-9-]*`, and what else is allowed.
fn is_name(text: &str, also: &str) -> bool {
    text.len() <= MAX_NAME
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|sign| {
            sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-' || also.contains(sign)
        })
}

fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    text.len() <= MAX_NAME
        && numbers.len() == 3
        && numbers
            .iter()
            .all(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
        && text.chars().all(|sign| sign.is_ascii_alphanumeric() || ".-+".contains(sign))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Manifest, Said, read};

    fn raw() -> Said {
        Said {
            name: "http-health".to_owned(),
            version: "1.2.0-rc.1+a".to_owned(),
            summary: "asks\nonce".to_owned(),
            config_schema: r#"{"type":"object"}"#.to_owned(),
            outputs: vec!["status".to_owned(), "image_id".to_owned()],
        }
    }

    #[test]
    fn a_good_manifest_reads_as_it_is() {
        let (manifest, _) = read(raw()).map_err(|error| panic!("{error}")).unwrap();
        let expected = Manifest {
            name: "http-health".to_owned(),
            version: "1.2.0-rc.1+a".to_owned(),
            summary: "asks once".to_owned(),
            config_schema: json!({ "type": "object" }),
            outputs: vec!["status".to_owned(), "image_id".to_owned()],
        };
        assert_eq!(manifest, expected);
    }

    #[test]
    fn a_manifest_with_a_mistake_is_refused_with_a_reason() {
        let table: [(Said, &str); 9] = [
            (
                Said { name: "../x".to_owned(), ..raw() },
                "its name `../x` is not kebab-case with at most 64 characters",
            ),
            (
                Said { name: String::new(), ..raw() },
                "its name `` is not kebab-case with at most 64 characters",
            ),
            (
                Said { version: "1.0".to_owned(), ..raw() },
                "its version `1.0` is not a semantic version such as `1.0.0`",
            ),
            (
                Said { version: "1.0.0\u{1b}[2J".to_owned(), ..raw() },
                "its version `1.0.0` is not a semantic version such as `1.0.0`",
            ),
            (
                Said { config_schema: "{".to_owned(), ..raw() },
                "its config-schema is not JSON: EOF while parsing an object at line 1 column 1",
            ),
            (
                Said { config_schema: r#"{"type":"objekt"}"#.to_owned(), ..raw() },
                "its config-schema is not a JSON Schema: \"objekt\" is not valid under any of the schemas listed in the \
                 'anyOf' keyword",
            ),
            (
                Said { config_schema: " ".repeat(300_000), ..raw() },
                "its config-schema is longer than 262144 bytes",
            ),
            (
                Said { outputs: vec!["Status".to_owned()], ..raw() },
                "its output `Status` is not a name like `image-digest`",
            ),
            (
                Said { outputs: vec!["a".to_owned(), "a".to_owned()], ..raw() },
                "it declares the output `a` twice",
            ),
        ];
        for (manifest, reason) in table {
            assert_eq!(read(manifest).err().as_deref(), Some(reason));
        }
    }

    #[test]
    fn a_schema_reaches_for_nothing_outside_itself() {
        let schema = r#"{"$ref":"http://example.com/schema.json"}"#.to_owned();
        assert!(read(Said { config_schema: schema, ..raw() }).is_err());
    }
}
