//! CEL over documents.
//!
//! An expression is read before any file is, so that what is wrong with it is said first. Its size is bounded, since the
//! interpreter recurses; what it may do is bounded by the step's own limits of time and memory.

use std::collections::{BTreeSet, HashMap};

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use cel::parser::PrattParser;
use cel::{Context, ExecutionError};
use runner_plugin::Failure;
use runner_plugin::text::shortened;
use serde_json::Value;

use crate::{Broken, Documents};

/// Longest source, in bytes.
const LONGEST: usize = 4 << 10;

/// Most signs outside of texts: operators, dots and brackets. Each may be one level of the tree, and all of CEL walks
/// trees by recursion.
const MOST_SIGNS: usize = 128;

/// An expression that is true or false.
#[derive(Debug)]
pub(crate) struct Expression {
    source: String,
    tree: IdedExpr,
    /// The documents it looks at.
    used: Vec<String>,
}

impl Expression {
    /// Reads an expression that may look at the documents `known`, or says what is wrong with it.
    pub(crate) fn parse<'k>(source: &str, known: impl Iterator<Item = &'k String>) -> Result<Self, String> {
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
        let known: BTreeSet<&str> = known.map(String::as_str).collect();
        let names = Names::of(&tree);
        if let Some(unknown) = names.asked.iter().find(|name| !known.contains(**name)) {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            return Err(format!("there is no document `{unknown}`; known: {}", known.join(", ")));
        }
        let used = names.asked.into_iter().map(str::to_owned).collect();
        Ok(Self { source: source.to_owned(), tree, used })
    }

    /// Whether it is true.
    pub(crate) fn ask(&self, documents: &Documents) -> Result<Option<Broken>, Failure> {
        let mut context = Context::default();
        for name in &self.used {
            if let Some(document) = documents.get(name) {
                context.add_variable_as_val(name.as_str(), to_cel(&document.value));
            }
        }
        let shown = shortened(&self.source);
        match cel::Value::resolve(&self.tree, &context) {
            Ok(cel::Value::Bool(true)) => Ok(None),
            Ok(cel::Value::Bool(false)) => Ok(Some(Broken(format!("`{shown}` is false")))),
            Ok(other) => Err(Failure::invalid_input(format!(
                "`{shown}` is neither true nor false, but of type {}",
                other.type_of()
            ))),
            Err(error) => Err(Failure::invalid_input(format!("`{shown}`: {}", explained(&error)))),
        }
    }
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
