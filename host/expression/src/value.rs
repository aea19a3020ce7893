//! JSON in, JSON out.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cel::{
    common::{
        types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt},
        value::Val,
    },
    objects::Key,
};
use serde_json::{Map, Value};

/// The parts of a value that an expression looks at.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    all: bool,
    keys: BTreeMap<&'a str, Wanted<'a>>,
}

impl<'a> Wanted<'a> {
    /// From paths without their first segment.
    pub(crate) fn from_paths(paths: impl Iterator<Item = &'a [String]>) -> Self {
        let mut root = Self::default();
        for path in paths {
            let mut node = &mut root;
            for segment in path {
                node = node.keys.entry(segment).or_default();
            }
            node.all = true;
        }
        root
    }
}

/// The `wanted` parts of `value` for CEL; texts are borrowed.
pub(crate) fn to_cel<'v>(value: &'v Value, wanted: &Wanted<'_>) -> Box<dyn Val + 'v> {
    match value {
        Value::Object(map) if !wanted.all => {
            let part = |(key, wanted): (&&str, &Wanted<'_>)| {
                let (key, value) = map.get_key_value(*key)?;
                Some((CelMapKey::from(key.as_str()), to_cel(value, wanted)))
            };
            let map: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> =
                wanted.keys.iter().filter_map(part).collect();
            Box::new(CelMap::from(map))
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => whole_to_cel(value),
    }
}

fn whole_to_cel<'v>(value: &'v Value) -> Box<dyn Val + 'v> {
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
            let items: Vec<Box<dyn Val + 'v>> = items.iter().map(whole_to_cel).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(map) => {
            let entry =
                |(key, value): (&'v String, &'v Value)| (CelMapKey::from(key.as_str()), whole_to_cel(value));
            let map: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> = map.iter().map(entry).collect();
            Box::new(CelMap::from(map))
        }
    }
}

/// A value of CEL as JSON, maps in the order of their keys.
pub(crate) fn to_json(value: cel::Value) -> Result<Value, String> {
    match value {
        cel::Value::Null => Ok(Value::Null),
        cel::Value::Bool(value) => Ok(value.into()),
        cel::Value::Int(number) => Ok(number.into()),
        cel::Value::UInt(number) => Ok(number.into()),
        cel::Value::Float(number) => {
            let json = serde_json::Number::from_f64(number);
            json.map(Value::Number)
                .ok_or_else(|| format!("the result is {number}, which is not a number in JSON"))
        }
        cel::Value::String(text) => Ok(Value::String(Arc::unwrap_or_clone(text))),
        cel::Value::List(items) => Arc::unwrap_or_clone(items).into_iter().map(to_json).collect(),
        cel::Value::Map(map) => map_to_json(map),
        cel::Value::Bytes(_) => {
            Err("the result is bytes, which JSON has not; `string(…)` makes text of them".to_owned())
        }
        other @ (cel::Value::Function(..) | cel::Value::Opaque(_) | cel::Value::Struct(_)) => {
            Err(format!("the result is a {}, which JSON has not", other.type_of()))
        }
    }
}

fn map_to_json(map: cel::objects::Map) -> Result<Value, String> {
    let mut sorted = BTreeMap::new();
    for (key, value) in Arc::unwrap_or_clone(map.map) {
        let Key::String(key) = key else {
            return Err("the result is a map with keys that are not text, which JSON has not".to_owned());
        };
        sorted.insert(Arc::unwrap_or_clone(key), to_json(value)?);
    }
    Ok(Value::Object(Map::from_iter(sorted)))
}

/// What a JSON value is, in the words of CEL.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(number) if number.is_f64() => "a double",
        Value::Number(_) => "an int",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
