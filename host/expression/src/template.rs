//! A value with expressions in it.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{EvaluationError, Expression, ParseError, References, Scope, scan::end_of_expression};

/// A JSON value whose strings may hold `${{ … }}`; serialises as the value it was made from. Cheap to clone.
///
/// ```
/// use runner_expression::{Scope, Template};
/// use serde_json::json;
///
/// let template = Template::parse(json!({
///     "replicas": "${{ inputs.replicas }}",
///     "message": "deploy of ${{ inputs.replicas }}, not $${{ inputs.x }}",
/// })).map_err(|errors| errors[0].clone())?;
///
/// let scope = Scope { variables: [("inputs".to_owned(), json!({ "replicas": 2 }))].into(), ..Scope::default() };
/// assert_eq!(template.render(&scope)?, json!({
///     "replicas": 2,
///     "message": "deploy of 2, not ${{ inputs.x }}",
/// }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Template(Arc<Compiled>);

struct Compiled {
    source: Value,
    root: Node,
    found: Vec<Found>,
}

/// A value, as far as rendering has to look into it.
enum Node {
    /// Has no expression anywhere; `$${{` is already `${{`.
    Literal(Value),
    /// Is one expression.
    Expression(Expression),
    /// Has expressions between other text.
    Text(Vec<Part>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

enum Part {
    Literal(String),
    Expression(Expression),
}

struct Found {
    pointer: String,
    start: usize,
    expression: Expression,
}

/// An expression inside a value that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct TemplateError {
    /// JSON pointer to the string that holds it.
    pub pointer: String,
    /// Byte offset of the expression inside that string; [`ParseError::offset`] counts from there.
    pub start: usize,
    /// What is wrong with it.
    #[source]
    pub error: ParseError,
}

impl Template {
    /// Reads the expressions of `value`. The keys of maps are never expressions.
    ///
    /// # Errors
    ///
    /// All expressions that cannot be read.
    pub fn parse(value: Value) -> Result<Self, Vec<TemplateError>> {
        let mut reader = Reader::default();
        let root = reader.node(&value, &mut String::new());
        if reader.errors.is_empty() {
            Ok(Self(Arc::new(Compiled { source: value, root, found: reader.found })))
        } else {
            Err(reader.errors)
        }
    }

    /// The value as written.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.0.source
    }

    /// Whether there is no expression in it.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self.0.root, Node::Literal(_))
    }

    /// Its expressions in the order of the value: the JSON pointer to the string that holds it, the byte offset inside
    /// that string, and the expression.
    pub fn expressions(&self) -> impl Iterator<Item = (&str, usize, &Expression)> {
        self.0.found.iter().map(|found| (found.pointer.as_str(), found.start, &found.expression))
    }

    /// What its expressions refer to, all together.
    #[must_use]
    pub fn references(&self) -> References {
        let mut all = References::default();
        for found in &self.0.found {
            all.extend(&found.expression.references());
        }
        all
    }

    /// Its value in `scope`.
    ///
    /// # Errors
    ///
    /// The first expression that has no value. Inside a longer text, null is no value.
    pub fn render(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        self.0.root.render(scope)
    }
}

impl Node {
    fn render(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.evaluate(scope),
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Literal(literal) => text.push_str(literal),
                        Part::Expression(expression) => text.push_str(&as_text(expression, scope)?),
                    }
                }
                Ok(Value::String(text))
            }
            Self::List(items) => items.iter().map(|item| item.render(scope)).collect(),
            Self::Map(entries) => {
                let render = |(key, node): &(String, Self)| Ok((key.clone(), node.render(scope)?));
                Ok(Value::Object(entries.iter().map(render).collect::<Result<Map<_, _>, _>>()?))
            }
        }
    }

    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

/// The value of an expression that stands in a longer text.
fn as_text(expression: &Expression, scope: &Scope) -> Result<String, EvaluationError> {
    match expression.evaluate(scope)? {
        Value::Null => Err(expression.error("has no value (it is null), so it cannot be put into a text")),
        Value::String(text) => Ok(text),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Ok(other.to_string())
        }
    }
}

#[derive(Default)]
struct Reader {
    found: Vec<Found>,
    errors: Vec<TemplateError>,
}

impl Reader {
    fn node(&mut self, value: &Value, pointer: &mut String) -> Node {
        match value {
            Value::String(text) => self.text(text, pointer),
            Value::Array(items) => {
                let read = |(index, item)| self.below(item, pointer, &usize::to_string(&index));
                let nodes: Vec<Node> = items.iter().enumerate().map(read).collect();
                if nodes.iter().all(Node::is_literal) { literal(value, nodes) } else { Node::List(nodes) }
            }
            Value::Object(map) => {
                let read = |(key, value): (&String, &Value)| (key.clone(), self.below(value, pointer, key));
                let entries: Vec<(String, Node)> = map.iter().map(read).collect();
                if entries.iter().all(|(_, node)| node.is_literal()) {
                    literal(value, entries.into_iter().map(|(_, node)| node).collect())
                } else {
                    Node::Map(entries)
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Node::Literal(value.clone()),
        }
    }

    fn below(&mut self, value: &Value, pointer: &mut String, key: &str) -> Node {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
        let node = self.node(value, pointer);
        pointer.truncate(length);
        node
    }

    fn text(&mut self, text: &str, pointer: &str) -> Node {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(dollar) = text[at..].find('$') {
            literal.push_str(&text[at..at + dollar]);
            at += dollar;
            if text[at..].starts_with("$${{") {
                literal.push_str("${{");
                at += "$${{".len();
            } else if text[at..].starts_with("${{") {
                let inner = at + "${{".len();
                let start = inner + text[inner..].len() - text[inner..].trim_start().len();
                let end = match end_of_expression(text, inner) {
                    Ok(end) => end,
                    Err(error) => {
                        // What follows cannot be told from the expression any more.
                        self.error(
                            pointer,
                            start,
                            ParseError { offset: error.offset.saturating_sub(start), ..error },
                        );
                        return Node::Literal(Value::Null);
                    }
                };
                at = end + "}}".len();
                match text[start.min(end)..end].parse::<Expression>() {
                    Ok(expression) => {
                        if !literal.is_empty() {
                            parts.push(Part::Literal(std::mem::take(&mut literal)));
                        }
                        let found =
                            Found { pointer: pointer.to_owned(), start, expression: expression.clone() };
                        self.found.push(found);
                        parts.push(Part::Expression(expression));
                    }
                    Err(error) => self.error(pointer, start.min(end), error),
                }
            } else {
                literal.push('$');
                at += 1;
            }
        }
        literal.push_str(&text[at..]);
        match parts.as_slice() {
            [] => Node::Literal(Value::String(literal)),
            [Part::Expression(expression)] if literal.is_empty() => Node::Expression(expression.clone()),
            _ => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(literal));
                }
                Node::Text(parts)
            }
        }
    }

    fn error(&mut self, pointer: &str, start: usize, error: ParseError) {
        self.errors.push(TemplateError { pointer: pointer.to_owned(), start, error });
    }
}

/// Puts literals together again, `$${{` read.
fn literal(shape: &Value, nodes: Vec<Node>) -> Node {
    let values = nodes.into_iter().filter_map(|node| match node {
        Node::Literal(value) => Some(value),
        Node::Expression(_) | Node::Text(_) | Node::List(_) | Node::Map(_) => None,
    });
    Node::Literal(match shape {
        Value::Object(map) => Value::Object(map.keys().cloned().zip(values).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            values.collect()
        }
    })
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({})", self.source())
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Default for Template {
    fn default() -> Self {
        let empty = Value::Object(Map::new());
        Self(Arc::new(Compiled { source: empty.clone(), root: Node::Literal(empty), found: Vec::new() }))
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Value::deserialize(deserializer)?).map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            serde::de::Error::custom(texts.join("; "))
        })
    }
}

#[cfg(test)]
mod tests;
