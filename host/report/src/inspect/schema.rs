//! A JSON Schema as rows of a table: key, type, default, required, description.
//!
//! The schema comes from a plugin, so it may be anything: what is not understood is shown as `any`, references are followed
//! only inside the schema and only so deep, and there are only so many rows.

use serde_json::{Map, Value};

use crate::text::{clean, cut};

/// Levels of maps in maps, and of references.
const DEEPEST: usize = 4;
/// Rows; the JSON has the rest.
const MOST: usize = 200;
/// Columns of one cell.
const WIDEST: usize = 60;
/// Columns of a description.
const LONGEST: usize = 160;

/// The keys of the map that `schema` describes.
pub(super) fn rows(schema: &Value) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    keys(schema, schema, "", &[], &mut rows);
    if rows.len() > MOST {
        let more = rows.len() - MOST;
        rows.truncate(MOST);
        rows.push(vec![format!("and {more} more: `--output json`")]);
    }
    rows
}

/// `above` is what the key of the map is, `around` the maps that it stands in, the outermost first.
fn keys(schema: &Value, root: &Value, above: &str, around: &[&Value], rows: &mut Vec<Vec<String>>) {
    let schema = resolved(schema, root);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let around = [around, &[schema]].concat();
    let seen = |inner: &Value| around.iter().any(|outer| std::ptr::eq(*outer, resolved(inner, root)));
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (name, property) in properties {
        if rows.len() > MOST {
            return;
        }
        let key = format!("{above}{}", clean(name));
        let target = resolved(property, root);
        let items = target.get("items");
        let text = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).map(str::to_owned);
        let description = text(property, "description").or_else(|| text(target, "description"));
        let default = property.get("default").or_else(|| target.get("default"));
        let again = if seen(property) || items.is_some_and(seen) { ", as above" } else { "" };
        rows.push(vec![
            cut(&key, WIDEST).into_owned(),
            cut(&clean(&format!("{}{again}", kind(property, root, 0))), WIDEST).into_owned(),
            default.map(|value| cut(&clean(&value.to_string()), WIDEST).into_owned()).unwrap_or_default(),
            if required.contains(&name.as_str()) { "yes".to_owned() } else { String::new() },
            description.map(|text| first_sentence(&text)).unwrap_or_default(),
        ]);
        if around.len() < DEEPEST && again.is_empty() {
            keys(property, root, &format!("{key}."), &around, rows);
            if let Some(items) = items {
                keys(items, root, &format!("{key}[]."), &around, rows);
            }
        }
    }
}

/// A description up to its first empty line, on one line.
fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&clean(&line), LONGEST).into_owned()
}

/// `schema`, or what it refers to inside `root`, or the only thing it may be besides `null`.
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEEPEST {
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        let next = match reference {
            Some(pointer) => root.pointer(pointer),
            None => only(schema),
        };
        match next {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

fn only(schema: &Value) -> Option<&Value> {
    let choices = schema.get("anyOf").or_else(|| schema.get("allOf")).and_then(Value::as_array)?;
    let mut real = choices.iter().filter(|choice| choice.get("type") != Some(&Value::from("null")));
    real.next().filter(|_| real.next().is_none())
}

/// The type in words: `text`, `list of text`, `"a" or "b"`.
fn kind(schema: &Value, root: &Value, depth: usize) -> String {
    if depth > DEEPEST {
        return "any".to_owned();
    }
    let optional = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .is_some_and(|choices| choices.iter().any(|choice| choice.get("type") == Some(&Value::from("null"))));
    let target = resolved(schema, root);
    let Some(fields) = target.as_object() else { return "any".to_owned() };
    let word = word(fields, root, depth);
    if optional { format!("{word} or null") } else { word }
}

fn word(fields: &Map<String, Value>, root: &Value, depth: usize) -> String {
    let listed = |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    if let Some(values) = fields.get("enum").and_then(Value::as_array) {
        return listed(values);
    }
    if let Some(value) = fields.get("const") {
        return value.to_string();
    }
    let choices = fields.get("oneOf").or_else(|| fields.get("anyOf")).and_then(Value::as_array);
    if let Some(choices) = choices {
        let mut words: Vec<String> = choices.iter().map(|choice| kind(choice, root, depth + 1)).collect();
        words.dedup();
        return words.join(" or ");
    }
    match fields.get("type") {
        Some(Value::String(name)) => named(name, fields, root, depth),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            names.map(|name| named(name, fields, root, depth)).collect::<Vec<_>>().join(" or ")
        }
        Some(_) | None => "any".to_owned(),
    }
}

fn named(name: &str, fields: &Map<String, Value>, root: &Value, depth: usize) -> String {
    match name {
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "object" => "map".to_owned(),
        "array" => match fields.get("items") {
            Some(items) => format!("list of {}", kind(items, root, depth + 1)),
            None => "list".to_owned(),
        },
        other => other.to_owned(),
    }
}
