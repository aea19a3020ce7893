//! The tree itself.

use std::sync::Arc;

use runner_model::Span;
use serde_json::{Map, Number, Value};

/// One value and where it stands. For an alias: where the alias stands; what is inside keeps its own places.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where.
    pub(crate) span: Span,
    /// What.
    pub(crate) content: Content,
}

/// What a node holds. Lists, maps and texts are shared between an anchor and its aliases.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text, quoted or not.
    Text(Arc<str>),
    /// Values in order.
    List(Arc<Vec<Node>>),
    /// Values by name, in the order of the file, each name once.
    Map(Arc<Vec<Entry>>),
}

/// One line of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The name.
    pub(crate) key: Arc<str>,
    /// Where the name stands.
    pub(crate) key_span: Span,
    /// What it names.
    pub(crate) value: Node,
}

impl Node {
    /// In words, for "expected …, found …".
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Bool(true) => "`true`",
            Content::Bool(false) => "`false`",
            Content::Number(_) => "a number",
            Content::Text(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::List(_) | Content::Map(_) => {
                None
            }
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) | Content::Map(_) => {
                None
            }
        }
    }

    pub(crate) fn as_map(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) | Content::List(_) => {
                None
            }
        }
    }

    /// The same value without places.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.as_ref().to_owned()),
            Content::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.as_ref().to_owned(), entry.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The value a JSON pointer leads to, or as far as it leads.
    pub(crate) fn at(&self, pointer: &str) -> Found<'_> {
        let mut found = Found { node: self, key: None };
        for segment in pointer.split('/').skip(1) {
            let name = segment.replace("~1", "/").replace("~0", "~");
            let next = match &found.node.content {
                Content::Map(entries) => entries
                    .iter()
                    .find(|entry| *entry.key == *name)
                    .map(|entry| Found { node: &entry.value, key: Some(entry.key_span) }),
                Content::List(items) => name
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|node| Found { node, key: None }),
                Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => None,
            };
            match next {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }
}

/// Where a JSON pointer leads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// The value.
    pub(crate) node: &'a Node,
    /// Its name, if it stands in a map.
    pub(crate) key: Option<Span>,
}
