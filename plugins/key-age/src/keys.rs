//! Keys as a document lists them.
//!
//! A document may hold more than it should: a whole key where its id belongs. So no value of it stands in a message
//! before it was found to be what it should be; until then a key is named by its number.

use serde_json::Value;

use crate::Fields;

/// One key as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    /// Its number, counted from 1.
    pub(crate) number: usize,
    pub(crate) id: Option<Value>,
    pub(crate) created: Option<Value>,
    pub(crate) active: Option<Value>,
    pub(crate) scopes: Option<Value>,
}

/// The keys at the JSON pointer `at`: a list, or an object with their ids as names.
pub(crate) fn keys(document: &Value, at: &str, fields: &Fields) -> Result<Vec<Written>, String> {
    let at_all = if at.is_empty() { "the top of the document".to_owned() } else { format!("`{at}`") };
    let named: Vec<(Option<&String>, &Value)> = match document.pointer(at) {
        Some(Value::Array(keys)) => keys.iter().map(|key| (None, key)).collect(),
        Some(Value::Object(keys)) => keys.iter().map(|(id, key)| (Some(id), key)).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            return Err(format!("at {at_all} stands neither a list nor an object of keys"));
        }
        None => return Err(format!("at {at_all} stands nothing")),
    };
    (1..).zip(named).map(|(number, (id, key))| written(number, id, key, fields)).collect()
}

fn written(number: usize, id: Option<&String>, key: &Value, fields: &Fields) -> Result<Written, String> {
    let Value::Object(key) = key else {
        return Err(format!("key {number} is no object; see `at`"));
    };
    let field = |name: &str| key.get(name).filter(|value| !value.is_null()).cloned();
    Ok(Written {
        number,
        id: field(&fields.id).or_else(|| id.map(|id| Value::from(id.as_str()))),
        created: field(&fields.created),
        active: field(&fields.active),
        scopes: field(&fields.scopes),
    })
}
