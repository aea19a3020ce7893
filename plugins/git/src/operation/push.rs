//! Pushes a branch or a tag, never with force.
//!
//! What was seen when the step began is what is pushed, or nothing. That a reference is not there is for the push to say:
//! a rehearsal pushes what an earlier step has only said it would make. A push is not taken back: others may have it
//! by now, and taking it back would need the force that is not here.

use runner_plugin::host::{Credentials, GitError, GitReason, Repository, short_id};
use runner_plugin::{Applied, Failure, Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Operation, here, origin, refused};

/// A branch or a tag that a remote gets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// The repository, relative to the pipeline's directory; `.` is the one the directory is in or below.
    #[serde(default = "here")]
    #[schemars(length(min = 1))]
    repository: String,
    /// The remote, by the name it has in the repository.
    #[serde(default = "origin")]
    #[schemars(length(min = 1))]
    remote: String,
    /// A branch (`main`), or a reference in full (`refs/heads/main`, `refs/tags/v1.0.0`).
    #[serde(rename = "ref")]
    #[schemars(length(min = 1))]
    reference: String,
    /// Who is asking, for a remote over HTTPS.
    login: Option<Credentials>,
}

/// What the reference was at.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Before {
    object: Option<String>,
    commit: Option<String>,
}

impl Before {
    fn place(&self) -> String {
        self.object.as_deref().map_or("nowhere".to_owned(), |object| format!("at {}", short_id(object)))
    }
}

impl Operation for Push {
    type Before = Before;
    const NAME: &'static str = "push";

    fn repository(&self) -> &str {
        &self.repository
    }

    fn capture(&self, repository: &Repository) -> Result<Before, Failure> {
        self.look(repository)
    }

    fn apply(&self, before: Before, repository: &Repository, host: &Host) -> Result<Applied, Failure> {
        let now = self.look(repository)?;
        let (name, remote) = (self.full_name()?, &self.remote);
        if now != before {
            let (was, is) = (before.place(), now.place());
            let what =
                format!("`{name}` was {was} when this step began, and is {is} now; nothing was pushed");
            return Err(refused(repository, what));
        }
        let login = self.login.as_ref().map(|login| login.login(host)).transpose()?;
        let pushed =
            repository.push(remote, &name, login.as_ref()).map_err(|error| self.explained(error, &now))?;
        let verb = if pushed { "is now" } else { "was already" };
        Ok(Applied::new(format!("`{name}` {verb} at `{remote}`"))
            .output("commit", now.commit)
            .output("object", now.object)
            .output("pushed", pushed))
    }

    fn restore(&self, _: Before, _: &Repository, host: &Host) -> Result<(), Failure> {
        let (name, remote) = (self.full_name()?, &self.remote);
        host.log().warn(format!("`{name}` stays at `{remote}` as it is: what was pushed is not taken back"));
        Ok(())
    }
}

impl Push {
    fn full_name(&self) -> Result<String, Failure> {
        let name = &self.reference;
        if name.starts_with("refs/heads/") || name.starts_with("refs/tags/") {
            return Ok(name.clone());
        }
        if name.starts_with("refs/") {
            let message = format!("`ref`: `{name}` is neither a branch nor a tag; nothing was pushed");
            return Err(Failure::invalid_config(message));
        }
        Ok(format!("refs/heads/{name}"))
    }

    /// What the reference is at.
    fn look(&self, repository: &Repository) -> Result<Before, Failure> {
        let name = self.full_name()?;
        let found = match name.strip_prefix("refs/tags/") {
            Some(tag) => {
                repository.tag(tag)?.map(|tag| Before { object: Some(tag.object), commit: tag.commit })
            }
            None => {
                let commit = repository.resolve(&name)?;
                commit.map(|commit| Before { object: Some(commit.clone()), commit: Some(commit) })
            }
        };
        Ok(found.unwrap_or_default())
    }

    /// A name without `refs/` that is no branch may have been meant for a tag.
    fn explained(&self, error: GitError, now: &Before) -> Failure {
        let missing = now.object.is_none() && matches!(error.reason, GitReason::NotFound(_));
        let failure = Failure::from(error);
        if missing && !self.reference.starts_with("refs/") {
            let message = format!("{}; a tag is written `refs/tags/{}`", failure.message, self.reference);
            return Failure::new(failure.kind, message);
        }
        failure
    }
}
