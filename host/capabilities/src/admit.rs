//! The only maker of grants that count.

use serde::Serialize;
use serde_json::Value;

use crate::{
    Capability, GrantError, Limits, Requested, RequestedLimits, docker::Privilege, network::NetworkRule,
};

/// The operator's ceiling: what any pipeline on this machine may be granted at most.
///
/// Without a policy file there is no ceiling: the pipeline's author is trusted, its plugins are not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    ceiling: Option<Requested>,
    limits: RequestedLimits,
}

/// A policy file that cannot be used. A broken policy stops everything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy is not usable")]
pub struct PolicyError {
    /// Everything that is wrong with it; the pointers start at the top of the file.
    pub problems: Vec<GrantError>,
}

impl Policy {
    /// The policy of a machine whose operator wrote none.
    #[must_use]
    pub fn unrestricted() -> Self {
        Self::default()
    }

    /// Reads a policy: `{ version: 1, grants: {…}, limits: {…} }`, where `grants` is written as in a pipeline.
    ///
    /// # Errors
    ///
    /// Every problem at once. An unknown key is one: a rule that nobody enforces must not look like a rule.
    pub fn parse(file: &Value) -> Result<Self, PolicyError> {
        let Value::Object(keys) = file else {
            let problem = GrantError::new("", "a policy must be a map").help(
                "for example `{ version: 1, grants: { env: [LANG] } }`; to allow nothing, `{ version: 1, grants: {} }`",
            );
            return Err(PolicyError { problems: vec![problem] });
        };
        let mut policy = Self::default();
        let mut problems = Vec::new();
        let mut version = None;
        for (key, value) in keys {
            let outcome = match key.as_str() {
                "version" => {
                    version = value.as_u64();
                    Ok(())
                }
                "grants" if !value.is_object() => {
                    Err(vec![GrantError::new("", "`grants` must be a map").help(
                        "in a policy, empty `grants` allow nothing, and without `grants` there is no ceiling",
                    )])
                }
                "grants" => Requested::parse(value).map(|grants| policy.ceiling = Some(grants)),
                "limits" => RequestedLimits::parse(value).map(|limits| policy.limits = limits),
                other => Err(vec![
                    GrantError::new("", format!("unknown key `{other}`"))
                        .help("known: version, grants, limits"),
                ]),
            };
            if let Err(found) = outcome {
                problems.extend(
                    found
                        .into_iter()
                        .map(|error| GrantError { pointer: format!("/{key}{}", error.pointer), ..error }),
                );
            }
        }
        if version != Some(1) {
            problems.push(GrantError::new("/version", "a policy starts with `version: 1`"));
        }
        if problems.is_empty() { Ok(policy) } else { Err(PolicyError { problems }) }
    }

    /// `limits`, each no more than the ceiling.
    #[must_use]
    pub fn cap(&self, limits: Limits) -> Limits {
        let ceiling = &self.limits;
        Limits {
            memory: ceiling.memory.map_or(limits.memory, |most| limits.memory.min(most)),
            time_ms: ceiling.time_ms.map_or(limits.time_ms, |most| limits.time_ms.min(most)),
            fuel: match (limits.fuel, ceiling.fuel) {
                (Some(own), Some(most)) => Some(own.min(most)),
                (own, most) => own.or(most),
            },
            output: ceiling.output.map_or(limits.output, |most| limits.output.min(most)),
            calls: ceiling.calls.map_or(limits.calls, |most| limits.calls.min(most)),
        }
    }
}

/// A grant that somebody asked for and does not get, with the rule that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The capability that was asked for.
    pub capability: Capability,
    /// What was asked, e.g. `GET http://10.0.0.5/x`.
    pub request: String,
    /// Why it is refused: a lower-case fragment, for the operator and never for the guest.
    pub message: String,
    /// A grant to paste that would allow just this, if one can be given.
    pub grant: Option<String>,
}

/// What a step may do. Made by [`admit`] only, and never read back from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct GrantSet(Requested);

impl GrantSet {
    /// The rules, for asking whether they cover something.
    #[must_use]
    pub fn rules(&self) -> &Requested {
        &self.0
    }

    /// The same with fewer rules: what is left once it is known which of them apply.
    ///
    /// # Errors
    ///
    /// Every rule of `fewer` that reaches beyond this set. Nothing can be added this way.
    pub fn narrow(&self, fewer: Requested) -> Result<Self, Vec<GrantError>> {
        let beyond = self.0.beyond(&fewer);
        if beyond.is_empty() { Ok(Self(fewer)) } else { Err(beyond) }
    }

    /// A set that grants nothing: for `describe`, and for steps without grants.
    #[must_use]
    pub fn none() -> Self {
        Self(Requested::default())
    }
}

/// Holds `requested` against the operator's `policy`.
///
/// # Errors
///
/// One refusal for each rule that reaches beyond the ceiling. Nothing is cut down silently: a pipeline that would run
/// with less than it asks for is refused instead.
pub fn admit(requested: Requested, policy: &Policy) -> Result<GrantSet, Vec<Refusal>> {
    let Some(ceiling) = &policy.ceiling else {
        // Without a ceiling the pipeline's author is trusted with all but what makes a container its machine.
        let refusals: Vec<Refusal> = requested.docker.allow.iter().map(unspoken).collect();
        return if refusals.is_empty() { Ok(GrantSet(requested)) } else { Err(refusals) };
    };
    let refusals: Vec<Refusal> = ceiling
        .beyond(&requested)
        .into_iter()
        .map(|error| Refusal {
            capability: capability_of(&error.pointer, &requested, ceiling),
            request: error.message.clone(),
            message: "the operator's policy does not allow it".to_owned(),
            grant: None,
        })
        .collect();
    if refusals.is_empty() { Ok(GrantSet(requested)) } else { Err(refusals) }
}

/// A privilege that only a policy can give, where there is none.
fn unspoken(privilege: &Privilege) -> Refusal {
    Refusal {
        capability: Capability::Docker,
        request: format!("the Docker privilege `{privilege}`"),
        message: format!(
            "only the operator's policy can allow it, and none is in force that names grants; write one \
             (`{{ version: 1, grants: {{ docker: {{ verbs: [container.create], …, allow: [\"{privilege}\"] }} }} }}`) and name it with \
             `--policy`"
        ),
        grant: None,
    }
}

/// What the rule at `pointer` of `requested` would give that `ceiling` does not.
fn capability_of(pointer: &str, requested: &Requested, ceiling: &Requested) -> Capability {
    let mut parts = pointer.split('/').skip(1);
    let key = parts.next().unwrap_or_default();
    let index = parts.next().and_then(|index| index.parse().ok()).unwrap_or(usize::MAX);
    match key {
        "network" if requested.network.rules().nth(index).is_some_and(NetworkRule::is_tcp) => Capability::Tcp,
        "network" => Capability::Http,
        "filesystem" => Capability::Files,
        "env" => Capability::Env,
        // Where it may be used, it is the bytes that are too much.
        "secrets"
            if requested
                .secrets
                .iter()
                .nth(index)
                .is_some_and(|secret| ceiling.secrets.covers(&secret.name)) =>
        {
            Capability::Reveal
        }
        "secrets" => Capability::Secrets,
        "docker" => Capability::Docker,
        "git" => Capability::Git,
        "command" => Capability::Command,
        _ => unreachable!("`Requested::beyond` points into one of its lists"),
    }
}
