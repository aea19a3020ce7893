//! What the first line looks like.

use std::collections::BTreeSet;

use git_conventional::{Commit, ErrorKind};
use runner_plugin::text::shortened;
use schemars::JsonSchema;
use serde::Deserialize;

/// The form of the first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// `Type: summary`.
    #[default]
    Typed,
    /// `type(scope)!: summary`, as conventionalcommits.org has it.
    Conventional,
    /// Any text.
    Free,
}

/// What the first line says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parts {
    pub(crate) kind: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) breaking: bool,
}

/// Why the first line has not the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) rule: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// The types of the conventional form that its authors and their tools use.
const CONVENTIONAL: [&str; 11] =
    ["build", "chore", "ci", "docs", "feat", "fix", "perf", "refactor", "revert", "style", "test"];

impl Form {
    /// Reads the first line, and for the conventional form also the footers.
    pub(crate) fn parts(
        self,
        text: &str,
        summary: &str,
        types: Option<&BTreeSet<String>>,
    ) -> Result<Parts, Problem> {
        match self {
            Self::Free => Ok(Parts::default()),
            Self::Typed => typed(summary, types),
            Self::Conventional => conventional(text, types),
        }
    }
}

fn typed(summary: &str, types: Option<&BTreeSet<String>>) -> Result<Parts, Problem> {
    let bad = |why: &str| Problem {
        rule: "bad-form",
        message: format!("the first line is not `Type: summary`: {why}"),
        help: "write it as in `Fix: prevent a deadlock in the pool`".to_owned(),
    };
    let Some((kind, rest)) = summary.split_once(':') else {
        return Err(bad("there is no colon"));
    };
    let is_word = kind.starts_with(|sign: char| sign.is_alphabetic())
        && kind.chars().all(|sign| sign.is_alphanumeric() || "-_/".contains(sign));
    if !is_word {
        return Err(bad("no single word stands before the colon"));
    }
    if !rest.starts_with(' ') {
        return Err(bad("no blank follows the colon"));
    }
    if rest.trim().is_empty() {
        return Err(bad("nothing follows the colon"));
    }
    match types {
        Some(types) if !types.contains(kind) => Err(unknown(kind, types.iter().map(String::as_str))),
        Some(_) | None => Ok(Parts { kind: Some(kind.to_owned()), ..Parts::default() }),
    }
}

fn conventional(text: &str, types: Option<&BTreeSet<String>>) -> Result<Parts, Problem> {
    let commit = Commit::parse(text).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::MissingType => "no type stands before a colon",
            ErrorKind::InvalidScope => "the scope in parentheses cannot be read",
            ErrorKind::MissingDescription => "nothing follows the colon",
            ErrorKind::InvalidBody => "a blank line has to stand before the body",
            ErrorKind::InvalidFooter => "a footer cannot be read",
            ErrorKind::InvalidFormat | _ => "it cannot be read",
        };
        Problem {
            rule: "bad-form",
            message: format!("the message is not `type(scope): summary`: {why}"),
            help: "write it as in `fix(pool): prevent a deadlock`".to_owned(),
        }
    })?;
    let kind = commit.type_().as_str().to_owned();
    let known = match types {
        Some(types) => types.contains(&kind),
        None => CONVENTIONAL.contains(&kind.as_str()),
    };
    if !known {
        return Err(match types {
            Some(types) => unknown(&kind, types.iter().map(String::as_str)),
            None => unknown(&kind, CONVENTIONAL.into_iter()),
        });
    }
    let scope = commit.scope().map(|scope| scope.as_str().to_owned());
    Ok(Parts { kind: Some(kind), scope, breaking: commit.breaking() })
}

fn unknown<'t>(kind: &str, types: impl Iterator<Item = &'t str>) -> Problem {
    let types: Vec<String> = types.map(|kind| format!("`{kind}`")).collect();
    Problem {
        rule: "unknown-type",
        message: format!("`{}` is not one of the types", shortened(kind)),
        help: format!("use {}", types.join(", ")),
    }
}
