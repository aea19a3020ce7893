//! Makes an annotated tag.
//!
//! The commit is settled before anything is done: a branch that moves in between moves no tag. A tag that is found after
//! that is taken for the one of this step if it is what this step would have made; so a second call does nothing, and
//! taking back deletes nothing that is not as this step has made it.

use runner_plugin::host::{Repository, TagFacts, short_id};
use runner_plugin::{Applied, Failure, Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Operation, absent, here, refused};

/// An annotated tag.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// The repository, relative to the pipeline's directory; `.` is the one the directory is in or below.
    #[serde(default = "here")]
    #[schemars(length(min = 1))]
    repository: String,
    /// Its name, without `refs/tags/`.
    #[schemars(length(min = 1))]
    name: String,
    /// What it says.
    #[schemars(length(min = 1))]
    message: String,
    /// What it is at.
    #[serde(default = "head")]
    #[schemars(length(min = 1))]
    revision: String,
    /// What to do if there is a tag of this name.
    #[serde(default)]
    if_exists: IfExists,
    /// Whether the tag stays when the run is taken back: for a tag that a later step pushes.
    #[serde(default)]
    keep: bool,
}

/// What to do if there is a tag of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum IfExists {
    /// The step fails, and nothing is done.
    #[default]
    Fail,
    /// An annotated tag at the same commit is as good as made; any other fails.
    SameCommit,
}

/// Where the tag goes, and the tag object if there was one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Before {
    commit: String,
    object: Option<String>,
}

fn head() -> String {
    "HEAD".to_owned()
}

impl Operation for Tag {
    type Before = Before;
    const NAME: &'static str = "tag";

    fn repository(&self) -> &str {
        &self.repository
    }

    fn capture(&self, repository: &Repository) -> Result<Before, Failure> {
        if self.message.trim().is_empty() {
            return Err(Failure::invalid_config(
                "`message` is blank: say what the tag is for; nothing was tagged",
            ));
        }
        let missing =
            || absent(repository, format!("there is no commit `{}`; nothing was tagged", self.revision));
        let commit = repository.resolve(&self.revision)?.ok_or_else(missing)?;
        let object =
            repository.tag(&self.name)?.map(|tag| self.reused(&tag, &commit, repository)).transpose()?;
        Ok(Before { commit, object })
    }

    fn apply(&self, before: Before, repository: &Repository, _: &Host) -> Result<Applied, Failure> {
        let name = &self.name;
        let (object, made) = match (before.object, repository.tag(name)?) {
            (Some(object), Some(tag)) if tag.object == object => (object, false),
            (Some(_), Some(_) | None) => {
                let what = format!("the tag `{name}` was changed since this step began; nothing was tagged");
                return Err(refused(repository, what));
            }
            (None, Some(tag)) if self.is_made(&tag, &before.commit) => (tag.object, true),
            (None, Some(_)) => {
                let what = format!(
                    "somebody else has made the tag `{name}` since this step began; it was left alone"
                );
                return Err(refused(repository, what));
            }
            (None, None) => (repository.create_tag(name, &before.commit, &self.message)?, true),
        };
        let verb = if made { "is" } else { "was already" };
        Ok(Applied::new(format!("`{name}` {verb} at {}", short_id(&before.commit)))
            .output("commit", before.commit)
            .output("object", object))
    }

    fn restore(&self, before: Before, repository: &Repository, host: &Host) -> Result<(), Failure> {
        let name = &self.name;
        match repository.tag(name)? {
            Some(_) if before.object.is_some() => Ok(()),
            Some(_) if self.keep => {
                host.log().warn(format!("the tag `{name}` stays: `keep` says so"));
                Ok(())
            }
            Some(tag) if self.is_made(&tag, &before.commit) => {
                repository.delete_tag(name, &tag.object)?;
                Ok(())
            }
            Some(_) => Err(refused(
                repository,
                format!("the tag `{name}` is not as this step has made it; it was left alone"),
            )),
            None => Ok(()),
        }
    }
}

impl Tag {
    /// The object of a tag that is there, if it will do.
    fn reused(&self, tag: &TagFacts, commit: &str, repository: &Repository) -> Result<String, Failure> {
        let name = &self.name;
        let there = tag.commit.as_deref().map_or("something that is no commit", short_id);
        let why = match self.if_exists {
            IfExists::Fail => {
                "`if_exists: same-commit` would take it if it is annotated and at the same commit".to_owned()
            }
            IfExists::SameCommit if !tag.annotated => "it is a lightweight tag".to_owned(),
            IfExists::SameCommit if tag.commit.as_deref() != Some(commit) => {
                format!("the commit wanted is {}", short_id(commit))
            }
            IfExists::SameCommit => return Ok(tag.object.clone()),
        };
        let what = format!("the tag `{name}` is there already, at {there}: {why}; nothing was tagged");
        Err(refused(repository, what))
    }

    /// Whether a tag is what this step makes. Git may end a message with a line break of its own.
    fn is_made(&self, tag: &TagFacts, commit: &str) -> bool {
        tag.annotated
            && tag.commit.as_deref() == Some(commit)
            && tag.message.trim_end() == self.message.trim_end()
    }
}
