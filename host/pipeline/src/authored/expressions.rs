//! Values with `${{ }}` in them, conditions, and the places inside a text.

use runner_expression::{Expression, ParseError, References, Scope, Template};
use runner_model::{Diagnostic, Sources, Span};
use serde_json::Value;

use crate::yaml::{Entry, Node};

/// A value with expressions, and the text it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Templated {
    /// The value as it stands in the file.
    pub(crate) node: Node,
    /// The same, read.
    pub(crate) template: Template,
}

impl Templated {
    /// The value, if there is no expression in it.
    pub(crate) fn literal(&self) -> Option<Value> {
        if self.template.is_literal() { self.template.render(&Scope::default()).ok() } else { None }
    }
}

/// The `if` of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    /// The text as it stands in the file.
    pub(crate) node: Node,
    /// The expression in it.
    pub(crate) expression: Expression,
}

/// Reads the expressions of a value; `None` if one cannot be read.
pub(crate) fn templated(node: &Node, sources: &Sources, found: &mut Vec<Diagnostic>) -> Option<Templated> {
    match Template::parse(node.to_json()) {
        Ok(template) => Some(Templated { node: node.clone(), template }),
        Err(errors) => {
            for error in errors {
                let at = node.at(&error.pointer).node;
                found.push(unreadable(&error.error, at, error.start + error.error.offset, sources));
            }
            None
        }
    }
}

/// Reads a condition, with or without `${{ }}` around it.
pub(crate) fn condition(entry: &Entry, sources: &Sources, found: &mut Vec<Diagnostic>) -> Option<Condition> {
    use crate::yaml::Content;
    let node = &entry.value;
    let text = match &node.content {
        Content::Text(text) => text.as_ref(),
        Content::Bool(true) => "true",
        Content::Bool(false) => "false",
        Content::Null | Content::Number(_) | Content::List(_) | Content::Map(_) => {
            found.push(
                super::fields::wrong_type(entry, "an expression")
                    .help("for example `if: inputs.environment == 'production'`"),
            );
            return None;
        }
    };
    match Expression::parse_condition(text) {
        Ok(expression) => Some(Condition { node: node.clone(), expression }),
        Err(error) => {
            found.push(unreadable(&error, node, error.offset, sources));
            None
        }
    }
}

fn unreadable(error: &ParseError, node: &Node, offset: usize, sources: &Sources) -> Diagnostic {
    let at = inside(node, sources, offset, 1);
    if error.message.ends_with("is not supported yet") {
        return Diagnostic::error("not-supported-yet", error.message.clone()).at(at, "");
    }
    Diagnostic::error("expression", format!("this expression cannot be read: {}", error.message)).at(at, "")
}

/// The place of `length` bytes at `offset` of the text in `node`, if the text stands in the file as it is; else the
/// place of the whole node (a text with escapes or folded lines has no simple places inside).
pub(crate) fn inside(node: &Node, sources: &Sources, offset: usize, length: usize) -> Span {
    precise(node, sources, offset, length).unwrap_or(node.span)
}

fn precise(node: &Node, sources: &Sources, offset: usize, length: usize) -> Option<Span> {
    let text = node.as_text()?;
    let file = &sources.get(node.span.source)?.text;
    let written = file.get(node.span.start as usize..node.span.end as usize)?;
    let begin = written.find(text)?;
    let most = begin + text.len();
    let mut start = (begin + offset).min(most);
    let mut end = (start + length).min(most);
    // An error may stand inside a letter of several bytes.
    while !written.is_char_boundary(start) {
        start -= 1;
    }
    while !written.is_char_boundary(end) {
        end += 1;
    }
    let in_file = |offset: usize| u32::try_from(node.span.start as usize + offset).ok();
    Some(Span { start: in_file(start)?, end: in_file(end)?, ..node.span })
}

/// Where an expression stands: a text, and the byte in it from which the expression is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holder<'a> {
    pub(crate) node: &'a Node,
    pub(crate) start: usize,
}

impl Holder<'_> {
    /// The place of `path`, if it is written as it usually is (`steps.build.outputs.tag`), else the whole text.
    pub(crate) fn place_of(&self, path: &[String], sources: &Sources) -> Span {
        let Some(after) = self.node.as_text().and_then(|text| text.get(self.start..)) else {
            return self.node.span;
        };
        let mut spellings = vec![path.join(".")];
        if let [root, name, rest @ ..] = path {
            let tail = if rest.is_empty() { String::new() } else { format!(".{}", rest.join(".")) };
            spellings.extend([format!("{root}[\"{name}\"]{tail}"), format!("{root}['{name}']{tail}")]);
        }
        let found = spellings.iter().find_map(|spelling| Some((after.find(spelling)?, spelling.len())));
        found.map_or(self.node.span, |(offset, length)| {
            inside(self.node, sources, self.start + offset, length)
        })
    }
}

/// Where the first expression of `template` stands whose references are `wanted`. `node` is what it was read from.
pub(crate) fn holder<'a>(
    template: &Template,
    node: &'a Node,
    wanted: impl Fn(&References) -> bool,
) -> Holder<'a> {
    let found = template.expressions().find(|(_, _, expression)| wanted(&expression.references()));
    found.map_or(Holder { node, start: 0 }, |(pointer, start, _)| Holder {
        node: node.at(pointer).node,
        start,
    })
}
