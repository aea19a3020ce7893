//! A tree and a scope to a value, and what CEL says to what people read.

use cel::{Context, ExecutionError, common::ast::IdedExpr};
use serde_json::Value;

use crate::{
    RunStatus, Scope,
    functions::ENVIRONMENT,
    names::STATUS,
    scope::References,
    value::{Wanted, to_cel, to_json, type_name},
    work::{METER, Meter},
};

/// The value at `path`, which has at least one segment.
pub(crate) fn look_up<'a>(path: &[String], scope: &'a Scope) -> Result<&'a Value, String> {
    let (root, rest) = path.split_first().ok_or("an empty path has no value")?;
    let mut value = scope.variables.get(root).ok_or_else(|| not_here(root, scope))?;
    for (depth, segment) in rest.iter().enumerate() {
        let found = match value {
            Value::Object(map) => map.get(segment),
            Value::Array(items) => segment.parse::<usize>().ok().and_then(|index| items.get(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        value = found.ok_or_else(|| missing(&path[..=depth], segment, value))?;
    }
    Ok(value)
}

/// The value of `tree`.
pub(crate) fn evaluate(tree: &IdedExpr, references: &References, scope: &Scope) -> Result<Value, String> {
    let mut context = Context::with_env(ENVIRONMENT.clone());
    for (name, value) in &scope.variables {
        let paths = || references.paths.iter().filter(|path| path.first() == Some(name));
        if paths().next().is_some() {
            let wanted = Wanted::from_paths(paths().filter_map(|path| path.get(1..)));
            context.add_variable_as_val(name.as_str(), to_cel(value, &wanted));
        }
    }
    if references.status {
        add_status(&mut context, scope.status);
    }
    let meter = Meter::new();
    context.add_variable_as_val(METER, Box::new(meter.clone()));
    // Not `resolve_val`, which would save a copy: it is always inlined, so a build of this crate without optimisation
    // would need 60 KiB of stack for each level of the tree instead of 2.
    let result = cel::Value::resolve(tree, &context);
    if meter.is_used_up() {
        return Err("too much work: it goes over lists that are too long".to_owned());
    }
    match result {
        Ok(value) => to_json(value),
        Err(error) => Err(explain(&error, references, scope)),
    }
}

fn add_status(context: &mut Context<'_, '_>, status: RunStatus) {
    let answers =
        [status == RunStatus::Success, status == RunStatus::Failure, true, status == RunStatus::Aborted];
    for (name, answer) in STATUS.into_iter().zip(answers) {
        context.add_function(name, move || answer).expect("CEL has no function of this name");
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "CEL's list of errors is open")]
fn explain(error: &ExecutionError, references: &References, scope: &Scope) -> String {
    // CEL knows the key and not where it is missing. The paths do, if it was not computed.
    let of_path = |key: Option<&str>| {
        references.paths.iter().find_map(|path| {
            let segment = path.iter().position(|segment| key.is_none_or(|key| key == segment))?;
            look_up(&path[..=segment], scope).err()
        })
    };
    match error {
        ExecutionError::NoSuchKey(key) => {
            of_path(Some(key)).unwrap_or_else(|| format!("no such key `{key}`"))
        }
        ExecutionError::UndeclaredReference(name) => not_here(name, scope),
        ExecutionError::NoSuchOverload(call) if matches!(call.function(), "_._" | "_[_]") => {
            deepest(references, scope).unwrap_or_else(|| match call.argument_types() {
                [value, key] => format!("{value} cannot be asked for an element with {key}"),
                _ => "this value has no elements".to_owned(),
            })
        }
        ExecutionError::NoSuchOverload(call) => no_overload(call.function(), call.argument_types()),
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            let types = [left.type_of().to_string(), right.type_of().to_string()];
            no_overload(operator, &types)
        }
        ExecutionError::ValuesNotComparable(left, right) => {
            format!("{} and {} cannot be compared", left.type_of(), right.type_of())
        }
        ExecutionError::UnexpectedType { got, want } if want == "iterable" => {
            format!("a list or map is needed to go over, found {got}")
        }
        ExecutionError::UnexpectedType { got, want } => format!("{want} is needed, found {got}"),
        ExecutionError::UnsupportedTargetType { target } => {
            format!("a value of type {} does not fit here", target.type_of())
        }
        ExecutionError::UnsupportedIndex(index, value) => {
            format!("{} cannot be asked for an element with {}", value.type_of(), index.type_of())
        }
        ExecutionError::UnsupportedKeyType(key) => format!("{} cannot be a key", key.type_of()),
        ExecutionError::IndexOutOfBounds(_) => {
            deepest(references, scope).unwrap_or_else(|| "the list has no such element".to_owned())
        }
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "remainder of a division by zero".to_owned(),
        ExecutionError::Overflow(operator, ..) => {
            format!("the result of `{}` does not fit into 64 bits", sign(operator))
        }
        ExecutionError::DuplicateKey(_) => "a map has the same key twice".to_owned(),
        ExecutionError::FunctionError { function, message } => {
            // Regular expressions say what is wrong in the last line, after a drawing.
            let reason = message.lines().last().unwrap_or_default();
            format!("`{function}`: {}", reason.strip_prefix("error: ").unwrap_or(reason))
        }
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments, {actual} are given")
        }
        // The rest is about parts of CEL that pipelines do not have.
        other => other.to_string().lines().next().unwrap_or_default().chars().take(200).collect(),
    }
}

/// The first path that leads nowhere.
fn deepest(references: &References, scope: &Scope) -> Option<String> {
    references.paths.iter().find_map(|path| look_up(path, scope).err())
}

fn not_here(name: &str, scope: &Scope) -> String {
    if scope.variables.is_empty() {
        return format!("there is no `{name}` here");
    }
    format!("there is no `{name}` here; known: {}", listed(scope.variables.keys()))
}

fn missing(path: &[String], segment: &str, value: &Value) -> String {
    let place = spelled(path);
    match value {
        Value::Object(map) if map.is_empty() => {
            format!("no such key `{segment}` in `{place}`, which is empty")
        }
        Value::Object(map) => {
            let verb = if map.len() == 1 { "is" } else { "are" };
            format!("no such key `{segment}` in `{place}`; there {verb} {}", listed(map.keys()))
        }
        Value::Array(items) if segment.parse::<usize>().is_ok() => {
            format!("no element {segment} in `{place}`, which has {}", items.len())
        }
        Value::Null => format!("`{place}` is null, so it has no key `{segment}`"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            format!("`{place}` is {}, which has no key `{segment}`", type_name(value))
        }
    }
}

/// At most this many names are listed: an error is read, not searched.
const LISTED: usize = 12;

fn listed<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let rest = names.len().saturating_sub(LISTED);
    let mut names: Vec<String> = names.take(LISTED).map(|name| format!("`{name}`")).collect();
    if rest > 0 {
        names.push(format!("and {rest} more"));
    }
    names.join(", ")
}

fn spelled(path: &[String]) -> String {
    let mut text = String::new();
    for (index, segment) in path.iter().enumerate() {
        let plain = segment.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
        let is_step =
            index == 1 && path.first().is_some_and(|root| root == "steps") && !segment.contains('[');
        match segment.chars().next() {
            Some(first) if first.is_ascii_digit() && plain => text.push_str(&format!("[{segment}]")),
            _ if index == 0 => text.push_str(segment),
            _ if plain || is_step => text.push_str(&format!(".{segment}")),
            _ => text.push_str(&format!("[{}]", Value::String(segment.clone()))),
        }
    }
    text
}

fn sign(operator: &str) -> &str {
    match operator {
        "add" => "+",
        "sub" => "-",
        "mul" => "*",
        "div" => "/",
        "rem" => "%",
        "minus" | "negate" => "-",
        "@in" => "in",
        other => other.trim_matches('_'),
    }
}

fn no_overload(function: &str, types: &[String]) -> String {
    let is_operator =
        function.contains(|sign: char| !sign.is_ascii_alphanumeric()) || sign(function) != function;
    let name = sign(function);
    match types {
        [one] if is_operator => format!("`{name}` does not go with {one}"),
        [left, right] if is_operator => format!("`{name}` does not go with {left} and {right}"),
        [] => format!("`{name}` needs an argument"),
        types => format!("`{name}` does not go with {}", types.join(", ")),
    }
}
