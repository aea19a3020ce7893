//! Targets: the machines that steps work on, and the two places of a service on each.
//!
//! Which slot is *active* is what the proxy says, asked once before the run's first step. From that answer follows an
//! [`Assignment`], which holds for the whole run: nothing that happens later changes what `target.active` means.

use std::fmt;

use runner_capabilities::{Machine, Requested};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::StepIndex;
use crate::TargetName;

/// A machine, with the slots of the service on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// How it is reached.
    pub machine: Machine,
    /// The places of the service, in the order of the file; two or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<Slot>,
    /// The step that asks the proxy which slot is active, before all others; there are slots if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer: Option<StepIndex>,
}

/// One place of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// What the pipeline calls it.
    pub name: String,
    /// Name of its container.
    pub container: String,
    /// Where it is reached, as the proxy names it: `host:port`.
    pub address: String,
    /// The port of `address`.
    pub port: u16,
}

/// One place traffic goes to, as the proxy says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Its address.
    pub address: String,
    /// Its share of the traffic; 0 gets nothing.
    pub weight: u32,
}

/// Which slot gets the traffic, and which is free for what is new.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Assignment {
    /// The slot that gets the traffic; none before the first deployment.
    pub active: Option<String>,
    /// The other one; the first in the order of the file if none is active.
    pub candidate: String,
}

/// What a step is granted if this slot is active: less than the step's grants, which hold for every case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Narrowed {
    /// The slot that is active; none before the first deployment.
    pub active: Option<String>,
    /// What the step may do then.
    pub grants: Requested,
}

/// Why the answer of a proxy does not say which slot is active.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unassigned {
    /// Traffic goes somewhere that is no slot.
    #[error("the proxy sends traffic to {}, which is no slot: {}", listed(.foreign), listed(.slots))]
    Foreign {
        /// Where it goes.
        foreign: Vec<String>,
        /// The slots with their addresses.
        slots: Vec<String>,
    },
    /// Traffic goes to both.
    #[error("the proxy shares the traffic between both slots, {}: none of them is free", listed(.slots))]
    Both {
        /// The slots with their addresses.
        slots: Vec<String>,
    },
    /// There is no list of upstreams.
    #[error("the proxy's answer holds no list of upstreams")]
    Unreadable,
}

/// Addresses that are named; the rest is counted.
const SHOWN: usize = 8;

fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.address)
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.active {
            Some(active) => write!(f, "{active} is active, {} is the candidate", self.candidate),
            None => write!(f, "no slot is active yet, {} is the candidate", self.candidate),
        }
    }
}

impl Assignment {
    /// What the step that observed it shows beside the proxy's own answer.
    #[must_use]
    pub fn outputs(&self) -> [(String, Value); 2] {
        [("active".to_owned(), json!(self.active)), ("candidate".to_owned(), json!(self.candidate))]
    }
}

impl Target {
    /// The slot of this name.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.name == name)
    }

    /// Every way in which the slots can be assigned: none active, then each of them. Empty without slots.
    #[must_use]
    pub fn assignments(&self) -> Vec<Assignment> {
        let active = self.slots.iter().map(|slot| Some(slot.name.clone()));
        std::iter::once(None).chain(active).filter_map(|active| self.with_active(active)).collect()
    }

    fn with_active(&self, active: Option<String>) -> Option<Assignment> {
        let free = self.slots.iter().find(|slot| Some(&slot.name) != active.as_ref())?;
        Some(Assignment { active, candidate: free.name.clone() })
    }

    /// Which slot is active if traffic goes to `upstreams`.
    ///
    /// # Errors
    ///
    /// Traffic goes to something that is no slot, or to both of them.
    pub fn assign(&self, upstreams: &[Upstream]) -> Result<Assignment, Unassigned> {
        let mut active: Vec<&Slot> = Vec::new();
        let mut foreign: Vec<String> = Vec::new();
        for upstream in upstreams.iter().filter(|upstream| upstream.weight > 0) {
            match self.slots.iter().find(|slot| slot.address.eq_ignore_ascii_case(&upstream.address)) {
                Some(slot) if !active.contains(&slot) => active.push(slot),
                None if !foreign.contains(&upstream.address) => foreign.push(upstream.address.clone()),
                Some(_) | None => {}
            }
        }
        let slots = || self.slots.iter().map(ToString::to_string).collect();
        if !foreign.is_empty() {
            return Err(Unassigned::Foreign { foreign, slots: slots() });
        }
        let assigned = match active.as_slice() {
            [] => self.with_active(None),
            [only] => self.with_active(Some(only.name.clone())),
            [..] => None,
        };
        assigned.ok_or_else(|| Unassigned::Both { slots: slots() })
    }

    /// The same from the outputs of the step that asked.
    ///
    /// # Errors
    ///
    /// As for [`Target::assign`], or there are no `upstreams` among them.
    pub fn assign_outputs(&self, outputs: &Map<String, Value>) -> Result<Assignment, Unassigned> {
        let upstreams = outputs.get("upstreams").ok_or(Unassigned::Unreadable)?;
        let upstreams: Vec<Upstream> =
            Vec::deserialize(upstreams).map_err(|_unreadable| Unassigned::Unreadable)?;
        self.assign(&upstreams)
    }

    /// What expressions see as `target`. Without an assignment nothing is known of `active` and `candidate`.
    #[must_use]
    pub fn value(&self, name: &TargetName, assignment: Option<&Assignment>) -> Value {
        let slot = |slot: &Slot| {
            json!({
                "slot": slot.name,
                "container": slot.container,
                "port": slot.port,
                "address": slot.address,
            })
        };
        let named = |name: Option<&String>| name.and_then(|name| self.slot(name)).map_or(Value::Null, slot);
        let active = named(assignment.and_then(|assignment| assignment.active.as_ref()));
        let slots: Map<String, Value> =
            self.slots.iter().map(|each| (each.name.clone(), slot(each))).collect();
        json!({
            "name": name,
            "workdir": self.machine.workdir,
            "slots": slots,
            "active": active,
            "candidate": named(assignment.map(|assignment| &assignment.candidate)),
            "previous": active,
        })
    }
}

#[cfg(test)]
mod tests {
    use runner_capabilities::Machine;
    use serde_json::json;

    use super::{Assignment, Slot, Target, Unassigned, Upstream};
    use crate::TargetName;

    fn slot(name: &str, port: u16) -> Slot {
        Slot {
            name: name.to_owned(),
            container: format!("api-{name}"),
            address: format!("127.0.0.1:{port}"),
            port,
        }
    }

    /// The first in the file is not the first in the alphabet.
    fn target() -> Target {
        Target {
            machine: Machine::default(),
            slots: vec![slot("green", 8001), slot("blue", 8000)],
            observer: None,
        }
    }

    fn assigned(upstreams: &[(&str, u32)]) -> Result<String, String> {
        let upstreams: Vec<Upstream> = upstreams
            .iter()
            .map(|(address, weight)| Upstream { address: (*address).to_owned(), weight: *weight })
            .collect();
        target().assign(&upstreams).map(|found| found.to_string()).map_err(|why| why.to_string())
    }

    #[test]
    fn the_active_slot_is_what_the_proxy_says() {
        let table = [
            (assigned(&[("127.0.0.1:8000", 1)]), Ok("blue is active, green is the candidate")),
            (
                assigned(&[("127.0.0.1:8001", 7), ("127.0.0.1:8001", 1)]),
                Ok("green is active, blue is the candidate"),
            ),
            (
                assigned(&[("127.0.0.1:8000", 0), ("127.0.0.1:8001", 1)]),
                Ok("green is active, blue is the candidate"),
            ),
            (assigned(&[]), Ok("no slot is active yet, green is the candidate")),
            (
                assigned(&[("127.0.0.1:8000", 0), ("10.0.0.9:1", 0)]),
                Ok("no slot is active yet, green is the candidate"),
            ),
            (
                assigned(&[("127.0.0.1:8000", 1), ("10.0.0.9:80", 1), ("10.0.0.9:80", 2)]),
                Err(
                    "the proxy sends traffic to `10.0.0.9:80`, which is no slot: `green at 127.0.0.1:8001`, `blue at 127.0.0.1:8000`",
                ),
            ),
            (
                assigned(&[("127.0.0.1:8000", 9), ("127.0.0.1:8001", 1)]),
                Err(
                    "the proxy shares the traffic between both slots, `green at 127.0.0.1:8001`, `blue at 127.0.0.1:8000`: none of them is free",
                ),
            ),
        ];
        let expected = table.clone().map(|(_, expected)| expected.map(str::to_owned).map_err(str::to_owned));
        assert_eq!(table.map(|(found, _)| found), expected);
    }

    #[test]
    fn many_strange_addresses_are_counted() {
        let upstreams: Vec<Upstream> =
            (0..11).map(|port| Upstream { address: format!("10.0.0.1:{port}"), weight: 1 }).collect();
        let why = target().assign(&upstreams).unwrap_err().to_string();
        assert!(why.contains("`10.0.0.1:7` and 3 more, which is no slot"), "{why}");
    }

    #[test]
    fn outputs_without_a_list_of_upstreams_say_nothing() {
        let read = |outputs: serde_json::Value| target().assign_outputs(outputs.as_object().unwrap());
        let blue = Assignment { active: Some("blue".to_owned()), candidate: "green".to_owned() };
        assert_eq!(read(json!({ "upstreams": [{ "address": "127.0.0.1:8000", "weight": 1 }] })), Ok(blue));
        assert_eq!(
            [json!({}), json!({ "upstreams": "blue" }), json!({ "upstreams": [{ "address": 1 }] })].map(read),
            [(); 3].map(|()| Err(Unassigned::Unreadable))
        );
    }

    #[test]
    fn expressions_see_the_slots_and_what_was_observed() {
        let slot = |name: &str, port: u16| json!({ "slot": name, "container": format!("api-{name}"), "port": port, "address": format!("127.0.0.1:{port}") });
        let (blue, green) = (slot("blue", 8000), slot("green", 8001));
        let mut target = target();
        target.machine.workdir = Some("/opt/l9".to_owned());
        let seen = |assignment: Option<&Assignment>| target.value(&TargetName::new("vps"), assignment);
        let [first, _, second] = target.assignments().try_into().unwrap();
        let slots = json!({ "blue": blue, "green": green });
        let expected = |active: &serde_json::Value, candidate: &serde_json::Value| json!({ "name": "vps", "workdir": "/opt/l9", "slots": slots, "active": active, "candidate": candidate, "previous": active });
        let nothing = json!(null);
        assert_eq!(seen(Some(&second)), expected(&blue, &green));
        assert_eq!(seen(Some(&first)), expected(&nothing, &green));
        assert_eq!(seen(None), expected(&nothing, &nothing));
    }
}
