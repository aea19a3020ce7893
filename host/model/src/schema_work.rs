//! How much work it is to hold a value against a JSON Schema.
//!
//! A plugin's schema is the plugin's word, and a validator does what it says: forty lines of `allOf` with two references each
//! take until the end of the world. So the steps are counted before they are taken, and each pair of a schema and a value
//! only once: what a validator would do again and again costs one look here.
//!
//! Counted is at least what a validator does. Never here: whether the value fits.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Most steps, counted as below: some tenths of a second.
const MAX_STEPS: u64 = 1_000_000;
/// Deepest nesting of schemas, references included: a validator calls itself for each.
const MAX_DEPTH: u32 = 256;

/// A schema that cannot be applied to a value within reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaWork {
    /// It would take for ever.
    #[error("to apply it takes more than {MAX_STEPS} steps")]
    TooMuch,
    /// It would overflow the stack.
    #[error("its schemas are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// Its cost cannot be known.
    #[error("it uses {0}, and only references of the form `#/…` are followed")]
    Unknown(String),
}

/// Whether `schema` can be applied to `value` within reason.
///
/// # Errors
///
/// Why not. No validator must be asked then.
pub fn check_schema_work(schema: &Value, value: &Value) -> Result<(), SchemaWork> {
    let mut count = Count { root: schema, seen: HashMap::new() };
    let cost = count.of(schema, value, 0)?;
    if cost.steps > MAX_STEPS { Err(SchemaWork::TooMuch) } else { Ok(()) }
}

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    steps: u64,
    depth: u32,
}

impl Cost {
    fn add(&mut self, times: u64, other: Self) {
        self.steps = self.steps.saturating_add(other.steps.saturating_mul(times));
        self.depth = self.depth.max(other.depth.saturating_add(1));
    }
}

struct Count<'a> {
    root: &'a Value,
    /// By the places of schema and value. A pair that is being counted stands as nothing: validators notice circles.
    seen: HashMap<(*const Value, *const Value), Cost>,
}

impl<'a> Count<'a> {
    fn of(&mut self, schema: &'a Value, value: &Value, depth: u32) -> Result<Cost, SchemaWork> {
        let Value::Object(keywords) = schema else { return Ok(Cost { steps: 1, depth: 0 }) };
        let pair = (std::ptr::from_ref(schema), std::ptr::from_ref(value));
        if let Some(known) = self.seen.get(&pair) {
            return Ok(*known);
        }
        if depth > MAX_DEPTH {
            return Err(SchemaWork::TooDeep);
        }
        self.seen.insert(pair, Cost::default());
        let mut cost = Cost { steps: keywords.len() as u64 + 1, depth: 0 };
        let mut again = 1;
        for (keyword, operand) in keywords {
            match keyword.as_str() {
                "$id" | "id" if depth > 0 && operand.is_string() => {
                    return Err(SchemaWork::Unknown(format!("`{keyword}` within itself")));
                }
                "$ref" | "$dynamicRef" | "$recursiveRef" => {
                    let target = self.target(operand)?;
                    cost.add(1, self.of(target, value, depth + 1)?);
                }
                "allOf" => self.each(&mut cost, 1, operand, value, depth)?,
                // Asked whether it fits, and then why not.
                "anyOf" | "oneOf" => self.each(&mut cost, 2, operand, value, depth)?,
                "not" | "if" | "then" | "else" => cost.add(2, self.of(operand, value, depth + 1)?),
                "dependentSchemas" | "dependencies" => self.each(&mut cost, 1, operand, value, depth)?,
                // Looks into its neighbours once more.
                "unevaluatedProperties" | "unevaluatedItems" => {
                    again = 2;
                    self.children(&mut cost, 1, operand, value, depth)?;
                }
                "properties" => self.named(&mut cost, operand, value, depth)?,
                "patternProperties" => {
                    for schema in parts(operand) {
                        self.children(&mut cost, 1, schema, value, depth)?;
                    }
                }
                "items" | "prefixItems" if operand.is_array() => {
                    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                    for (schema, item) in parts(operand).zip(items) {
                        cost.add(1, self.of(schema, item, depth + 1)?);
                    }
                }
                "items" | "additionalItems" | "additionalProperties" => {
                    self.children(&mut cost, 1, operand, value, depth)?;
                }
                "contains" => self.children(&mut cost, 2, operand, value, depth)?,
                "propertyNames" => {
                    const NAME: &Value = &Value::Null;
                    let names = value.as_object().map_or(0, Map::len) as u64;
                    cost.add(names, self.of(operand, NAME, depth + 1)?);
                }
                // They look at the value alone, or do nothing.
                _ => {}
            }
        }
        cost.steps = cost.steps.saturating_mul(again);
        if cost.depth > MAX_DEPTH {
            return Err(SchemaWork::TooDeep);
        }
        self.seen.insert(pair, cost);
        Ok(cost)
    }

    /// Schemas that are applied to the value itself.
    fn each(
        &mut self,
        cost: &mut Cost,
        times: u64,
        schemas: &'a Value,
        value: &Value,
        depth: u32,
    ) -> Result<(), SchemaWork> {
        for schema in parts(schemas) {
            cost.add(times, self.of(schema, value, depth + 1)?);
        }
        Ok(())
    }

    /// A schema that is applied to everything in the value.
    fn children(
        &mut self,
        cost: &mut Cost,
        times: u64,
        schema: &'a Value,
        value: &Value,
        depth: u32,
    ) -> Result<(), SchemaWork> {
        for child in parts(value) {
            cost.add(times, self.of(schema, child, depth + 1)?);
        }
        Ok(())
    }

    /// Schemas that are applied to what has their name.
    fn named(
        &mut self,
        cost: &mut Cost,
        schemas: &'a Value,
        value: &Value,
        depth: u32,
    ) -> Result<(), SchemaWork> {
        for (name, schema) in schemas.as_object().into_iter().flatten() {
            cost.steps = cost.steps.saturating_add(1);
            if let Some(child) = value.get(name) {
                cost.add(1, self.of(schema, child, depth + 1)?);
            }
        }
        Ok(())
    }

    fn target(&self, reference: &Value) -> Result<&'a Value, SchemaWork> {
        let text = reference.as_str().unwrap_or_default();
        let unknown = || SchemaWork::Unknown(format!("the reference `{text}`"));
        let pointer = text.strip_prefix('#').ok_or_else(unknown)?;
        self.root.pointer(pointer).ok_or_else(unknown)
    }
}

/// What is in a list or a map.
fn parts(value: &Value) -> impl Iterator<Item = &Value> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().chain(value.as_object().into_iter().flat_map(Map::values))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{SchemaWork, check_schema_work};

    /// `levels` definitions of which each is made by `link` from the reference to the next.
    fn levels(levels: usize, link: impl Fn(Value) -> Value) -> Value {
        let mut definitions: Map<String, Value> = (0..levels)
            .map(|level| (format!("a{level}"), link(json!({ "$ref": format!("#/$defs/a{}", level + 1) }))))
            .collect();
        definitions.insert(format!("a{levels}"), json!({}));
        json!({ "$ref": "#/$defs/a0", "$defs": definitions })
    }

    /// A list in a list in a list.
    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!([]), |inner, _| json!([inner]))
    }

    #[test]
    fn honest_schemas_are_cheap() {
        let tree = json!({
            "type": "object",
            "properties": {
                "left": { "$ref": "#" }, "right": { "$ref": "#" },
                "rule": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/rule" }] },
            },
            "additionalProperties": false,
            "$defs": { "rule": { "type": "object", "propertyNames": { "maxLength": 9 } } },
        });
        let value =
            json!({ "left": { "left": {}, "right": { "rule": "x" } }, "right": { "rule": { "a": 1 } } });
        assert_eq!(check_schema_work(&tree, &value), Ok(()));
        assert_eq!(check_schema_work(&json!(true), &value), Ok(()));
        let words: Vec<Value> = (0..10_000).map(|_| json!("word")).collect();
        let list = json!({ "items": { "type": "string", "enum": ["word"], "maxLength": 9 } });
        assert_eq!(check_schema_work(&list, &json!(words)), Ok(()));
    }

    #[test]
    fn what_would_double_at_every_step_is_too_much() {
        let twice = |key: &'static str| move |next: Value| json!({ key: [next.clone(), next] });
        let table = [
            levels(40, twice("allOf")),
            levels(40, twice("anyOf")),
            levels(40, twice("oneOf")),
            levels(40, |next| json!({ "not": next })),
            levels(40, |next| json!({ "dependentSchemas": { "a": next.clone(), "b": next } })),
            levels(40, |next| json!({ "allOf": [next], "unevaluatedProperties": false })),
        ];
        assert_eq!(
            table.map(|schema| check_schema_work(&schema, &json!({}))),
            [const { Err(SchemaWork::TooMuch) }; 6]
        );
    }

    /// The value decides how often a schema that refers to itself is applied.
    #[test]
    fn what_doubles_with_the_depth_of_the_value_is_too_much_for_a_deep_one() {
        let schema = json!({ "allOf": [{ "items": { "$ref": "#" } }, { "items": { "$ref": "#" } }] });
        assert_eq!(check_schema_work(&schema, &nested(10)), Ok(()));
        assert_eq!(check_schema_work(&schema, &nested(40)), Err(SchemaWork::TooMuch));
    }

    #[test]
    fn a_long_chain_is_too_deep_wherever_one_begins_to_count() {
        let chain = levels(400, |next| json!({ "allOf": [next] }));
        assert_eq!(check_schema_work(&chain, &json!({})), Err(SchemaWork::TooDeep));
        let ends: Vec<Value> =
            (0..400).rev().map(|level| json!({ "$ref": format!("#/$defs/a{level}") })).collect();
        let from_the_end = json!({ "allOf": ends, "$defs": chain["$defs"] });
        assert_eq!(check_schema_work(&from_the_end, &json!({})), Err(SchemaWork::TooDeep));
    }

    #[test]
    fn circles_are_walked_once() {
        let circle = json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } } });
        assert_eq!(check_schema_work(&circle, &json!({})), Ok(()));
        assert_eq!(check_schema_work(&json!({ "allOf": [{ "$ref": "#" }] }), &json!({})), Ok(()));
    }

    #[test]
    fn references_that_nobody_can_count_are_refused() {
        let elsewhere = json!({ "$ref": "other.json" });
        let named = json!({ "allOf": [{ "$id": "inner", "type": "object" }] });
        assert_eq!(
            [elsewhere, named].map(|schema| check_schema_work(&schema, &json!({})).unwrap_err().to_string()),
            [
                "it uses the reference `other.json`, and only references of the form `#/…` are followed",
                "it uses `$id` within itself, and only references of the form `#/…` are followed",
            ]
        );
    }
}
