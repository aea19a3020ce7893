//! How much an evaluation may do.
//!
//! Every loop of CEL is a comprehension. Before an expression is kept, each of its loops gets a call that counts: the
//! round itself and the size of the value it adds. So `a.map(x, b.map(y, x + y))` ends with an error and not with the
//! memory, whatever lists a plugin has put into `a` and `b`. A map is looped over in the order of its keys, so that the
//! same values always give the same answer.

use std::{
    any::Any,
    mem,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use cel::{
    Env, ExecutionError,
    common::{
        ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, operators},
        types::{CelList, CelMap, CelMapKey, CelString, DYN_TYPE, Type},
        value::{CowVal, StaticVal, Val},
    },
};

/// Units of one evaluation: a round costs 64 and one for each byte of what it adds.
const ALL: i64 = 16 << 20;
const ROUND: i64 = 64;

/// Name of the variable that holds the [`Meter`]; cannot be written in a source.
pub(crate) const METER: &str = "@meter";
const COUNT: &str = "@count";
const ITEMS: &str = "@items";

/// What is left.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<AtomicI64>);

impl Meter {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(ALL)))
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) < 0
    }
}

static METER_TYPE: Type = Type::new_unspecified_type(METER);

impl Val for Meter {
    fn get_type(&self) -> &Type {
        &METER_TYPE
    }

    fn cel_type() -> &'static Type {
        &METER_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Meter {}

/// Adds the functions that [`metered`] calls.
pub(crate) fn register(env: &mut Env) -> Result<(), cel::DeclarationError> {
    env.add_overload(COUNT, "count", vec![DYN_TYPE, DYN_TYPE], count)?;
    env.add_overload(ITEMS, "items", vec![DYN_TYPE], items)
}

fn count<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = arguments.pop().ok_or_else(ExecutionError::missing_argument_or_target)?;
    let meter = arguments.first().and_then(|meter| meter.downcast_ref::<Meter>());
    let Meter(left) = meter.ok_or_else(ExecutionError::missing_argument_or_target)?;
    let cost = ROUND + size(&*value);
    if left.fetch_sub(cost, Ordering::Relaxed) < cost {
        return Err(ExecutionError::function_error(COUNT, "too much work"));
    }
    Ok(value)
}

fn items<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = arguments.pop().ok_or_else(ExecutionError::missing_argument_or_target)?;
    let Some(map) = value.downcast_ref::<CelMap>() else { return Ok(value) };
    let mut keys: Vec<CelMapKey<'v>> = map.inner().keys().cloned().collect();
    keys.sort_by_cached_key(|key| match key {
        CelMapKey::Bool(key) => (0, i128::from(*key.inner()), String::new()),
        CelMapKey::Int(key) => (1, i128::from(*key.inner()), String::new()),
        CelMapKey::UInt(key) => (1, i128::from(*key.inner()), String::new()),
        CelMapKey::String(key) => (2, 0, key.inner().to_owned()),
    });
    let keys: Vec<Box<dyn Val + 'v>> = keys
        .into_iter()
        .map(|key| -> Box<dyn Val + 'v> {
            match key {
                CelMapKey::Bool(key) => Box::new(key),
                CelMapKey::Int(key) => Box::new(key),
                CelMapKey::UInt(key) => Box::new(key),
                CelMapKey::String(key) => Box::new(key),
            }
        })
        .collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

/// Bytes that a value takes, roughly.
fn size(value: &dyn Val) -> i64 {
    let bytes = |length: usize| i64::try_from(length).unwrap_or(i64::MAX / 4);
    if let Some(text) = value.downcast_ref::<CelString>() {
        bytes(text.inner().len())
    } else if let Some(list) = value.downcast_ref::<CelList>() {
        list.inner()
            .iter()
            .fold(bytes(list.inner().len()) * 8, |sum, element| sum.saturating_add(size(&**element)))
    } else if let Some(map) = value.downcast_ref::<CelMap>() {
        map.inner()
            .values()
            .fold(bytes(map.inner().len()) * 16, |sum, element| sum.saturating_add(size(&**element)))
    } else {
        8
    }
}

/// Makes every loop in `tree` count.
pub(crate) fn metered(tree: &mut IdedExpr) {
    match &mut tree.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => {}
        Expr::Select(select) => metered(&mut select.operand),
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| metered(target));
            call.args.iter_mut().for_each(metered);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(metered),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| metered_entry(&mut entry.expr)),
        Expr::Struct(structure) => {
            structure.entries.iter_mut().for_each(|entry| metered_entry(&mut entry.expr))
        }
        Expr::Comprehension(over) => {
            metered(&mut over.iter_range);
            metered(&mut over.loop_step);
            wrap(&mut over.iter_range, ITEMS);
            count_rounds(over);
        }
    }
}

fn metered_entry(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::StructField(field) => metered(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            metered(&mut entry.key);
            metered(&mut entry.value);
        }
    }
}

/// `map` and `filter` add to a list, which the interpreter does in place as long as their loop keeps its shape: there
/// the element and the filter's condition count. In all others the loop's own condition does; a failure of anything
/// else would be kept back by `all` and `exists` until the end.
fn count_rounds(over: &mut ComprehensionExpr) {
    let step = match &mut over.loop_step.expr {
        Expr::Call(call) if call.func_name == operators::CONDITIONAL && is_append(call.args.get(1)) => {
            if let Some(guard) = call.args.get_mut(0) {
                wrap(guard, COUNT);
            }
            call.args.get_mut(1)
        }
        Expr::Call(call) if call.func_name == operators::ADD && is_list(call.args.get(1)) => {
            call.args.get_mut(1).map(count_elements);
            return;
        }
        Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => None,
    };
    match step.map(|step| &mut step.expr) {
        Some(Expr::Call(add)) => {
            add.args.get_mut(1).map(count_elements);
        }
        Some(_) | None => wrap(&mut over.loop_cond, COUNT),
    }
}

fn is_list(node: Option<&IdedExpr>) -> bool {
    node.is_some_and(|node| matches!(node.expr, Expr::List(_)))
}

fn is_append(node: Option<&IdedExpr>) -> bool {
    let Some(Expr::Call(call)) = node.map(|node| &node.expr) else { return false };
    call.func_name == operators::ADD && is_list(call.args.get(1))
}

fn count_elements(list: &mut IdedExpr) {
    if let Expr::List(list) = &mut list.expr {
        list.elements.iter_mut().for_each(|element| wrap(element, COUNT));
    }
}

fn wrap(node: &mut IdedExpr, function: &str) {
    let inner = mem::take(node);
    let id = inner.id;
    let meter = IdedExpr { id, expr: Expr::Ident(METER.to_owned()) };
    let args = if function == COUNT { vec![meter, inner] } else { vec![inner] };
    *node =
        IdedExpr { id, expr: Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args }) };
}
