//! `inputs`: what the person who starts a run can choose.

use regex::{Regex, RegexBuilder};
use runner_model::{Diagnostic, Span};
use serde_json::{Number, Value};

use super::fields::{Fields, Keys, Spanned, is_word, name, wrong_type};
use crate::{
    problems::listed,
    yaml::{Content, Entry, Node},
};

pub(crate) const INPUT: Keys = Keys {
    of: "an input",
    known: &["type", "required", "default", "pattern", "values", "description"],
    later: &[],
};

/// What an input takes.
#[derive(Debug, Clone)]
pub(crate) enum InputType {
    /// Text, which may have to match a pattern as a whole.
    String(Option<Pattern>),
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of these.
    Enum(Vec<Value>),
}

/// A regular expression as written, and anchored at both ends.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    source: String,
    whole: Regex,
}

/// One of `inputs`.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) name: Spanned<String>,
    pub(crate) takes: InputType,
    pub(crate) required: bool,
    pub(crate) default: Option<Value>,
}

impl Pattern {
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }
}

impl InputType {
    /// What may be given, in words.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::String(None) => "text".to_owned(),
            Self::String(Some(pattern)) => format!("text that matches `{}` as a whole", pattern.source),
            Self::Integer => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Enum(values) => {
                let values: Vec<String> = values.iter().map(plain).collect();
                format!("one of {}", listed(values.iter().map(String::as_str)))
            }
        }
    }

    /// Whether a value of the file is one of this type.
    pub(crate) fn admits(&self, value: &Value) -> bool {
        match self {
            Self::String(pattern) => value
                .as_str()
                .is_some_and(|text| pattern.as_ref().is_none_or(|pattern| pattern.matches(text))),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Enum(values) => values.contains(value),
        }
    }

    /// The value that a text on the command line stands for; `None` if it is not one of this type.
    pub(crate) fn read(&self, text: &str) -> Option<Value> {
        let value = match self {
            Self::String(_) => Value::String(text.to_owned()),
            Self::Integer => {
                let number =
                    text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
                Value::Number(number.ok()?)
            }
            Self::Number => match serde_json::from_str(text).ok()? {
                Value::Number(number) => Value::Number(number),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    return None;
                }
            },
            Self::Boolean => match text {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return None,
            },
            Self::Enum(values) => return values.iter().find(|value| plain(value) == text).cloned(),
        };
        self.admits(&value).then_some(value)
    }
}

/// A scalar as people write it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

pub(super) fn input(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<Input> {
    let name = name(
        entry,
        "an input",
        is_word,
        "`[a-z_][a-z0-9_]*`, so that they can stand behind `inputs.`",
        found,
    )?;
    let name = Spanned { value: name.to_owned(), span: entry.key_span };
    let anything = Input { name, takes: InputType::String(None), required: false, default: None };
    let Some(fields) = Fields::open(&entry.value, &INPUT, found) else { return Some(anything) };
    fields.text("description", found);
    let required = fields.bool("required", found);
    let words = [
        ("string", "string"),
        ("integer", "integer"),
        ("number", "number"),
        ("boolean", "boolean"),
        ("enum", "enum"),
    ];
    let kind = fields.choice("type", &words, found).map_or("string", |kind| kind.value);
    for (key, of) in [("pattern", "string"), ("values", "enum")] {
        if let Some(entry) = fields.get(key).filter(|_| kind != of) {
            found.push(
                Diagnostic::error(
                    "key-without-effect",
                    format!("`{key}` means nothing for an input of type `{kind}`"),
                )
                .at(entry.key_span, "")
                .help(format!("remove it, or write `type: {of}`")),
            );
        }
    }
    let takes = match kind {
        "integer" => InputType::Integer,
        "number" => InputType::Number,
        "boolean" => InputType::Boolean,
        "enum" => InputType::Enum(values(&fields, entry.key_span, found)),
        _ => InputType::String(
            fields.get("pattern").filter(|_| kind == "string").and_then(|entry| pattern(entry, found)),
        ),
    };
    let default = fields.get("default").and_then(|entry| default(&entry.value, &takes, found));
    let required = required.filter(|required| required.value);
    if let (Some(required), Some(entry)) = (&required, fields.get("default")) {
        found.push(
            Diagnostic::error(
                "contradiction",
                format!("`{}` is required, so its default is never used", anything.name.value),
            )
            .at(entry.key_span, "the default")
            .at(required.span, "required here")
            .help("remove one of the two"),
        );
    }
    Some(Input { takes, required: required.is_some(), default, ..anything })
}

fn values(fields: &Fields<'_>, at: Span, found: &mut Vec<Diagnostic>) -> Vec<Value> {
    let Some(entry) = fields.require("values", at, found) else { return Vec::new() };
    let Some(items) = entry.value.as_list().filter(|items| !items.is_empty()) else {
        found.push(
            wrong_type(entry, "a list of at least one value")
                .help("for example `values: [staging, production]`"),
        );
        return Vec::new();
    };
    let mut values: Vec<Value> = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::new();
    for item in items {
        let value = item.to_json();
        let scalar = matches!(item.content, Content::Bool(_) | Content::Number(_) | Content::Text(_));
        if !scalar || !seen.insert(plain(&value)) {
            let what = if scalar {
                format!("`{}` stands here twice", plain(&value))
            } else {
                format!("a value cannot be {}", item.kind())
            };
            found.push(Diagnostic::error("wrong-value", what).at(item.span, ""));
        } else {
            values.push(value);
        }
    }
    values
}

fn pattern(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<Pattern> {
    let text = super::fields::text(entry, found)?;
    // The first gives a message about the pattern as written, the second is what is used.
    let whole = Regex::new(&text.value)
        .and_then(|_| RegexBuilder::new(&format!(r"\A(?:{})\z", text.value)).size_limit(1 << 20).build());
    match whole {
        Ok(whole) => Some(Pattern { source: text.value, whole }),
        Err(error) => {
            let message = error.to_string();
            let reason = message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            found.push(
                Diagnostic::error(
                    "wrong-value",
                    format!("`{}` is not a regular expression: {reason}", text.value),
                )
                .at(text.span, "")
                .note("the syntax is that of Rust's `regex`: no look-around, no back references"),
            );
            None
        }
    }
}

fn default(node: &Node, takes: &InputType, found: &mut Vec<Diagnostic>) -> Option<Value> {
    let value = node.to_json();
    if takes.admits(&value) || matches!(takes, InputType::Enum(values) if values.is_empty()) {
        return Some(value);
    }
    found.push(
        Diagnostic::error(
            "wrong-value",
            format!("the default must be {}, this is `{}`", takes.expected(), plain(&value)),
        )
        .at(node.span, ""),
    );
    None
}
