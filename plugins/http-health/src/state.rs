//! What the service says it is doing.

use runner_plugin::json::shown;
use runner_plugin::text::shortened;
use runner_plugin::{Check, Failure, Health};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Where the service says what it is doing, and what that means.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Where in the JSON body, e.g. `/fsm/state`.
    #[schemars(regex(pattern = "^/.*$"))]
    pointer: String,
    /// States in which the service is well. Without them: all that are not named below.
    #[serde(default)]
    healthy: Vec<String>,
    /// States in which it serves, not as it should, e.g. `SAFE_MODE`.
    #[serde(default)]
    degraded: Vec<String>,
    /// States in which it does not serve.
    #[serde(default)]
    unhealthy: Vec<String>,
}

impl State {
    /// Whether the config makes sense.
    pub(crate) fn is_sound(&self) -> Result<(), Failure> {
        if !self.pointer.starts_with('/') {
            return Err(Failure::invalid_config("`state.pointer` starts with `/`"));
        }
        let twice = self.healthy.iter().chain(&self.degraded).find(|state| {
            let of = |list: &Vec<String>| usize::from(list.contains(state));
            of(&self.healthy) + of(&self.degraded) + of(&self.unhealthy) > 1
        });
        match twice {
            Some(state) => Err(Failure::invalid_config(format!("`{state}` stands in two lists of `state`"))),
            None => Ok(()),
        }
    }

    /// How the service is in a state that it names.
    pub(crate) fn health(&self, state: &str) -> Health {
        let among = |list: &[String]| list.iter().any(|one| one == state);
        if among(&self.unhealthy) {
            Health::Unhealthy
        } else if among(&self.degraded) {
            Health::Degraded
        } else if self.healthy.is_empty() || among(&self.healthy) {
            Health::Healthy
        } else {
            Health::Unhealthy
        }
    }

    /// The state, and the part `state`. A service that says nothing is not well (002-05).
    pub(crate) fn judge(&self, body: Option<&Value>) -> (Option<String>, Check) {
        let nothing = |why: String| (None, Check::new("state", Health::Unhealthy, why));
        let Some(body) = body else { return nothing("no state: the body is not JSON".to_owned()) };
        match body.pointer(&self.pointer) {
            None => nothing(format!("no state: `{}` is missing", self.pointer)),
            Some(Value::String(state)) if !state.trim().is_empty() => {
                let message = format!("its state is `{}`", shortened(state));
                (Some(state.clone()), Check::new("state", self.health(state), message))
            }
            Some(other) => nothing(format!("no state: `{}` is {}", self.pointer, shown(other))),
        }
    }
}
