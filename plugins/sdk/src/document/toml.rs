//! TOML: the tree of the `toml` crate, whose nesting is bounded by itself, made values of JSON.

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::{MAX_DEPTH, Problem};

pub(super) fn parse(text: &str) -> Result<Value, Problem> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Problem::at_byte(text, at, error.message())
    })?;
    object(text, table.get_ref(), 1)
}

fn object(text: &str, table: &DeTable<'_>, depth: usize) -> Result<Value, Problem> {
    let mut object = Map::new();
    for (key, entry) in table {
        object.insert(key.get_ref().as_ref().to_owned(), value(text, entry, depth)?);
    }
    Ok(Value::Object(object))
}

fn value(text: &str, spanned: &Spanned<DeValue<'_>>, depth: usize) -> Result<Value, Problem> {
    let start = spanned.span().start;
    if depth > MAX_DEPTH {
        let Problem { line, column, .. } = Problem::at_byte(text, start, "");
        return Err(Problem::too_deep(line as usize, column as usize));
    }
    let unfit = |written: &str| {
        let message = format!("`{written}` is no number that JSON can hold; write it as text");
        Problem::at_byte(text, start, message)
    };
    match spanned.get_ref() {
        DeValue::String(text) => Ok(Value::from(text.as_ref())),
        DeValue::Boolean(value) => Ok(Value::Bool(*value)),
        DeValue::Datetime(moment) => Ok(Value::from(moment.to_string())),
        DeValue::Integer(number) => whole(number).ok_or_else(|| unfit(number.as_str())),
        DeValue::Float(number) => fraction(number).ok_or_else(|| unfit(number.as_str())),
        DeValue::Array(items) => items
            .iter()
            .map(|item| value(text, item, depth + 1))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        DeValue::Table(table) => object(text, table, depth + 1),
    }
}

fn whole(number: &DeInteger<'_>) -> Option<Value> {
    i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from)
}

fn fraction(number: &DeFloat<'_>) -> Option<Value> {
    number.as_str().parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
}
