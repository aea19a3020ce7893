//! Gate: nothing in a git repository differs from its last commit.
//!
//! The host says which paths differ and how; `.gitignore` has been taken into account. A path passes only if it is
//! untracked or modified and a pattern of the step allows just that. Everything else is a finding, named by what is
//! different about the path.

use std::collections::BTreeSet;

use runner_plugin::glob::Pattern;
use runner_plugin::host::{Change, StatusEntry, short_id};
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Evaluation, Failure, Finding, Findings, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which repository, and what may differ in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The repository, relative to the pipeline's directory; `.` is the one the directory is in or below.
    #[serde(default = "here")]
    #[schemars(length(min = 1))]
    repository: String,
    /// Patterns of paths that git need not know, relative to the repository.
    #[serde(default)]
    allow_untracked: Vec<String>,
    /// Patterns of paths whose content or mode may differ, relative to the repository.
    #[serde(default)]
    allow_modified: Vec<String>,
}

fn here() -> String {
    ".".to_owned()
}

/// The gate.
#[derive(Debug)]
pub struct GitClean;

impl Gate for GitClean {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["commit", "branch"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let allowed = Allowed::new(&config)?;
        let repository = host.git().open(&config.repository)?;
        let head = repository.head()?;
        let (fine, wrong): (Vec<_>, Vec<_>) =
            repository.status()?.into_iter().partition(|entry| allowed.covers(entry));
        let place = match &head.branch {
            Some(branch) => format!("{} on `{branch}`", short_id(&head.commit)),
            None => format!("{}, which is on no branch", short_id(&head.commit)),
        };
        let summary = match (paths(&wrong), paths(&fine)) {
            (0, 0) => format!("nothing differs from {place}"),
            (0, number) => {
                format!(
                    "only {} from {place}",
                    counted(number, "allowed path differs", "allowed paths differ")
                )
            }
            (number, _) => format!("{} from {place}", counted(number, "path differs", "paths differ")),
        };
        let mut findings = Findings::new();
        findings.extend(wrong.iter().map(|entry| finding(&config.repository, entry)));
        Ok(Evaluation::judge(findings.into_vec(), summary)
            .output("commit", head.commit)
            .output("branch", head.branch))
    }
}

/// The patterns of the step.
struct Allowed {
    untracked: Vec<Pattern>,
    modified: Vec<Pattern>,
}

impl Allowed {
    fn new(config: &Config) -> Result<Self, Failure> {
        let patterns = |written: &[String]| -> Result<Vec<Pattern>, Failure> {
            written.iter().map(|pattern| Pattern::new(pattern)).collect()
        };
        Ok(Self {
            untracked: patterns(&config.allow_untracked)?,
            modified: patterns(&config.allow_modified)?,
        })
    }

    fn covers(&self, entry: &StatusEntry) -> bool {
        let patterns = match entry.change {
            Change::Untracked => &self.untracked,
            Change::Modified => &self.modified,
            Change::Added | Change::Deleted | Change::Renamed | Change::Retyped | Change::Conflicted => {
                return false;
            }
        };
        patterns.iter().any(|pattern| match entry.path.strip_suffix('/') {
            // A directory that git does not look into, such as another repository.
            Some(directory) => pattern.matches_all_below(directory),
            None => pattern.matches(&entry.path),
        })
    }
}

/// How many paths there are: one may differ in the index and again from it.
fn paths(entries: &[StatusEntry]) -> usize {
    entries.iter().map(|entry| &entry.path).collect::<BTreeSet<_>>().len()
}

fn finding(repository: &str, entry: &StatusEntry) -> Finding {
    let path = &entry.path;
    let (what, help) = match entry.change {
        Change::Untracked => {
            ("is not known to git", "commit it, remove it, or name it in `.gitignore` or `allow_untracked`")
        }
        Change::Added => ("is added, and in no commit", "commit it, or take it out with `git rm --cached`"),
        Change::Modified => ("is modified", "commit it, or take it back with `git restore`"),
        Change::Deleted => ("is deleted", "commit that, or take it back with `git restore`"),
        Change::Renamed => ("has another name", "commit that, or take it back with `git restore`"),
        Change::Retyped => ("is of another type", "commit that, or take it back with `git restore`"),
        Change::Conflicted => ("is in conflict", "finish the merge, or end it with `git merge --abort`"),
    };
    let staged = if entry.staged && entry.change != Change::Conflicted { ", staged" } else { "" };
    let file = if repository == "." { path.clone() } else { format!("{repository}/{path}") };
    Finding::error(entry.change.word(), format!("`{}` {what}{staged}", shortened(path)))
        .in_file(file)
        .help(help)
}

runner_plugin::export_gate!(GitClean);

#[cfg(test)]
mod tests;
