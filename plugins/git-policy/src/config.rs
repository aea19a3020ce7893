//! What is asked, and whether it can be.

use std::collections::BTreeSet;

use regex_lite::Regex;
use runner_plugin::Failure;
use runner_plugin::host::Credentials;
use runner_version::Release;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Which repository, and what has to hold there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "anyOf" = [
        { "required": ["branch"] }, { "required": ["tag"] }, { "required": ["reachable_from"] },
        { "required": ["commit_message"] },
    ],
    "dependentRequired" = json!({
        "tag_pattern": ["tag"], "annotated": ["tag"], "signature": ["tag"], "allowed_signers": ["tag"],
        "remote_matches": ["tag"], "increment": ["tag"], "suffix": ["tag"], "head_is_tag": ["tag"],
        "remote": ["remote_matches"], "login": ["remote_matches"],
    }),
))]
pub struct Config {
    /// The repository, relative to the pipeline's directory; `.` is the one the directory is in or below.
    #[serde(default = "here")]
    #[schemars(length(min = 1))]
    pub(crate) repository: String,
    /// The branch that `HEAD` must be on.
    #[schemars(length(min = 1))]
    pub(crate) branch: Option<String>,
    /// The tag that must be there, without `refs/tags/`.
    #[schemars(length(min = 1))]
    pub(crate) tag: Option<String>,
    /// What the tag must be, as a whole: a regular expression.
    tag_pattern: Option<String>,
    /// Whether the tag must be a tag object. Without it: yes.
    pub(crate) annotated: Option<bool>,
    /// What the tag's signature must be. Without it: `optional`.
    signature: Option<Signature>,
    /// Who may sign: lines as ssh-keygen(1) has them in an `allowed_signers` file, or the file.
    pub(crate) allowed_signers: Option<Signers>,
    /// A branch, e.g. `origin/main`, that the tag's commit must be on, or that of `HEAD` if there is no `tag`.
    #[schemars(length(min = 1))]
    pub(crate) reachable_from: Option<String>,
    /// Whether the remote must have the same tag.
    pub(crate) remote_matches: Option<bool>,
    /// The remote. Without it: `origin`.
    #[schemars(length(min = 1))]
    remote: Option<String>,
    /// Who is asking the remote.
    pub(crate) login: Option<Credentials>,
    /// Which version the tag must be after the one before.
    pub(crate) increment: Option<Increment>,
    /// What may stand after each version and is no part of it, e.g. `-l9`.
    suffix: Option<String>,
    /// Whether the commit needs a message. Without it: no.
    commit_message: Option<CommitMessage>,
    /// Whether `HEAD` must be at the tag's commit.
    pub(crate) head_is_tag: Option<bool>,
}

/// What a signature must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Signature {
    /// There must be one, by an allowed signer.
    Required,
    /// There need not be one; one that does not fit is a no.
    #[default]
    Optional,
    /// Nobody looks.
    Ignore,
}

/// Who may sign.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Signers {
    /// The lines themselves.
    Lines(String),
    /// The file with the lines.
    File(SignersFile),
}

/// A file with allowed signers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignersFile {
    /// Relative to the pipeline's directory.
    #[schemars(length(min = 1))]
    pub(crate) file: String,
}

/// Which version comes after another.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Increment {
    /// The tag before: `auto` for the highest of those that fit `tag_pattern` and are at or before the tag's commit.
    #[serde(default = "auto")]
    pub(crate) previous: String,
    /// What the release may be.
    #[serde(default = "any")]
    #[schemars(length(min = 1))]
    pub(crate) allow: BTreeSet<Release>,
}

/// Whether a commit needs a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CommitMessage {
    /// It must say something.
    Required,
}

fn here() -> String {
    ".".to_owned()
}

/// What `previous` is if nobody says.
pub(crate) const AUTO: &str = "auto";

fn auto() -> String {
    AUTO.to_owned()
}

fn any() -> BTreeSet<Release> {
    Release::ANY.into()
}

impl Config {
    /// Refuses what makes no sense together: a rule that nothing would be held against is no rule.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let of_tag = [
            ("tag_pattern", self.tag_pattern.is_some()),
            ("annotated", self.annotated.is_some()),
            ("signature", self.signature.is_some()),
            ("allowed_signers", self.allowed_signers.is_some()),
            ("remote_matches", self.remote_matches.is_some()),
            ("increment", self.increment.is_some()),
            ("suffix", self.suffix.is_some()),
            ("head_is_tag", self.head_is_tag.is_some()),
        ];
        let alone = of_tag.into_iter().find(|(_, given)| *given && self.tag.is_none());
        if let Some((key, _)) = alone {
            return Err(Failure::invalid_config(format!("`{key}` needs `tag`; nothing was checked")));
        }
        let of_remote = [("remote", self.remote.is_some()), ("login", self.login.is_some())];
        if let Some((key, _)) = of_remote.into_iter().find(|(_, given)| *given && !self.asks_remote()) {
            let message = format!("`{key}` needs `remote_matches: true`; nothing was checked");
            return Err(Failure::invalid_config(message));
        }
        let asked = self.branch.is_some() || self.tag.is_some() || self.reachable_from.is_some();
        if !asked && self.commit_message.is_none() {
            return Err(Failure::invalid_config(
                "nothing is asked: give `branch`, `tag`, `reachable_from` or `commit_message`",
            ));
        }
        match (self.signature(), &self.allowed_signers) {
            (Signature::Required, None) => Err(Failure::invalid_config(
                "`signature: required` needs `allowed_signers`: without them no signature is trusted",
            )),
            (Signature::Ignore, Some(_)) => Err(Failure::invalid_config(
                "`allowed_signers` with `signature: ignore`: nobody would look at them",
            )),
            (Signature::Required, Some(_))
            | (Signature::Optional, None | Some(_))
            | (Signature::Ignore, None) => Ok(()),
        }
    }

    pub(crate) fn signature(&self) -> Signature {
        self.signature.unwrap_or_default()
    }

    pub(crate) fn asks_remote(&self) -> bool {
        self.remote_matches == Some(true)
    }

    pub(crate) fn remote(&self) -> &str {
        self.remote.as_deref().unwrap_or("origin")
    }

    pub(crate) fn suffix(&self) -> &str {
        self.suffix.as_deref().unwrap_or_default()
    }

    pub(crate) fn needs_message(&self) -> bool {
        match self.commit_message {
            Some(CommitMessage::Required) => true,
            None => false,
        }
    }

    /// The pattern of tags as it is written, and what it matches.
    pub(crate) fn tag_pattern(&self) -> Result<Option<(&str, Regex)>, Failure> {
        let Some(pattern) = &self.tag_pattern else { return Ok(None) };
        let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            Failure::invalid_config(format!("`tag_pattern`: `{pattern}` is no pattern: {error}"))
        })?;
        Ok(Some((pattern, regex)))
    }
}
