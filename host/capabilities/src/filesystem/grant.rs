//! Which paths may be read, and which written.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{Capability, GrantError, Refusal, Rule, RuleKind, pattern};

/// What Linux takes; longer paths are not worth looking at.
const MAX_PATH: usize = 4096;

/// What is to be done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Look at it.
    Read,
    /// Change it.
    Write,
}

/// The paths of one step. What may be written may be read too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilesystemGrant {
    /// May be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<PathPattern>,
    /// May be read and written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<PathPattern>,
}

/// A file (`requirements.txt`), a directory with all below it (`docker/`, `./`), or a pattern in which `*` stands for
/// a part of one name and `**` for any number of names (`src/**/*.py`).
///
/// It is shown in its one canonical spelling and written down as its author spelled it.
#[derive(Debug, Clone)]
pub struct PathPattern {
    segments: Vec<String>,
    directory: bool,
    /// The author's spelling. Says nothing that the rest does not say.
    written: String,
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        let Self { segments, directory, written: _ } = self;
        (segments, directory) == (&other.segments, &other.directory)
    }
}

impl Eq for PathPattern {}

impl FilesystemGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        const EXAMPLE: &str =
            "for example `filesystem: { read: [requirements.txt, docker/], write: [reports/] }`";
        let Value::Object(keys) = value else {
            return Err(vec![GrantError::new("", "expected a map with `read` and `write`").help(EXAMPLE)]);
        };
        let mut grant = Self::default();
        let mut errors = Vec::new();
        for (key, value) in keys {
            let list = match key.as_str() {
                "read" => &mut grant.read,
                "write" => &mut grant.write,
                other => {
                    errors.push(
                        GrantError::new(format!("/{other}"), format!("unknown key `{other}`")).help(EXAMPLE),
                    );
                    continue;
                }
            };
            let Value::Array(items) = value else {
                errors.push(GrantError::new(format!("/{key}"), "expected a list of paths").help(EXAMPLE));
                continue;
            };
            for (index, item) in items.iter().enumerate() {
                let parsed = match item.as_str() {
                    Some(text) => text.parse(),
                    None => Err(format!("expected a path, found `{item}`")),
                };
                match parsed {
                    Ok(pattern) => list.push(pattern),
                    Err(message) => errors.push(GrantError::new(format!("/{key}/{index}"), message)),
                }
            }
        }
        if errors.is_empty() { Ok(grant) } else { Err(errors) }
    }

    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty()
    }

    /// The first rule by which `path` (relative, with `/`) may be touched in this way: what is only read is read by a
    /// `read` rule if there is one.
    ///
    /// # Errors
    ///
    /// The refusal for the operator, with a grant to paste.
    pub fn covers(&self, access: Access, path: &str) -> Result<Rule, Box<Refusal>> {
        let segments = clean(path).map_err(|message| self.refusal(access, path, message, false))?;
        let rule = |kind: RuleKind, patterns: &[PathPattern]| {
            let covering = patterns.iter().find(|pattern| pattern.matches(&segments))?;
            Some(Rule::new(kind, covering.written()))
        };
        let covering = match access {
            Access::Read => rule(RuleKind::Read, &self.read).or_else(|| rule(RuleKind::Write, &self.write)),
            Access::Write => rule(RuleKind::Write, &self.write),
        };
        if let Some(rule) = covering {
            return Ok(rule);
        }
        let message = match access {
            _ if self.is_empty() => "this step is granted no files at all".to_owned(),
            Access::Read => "none of its filesystem rules covers this".to_owned(),
            Access::Write if self.read.iter().any(|pattern| pattern.matches(&segments)) => {
                "it is granted for reading only".to_owned()
            }
            Access::Write => "none of its `write` rules covers this".to_owned(),
        };
        Err(self.refusal(access, path, message, true))
    }

    fn refusal(&self, access: Access, path: &str, message: String, grantable: bool) -> Box<Refusal> {
        let (verb, key) = match access {
            Access::Read => ("read", "read"),
            Access::Write => ("write", "write"),
        };
        // The directory of the pipeline itself has no name in it.
        let (shown, quoted) = shown(if path.is_empty() { "." } else { path });
        Box::new(Refusal {
            capability: Capability::Files,
            request: format!("{verb} {shown}"),
            message,
            grant: grantable.then(|| format!("filesystem: {{ {key}: [{quoted}] }}")),
        })
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        let mut found = Vec::new();
        for (index, pattern) in narrower.read.iter().enumerate() {
            if !self.read.iter().chain(&self.write).any(|wide| wide.contains(pattern)) {
                found.push(GrantError::new(format!("/read/{index}"), format!("reading `{pattern}`")));
            }
        }
        for (index, pattern) in narrower.write.iter().enumerate() {
            if !self.write.iter().any(|wide| wide.contains(pattern)) {
                found.push(GrantError::new(format!("/write/{index}"), format!("writing `{pattern}`")));
            }
        }
        found
    }
}

impl PathPattern {
    /// The author's spelling.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The names of the path; `*` and `**` stand as they were written.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Whether this stands for a directory with all below it.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.directory
    }

    /// Whether the path is one plain file or directory: no `*` in it.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.segments.iter().any(|segment| segment.contains('*'))
    }

    /// Whether `path` (relative, with `/`) is one that this stands for.
    pub(crate) fn covers(&self, path: &str) -> bool {
        clean(path).is_ok_and(|names| self.matches(&names))
    }

    fn matches(&self, path: &[&str]) -> bool {
        let mut pattern: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        if self.directory {
            pattern.push("**");
        }
        segments_match(&pattern, path)
    }

    /// Whether everything `narrow` stands for is something that this stands for too.
    pub(crate) fn contains(&self, narrow: &Self) -> bool {
        let mut path: Vec<&str> = narrow.segments.iter().map(String::as_str).collect();
        if narrow.directory {
            if !self.directory && self.segments.last().is_none_or(|last| last != "**") {
                return false;
            }
            path.push("**");
        }
        self.matches(&path)
    }
}

/// Whether `pattern` matches all of `path`. Goes back to the last `**` only, so the work stays within the product of
/// the two lengths whatever a guest asks for.
fn segments_match(pattern: &[&str], path: &[&str]) -> bool {
    let (mut at, mut name) = (0, 0);
    let mut retry = None;
    while name < path.len() {
        if pattern.get(at) == Some(&"**") {
            retry = Some((at, name));
            at += 1;
        } else if pattern
            .get(at)
            .is_some_and(|wanted| path[name] != "**" && pattern::matches(wanted, path[name]))
        {
            at += 1;
            name += 1;
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            (at, name) = (star + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|rest| *rest == "**")
}

/// A guest's path for people, and for pasting into YAML.
fn shown(path: &str) -> (String, String) {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "._/-".contains(sign);
    let shown = crate::shown::shown(path);
    let quoted = if path.chars().all(plain) { shown.clone() } else { format!("\"{shown}\"") };
    (shown, quoted)
}

/// The names of a relative path, or why it is not one.
fn clean(path: &str) -> Result<Vec<&str>, String> {
    if path.len() > MAX_PATH {
        return Err(format!("a path has at most {MAX_PATH} bytes"));
    }
    if path.starts_with('/') {
        return Err("paths are relative to the pipeline's directory".to_owned());
    }
    if path.contains('\\') || path.contains('\0') {
        return Err("a path holds no `\\` and no NUL".to_owned());
    }
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    if names.contains(&"..") {
        return Err("a path holds no `..`".to_owned());
    }
    Ok(names)
}

impl FromStr for PathPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty path; write `./` for everything below the pipeline's directory".to_owned());
        }
        let segments: Vec<String> =
            clean(text).map_err(|why| format!("`{text}`: {why}"))?.into_iter().map(str::to_owned).collect();
        let directory = text.ends_with('/') || text == "." || segments.is_empty();
        Ok(Self { segments, directory, written: text.to_owned() })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.segments.is_empty(), self.directory) {
            (true, _) => f.write_str("./"),
            (false, true) => write!(f, "{}/", self.segments.join("/")),
            (false, false) => f.write_str(&self.segments.join("/")),
        }
    }
}

impl Serialize for PathPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
