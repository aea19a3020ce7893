//! What may be done to which containers, images and networks.

use std::{fmt, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ImagePattern, PortRule, Privilege, Reference, Verb, VerbRule,
    mount::{MountPath, MountRoot, Reach},
    verb::Family,
};
use crate::{Capability, GrantError, Refusal, Rule, RuleKind, pattern};

const EXAMPLE: &str =
    "for example `docker: { verbs: [container.inspect, container.logs], containers: [my-app-*] }`";

/// The Docker calls that may be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DockerGrant {
    /// E.g. `container.logs`; `container.*` is all verbs on containers.
    pub verbs: Vec<VerbRule>,
    /// Names of containers, with `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<NamePattern>,
    /// Names of images, with `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImagePattern>,
    /// Names of networks, with `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<NamePattern>,
    /// Where containers may publish ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortRule>,
    /// What containers may be given of the engine's machine.
    #[serde(skip_serializing_if = "Mounts::is_empty")]
    pub mounts: Mounts,
    /// What only the operator's policy can give.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Privilege>,
}

/// Directories of the engine's machine that may be mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mounts {
    /// For reading.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<MountRoot>,
    /// For reading and writing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<MountRoot>,
}

impl Mounts {
    fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty()
    }
}

/// The name of a container or network, in which `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern(String);

impl NamePattern {
    fn covers(&self, name: &str) -> bool {
        pattern::matches(&self.0, name)
    }
}

impl FromStr for NamePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_name(&text.replace('*', "x")) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a name: letters, digits, `_`, `.`, `-`, and `*` for any of them"))
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for NamePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.0
    }
}

/// Whether Docker takes `name` for a container or a network.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|sign: char| sign.is_ascii_alphanumeric())
        && name.bytes().all(|sign| sign.is_ascii_alphanumeric() || b"_.-".contains(&sign))
}

/// All that one call wants to be covered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What is to be done.
    pub verbs: Vec<Verb>,
    /// To which containers, by name.
    pub containers: Vec<String>,
    /// To, or with, which images.
    pub images: Vec<Reference>,
    /// To, or in, which networks, by name.
    pub networks: Vec<String>,
    /// Where ports are to be published.
    pub ports: Vec<SocketAddr>,
    /// Which paths are to be mounted, and whether they are to be written.
    pub mounts: Vec<(MountPath, bool)>,
    /// What only the operator's policy can give.
    pub privileges: Vec<Privilege>,
}

impl Wanted {
    /// A verb alone.
    #[must_use]
    pub fn verb(verb: Verb) -> Self {
        Self { verbs: vec![verb], ..Self::default() }
    }

    /// A verb on a container.
    #[must_use]
    pub fn container(verb: Verb, name: &str) -> Self {
        Self { containers: vec![name.to_owned()], ..Self::verb(verb) }
    }

    /// A verb on an image.
    #[must_use]
    pub fn image(verb: Verb, image: &Reference) -> Self {
        Self { images: vec![image.clone()], ..Self::verb(verb) }
    }

    /// A verb on a network.
    #[must_use]
    pub fn network(verb: Verb, name: &str) -> Self {
        Self { networks: vec![name.to_owned()], ..Self::verb(verb) }
    }

    /// In words, for the operator.
    fn request(&self) -> String {
        let mut words: Vec<String> = self.verbs.iter().map(ToString::to_string).collect();
        words.extend(self.containers.iter().chain(&self.networks).cloned());
        words.extend(self.images.iter().map(ToString::to_string));
        words.join(" ")
    }

    /// A grant to paste that covers just this.
    fn paste(&self) -> String {
        let list = |key: &str, items: Vec<String>| {
            (!items.is_empty()).then(|| format!("{key}: [{}]", items.join(", ")))
        };
        let quoted = |items: &mut dyn Iterator<Item = String>| items.map(|item| quoted(&item)).collect();
        let roots = |write: bool| {
            quoted(
                &mut self
                    .mounts
                    .iter()
                    .filter(|(_, writes)| *writes == write)
                    .map(|(path, _)| path.to_string()),
            )
        };
        let mounts: Vec<String> =
            [list("read", roots(false)), list("write", roots(true))].into_iter().flatten().collect();
        let parts = [
            list("verbs", self.verbs.iter().map(ToString::to_string).collect()),
            list("containers", quoted(&mut self.containers.iter().cloned())),
            list("images", quoted(&mut self.images.iter().map(ToString::to_string))),
            list("networks", quoted(&mut self.networks.iter().cloned())),
            list("ports", quoted(&mut self.ports.iter().map(ToString::to_string))),
            (!mounts.is_empty()).then(|| format!("mounts: {{ {} }}", mounts.join(", "))),
            list("allow", quoted(&mut self.privileges.iter().map(ToString::to_string))),
        ];
        format!("docker: {{ {} }}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// As it is written into YAML.
fn quoted(text: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "._/-".contains(sign);
    if text.chars().all(plain)
        && text.starts_with(|sign: char| sign.is_ascii_alphabetic() || "./".contains(sign))
    {
        text.to_owned()
    } else {
        format!("\"{text}\"")
    }
}

impl DockerGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        const KEYS: [&str; 7] = ["verbs", "containers", "images", "networks", "ports", "mounts", "allow"];
        let Value::Object(keys) = value else {
            return Err(vec![GrantError::new("", "expected a map with `verbs` and names").help(EXAMPLE)]);
        };
        let mut grant = Self::default();
        let mut errors = Vec::new();
        for (key, value) in keys {
            match key.as_str() {
                "verbs" => grant.verbs = list("/verbs", value, &mut errors),
                "containers" => grant.containers = list("/containers", value, &mut errors),
                "images" => grant.images = list("/images", value, &mut errors),
                "networks" => grant.networks = list("/networks", value, &mut errors),
                "ports" => grant.ports = list("/ports", value, &mut errors),
                "mounts" => grant.mounts = mounts(value, &mut errors),
                "allow" => grant.allow = list("/allow", value, &mut errors),
                other => {
                    let near = super::similar(other, KEYS);
                    errors.push(
                        GrantError::new(
                            format!("/{}", other.replace('~', "~0").replace('/', "~1")),
                            format!("unknown key `{other}`{near}"),
                        )
                        .help(format!("known: {}", KEYS.join(", "))),
                    );
                }
            }
        }
        if errors.is_empty() {
            errors = grant.contradictions();
        }
        if errors.is_empty() { Ok(grant) } else { Err(errors) }
    }

    /// Lists that no verb needs, and verbs whose lists are missing: a rule that nothing asks must not look like one.
    fn contradictions(&self) -> Vec<GrantError> {
        let mut errors = Vec::new();
        let has = |family: Family| self.verbs.iter().any(|rule| rule.family() == family);
        let creates = self.verbs.iter().any(|rule| rule.covers(Verb::ContainerCreate));
        let mut check = |key: &str, given: bool, needed: bool, used: bool, by: &str| {
            if given && !used {
                let what = format!("no verb of this grant needs `{key}`");
                errors.push(
                    GrantError::new(format!("/{key}"), what)
                        .help(format!("remove it, or add {by} to `verbs`")),
                );
            } else if needed && !given {
                let what = format!("a verb of this grant needs `{key}`, and there is none");
                errors.push(
                    GrantError::new("/verbs", what).help(format!("say what it may be done to: {EXAMPLE}")),
                );
            }
        };
        let (containers, images, networks) =
            (has(Family::Container), has(Family::Image), has(Family::Network));
        check("containers", !self.containers.is_empty(), containers, containers, "a verb on containers");
        check("images", !self.images.is_empty(), images || creates, images || creates, "a verb on images");
        check("networks", !self.networks.is_empty(), networks, networks || creates, "a verb on networks");
        check("ports", !self.ports.is_empty(), false, creates, "`container.create`");
        check("mounts", !self.mounts.is_empty(), false, creates, "`container.create`");
        check("allow", !self.allow.is_empty(), false, creates, "`container.create`");
        let sockets = [("read", &self.mounts.read), ("write", &self.mounts.write)];
        for (key, roots) in sockets {
            for (index, root) in roots.iter().enumerate() {
                if root.path().reach(None) == Reach::Socket && !self.allow.contains(&Privilege::DockerSocket)
                {
                    errors.push(
                        GrantError::new(
                            format!("/mounts/{key}/{index}"),
                            format!("`{root}` is where an engine listens: whoever may write there rules the machine"),
                        )
                        .help("it needs `allow: [docker-socket]`, and a policy of the operator that says the same"),
                    );
                }
            }
        }
        errors
    }

    /// Whether nothing may be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.verbs.is_empty()
    }

    /// The rules by which all of `wanted` may be done.
    ///
    /// # Errors
    ///
    /// The refusal for the operator, with a grant to paste.
    pub fn covers(&self, wanted: &Wanted) -> Result<Vec<Rule>, Box<Refusal>> {
        let mut rules = Vec::new();
        let mut used = |kind: RuleKind, rule: Option<String>, missing: &dyn Fn() -> String| match rule {
            Some(rule) => {
                rules.push(Rule::new(kind, rule));
                Ok(())
            }
            None => Err(missing()),
        };
        let all = (|| {
            for verb in &wanted.verbs {
                let rule = self.verbs.iter().find(|rule| rule.covers(*verb));
                used(RuleKind::DockerVerb, text(rule), &|| self.no_verb(*verb))?;
            }
            for name in &wanted.containers {
                let rule = self.containers.iter().find(|rule| rule.covers(name));
                used(RuleKind::DockerContainer, text(rule), &|| none("containers", name, &self.containers))?;
            }
            for image in &wanted.images {
                let rule = self.images.iter().find(|rule| rule.covers(image));
                used(RuleKind::DockerImage, text(rule), &|| none("images", image, &self.images))?;
            }
            for name in &wanted.networks {
                let rule = self.networks.iter().find(|rule| rule.covers(name));
                used(RuleKind::DockerNetwork, text(rule), &|| none("networks", name, &self.networks))?;
            }
            for port in &wanted.ports {
                let rule = self.ports.iter().find(|rule| rule.covers(*port));
                used(RuleKind::DockerPort, text(rule), &|| none("ports", port, &self.ports))?;
            }
            for (path, write) in &wanted.mounts {
                let read = self.mounts.read.iter().filter(|_| !write);
                let rule = read.chain(&self.mounts.write).find(|root| path.is_within(root.path()));
                let (key, roots) = if *write {
                    ("mounts.write", &self.mounts.write)
                } else {
                    ("mounts.read", &self.mounts.read)
                };
                used(RuleKind::DockerMount, text(rule), &|| none(key, path, roots))?;
            }
            for privilege in &wanted.privileges {
                let rule = self.allow.iter().find(|rule| *rule == privilege);
                used(RuleKind::DockerPrivilege, text(rule), &|| none("allow", privilege, &self.allow))?;
            }
            Ok(())
        })();
        match all {
            Ok(()) => Ok(rules),
            Err(message) => Err(Box::new(refusal(wanted, message))),
        }
    }

    /// The first granted verb on such things, for calls that any of them allows.
    #[must_use]
    pub fn any_verb(&self, family: Family) -> Option<Verb> {
        let of_family =
            |verb: &&Verb| verb.family() == family && self.verbs.iter().any(|rule| rule.covers(**verb));
        Verb::ALL.iter().find(of_family).copied()
    }

    /// Whether the container or network is named by a rule without `*`.
    #[must_use]
    pub fn names_exactly(&self, family: Family, name: &str) -> bool {
        let rules = match family {
            Family::Container => &self.containers,
            Family::Network => &self.networks,
            Family::Image => return false,
        };
        rules.iter().any(|rule| rule.0 == name)
    }

    /// The roots by which `path` may be mounted.
    pub fn mount_roots(&self, path: &MountPath, write: bool) -> impl Iterator<Item = &MountRoot> {
        let read = self.mounts.read.iter().filter(move |_| !write);
        read.chain(&self.mounts.write).filter(|root| path.is_within(root.path()))
    }

    fn no_verb(&self, verb: Verb) -> String {
        if self.is_empty() {
            "this step is granted no Docker at all".to_owned()
        } else {
            none("verbs", verb, &self.verbs)
        }
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        let mut found = Vec::new();
        let mut outside = |pointer: String, what: String| found.push(GrantError::new(pointer, what));
        for (index, rule) in narrower.verbs.iter().enumerate() {
            let all =
                |verb: &&Verb| rule.covers(**verb) && !self.verbs.iter().any(|wide| wide.covers(**verb));
            if Verb::ALL.iter().any(|verb| all(&verb)) {
                outside(format!("/verbs/{index}"), format!("the Docker verb `{rule}`"));
            }
        }
        for (index, rule) in narrower.containers.iter().enumerate() {
            if !self.containers.iter().any(|wide| wide.covers(&rule.0)) {
                outside(format!("/containers/{index}"), format!("containers `{rule}`"));
            }
        }
        for (index, rule) in narrower.images.iter().enumerate() {
            if !self.images.iter().any(|wide| wide.contains(rule)) {
                outside(format!("/images/{index}"), format!("images `{rule}`"));
            }
        }
        for (index, rule) in narrower.networks.iter().enumerate() {
            if !self.networks.iter().any(|wide| wide.covers(&rule.0)) {
                outside(format!("/networks/{index}"), format!("networks `{rule}`"));
            }
        }
        for (index, rule) in narrower.ports.iter().enumerate() {
            if !self.ports.iter().any(|wide| wide.contains(rule)) {
                outside(format!("/ports/{index}"), format!("publishing `{rule}`"));
            }
        }
        for (index, root) in narrower.mounts.read.iter().enumerate() {
            if !self.mounts.read.iter().chain(&self.mounts.write).any(|wide| wide.contains(root)) {
                outside(format!("/mounts/read/{index}"), format!("mounting `{root}`"));
            }
        }
        for (index, root) in narrower.mounts.write.iter().enumerate() {
            if !self.mounts.write.iter().any(|wide| wide.contains(root)) {
                outside(format!("/mounts/write/{index}"), format!("mounting `{root}` for writing"));
            }
        }
        for (index, privilege) in narrower.allow.iter().enumerate() {
            if !self.allow.contains(privilege) {
                outside(format!("/allow/{index}"), format!("the Docker privilege `{privilege}`"));
            }
        }
        found
    }

    pub(crate) fn each_rule(&self) -> impl Iterator<Item = Rule> {
        fn rules<T: ToString>(kind: RuleKind, list: &[T]) -> impl Iterator<Item = Rule> {
            list.iter().map(move |rule| Rule::new(kind, rule.to_string()))
        }
        rules(RuleKind::DockerVerb, &self.verbs)
            .chain(rules(RuleKind::DockerContainer, &self.containers))
            .chain(rules(RuleKind::DockerImage, &self.images))
            .chain(rules(RuleKind::DockerNetwork, &self.networks))
            .chain(rules(RuleKind::DockerPort, &self.ports))
            .chain(rules(RuleKind::DockerMount, &self.mounts.read))
            .chain(rules(RuleKind::DockerMount, &self.mounts.write))
            .chain(rules(RuleKind::DockerPrivilege, &self.allow))
    }
}

fn text<T: ToString>(rule: Option<&T>) -> Option<String> {
    rule.map(ToString::to_string)
}

fn none<T: ToString>(key: &str, asked: impl fmt::Display, rules: &[T]) -> String {
    if rules.is_empty() {
        return format!("its `docker.{key}` is empty, and this is `{asked}`");
    }
    let rules: Vec<String> = rules.iter().map(|rule| format!("`{}`", rule.to_string())).collect();
    format!("none of its `docker.{key}` covers `{asked}`: {}", rules.join(", "))
}

/// The refusal of all that `wanted` names.
pub(crate) fn refusal(wanted: &Wanted, message: String) -> Refusal {
    Refusal {
        capability: Capability::Docker,
        request: wanted.request(),
        message,
        grant: Some(wanted.paste()),
    }
}

/// A list of rules; what cannot be read is a problem of its own.
fn list<T: FromStr<Err = String>>(pointer: &str, value: &Value, errors: &mut Vec<GrantError>) -> Vec<T> {
    let Value::Array(items) = value else {
        errors.push(GrantError::new(pointer, "expected a list").help(EXAMPLE));
        return Vec::new();
    };
    let mut rules = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let parsed = match item.as_str() {
            Some(text) => text.parse(),
            None => Err(format!("expected text, found `{item}`")),
        };
        match parsed {
            Ok(rule) => rules.push(rule),
            Err(message) => errors.push(GrantError::new(format!("{pointer}/{index}"), message)),
        }
    }
    rules
}

fn mounts(value: &Value, errors: &mut Vec<GrantError>) -> Mounts {
    const EXAMPLE: &str = "for example `mounts: { read: [fixtures/], write: [/srv/my-app/data] }`";
    let Value::Object(keys) = value else {
        errors.push(GrantError::new("/mounts", "expected a map with `read` and `write`").help(EXAMPLE));
        return Mounts::default();
    };
    let mut mounts = Mounts::default();
    for (key, value) in keys {
        match key.as_str() {
            "read" => mounts.read = list("/mounts/read", value, errors),
            "write" => mounts.write = list("/mounts/write", value, errors),
            other => errors.push(
                GrantError::new(
                    format!("/mounts/{}", other.replace('~', "~0").replace('/', "~1")),
                    format!("unknown key `{other}`"),
                )
                .help(EXAMPLE),
            ),
        }
    }
    mounts
}
