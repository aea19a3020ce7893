//! CEL expressions that are true or false of JSON, for plugins.
//!
//! An expression is read before anything is looked at, so that what is wrong with it is said first. Its size is bounded,
//! since the interpreter recurses and a plugin has a small stack; what it may do is bounded by the step's own limits of
//! time and memory.
//!
//! ```
//! use runner_cel::Expression;
//! use serde_json::json;
//!
//! let expression = Expression::parse("body.queue < 100", &["body"])?;
//! assert_eq!(expression.ask(&[("body", &json!({ "queue": 3 }))]), Ok(true));
//! # Ok::<(), String>(())
//! ```

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use cel::extractors::This;
use cel::parser::PrattParser;
use cel::{Context, ExecutionError};
use regex_lite::Regex;
use runner_plugin::text::shortened;
use serde_json::Value;

/// Longest source, in bytes.
const LONGEST: usize = 4 << 10;

/// Most signs outside of texts: operators, dots and brackets. Each may be one level of the tree, and all of CEL walks
/// trees by recursion.
const MOST_SIGNS: usize = 128;

/// An expression that is true or false.
#[derive(Debug)]
pub struct Expression {
    tree: IdedExpr,
    /// The variables it looks at.
    used: Vec<String>,
}

impl Expression {
    /// Reads an expression over the variables `known`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub fn parse(source: &str, known: &[&str]) -> Result<Self, String> {
        if source.len() > LONGEST {
            return Err(format!("the expression is {} bytes long; {LONGEST} are the most", source.len()));
        }
        if signs(source) > MOST_SIGNS {
            return Err(format!("the expression has more than {MOST_SIGNS} operators, dots and brackets"));
        }
        let tree = PrattParser::new().parse(source).map_err(|errors| {
            let Some(error) = errors.errors.first() else { return "this is not an expression".to_owned() };
            let message = error.msg.lines().next().unwrap_or_default();
            let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
            let (line, column) = error.pos;
            format!("line {line}, column {column}: {}", message.replace('\'', "`"))
        })?;
        let names = Names::of(&tree);
        if let Some(unknown) = names.asked.iter().find(|name| !known.contains(*name)) {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            return Err(format!("there is no `{unknown}`; known: {}", known.join(", ")));
        }
        let used = names.asked.into_iter().map(str::to_owned).collect();
        Ok(Self { tree, used })
    }

    /// Whether it is true of these values.
    ///
    /// # Errors
    ///
    /// Why it is neither true nor false, in one line and without the values.
    pub fn ask(&self, variables: &[(&str, &Value)]) -> Result<bool, String> {
        let mut context = Context::default();
        // Refused where the crate has one of its own: in native builds together with the host.
        drop(context.add_function("matches", matches));
        for (name, value) in variables.iter().filter(|(name, _)| self.used.iter().any(|used| used == name)) {
            context.add_variable_as_val(*name, to_cel(value));
        }
        match cel::Value::resolve(&self.tree, &context) {
            Ok(cel::Value::Bool(answer)) => Ok(answer),
            Ok(other) => Err(format!("it is neither true nor false, but of type {}", other.type_of())),
            Err(error) => Err(explained(&error)),
        }
    }
}

/// CEL's `matches`. The full engine behind the crate's own would be larger than all the rest of a plugin.
fn matches(This(text): This<Arc<String>>, pattern: Arc<String>) -> Result<bool, ExecutionError> {
    let pattern = Regex::new(&pattern)
        .map_err(|error| ExecutionError::function_error("matches", shortened(&error.to_string())))?;
    Ok(pattern.is_match(&text))
}

/// How many signs stand outside of texts.
fn signs(source: &str) -> usize {
    let mut count = 0;
    let mut text: Option<char> = None;
    let mut escaped = false;
    for sign in source.chars() {
        match text {
            Some(_) if escaped => escaped = false,
            Some(_) if sign == '\\' => escaped = true,
            Some(end) if sign == end => text = None,
            Some(_) => {}
            None if sign == '"' || sign == '\'' => text = Some(sign),
            None => {
                count += usize::from(!sign.is_alphanumeric() && !sign.is_whitespace() && !"_,".contains(sign))
            }
        }
    }
    count
}

/// The names of an expression that are not names of its own loops.
#[derive(Debug, Default)]
struct Names<'t> {
    asked: BTreeSet<&'t str>,
}

impl<'t> Names<'t> {
    fn of(tree: &'t IdedExpr) -> Self {
        let mut names = Self::default();
        let mut loops = BTreeSet::new();
        let mut waiting = vec![&tree.expr];
        while let Some(expr) = waiting.pop() {
            match expr {
                Expr::Unspecified | Expr::Literal(_) => {}
                Expr::Ident(name) => {
                    names.asked.insert(name.as_str());
                }
                Expr::Select(select) => waiting.push(&select.operand.expr),
                Expr::Call(call) => {
                    waiting.extend(call.target.iter().map(|target| &target.expr));
                    waiting.extend(call.args.iter().map(|argument| &argument.expr));
                }
                Expr::List(list) => waiting.extend(list.elements.iter().map(|element| &element.expr)),
                Expr::Map(map) => map.entries.iter().for_each(|entry| entry_of(&entry.expr, &mut waiting)),
                Expr::Struct(fields) => {
                    fields.entries.iter().for_each(|entry| entry_of(&entry.expr, &mut waiting));
                }
                Expr::Comprehension(over) => {
                    loops.extend([over.iter_var.as_str(), over.accu_var.as_str()]);
                    loops.extend(over.iter_var2.as_deref());
                    let parts =
                        [&over.iter_range, &over.accu_init, &over.loop_cond, &over.loop_step, &over.result];
                    waiting.extend(parts.map(|part| &part.expr));
                }
            }
        }
        names.asked.retain(|name| !loops.contains(name));
        names
    }
}

fn entry_of<'t>(entry: &'t EntryExpr, waiting: &mut Vec<&'t Expr>) {
    match entry {
        EntryExpr::StructField(field) => waiting.push(&field.value.expr),
        EntryExpr::MapEntry(entry) => waiting.extend([&entry.key.expr, &entry.value.expr]),
    }
}

/// A value for CEL; texts are borrowed. Recursion is as deep as documents may be.
fn to_cel(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Box::new(CelInt::from(number)),
            (None, Some(number)) => Box::new(CelUInt::from(number)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => {
            let items: Vec<Box<dyn Val + '_>> = items.iter().map(to_cel).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (CelMapKey::from(key.as_str()), to_cel(value)));
            Box::new(CelMap::from(entries.collect::<HashMap<CelMapKey<'_>, Box<dyn Val + '_>>>()))
        }
    }
}

/// What CEL says, in one line and without the values of the document.
#[expect(clippy::wildcard_enum_match_arm, reason = "CEL's list of errors is open")]
fn explained(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key `{key}`; `has(…)` asks whether there is one"),
        ExecutionError::IndexOutOfBounds(_) => "the list has no such element".to_owned(),
        ExecutionError::UnsupportedBinaryOperator(_, left, right)
        | ExecutionError::ValuesNotComparable(left, right) => {
            format!("{} and {} do not go together", left.type_of(), right.type_of())
        }
        ExecutionError::NoSuchOverload(call) => {
            format!("`{}` does not go with {}", call.function(), call.argument_types().join(" and "))
        }
        ExecutionError::UnsupportedTargetType { target } => {
            format!("a value of type {} does not fit here", target.type_of())
        }
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "remainder of a division by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number does not fit into 64 bits".to_owned(),
        other => shortened(other.to_string().lines().next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(source: &str) -> Result<bool, String> {
        let body = json!({ "queue": 3, "parts": [{ "up": true }, { "up": false }] });
        Expression::parse(source, &["body", "status"])?.ask(&[("body", &body), ("status", &json!(200))])
    }

    #[test]
    fn an_expression_is_true_or_false_of_its_variables() {
        assert_eq!(asked("body.queue < 5 && status == 200"), Ok(true));
        assert_eq!(asked("body.parts.all(part, part.up)"), Ok(false));
        assert_eq!(asked("'v1.2'.matches('^v[0-9]') && !matches('x1', '^v')"), Ok(true));
    }

    #[test]
    fn what_is_no_expression_or_no_answer_is_said() {
        let said = |source: &str| asked(source).unwrap_err();

        assert_eq!(said("bdy.queue"), "there is no `bdy`; known: `body`, `status`");
        assert_eq!(said("body.queue"), "it is neither true nor false, but of type int");
        assert_eq!(said("body.absent == 1"), "no such key `absent`; `has(…)` asks whether there is one");
        assert_eq!(said(&"(".repeat(200)), "the expression has more than 128 operators, dots and brackets");
        assert!(asked("'a'.matches('(')").is_err());
        assert_eq!(said(&" ".repeat(5000)), "the expression is 5000 bytes long; 4096 are the most");
        assert_eq!(said("body.queue <"), "line 1, column 13: mismatched input `<EOF>` expecting expression");
    }
}
