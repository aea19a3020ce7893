//! Action: tags, pushes, fetches and checks out, and takes back what can be taken back.
//!
//! A step does one `Operation`, and each has a file of its own in `operation`. What it noted before it began is its
//! `Before`; here that becomes the snapshot and is read again, and a snapshot of another operation or repository is refused.
//!
//! Never here: force. What stands in the way of a change is a failure, and so is whatever somebody else has changed since.

mod operation;

use runner_plugin::host::Repository;
use runner_plugin::{Action, Applied, Failure, Host, Request};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use operation::{Checkout, Fetch, Push, Tag};

/// What to do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Config {
    /// Makes an annotated tag.
    Tag(Tag),
    /// Pushes a branch or a tag.
    Push(Push),
    /// Fetches the branches of a remote.
    Fetch(Fetch),
    /// Puts `HEAD` on a commit, a branch or a tag.
    Checkout(Checkout),
}

/// One thing that can be done to a repository.
trait Operation {
    /// What has to be known to do it as it was meant, and to take it back.
    type Before: Serialize + DeserializeOwned;

    /// As the step names it.
    const NAME: &'static str;

    /// The repository it is done to.
    fn repository(&self) -> &str;

    /// Notes how things are. A step that cannot be done is refused here, before anything is.
    fn capture(&self, repository: &Repository) -> Result<Self::Before, Failure>;

    /// Does it. At its goal there is nothing to do.
    fn apply(&self, before: Self::Before, repository: &Repository, host: &Host) -> Result<Applied, Failure>;

    /// Takes it back.
    fn restore(&self, before: Self::Before, repository: &Repository, host: &Host) -> Result<(), Failure>;
}

/// A snapshot: what was noted, and of what.
#[derive(Debug, Serialize, Deserialize)]
struct Snapshot<B> {
    op: String,
    repository: String,
    before: B,
}

fn capture<O: Operation>(operation: &O, host: &Host) -> Result<String, Failure> {
    let before = operation.capture(&host.git().open(operation.repository())?)?;
    let (op, repository) = (O::NAME.to_owned(), operation.repository().to_owned());
    serde_json::to_string(&Snapshot { op, repository, before })
        .map_err(|error| Failure::internal(format!("the snapshot cannot be written: {error}")))
}

fn captured<O: Operation>(operation: &O, snapshot: &str) -> Result<O::Before, Failure> {
    let none = |error| Failure::invalid_input(format!("the snapshot is none of this plugin: {error}"));
    let of: Snapshot<serde_json::Value> = serde_json::from_str(snapshot).map_err(none)?;
    if of.op != O::NAME || of.repository != operation.repository() {
        return Err(Failure::invalid_config(format!(
            "the snapshot is of `{}` in `{}`, not of `{}` in `{}`; nothing was changed",
            of.op,
            of.repository,
            O::NAME,
            operation.repository(),
        )));
    }
    serde_json::from_value(of.before).map_err(none)
}

fn apply<O: Operation>(operation: &O, snapshot: &str, host: &Host) -> Result<Applied, Failure> {
    let before = captured(operation, snapshot)?;
    operation.apply(before, &host.git().open(operation.repository())?, host)
}

fn restore<O: Operation>(operation: &O, snapshot: &str, host: &Host) -> Result<(), Failure> {
    let before = captured(operation, snapshot)?;
    operation.restore(before, &host.git().open(operation.repository())?, host)
}

/// The action.
#[derive(Debug)]
pub struct Git;

impl Action for Git {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["commit", "object", "pushed"];

    fn capture(config: Config, _: &Request, host: &Host) -> Result<String, Failure> {
        match config {
            Config::Tag(tag) => capture(&tag, host),
            Config::Push(push) => capture(&push, host),
            Config::Fetch(fetch) => capture(&fetch, host),
            Config::Checkout(checkout) => capture(&checkout, host),
        }
    }

    fn apply(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<Applied, Failure> {
        match config {
            Config::Tag(tag) => apply(&tag, snapshot, host),
            Config::Push(push) => apply(&push, snapshot, host),
            Config::Fetch(fetch) => apply(&fetch, snapshot, host),
            Config::Checkout(checkout) => apply(&checkout, snapshot, host),
        }
    }

    fn restore(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<(), Failure> {
        match config {
            Config::Tag(tag) => restore(&tag, snapshot, host),
            Config::Push(push) => restore(&push, snapshot, host),
            Config::Fetch(fetch) => restore(&fetch, snapshot, host),
            Config::Checkout(checkout) => restore(&checkout, snapshot, host),
        }
    }
}

/// The repository of a step that names none.
fn here() -> String {
    ".".to_owned()
}

/// The remote of a step that names none.
fn origin() -> String {
    "origin".to_owned()
}

/// Something is not as it has to be; the text says what, and what was not done.
fn refused(repository: &Repository, what: impl std::fmt::Display) -> Failure {
    Failure::invalid_input(format!("repository `{}`: {what}", repository.path()))
}

/// Something is not there.
fn absent(repository: &Repository, what: impl std::fmt::Display) -> Failure {
    Failure::unavailable(format!("repository `{}`: {what}", repository.path()))
}

runner_plugin::export_action!(Git);

#[cfg(test)]
mod tests;
