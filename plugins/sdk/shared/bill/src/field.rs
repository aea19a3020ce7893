//! A value of the document that can say where it stands.

use serde_json::Value;

/// A value and its JSON pointer.
#[derive(Debug, Clone)]
pub(crate) struct Field<'v> {
    value: &'v Value,
    pointer: String,
}

impl<'v> Field<'v> {
    pub(crate) fn root(value: &'v Value) -> Self {
        Self { value, pointer: String::new() }
    }

    /// An entry; null is none.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self { value, pointer: format!("{}/{key}", self.pointer) })
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.get(key) {
            Some(field) => field.as_text(),
            None => Ok(None),
        }
    }

    pub(crate) fn as_text(&self) -> Result<Option<String>, String> {
        match self.value.as_str() {
            Some(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            None => Err(format!("`{}` is no text", self.pointer)),
        }
    }

    /// The items of a list; none if it is absent.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<Self>, String> {
        let Some(field) = self.get(key) else { return Ok(Vec::new()) };
        let Some(items) = field.value.as_array() else {
            return Err(format!("`{}` is no list", field.pointer));
        };
        let items = items.iter().enumerate();
        Ok(items
            .map(|(index, value)| Self { value, pointer: format!("{}/{index}", field.pointer) })
            .collect())
    }

    /// Whether anything is in it: a text, or a list or object with something in it.
    pub(crate) fn is_filled(&self) -> bool {
        let mut waiting = vec![self.value];
        while let Some(value) = waiting.pop() {
            match value {
                Value::Array(items) => waiting.extend(items),
                Value::Object(entries) => waiting.extend(entries.values()),
                Value::String(text) if !text.trim().is_empty() => return true,
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        false
    }

    /// A text that has to be there.
    pub(crate) fn needed(&self, key: &str) -> Result<String, String> {
        self.text(key)?.ok_or_else(|| {
            let place = match self.pointer.as_str() {
                "" => "the document".to_owned(),
                pointer => format!("`{pointer}`"),
            };
            format!("{place} has no `{key}`")
        })
    }
}
