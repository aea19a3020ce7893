//! Fetches the branches of a remote, and its tags.
//!
//! A fetch that fails is a failure: whoever goes on with what was there before, deploys yesterday. Nothing is taken
//! back: what was fetched only says what the remote has, and no branch of the repository itself has moved.

use runner_plugin::host::{Credentials, Repository};
use runner_plugin::{Applied, Failure, Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Operation, here, origin};

/// What a remote has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// The repository, relative to the pipeline's directory; `.` is the one the directory is in or below.
    #[serde(default = "here")]
    #[schemars(length(min = 1))]
    repository: String,
    /// The remote, by the name it has in the repository.
    #[serde(default = "origin")]
    #[schemars(length(min = 1))]
    remote: String,
    /// Whether its tags are fetched, too. One that is another here is a failure.
    #[serde(default)]
    tags: bool,
    /// Who is asking, for a remote over HTTPS.
    login: Option<Credentials>,
}

/// Nothing has to be known.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Before {}

impl Operation for Fetch {
    type Before = Before;
    const NAME: &'static str = "fetch";

    fn repository(&self) -> &str {
        &self.repository
    }

    fn capture(&self, _: &Repository) -> Result<Before, Failure> {
        Ok(Before {})
    }

    fn apply(&self, _: Before, repository: &Repository, host: &Host) -> Result<Applied, Failure> {
        let login = self.login.as_ref().map(|login| login.login(host)).transpose()?;
        repository.fetch(&self.remote, self.tags, login.as_ref())?;
        let what = if self.tags { "branches and tags" } else { "branches" };
        Ok(Applied::new(format!("{what} of `{}` are here", self.remote)))
    }

    fn restore(&self, _: Before, _: &Repository, host: &Host) -> Result<(), Failure> {
        host.log().warn(format!("what was fetched from `{}` stays", self.remote));
        Ok(())
    }
}
