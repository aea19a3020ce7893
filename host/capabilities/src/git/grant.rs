//! What may be done to which repositories.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{Location, RemotePattern};
#[cfg(feature = "host")]
use crate::network::NetworkRule;
use crate::{Capability, GrantError, Refusal, Rule, RuleKind, pattern};

/// The repository that the pipeline's directory is in.
pub(super) const HERE: &str = ".";

const EXAMPLE: &str = "for example `git: [status, refs]`, or `git: [{ repository: server, verbs: [fetch, checkout], remotes: [\"https://github.com/acme/*\"] }]`";

/// What can be done to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// See what differs from the last commit.
    Status,
    /// Read references.
    Refs,
    /// Read commits and files of them.
    Objects,
    /// Check signatures.
    Verify,
    /// Make and delete tags.
    Tag,
    /// Check commits and branches out.
    Checkout,
    /// List the references of a remote.
    Remote,
    /// Fetch from a remote.
    Fetch,
    /// Push to a remote.
    Push,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Status,
        Self::Refs,
        Self::Objects,
        Self::Verify,
        Self::Tag,
        Self::Checkout,
        Self::Remote,
        Self::Fetch,
        Self::Push,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Refs => "refs",
            Self::Objects => "objects",
            Self::Verify => "verify",
            Self::Tag => "tag",
            Self::Checkout => "checkout",
            Self::Remote => "remote",
            Self::Fetch => "fetch",
            Self::Push => "push",
        }
    }

    /// Whether remotes or references bound it.
    #[cfg(feature = "host")]
    pub(super) const fn is_bounded(self) -> bool {
        self.needs_remotes() || self.needs_refs()
    }

    const fn needs_remotes(self) -> bool {
        match self {
            Self::Remote | Self::Fetch | Self::Push => true,
            Self::Status | Self::Refs | Self::Objects | Self::Verify | Self::Tag | Self::Checkout => false,
        }
    }

    const fn needs_refs(self) -> bool {
        match self {
            Self::Tag | Self::Push => true,
            Self::Status | Self::Refs | Self::Objects | Self::Verify | Self::Checkout => false,
            Self::Remote | Self::Fetch => false,
        }
    }

    fn parse(text: &str) -> Result<Self, GrantError> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == text).ok_or_else(|| {
            GrantError::new("", format!("unknown verb `{text}`"))
                .help(known(text, Self::ALL.iter().map(|verb| verb.as_str())))
        })
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One repository, and what may be done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitRule {
    /// Relative to the pipeline's directory; `.` is the repository that it is in.
    repository: String,
    verbs: Vec<Verb>,
    /// Where `remote`, `fetch` and `push` may go.
    remotes: Vec<RemotePattern>,
    /// What `tag` and `push` may write; `*` stands for anything.
    refs: Vec<String>,
    /// Written as one word.
    short: bool,
}

/// The repositories that may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitGrant(Vec<GitRule>);

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct GitRequest<'a> {
    /// Relative to the pipeline's directory, in one spelling.
    pub repository: &'a str,
    /// The verb.
    pub verb: Verb,
    /// Where to; only for verbs that go somewhere.
    pub remote: Option<&'a Location>,
    /// Which reference, in full; only for verbs that write one.
    pub reference: Option<&'a str>,
}

impl GitGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        let Value::Array(items) = value else {
            return Err(vec![GrantError::new("", "expected a list of verbs or of maps").help(EXAMPLE)]);
        };
        GrantError::each(items, GitRule::parse).map(Self)
    }

    /// Whether nothing may be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether anything may be done to `repository`: what opening it asks.
    ///
    /// # Errors
    ///
    /// The refusal for the operator, with a grant to paste.
    pub fn covers_any(&self, repository: &str) -> Result<(), Box<Refusal>> {
        if self.0.iter().any(|rule| rule.repository == repository) {
            return Ok(());
        }
        Err(Box::new(Refusal {
            capability: Capability::Git,
            request: format!("open the repository `{repository}`"),
            message: self.nothing_for(repository),
            grant: Some(paste(repository, Verb::Status, None, None)),
        }))
    }

    /// Whether `verb` is granted for `repository` at all: what is asked before the repository is looked into.
    ///
    /// # Errors
    ///
    /// As [`GitGrant::covers`].
    pub fn covers_verb(&self, repository: &str, verb: Verb) -> Result<(), Box<Refusal>> {
        if self.for_verb(repository, verb).next().is_some() {
            return Ok(());
        }
        Err(self.refusal(&GitRequest { repository, verb, remote: None, reference: None }))
    }

    /// The first rule that covers `request`.
    ///
    /// # Errors
    ///
    /// The refusal for the operator, with a grant to paste.
    pub fn covers(&self, request: &GitRequest<'_>) -> Result<Rule, Box<Refusal>> {
        let covering = self.for_verb(request.repository, request.verb).find(|rule| rule.covers(request));
        covering.map(|rule| rule.named(request.verb)).ok_or_else(|| self.refusal(request))
    }

    /// The network rule behind the first rule that covers `request`: it judges the addresses that a name leads to.
    #[cfg(feature = "host")]
    pub(super) fn web_rule(&self, request: &GitRequest<'_>) -> Option<&NetworkRule> {
        let rule = self.for_verb(request.repository, request.verb).find(|rule| rule.covers(request))?;
        let location = request.remote?;
        rule.remotes.iter().find(|pattern| pattern.covers(location))?.web_rule()
    }

    fn for_verb<'a, 'b>(
        &'a self,
        repository: &'b str,
        verb: Verb,
    ) -> impl Iterator<Item = &'a GitRule> + use<'a, 'b> {
        self.0.iter().filter(move |rule| rule.repository == repository && rule.verbs.contains(&verb))
    }

    fn nothing_for(&self, repository: &str) -> String {
        if self.is_empty() {
            "this step is granted no repository at all".to_owned()
        } else {
            format!("none of its git rules is about `{repository}`")
        }
    }

    fn refusal(&self, request: &GitRequest<'_>) -> Box<Refusal> {
        let GitRequest { repository, verb, remote, reference } = *request;
        let mut asked = match (verb, reference) {
            (_, None) => format!("{verb} in `{repository}`"),
            (_, Some(reference)) => format!("{verb} `{reference}` in `{repository}`"),
        };
        if let Some(remote) = remote {
            asked.push_str(&format!(", remote `{remote}`"));
        }
        let message = if !self.0.iter().any(|rule| rule.repository == repository) {
            self.nothing_for(repository)
        } else if self.for_verb(repository, verb).next().is_none() {
            format!("its git rules for `{repository}` do not hold `{verb}`")
        } else if remote
            .is_some_and(|remote| !self.for_verb(repository, verb).any(|rule| rule.goes_to(remote)))
        {
            format!("none of its `remotes` for `{verb}` covers this")
        } else {
            format!("none of its `refs` for `{verb}` covers this")
        };
        let grant = Some(paste(repository, verb, remote, reference));
        Box::new(Refusal { capability: Capability::Git, request: asked, message, grant })
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        let mut found = Vec::new();
        for (index, rule) in narrower.0.iter().enumerate() {
            for verb in rule.verbs.iter().filter(|verb| !self.contains(rule, **verb)) {
                let what = format!("git: `{verb}` in `{}`, as far as this goes", rule.repository);
                found.push(GrantError::new(format!("/{index}"), what));
            }
        }
        found
    }

    /// Whether everything that `narrow` allows for `verb` is allowed here too: each remote with each reference.
    fn contains(&self, narrow: &GitRule, verb: Verb) -> bool {
        let remotes: Vec<Option<&RemotePattern>> =
            if verb.needs_remotes() { narrow.remotes.iter().map(Some).collect() } else { vec![None] };
        let refs: Vec<Option<&String>> =
            if verb.needs_refs() { narrow.refs.iter().map(Some).collect() } else { vec![None] };
        remotes.iter().all(|remote| {
            refs.iter().all(|reference| {
                self.for_verb(&narrow.repository, verb).any(|wide| {
                    remote.is_none_or(|remote| wide.remotes.iter().any(|pattern| pattern.contains(remote)))
                        && reference.is_none_or(|reference| wide.writes(reference))
                })
            })
        })
    }

    pub(crate) fn each_rule(&self) -> impl Iterator<Item = Rule> {
        self.0.iter().flat_map(|rule| rule.verbs.iter().map(|verb| rule.named(*verb)))
    }
}

impl GitRule {
    fn parse(item: &Value) -> Result<Self, Vec<GrantError>> {
        match item {
            Value::String(text) => {
                let verb = Verb::parse(text).map_err(|error| vec![error])?;
                let rule = Self {
                    repository: HERE.to_owned(),
                    verbs: vec![verb],
                    remotes: Vec::new(),
                    refs: Vec::new(),
                    short: true,
                };
                rule.complete()
            }
            Value::Object(keys) => Self::parse_map(keys),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(vec![
                GrantError::new("", format!("expected a verb or a map, found `{item}`")).help(EXAMPLE),
            ]),
        }
    }

    fn parse_map(keys: &Map<String, Value>) -> Result<Self, Vec<GrantError>> {
        const KEYS: [&str; 4] = ["repository", "verbs", "remotes", "refs"];
        let mut rule = Self {
            repository: HERE.to_owned(),
            verbs: Vec::new(),
            remotes: Vec::new(),
            refs: Vec::new(),
            short: false,
        };
        let mut errors = Vec::new();
        for (key, value) in keys {
            let done = match key.as_str() {
                "repository" => match value.as_str().map(clean) {
                    Some(Ok(repository)) => {
                        rule.repository = repository;
                        Ok(())
                    }
                    Some(Err(why)) => Err(vec![GrantError::new("", why)]),
                    None => Err(vec![GrantError::new("", format!("expected a path, found `{value}`"))]),
                },
                "verbs" => list(value, Verb::parse).map(|verbs| rule.verbs = verbs),
                "remotes" => list(value, |text| text.parse().map_err(|why: String| GrantError::new("", why)))
                    .map(|remotes| rule.remotes = remotes),
                "refs" => list(value, ref_pattern).map(|refs| rule.refs = refs),
                other => {
                    Err(vec![GrantError::new("", format!("unknown key `{other}`")).help(known(other, KEYS))])
                }
            };
            if let Err(found) = done {
                let key = key.replace('~', "~0").replace('/', "~1");
                errors.extend(
                    found
                        .into_iter()
                        .map(|error| GrantError { pointer: format!("/{key}{}", error.pointer), ..error }),
                );
            }
        }
        if errors.is_empty() { rule.complete() } else { Err(errors) }
    }

    /// Everything a verb needs is there, and nothing that no verb asks for.
    fn complete(self) -> Result<Self, Vec<GrantError>> {
        let mut errors = Vec::new();
        if self.verbs.is_empty() {
            errors.push(GrantError::new("", "no `verbs`: this would allow nothing").help(EXAMPLE));
        }
        let mut side = |key: &str, needs: fn(Verb) -> bool, there: bool, example: &str| {
            let verb = self.verbs.iter().find(|verb| needs(**verb));
            match (verb, there) {
                (Some(verb), false) => errors.push(
                    GrantError::new("", format!("`{verb}` needs `{key}`"))
                        .help(format!("for example `{example}`")),
                ),
                (None, true) => errors
                    .push(GrantError::new(format!("/{key}"), format!("none of the verbs looks at `{key}`"))),
                (Some(_), true) | (None, false) => {}
            }
        };
        side(
            "remotes",
            Verb::needs_remotes,
            !self.remotes.is_empty(),
            "{ verbs: [fetch], remotes: [\"https://github.com/acme/*\"] }",
        );
        side("refs", Verb::needs_refs, !self.refs.is_empty(), "{ verbs: [tag], refs: [\"refs/tags/v*\"] }");
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    fn covers(&self, request: &GitRequest<'_>) -> bool {
        let remote =
            !request.verb.needs_remotes() || request.remote.is_some_and(|remote| self.goes_to(remote));
        let reference =
            !request.verb.needs_refs() || request.reference.is_some_and(|reference| self.writes(reference));
        remote && reference
    }

    fn goes_to(&self, remote: &Location) -> bool {
        self.remotes.iter().any(|pattern| pattern.covers(remote))
    }

    /// `reference` may itself be a pattern.
    fn writes(&self, reference: &str) -> bool {
        self.refs.iter().any(|wanted| pattern::matches(wanted, reference))
    }

    /// The rule for one verb, as its author would write it alone.
    fn named(&self, verb: Verb) -> Rule {
        if self.short {
            return Rule::new(RuleKind::Git, verb.as_str());
        }
        let mut text = format!("{{ repository: {}, verbs: [{verb}]", self.repository);
        if verb.needs_remotes() {
            let remotes: Vec<&str> = self.remotes.iter().map(RemotePattern::written).collect();
            text.push_str(&format!(", remotes: [{}]", remotes.join(", ")));
        }
        if verb.needs_refs() {
            text.push_str(&format!(", refs: [{}]", self.refs.join(", ")));
        }
        text.push_str(" }");
        Rule::new(RuleKind::Git, text)
    }

    fn to_json(&self) -> Value {
        match self.verbs.as_slice() {
            [verb] if self.short => json!(verb.as_str()),
            verbs => {
                let verbs: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
                let mut map = Map::new();
                map.insert("repository".to_owned(), json!(self.repository));
                map.insert("verbs".to_owned(), json!(verbs));
                if !self.remotes.is_empty() {
                    let remotes: Vec<&str> = self.remotes.iter().map(RemotePattern::written).collect();
                    map.insert("remotes".to_owned(), json!(remotes));
                }
                if !self.refs.is_empty() {
                    map.insert("refs".to_owned(), json!(self.refs));
                }
                Value::Object(map)
            }
        }
    }
}

fn list<T>(value: &Value, parse: impl Fn(&str) -> Result<T, GrantError>) -> Result<Vec<T>, Vec<GrantError>> {
    let Value::Array(items) = value else {
        return Err(vec![GrantError::new("", format!("expected a list, found `{value}`"))]);
    };
    let mut parsed = Vec::new();
    let mut errors = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let one = match item.as_str() {
            Some(text) => parse(text),
            None => Err(GrantError::new("", format!("expected text, found `{item}`"))),
        };
        match one {
            Ok(one) => parsed.push(one),
            Err(error) => {
                errors.push(GrantError { pointer: format!("/{index}{}", error.pointer), ..error });
            }
        }
    }
    if errors.is_empty() { Ok(parsed) } else { Err(errors) }
}

fn ref_pattern(text: &str) -> Result<String, GrantError> {
    if !text.starts_with("refs/") || text.chars().any(|sign| sign.is_control() || sign == ' ') {
        return Err(GrantError::new("", format!("`{text}` is not a reference in full"))
            .help("for example `refs/heads/main` or `refs/tags/v*`"));
    }
    Ok(text.to_owned())
}

/// The one spelling of a repository's path, or why it is none.
pub(super) fn clean(path: &str) -> Result<String, String> {
    if path.starts_with('/') {
        return Err("the path of a repository is relative to the pipeline's directory".to_owned());
    }
    if path.len() > 4096 || path.contains(['\\', '*']) || path.chars().any(char::is_control) {
        return Err(
            "the path of a repository holds no `\\`, no `*`, no control characters and at most 4096 bytes"
                .to_owned(),
        );
    }
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    if names.contains(&"..") {
        return Err("the path of a repository holds no `..`".to_owned());
    }
    Ok(if names.is_empty() { HERE.to_owned() } else { names.join("/") })
}

/// What could have been meant.
fn known<'a>(wrong: &str, words: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = words.clone().into_iter().map(|word| (strsim::jaro_winkler(wrong, word), word));
    let nearest = near.filter(|(likeness, _)| *likeness > 0.8).max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((_, word)) => format!("did you mean `{word}`?"),
        None => format!("known: {}", words.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

fn paste(repository: &str, verb: Verb, remote: Option<&Location>, reference: Option<&str>) -> String {
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    if repository == HERE && !verb.needs_remotes() && !verb.needs_refs() {
        return format!("git: [{verb}]");
    }
    let plain = repository.chars().all(|sign| sign.is_ascii_alphanumeric() || "._/-".contains(sign));
    let repository = if plain { repository.to_owned() } else { quoted(repository) };
    let mut text = format!("git: [{{ repository: {repository}, verbs: [{verb}]");
    if verb.needs_remotes() {
        let remote =
            remote.map_or_else(|| quoted("https://example.com/*"), |remote| quoted(&remote.to_string()));
        text.push_str(&format!(", remotes: [{remote}]"));
    }
    if verb.needs_refs() {
        text.push_str(&format!(", refs: [{}]", quoted(reference.unwrap_or("refs/tags/v*"))));
    }
    text.push_str(" }]");
    text
}

impl Serialize for GitGrant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(GitRule::to_json))
    }
}

impl<'de> Deserialize<'de> for GitGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::parse(&value).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            serde::de::Error::custom(errors.join("; "))
        })
    }
}
