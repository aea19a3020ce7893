//! Names of images: those that are asked for, and patterns for them.
//!
//! A name is brought into the one spelling that `docker` shows (`docker.io/library/app` is `app`, and without tag it is
//! `app:latest`) before it is compared and before it is sent, so that rule and engine cannot mean two things by it. A `*`
//! in a pattern stands for a part of one component: `app-*:*` never reaches another registry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{pattern, shown::shown};

/// An image as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Empty for an id.
    name: String,
    which: Which,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Tag(String),
    Digest(String),
    /// `sha256:…` without a name.
    Id(String),
}

impl Reference {
    /// Whether this is the id of an image, which names nothing by itself.
    #[must_use]
    pub fn is_id(&self) -> bool {
        matches!(self.which, Which::Id(_))
    }

    /// Name without tag and digest; empty for an id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tag, if it is named by one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        match &self.which {
            Which::Tag(tag) => Some(tag),
            Which::Digest(_) | Which::Id(_) => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            Which::Tag(tag) => write!(f, "{}:{tag}", self.name),
            Which::Digest(digest) => write!(f, "{}@{digest}", self.name),
            Which::Id(id) => f.write_str(id),
        }
    }
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{}` is not the name of an image: {why}", shown(text));
        if is_digest(text) {
            return Ok(Self { name: String::new(), which: Which::Id(text.to_owned()) });
        }
        let (name, which) = if let Some((name, digest)) = text.split_once('@') {
            if !is_digest(digest) {
                return Err(wrong("after `@` stand `sha256:` and 64 hexadecimal digits"));
            }
            (name, Which::Digest(digest.to_owned()))
        } else {
            let (name, tag) = split_tag(text);
            let tag = tag.unwrap_or("latest");
            if !is_tag(tag) {
                return Err(wrong("a tag has up to 128 letters, digits, `_`, `.` and `-`"));
            }
            (name, Which::Tag(tag.to_owned()))
        };
        if matches!(which, Which::Digest(_)) && split_tag(name).1.is_some() {
            return Err(wrong("it has a tag and a digest; name it by one of them"));
        }
        let name = familiar(name);
        if name.len() > 255 || !is_name(name) {
            return Err(wrong("a name is made of lower-case letters, digits, `.`, `_` and `-` between `/`"));
        }
        if name == "sha256" || (name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            return Err(wrong("an id is `sha256:` and 64 hexadecimal digits"));
        }
        Ok(Self { name: name.to_owned(), which })
    }
}

/// Which images a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImagePattern {
    what: What,
    written: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// `*`.
    Any,
    Named {
        name: String,
        tag: String,
    },
    Pinned {
        name: String,
        digest: String,
    },
    Id(String),
}

impl ImagePattern {
    /// Whether `reference` is one of these.
    #[must_use]
    pub fn covers(&self, reference: &Reference) -> bool {
        match (&self.what, &reference.which) {
            (What::Any, _) => true,
            (What::Named { name, tag }, Which::Tag(wanted)) => {
                names_match(name, &reference.name) && pattern::matches(tag, wanted)
            }
            (What::Pinned { name, digest }, Which::Digest(wanted)) => {
                names_match(name, &reference.name) && pattern::matches(digest, wanted)
            }
            (What::Id(id), Which::Id(wanted)) => id == wanted,
            (What::Named { .. }, Which::Digest(_) | Which::Id(_))
            | (What::Pinned { .. }, Which::Tag(_) | Which::Id(_))
            | (What::Id(_), Which::Tag(_) | Which::Digest(_)) => false,
        }
    }

    /// Whether the rule is about images of this name at all, whatever their tag.
    #[must_use]
    pub fn covers_name(&self, wanted: &str) -> bool {
        match &self.what {
            What::Any => true,
            What::Named { name, .. } | What::Pinned { name, .. } => names_match(name, wanted),
            What::Id(_) => false,
        }
    }

    /// Whether this is `*`.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.what == What::Any
    }

    /// Whether all that `narrow` covers is covered by `self` too.
    pub(crate) fn contains(&self, narrow: &Self) -> bool {
        match (&self.what, &narrow.what) {
            (What::Any, _) => true,
            (What::Named { name, tag }, What::Named { name: narrow, tag: wanted }) => {
                names_match(name, narrow) && pattern::matches(tag, wanted)
            }
            (What::Pinned { name, digest }, What::Pinned { name: narrow, digest: wanted }) => {
                names_match(name, narrow) && pattern::matches(digest, wanted)
            }
            (What::Id(id), What::Id(narrow)) => id == narrow,
            (What::Named { .. }, What::Any | What::Pinned { .. } | What::Id(_))
            | (What::Pinned { .. }, What::Any | What::Named { .. } | What::Id(_))
            | (What::Id(_), What::Any | What::Named { .. } | What::Pinned { .. }) => false,
        }
    }
}

impl FromStr for ImagePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{}` is not a rule for images: {why}", shown(text)));
        let what = if text == "*" {
            What::Any
        } else if is_digest(text) {
            What::Id(text.to_owned())
        } else if let Some((name, digest)) = text.split_once('@') {
            if !is_digest(&digest.replace('*', "")) && !digest.starts_with("sha256:") {
                return wrong("after `@` stand `sha256:` and hexadecimal digits, or `sha256:*`");
            }
            let hex = digest.trim_start_matches("sha256:");
            if !hex.bytes().all(|sign| sign == b'*' || is_hex(sign)) || hex.is_empty() {
                return wrong("a digest is made of the digits `0` to `9` and `a` to `f`");
            }
            What::Pinned { name: familiar(name).to_owned(), digest: digest.to_owned() }
        } else {
            let (name, Some(tag)) = split_tag(text) else {
                return wrong(&format!(
                    "it says no tag; write `{0}:latest`, or `{0}:*` for all tags",
                    shown(text)
                ));
            };
            if !is_tag(&tag.replace('*', "x")) {
                return wrong(
                    "a tag has up to 128 letters, digits, `_`, `.` and `-`, and `*` for any of them",
                );
            }
            What::Named { name: familiar(name).to_owned(), tag: tag.to_owned() }
        };
        if let What::Named { name, .. } | What::Pinned { name, .. } = &what
            && !is_name(&name.replace('*', "1"))
        {
            return wrong("a name is made of lower-case letters, digits, `.`, `_`, `-` and `*` between `/`");
        }
        Ok(Self { what, written: text.to_owned() })
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl TryFrom<String> for ImagePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ImagePattern> for String {
    fn from(rule: ImagePattern) -> Self {
        rule.written
    }
}

/// Component by component, so that a `*` never stands for a `/`.
fn names_match(pattern: &str, name: &str) -> bool {
    let (mut wanted, mut names) = (pattern.split('/'), name.split('/'));
    loop {
        match (wanted.next(), names.next()) {
            (None, None) => return true,
            (Some(wanted), Some(name)) if pattern::matches(wanted, name) => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

/// Name and tag: the tag stands behind the last `:`, unless that is of a registry's port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        Some(_) | None => (text, None),
    }
}

/// The spelling that `docker` shows.
fn familiar(name: &str) -> &str {
    let name =
        name.strip_prefix("index.docker.io/").or_else(|| name.strip_prefix("docker.io/")).unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

fn is_hex(sign: u8) -> bool {
    sign.is_ascii_digit() || (b'a'..=b'f').contains(&sign)
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex))
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|sign| sign.is_ascii_alphanumeric() || b"_.-".contains(&sign))
}

fn is_name(name: &str) -> bool {
    let mut components = name.split('/');
    let first = components.next().unwrap_or_default();
    let rest: Vec<&str> = components.collect();
    let is_registry = !rest.is_empty() && (first.contains(['.', ':']) || first == "localhost");
    (if is_registry { is_host(first) } else { is_component(first) }) && rest.into_iter().all(is_component)
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'-')
    };
    host.split('.').all(label) && port.parse::<u16>().is_ok()
}

fn is_component(text: &str) -> bool {
    let plain = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit();
    text.starts_with(plain)
        && text.ends_with(plain)
        && text.chars().all(|sign| plain(sign) || "._-".contains(sign))
        && !text.contains("..")
}
