//! One object of Caddy's config, and the same object with other upstreams.
//!
//! Two shapes are understood: an upstream (`{"dial": …}`), which takes one address, and a `reverse_proxy`
//! handler, which takes several. Shares are said the way the handler already balances: with
//! `weighted_round_robin` as its weights, with `round_robin` or `random` by naming an address more than once.
//! Everything else in the object stays as it is. A handler with an empty list sends traffic nowhere: so it stands
//! before the first deployment.

use runner_plugin::{Failure, Upstream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Most entries that repeating may make: a share finer than 1 % needs weights.
const REPEATED: u32 = 100;

/// One object of Caddy's config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Object(Map<String, Value>);

impl Object {
    /// Takes an object that traffic can be moved with.
    pub(crate) fn parse(value: Value, id: &str) -> Result<Self, Failure> {
        let not = |why: &str| {
            Failure::invalid_config(format!("traffic cannot be moved with the object `{id}`: {why}"))
        };
        let Value::Object(mut object) = value else { return Err(not("it is not a JSON object")) };
        // Whether Caddy shows the id or not, it is no part of the state.
        object.remove("@id");
        let object = Self(object);
        if object.is_upstream() {
            return Ok(object);
        }
        if object.0.get("handler").and_then(Value::as_str) != Some("reverse_proxy") {
            return Err(not("it is neither a `reverse_proxy` handler nor an upstream"));
        }
        if object.0.contains_key("dynamic_upstreams") {
            return Err(not("its upstreams are dynamic"));
        }
        let upstreams = object.list().ok_or_else(|| not("its `upstreams` are missing"))?;
        if upstreams.iter().any(|upstream| dial(upstream).is_none()) {
            return Err(not("its `upstreams` are not all addresses (`dial`)"));
        }
        Ok(object)
    }

    /// The object as it is written: with its id, which Caddy would forget otherwise.
    pub(crate) fn with_id(&self, id: &str) -> Value {
        let mut object = Map::from_iter([("@id".to_owned(), Value::from(id))]);
        object.extend(self.0.clone());
        Value::Object(object)
    }

    fn is_upstream(&self) -> bool {
        self.0.get("dial").is_some_and(Value::is_string) && !self.0.contains_key("handler")
    }

    fn list(&self) -> Option<&Vec<Value>> {
        self.0.get("upstreams")?.as_array()
    }

    fn policy(&self) -> Option<&str> {
        self.0.get("load_balancing")?.get("selection_policy")?.get("policy")?.as_str()
    }

    fn weights(&self) -> Option<Vec<u32>> {
        if self.policy() != Some("weighted_round_robin") {
            return None;
        }
        let weights = self.0.get("load_balancing")?.get("selection_policy")?.get("weights")?.as_array()?;
        weights.iter().map(|weight| weight.as_u64()?.try_into().ok()).collect()
    }

    /// Where its traffic goes.
    pub(crate) fn upstreams(&self) -> Vec<Upstream> {
        if self.is_upstream() {
            let address = self.0.get("dial").and_then(Value::as_str).unwrap_or_default();
            return vec![Upstream { address: address.to_owned(), weight: 1 }];
        }
        let weights = self.weights().unwrap_or_default();
        let mut upstreams: Vec<Upstream> = Vec::new();
        for (index, address) in self.list().into_iter().flatten().filter_map(dial).enumerate() {
            // Caddy, too, takes 1 for a weight that is missing.
            let weight = weights.get(index).copied().unwrap_or(1);
            match upstreams.iter_mut().find(|upstream| upstream.address == address) {
                Some(upstream) => upstream.weight = upstream.weight.saturating_add(weight),
                None => upstreams.push(Upstream { address: address.to_owned(), weight }),
            }
        }
        upstreams
    }

    /// The same object with its traffic elsewhere.
    pub(crate) fn moved_to(&self, wanted: &[Upstream]) -> Result<Self, Failure> {
        let mut object = self.clone();
        if self.is_upstream() {
            let [only] = wanted else {
                return Err(Failure::invalid_config(
                    "an upstream takes one address; name its `reverse_proxy` handler as `object` to share traffic",
                ));
            };
            object.0.insert("dial".to_owned(), only.address.as_str().into());
            return Ok(object);
        }
        let weighted = self.policy() == Some("weighted_round_robin");
        let counts = if weighted { vec![1; wanted.len()] } else { self.repetitions(wanted)? };
        let mut list = Vec::new();
        for (upstream, count) in wanted.iter().zip(counts) {
            let entry = self.entry(&upstream.address);
            for copy in 0..count {
                let mut entry = entry.clone();
                if copy > 0
                    && let Some(entry) = entry.as_object_mut()
                {
                    // An id can be given only once.
                    entry.remove("@id");
                }
                list.push(entry);
            }
        }
        object.0.insert("upstreams".to_owned(), list.into());
        if weighted {
            let weights: Vec<u32> = wanted.iter().map(|upstream| upstream.weight).collect();
            object.0["load_balancing"]["selection_policy"]["weights"] = weights.into();
        }
        Ok(object)
    }

    /// An entry for an address: the one there is, with all its settings, or a new one.
    fn entry(&self, address: &str) -> Value {
        let known = self.list().and_then(|list| list.iter().find(|upstream| dial(upstream) == Some(address)));
        known.cloned().unwrap_or_else(|| json!({ "dial": address }))
    }

    /// How often each address is named, for the shares to come out.
    fn repetitions(&self, wanted: &[Upstream]) -> Result<Vec<u32>, Failure> {
        let divisor =
            wanted.iter().fold(0, |divisor, upstream| greatest_common_divisor(divisor, upstream.weight));
        let counts: Vec<u32> = wanted.iter().map(|upstream| upstream.weight / divisor.max(1)).collect();
        if counts.iter().all(|&count| count == 1) {
            return Ok(counts);
        }
        match self.policy() {
            None | Some("random" | "round_robin") => {}
            Some(policy) => {
                return Err(Failure::invalid_config(format!(
                    "`{policy}` knows no shares; balance with `round_robin` or `weighted_round_robin`"
                )));
            }
        }
        if counts.iter().map(|&count| u64::from(count)).sum::<u64>() > u64::from(REPEATED) {
            return Err(Failure::invalid_config(format!(
                "these weights need more than {REPEATED} entries; balance with \
                 `weighted_round_robin`, or take rounder ones"
            )));
        }
        Ok(counts)
    }
}

fn dial(upstream: &Value) -> Option<&str> {
    upstream.get("dial")?.as_str()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Upstreams as a person reads them: `` `a:1` `` or `` `a:1` (90 %) and `b:1` (10 %) ``.
pub(crate) fn described(upstreams: &[Upstream]) -> String {
    match upstreams {
        [] => return "nobody".to_owned(),
        [only] => return format!("`{}`", only.address),
        [_, _, ..] => {}
    }
    let sum: u64 = upstreams.iter().map(|upstream| u64::from(upstream.weight)).sum();
    let share = |weight: u32| (u64::from(weight) * 100 + sum / 2) / sum.max(1);
    let parts: Vec<String> = upstreams
        .iter()
        .map(|upstream| format!("`{}` ({} %)", upstream.address, share(upstream.weight)))
        .collect();
    parts.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Object {
        Object::parse(value, "x").unwrap()
    }

    fn upstream(address: &str, weight: u32) -> Upstream {
        Upstream { address: address.to_owned(), weight }
    }

    fn refused(value: Value) -> String {
        Object::parse(value, "x").unwrap_err().message
    }

    #[test]
    fn an_upstream_takes_one_address_and_keeps_its_settings() {
        let blue = object(json!({ "@id": "x", "dial": "blue:1", "max_requests": 7 }));

        assert_eq!(blue.upstreams(), [upstream("blue:1", 1)]);
        assert_eq!(
            blue.moved_to(&[upstream("green:1", 5)]),
            Ok(object(json!({ "dial": "green:1", "max_requests": 7 }))),
        );
        assert_eq!(
            blue.moved_to(&[upstream("a:1", 1), upstream("b:1", 1)]),
            Err(Failure::invalid_config(
                "an upstream takes one address; name its `reverse_proxy` handler as `object` to share traffic"
            )),
        );
    }

    #[test]
    fn a_handler_without_upstreams_sends_traffic_nowhere_and_takes_the_first() {
        let bare = object(json!({ "handler": "reverse_proxy", "upstreams": [] }));

        assert_eq!((bare.upstreams(), described(&bare.upstreams())), (Vec::new(), "nobody".to_owned()));
        assert_eq!(
            bare.moved_to(&[upstream("blue:1", 1)]),
            Ok(object(json!({ "handler": "reverse_proxy", "upstreams": [{ "dial": "blue:1" }] }))),
        );
    }

    #[test]
    fn a_handler_repeats_addresses_in_lowest_terms() {
        let blue = object(json!({
            "handler": "reverse_proxy",
            "upstreams": [{ "@id": "b", "dial": "blue:1", "max_requests": 7 }],
            "headers": {},
        }));

        let canary = blue.moved_to(&[upstream("blue:1", 20), upstream("green:1", 10)]).unwrap();

        assert_eq!(
            canary,
            object(json!({
                "handler": "reverse_proxy",
                "upstreams": [
                    { "@id": "b", "dial": "blue:1", "max_requests": 7 },
                    { "dial": "blue:1", "max_requests": 7 },
                    { "dial": "green:1" },
                ],
                "headers": {},
            })),
        );
        assert_eq!(canary.upstreams(), [upstream("blue:1", 2), upstream("green:1", 1)]);
    }

    #[test]
    fn a_handler_that_has_weights_gets_weights() {
        let policy = |weights: Value| json!({ "selection_policy": { "policy": "weighted_round_robin", "weights": weights } });
        let blue = object(json!({
            "handler": "reverse_proxy", "upstreams": [{ "dial": "blue:1" }], "load_balancing": policy(json!([1])),
        }));

        let canary = blue.moved_to(&[upstream("blue:1", 90), upstream("green:1", 10)]).unwrap();

        assert_eq!(
            canary,
            object(json!({
                "handler": "reverse_proxy",
                "upstreams": [{ "dial": "blue:1" }, { "dial": "green:1" }],
                "load_balancing": policy(json!([90, 10])),
            })),
        );
        assert_eq!(canary.upstreams(), [upstream("blue:1", 90), upstream("green:1", 10)]);
    }

    #[test]
    fn shares_that_the_handler_cannot_make_are_refused() {
        let with = |policy: &str| {
            object(json!({
                "handler": "reverse_proxy",
                "upstreams": [{ "dial": "blue:1" }],
                "load_balancing": { "selection_policy": { "policy": policy } },
            }))
        };
        let shares = |a, b| [upstream("blue:1", a), upstream("green:1", b)];

        assert_eq!(
            with("least_conn").moved_to(&shares(9, 1)),
            Err(Failure::invalid_config(
                "`least_conn` knows no shares; balance with `round_robin` or `weighted_round_robin`"
            )),
        );
        assert_eq!(
            with("round_robin").moved_to(&shares(100, 1)),
            Err(Failure::invalid_config(
                "these weights need more than 100 entries; balance with `weighted_round_robin`, or take rounder ones"
            )),
        );
        assert_eq!(with("least_conn").moved_to(&shares(3, 3)).unwrap().upstreams(), shares(1, 1));
    }

    #[test]
    fn what_traffic_cannot_be_moved_with_is_refused() {
        let cannot = |why: &str| format!("traffic cannot be moved with the object `x`: {why}");

        assert_eq!(refused(json!([])), cannot("it is not a JSON object"));
        assert_eq!(
            refused(json!({ "handler": "file_server" })),
            cannot("it is neither a `reverse_proxy` handler nor an upstream")
        );
        assert_eq!(refused(json!({ "handler": "reverse_proxy" })), cannot("its `upstreams` are missing"));
        assert_eq!(
            refused(json!({ "handler": "reverse_proxy", "upstreams": [{ "lookup_srv": "x" }] })),
            cannot("its `upstreams` are not all addresses (`dial`)")
        );
        assert_eq!(
            refused(json!({ "handler": "reverse_proxy", "dynamic_upstreams": {}, "upstreams": [] })),
            cannot("its upstreams are dynamic")
        );
    }

    #[test]
    fn shares_are_described_in_percent() {
        assert_eq!(described(&[upstream("a:1", 3)]), "`a:1`");
        assert_eq!(described(&[upstream("a:1", 9), upstream("b:1", 1)]), "`a:1` (90 %) and `b:1` (10 %)");
    }

    #[test]
    fn the_id_is_written_and_is_no_part_of_the_state() {
        let with = object(json!({ "dial": "blue:1", "@id": "x" }));

        assert_eq!(with, object(json!({ "dial": "blue:1" })));
        assert_eq!(with.with_id("x"), json!({ "@id": "x", "dial": "blue:1" }));
    }
}
