//! Puts `HEAD` on a commit, a branch or a tag, and back.
//!
//! Two places matter: where `HEAD` *was* when the step began, and where it *goes*. From the one the step goes to the
//! other, and back; anywhere else somebody else was here, and nothing is touched.

use std::collections::BTreeSet;

use runner_plugin::host::{Change, Head, Repository, short_id};
use runner_plugin::text::shortened;
use runner_plugin::{Applied, Failure, Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Operation, absent, here, refused};

/// Where `HEAD` goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["commit"] }, { "required": ["branch"] }, { "required": ["tag"] },
]))]
pub struct Checkout {
    /// The repository, relative to the pipeline's directory; `.` is the one the directory is in or below.
    #[serde(default = "here")]
    #[schemars(length(min = 1))]
    repository: String,
    /// A commit, 40 hexadecimal digits. `HEAD` is on no branch then.
    #[schemars(regex(pattern = "^[0-9a-f]{40}$"))]
    commit: Option<String>,
    /// A branch of the repository itself.
    #[schemars(length(min = 1))]
    branch: Option<String>,
    /// A tag, without `refs/tags/`. `HEAD` is at its commit and on no branch then.
    #[schemars(length(min = 1))]
    tag: Option<String>,
}

/// A place for `HEAD`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    branch: Option<String>,
    commit: String,
}

/// Where `HEAD` was, and where it goes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Before {
    was: Place,
    goes: Place,
}

impl Operation for Checkout {
    type Before = Before;
    const NAME: &'static str = "checkout";

    fn repository(&self) -> &str {
        &self.repository
    }

    fn capture(&self, repository: &Repository) -> Result<Before, Failure> {
        let goes = self.goal(repository)?;
        let was = repository.head()?.into();
        if let Some(changed) = changed(repository)? {
            let what = format!("there are local changes, {changed}; nothing was checked out");
            return Err(refused(repository, what));
        }
        Ok(Before { was, goes })
    }

    fn apply(&self, before: Before, repository: &Repository, _: &Host) -> Result<Applied, Failure> {
        let Before { was, goes } = before;
        let goal = self.goal(repository)?;
        if goal != goes {
            let what = format!(
                "{} was at {} when this step began, and is at {} now; nothing was checked out",
                self.name(),
                short_id(&goes.commit),
                short_id(&goal.commit),
            );
            return Err(refused(repository, what));
        }
        let moved = goes.reach(&was, repository)?;
        let verb = if moved { "is" } else { "was already" };
        let at = short_id(&goes.commit);
        let summary = match &self.commit {
            Some(_) => format!("`HEAD` {verb} at {at}"),
            None => format!("`HEAD` {verb} at {at}, {}", self.name()),
        };
        Ok(Applied::new(summary).output("commit", goes.commit))
    }

    fn restore(&self, before: Before, repository: &Repository, _: &Host) -> Result<(), Failure> {
        let Before { was, goes } = before;
        if let Some(branch) = was.branch.as_ref().filter(|_| was != goes) {
            let now = repository.resolve(&format!("refs/heads/{branch}"))?;
            if now.as_ref() != Some(&was.commit) {
                let there = now.map_or("gone".to_owned(), |now| format!("at {}", short_id(&now)));
                let what = format!(
                    "the branch `{branch}` is {there}, and was at {}; `HEAD` was left where it is",
                    short_id(&was.commit)
                );
                return Err(refused(repository, what));
            }
        }
        if was.reach(&goes, repository)? {
            return Ok(());
        }
        // There were no local changes when the step began: a checkout that was cut short has left them, or somebody else.
        match changed(repository)? {
            None => Ok(()),
            Some(changed) => Err(refused(
                repository,
                format!(
                    "`HEAD` is {was}, as it was, but files differ from that, {changed}: a checkout was cut short, or \
                     somebody is at work; they were left alone; `git status` shows them, and \
                     `git restore --staged --worktree .` brings the files back"
                ),
            )),
        }
    }
}

/// Some of the paths that git knows and that differ from the last commit; none if there are none.
fn changed(repository: &Repository) -> Result<Option<String>, Failure> {
    let paths: BTreeSet<String> = repository
        .status()?
        .into_iter()
        .filter(|entry| entry.change != Change::Untracked)
        .map(|entry| entry.path)
        .collect();
    let Some(first) = paths.first() else { return Ok(None) };
    let more = match paths.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Ok(Some(format!("`{}`{more}", shortened(first))))
}

impl Checkout {
    /// Where this step puts `HEAD`, as the repository is now.
    fn goal(&self, repository: &Repository) -> Result<Place, Failure> {
        let missing =
            |what: String| absent(repository, format!("there is no {what}; nothing was checked out"));
        match (&self.commit, &self.branch, &self.tag) {
            (Some(commit), None, None) => match repository.resolve(commit)? {
                Some(found) if found == *commit => Ok(Place { branch: None, commit: found }),
                Some(_) | None => Err(missing(format!("commit `{commit}`"))),
            },
            (None, Some(branch), None) => {
                let found = repository.resolve(&format!("refs/heads/{branch}"))?;
                let commit = found.ok_or_else(|| missing(format!("branch `{branch}`")))?;
                Ok(Place { branch: Some(branch.clone()), commit })
            }
            (None, None, Some(name)) => {
                let tag = repository.tag(name)?.ok_or_else(|| missing(format!("tag `{name}`")))?;
                let commit = tag.commit.ok_or_else(|| missing(format!("commit behind the tag `{name}`")))?;
                Ok(Place { branch: None, commit })
            }
            (_, _, _) => {
                let message = "give exactly one of `commit`, `branch` and `tag`; nothing was checked out";
                Err(Failure::invalid_config(message))
            }
        }
    }

    fn name(&self) -> String {
        match (&self.branch, &self.tag) {
            (Some(branch), _) => format!("the branch `{branch}`"),
            (None, Some(tag)) => format!("the tag `{tag}`"),
            (None, None) => "the commit".to_owned(),
        }
    }
}

impl Place {
    /// Puts `HEAD` here if it is at `from`, and says whether it had to. Read back afterwards.
    fn reach(&self, from: &Self, repository: &Repository) -> Result<bool, Failure> {
        let now = Self::from(repository.head()?);
        if now == *self {
            return Ok(false);
        }
        if now != *from {
            let what = format!(
                "`HEAD` is {now}, neither {from} nor {self}: somebody else has moved it; it was left where it is"
            );
            return Err(refused(repository, what));
        }
        match &self.branch {
            Some(branch) => repository.checkout_branch(branch)?,
            None => repository.checkout(&self.commit)?,
        }
        let now = Self::from(repository.head()?);
        if now != *self {
            return Err(refused(repository, format!("`HEAD` is {now} after the checkout, not {self}")));
        }
        Ok(true)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let commit = short_id(&self.commit);
        match &self.branch {
            Some(branch) => write!(f, "at {commit} on `{branch}`"),
            None => write!(f, "at {commit} on no branch"),
        }
    }
}

impl From<Head> for Place {
    fn from(head: Head) -> Self {
        Self { branch: head.branch, commit: head.commit }
    }
}
