//! The rules of a `grants` block one by one, and how often each of them was used.
//!
//! A rule is named by its kind and by the text its author wrote, so that whoever reads a ledger finds it in the file. No
//! rule is ever judged by that text: that is what the typed grants are for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Requested;

/// Which list of a `grants` block a rule stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RuleKind {
    /// `network`.
    #[serde(rename = "network")]
    Network,
    /// `filesystem.read`.
    #[serde(rename = "filesystem.read")]
    Read,
    /// `filesystem.write`.
    #[serde(rename = "filesystem.write")]
    Write,
    /// `env`.
    #[serde(rename = "env")]
    Env,
    /// `secrets`: as a handle.
    #[serde(rename = "secrets")]
    Secret,
    /// `secrets` with `reveal: true`: the bytes.
    #[serde(rename = "secrets.reveal")]
    Reveal,
    /// `docker.verbs`.
    #[serde(rename = "docker.verbs")]
    DockerVerb,
    /// `docker.containers`.
    #[serde(rename = "docker.containers")]
    DockerContainer,
    /// `docker.images`.
    #[serde(rename = "docker.images")]
    DockerImage,
    /// `docker.networks`.
    #[serde(rename = "docker.networks")]
    DockerNetwork,
    /// `docker.ports`.
    #[serde(rename = "docker.ports")]
    DockerPort,
    /// `docker.mounts`.
    #[serde(rename = "docker.mounts")]
    DockerMount,
    /// `docker.allow`.
    #[serde(rename = "docker.allow")]
    DockerPrivilege,
    /// `git`.
    #[serde(rename = "git")]
    Git,
    /// `command`.
    #[serde(rename = "command")]
    Command,
}

impl RuleKind {
    /// The list it stands in, as `show` names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Read => "filesystem.read",
            Self::Write => "filesystem.write",
            Self::Env => "env",
            Self::Secret => "secrets",
            Self::Reveal => "secrets.reveal",
            Self::DockerVerb => "docker.verbs",
            Self::DockerContainer => "docker.containers",
            Self::DockerImage => "docker.images",
            Self::DockerNetwork => "docker.networks",
            Self::DockerPort => "docker.ports",
            Self::DockerMount => "docker.mounts",
            Self::DockerPrivilege => "docker.allow",
            Self::Git => "git",
            Self::Command => "command",
        }
    }
}

/// One rule of a `grants` block.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Where it stands.
    pub grant: RuleKind,
    /// What it says, as its author wrote it.
    pub rule: String,
}

impl Rule {
    pub(crate) fn new(grant: RuleKind, rule: impl Into<String>) -> Self {
        Self { grant, rule: rule.into() }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.grant.as_str(), self.rule)
    }
}

/// How often a rule let a request through. Whether there was an answer is another matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Which rule: the first of the step's rules that covered the request.
    #[serde(flatten)]
    pub rule: Rule,
    /// How often.
    pub count: u64,
    /// Bytes that went out under it: on a connection inside TLS, or into files.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent: u64,
    /// Bytes that came in under it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub received: u64,
    /// When for the first time: milliseconds since 1970.
    pub first_ms: u64,
    /// When for the last time.
    pub last_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference to the field")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Use {
    /// A first use, of no bytes so far.
    #[must_use]
    pub fn first(rule: Rule, at_ms: u64) -> Self {
        Self { rule, count: 1, sent: 0, received: 0, first_ms: at_ms, last_ms: at_ms }
    }

    /// Adds what `later` counted under the same rule.
    pub fn add(&mut self, later: &Self) {
        self.count = self.count.saturating_add(later.count);
        self.sent = self.sent.saturating_add(later.sent);
        self.received = self.received.saturating_add(later.received);
        self.first_ms = self.first_ms.min(later.first_ms);
        self.last_ms = self.last_ms.max(later.last_ms);
    }

    /// Adds `later` to the use of the same rule in `uses`, or behind the others.
    pub fn add_to(uses: &mut Vec<Self>, later: Self) {
        match uses.iter_mut().find(|earlier| earlier.rule == later.rule) {
            Some(earlier) => earlier.add(&later),
            None => uses.push(later),
        }
    }
}

impl Requested {
    /// Every rule once, in the order of the block.
    #[must_use]
    pub fn each_rule(&self) -> Vec<Rule> {
        let network = self.network.rules().map(|rule| Rule::new(RuleKind::Network, rule.written()));
        let read = self.filesystem.read.iter().map(|path| Rule::new(RuleKind::Read, path.written()));
        let write = self.filesystem.write.iter().map(|path| Rule::new(RuleKind::Write, path.written()));
        let env = self.env.names().map(|name| Rule::new(RuleKind::Env, name));
        let secrets = self.secrets.iter().map(|secret| Rule::new(RuleKind::Secret, &secret.name));
        let revealed = self.secrets.iter().filter(|secret| secret.reveal);
        let reveal = revealed.map(|secret| Rule::new(RuleKind::Reveal, &secret.name));
        let mut rules = Vec::new();
        let docker = self.docker.each_rule().chain(self.git.each_rule()).chain(self.command.each_rule());
        for rule in network.chain(read).chain(write).chain(env).chain(secrets).chain(reveal).chain(docker) {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Rule, RuleKind, Use};
    use crate::Requested;

    #[test]
    fn every_rule_is_named_as_it_was_written() {
        let block = json!({
            "network": ["GET  http://Example.com:80/a", "tcp://Redis:6379", "GET http://Example.com:80/a"],
            "filesystem": { "read": ["./docker//", "a.txt"], "write": ["./"] },
            "env": ["LANG"],
            "secrets": ["plain", { "name": "open", "reveal": true }],
        });
        let rules: Vec<String> =
            Requested::parse(&block).unwrap().each_rule().iter().map(ToString::to_string).collect();
        assert_eq!(
            rules,
            [
                "network: GET http://Example.com:80/a",
                "network: tcp://Redis:6379",
                "filesystem.read: ./docker//",
                "filesystem.read: a.txt",
                "filesystem.write: ./",
                "env: LANG",
                "secrets: plain",
                "secrets: open",
                "secrets.reveal: open",
            ]
        );
    }

    /// What stands in `plan.json` names the same rules as the pipeline did.
    #[test]
    fn the_wording_survives_being_written_down() {
        let block =
            json!({ "network": ["GET http://Example.com:80/a"], "filesystem": { "read": ["./docker//"] } });
        let requested = Requested::parse(&block).unwrap();
        let again: Requested = serde_json::from_value(serde_json::to_value(&requested).unwrap()).unwrap();
        assert_eq!((again.each_rule(), &again), (requested.each_rule(), &requested));
    }

    #[test]
    fn uses_of_one_rule_add_up() {
        let of = |count, sent, first_ms, last_ms| Use {
            rule: Rule::new(RuleKind::Network, "tcp://redis:6379"),
            count,
            sent,
            received: 7,
            first_ms,
            last_ms,
        };
        let other = Use::first(Rule::new(RuleKind::Env, "LANG"), 9);
        let mut uses = vec![of(1, 10, 50, 60)];
        Use::add_to(&mut uses, other.clone());
        Use::add_to(&mut uses, of(2, u64::MAX, 20, 55));
        assert_eq!(uses, [Use { received: 14, ..of(3, u64::MAX, 20, 60) }, other]);
    }

    #[test]
    fn a_use_is_one_flat_object() {
        let mut first = Use::first(Rule::new(RuleKind::Read, "a.txt"), 9);
        first.received = 4;
        let text =
            r#"{"grant":"filesystem.read","rule":"a.txt","count":1,"received":4,"first_ms":9,"last_ms":9}"#;
        assert_eq!(serde_json::to_string(&first).unwrap(), text);
        assert_eq!(serde_json::from_str::<Use>(text).unwrap(), first);
    }
}
