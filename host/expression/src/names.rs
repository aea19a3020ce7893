//! What the names in an expression are: variables, functions, types.

use std::collections::BTreeSet;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use crate::References;

/// The variables that a scope can hold.
pub(crate) const VARIABLES: [&str; 7] = ["inputs", "env", "matrix", "steps", "run", "event", "target"];

/// The functions that look at the run.
pub(crate) const STATUS: [&str; 4] = ["success", "failure", "always", "aborted"];

/// Names of types, as in `type(x) == string`.
const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// Functions that can be called: CEL's own, and `functions.rs`.
pub(crate) const FUNCTIONS: [&str; 19] = [
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "int",
    "join",
    "lowerAscii",
    "matches",
    "replace",
    "size",
    "split",
    "startsWith",
    "string",
    "trim",
    "type",
    "uint",
    "upperAscii",
];

/// Functions that the parser turns into something else.
pub(crate) const MACROS: [&str; 6] = ["all", "exists", "exists_one", "filter", "has", "map"];

/// A name that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unknown {
    // Before variables: a macro that was called in a wrong way leaves its own variables unknown.
    Function(String),
    Variable(String),
}

/// What the tree of an expression refers to.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) references: References,
    pub(crate) unknown: BTreeSet<Unknown>,
    bound: Vec<String>,
}

impl Names {
    pub(crate) fn of(tree: &IdedExpr) -> Self {
        let mut names = Self::default();
        names.visit(tree);
        names
    }

    fn visit(&mut self, node: &IdedExpr) {
        if let Some(path) = path(node) {
            self.add(path);
            return;
        }
        match &node.expr {
            Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => {}
            Expr::Select(select) => self.visit(&select.operand),
            Expr::Call(call) => {
                self.function(&call.func_name, call.target.is_some(), call.args.len());
                call.target.iter().for_each(|target| self.visit(target));
                call.args.iter().for_each(|argument| self.visit(argument));
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(structure) => {
                self.unknown.insert(Unknown::Function(structure.type_name.clone()));
                structure.entries.iter().for_each(|entry| self.entry(&entry.expr));
            }
            Expr::Comprehension(over) => {
                self.visit(&over.iter_range);
                self.visit(&over.accu_init);
                let outside = self.bound.len();
                self.bound.push(over.iter_var.clone());
                self.bound.push(over.accu_var.clone());
                self.bound.extend(over.iter_var2.clone());
                self.visit(&over.loop_cond);
                self.visit(&over.loop_step);
                self.visit(&over.result);
                self.bound.truncate(outside);
            }
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key);
                self.visit(&entry.value);
            }
        }
    }

    fn add(&mut self, path: Vec<String>) {
        let Some(root) = path.first() else { return };
        if self.bound.contains(root) || (path.len() == 1 && TYPES.contains(&root.as_str())) {
            return;
        }
        if !VARIABLES.contains(&root.as_str()) {
            self.unknown.insert(Unknown::Variable(root.clone()));
        }
        if !self.references.paths.contains(&path) {
            self.references.paths.push(path);
        }
    }

    fn function(&mut self, name: &str, is_method: bool, arguments: usize) {
        if STATUS.contains(&name) && !is_method && arguments == 0 {
            self.references.status = true;
        } else if !FUNCTIONS.contains(&name) && !is_operator(name) {
            self.unknown.insert(Unknown::Function(name.to_owned()));
        }
    }
}

/// The parser gives operators names that nobody can write: `_+_`, `!_`, `@in`.
fn is_operator(name: &str) -> bool {
    name.chars().any(|sign| !(sign.is_ascii_alphanumeric() || sign == '_'))
}

/// The path that `node` spells from an identifier, through fields and constant indexes only.
pub(crate) fn path(node: &IdedExpr) -> Option<Vec<String>> {
    let mut segments = Vec::new();
    let mut node = node;
    loop {
        match &node.expr {
            Expr::Ident(name) => {
                segments.push(name.clone());
                segments.reverse();
                return Some(segments);
            }
            Expr::Select(select) => {
                segments.push(select.field.clone());
                node = &select.operand;
            }
            Expr::Call(call) if call.func_name == operators::INDEX && call.target.is_none() => {
                let [operand, index] = call.args.as_slice() else { return None };
                segments.push(constant_index(&index.expr)?);
                node = operand;
            }
            Expr::Unspecified
            | Expr::Call(_)
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => return None,
        }
    }
}

fn constant_index(index: &Expr) -> Option<String> {
    let Expr::Literal(literal) = index else { return None };
    match literal {
        LiteralValue::String(text) => Some(text.inner().to_owned()),
        LiteralValue::Int(number) => Some(number.inner().to_string()),
        LiteralValue::UInt(number) => Some(number.inner().to_string()),
        LiteralValue::Boolean(_) | LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::Null => {
            None
        }
    }
}

/// The path of an expression that is nothing but a path: its value can be looked up. `has(…)` is not one, nor is the
/// name of a type.
pub(crate) fn lookup_path(tree: &IdedExpr) -> Option<Vec<String>> {
    let mut node = tree;
    loop {
        match &node.expr {
            Expr::Select(select) if select.test => return None,
            Expr::Select(select) => node = &select.operand,
            Expr::Call(call) => node = call.args.first()?,
            // Numbers are left to CEL, which knows the first element of a list from the key "0" of a map.
            Expr::Ident(root) if VARIABLES.contains(&root.as_str()) => {
                return path(tree)
                    .filter(|path| path.iter().all(|segment| segment.parse::<usize>().is_err()));
            }
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => return None,
        }
    }
}
