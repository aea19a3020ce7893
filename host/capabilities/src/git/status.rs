//! What differs from the last commit.

use git2::{Repository, Status, StatusOptions, StatusShow};

use super::{
    call::{Fault, Work},
    read::lossy,
};
use crate::host::{
    Problem,
    bindings::runner::plugin::git::{Change, StatusEntry},
};

/// Most paths in one answer.
const MAX_PATHS: usize = 10_000;
/// Mode of another repository in the index.
const SUBMODULE: u32 = 0o160_000;
/// Mode of a link in the index.
const LINK: u32 = 0o120_000;

pub(super) fn status(work: &Work, repository: &Repository) -> Result<Vec<StatusEntry>, Fault> {
    let mut entries = staged(repository)?;
    work.go_on()?;
    if repository.workdir().is_some() {
        trustworthy(repository)?;
        let mut options = options(StatusShow::Workdir);
        options.include_untracked(true).recurse_untracked_dirs(true).renames_index_to_workdir(true);
        collect(repository, &mut options, unstaged_change, false, &mut entries)?;
    }
    entries.sort_by(|a, b| (&a.path, b.staged).cmp(&(&b.path, a.staged)));
    Ok(entries)
}

/// Paths with tracked changes: what a checkout could lose.
pub(super) fn changed(repository: &Repository) -> Result<Vec<String>, Fault> {
    let mut entries = staged(repository)?;
    trustworthy(repository)?;
    collect(repository, &mut options(StatusShow::Workdir), unstaged_change, false, &mut entries)?;
    let mut paths: Vec<String> = entries.into_iter().map(|entry| entry.path).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn staged(repository: &Repository) -> Result<Vec<StatusEntry>, Fault> {
    let mut entries = Vec::new();
    let mut options = options(StatusShow::Index);
    options.exclude_submodules(false).renames_head_to_index(true);
    collect(repository, &mut options, staged_change, true, &mut entries)?;
    Ok(entries)
}

fn options(show: StatusShow) -> StatusOptions {
    let mut options = StatusOptions::new();
    options.show(show).include_ignored(false).include_unmodified(false).exclude_submodules(true);
    // Looking writes nothing: the index stays as it is.
    options.update_index(false).include_unreadable(true);
    options
}

/// What the index says of the working directory is only what it says: other repositories in it are not looked into, and
/// lists of ignored names are read by whoever follows a link to them.
fn trustworthy(repository: &Repository) -> Result<(), Fault> {
    let (index, workdir) = (repository.index()?, repository.workdir());
    for entry in index.iter() {
        let path = lossy(&entry.path);
        let name = path.rsplit('/').next().unwrap_or_default();
        if entry.mode == LINK && matches!(name, ".gitignore" | ".gitattributes" | ".gitmodules") {
            return Err(Fault::Failed(format!(
                "`{path}` is a link; git reads it only as a file, and so it is not read here"
            )));
        }
        if entry.mode == SUBMODULE
            && workdir.is_some_and(|workdir| workdir.join(&path).join(".git").symlink_metadata().is_ok())
        {
            return Err(Fault::Failed(format!(
                "`{path}` is a submodule that is checked out; whether it is changed is not looked at here: `git submodule \
                 deinit {path}` takes it out"
            )));
        }
    }
    Ok(())
}

fn collect(
    repository: &Repository,
    options: &mut StatusOptions,
    change: fn(Status) -> Option<Change>,
    staged: bool,
    entries: &mut Vec<StatusEntry>,
) -> Result<(), Fault> {
    let found = repository
        .statuses(Some(options))
        .map_err(|error| Fault::Failed(format!("the status cannot be read: {}", error.message())))?;
    for entry in found.iter() {
        let Some(change) = change(entry.status()) else { continue };
        if entries.len() == MAX_PATHS {
            return Err(Fault::Host(Problem::BudgetExceeded(format!("more than {MAX_PATHS} paths differ"))));
        }
        // A renamed path is told by its new name.
        let delta = if staged { entry.head_to_index() } else { entry.index_to_workdir() };
        let renamed = delta.filter(|_| change == Change::Renamed);
        let path = renamed.and_then(|delta| delta.new_file().path_bytes().map(lossy));
        entries.push(StatusEntry { path: path.unwrap_or_else(|| lossy(entry.path_bytes())), change, staged });
    }
    Ok(())
}

fn staged_change(status: Status) -> Option<Change> {
    let changes = [
        (Status::INDEX_NEW, Change::Added),
        (Status::INDEX_DELETED, Change::Deleted),
        (Status::INDEX_RENAMED, Change::Renamed),
        (Status::INDEX_TYPECHANGE, Change::Retyped),
        (Status::INDEX_MODIFIED, Change::Modified),
    ];
    first(status, changes)
}

fn unstaged_change(status: Status) -> Option<Change> {
    // A file that cannot be read may differ, so it counts as one that does.
    let changes = [
        (Status::CONFLICTED, Change::Conflicted),
        (Status::WT_NEW, Change::Untracked),
        (Status::WT_DELETED, Change::Deleted),
        (Status::WT_RENAMED, Change::Renamed),
        (Status::WT_TYPECHANGE, Change::Retyped),
        (Status::WT_MODIFIED | Status::WT_UNREADABLE, Change::Modified),
    ];
    first(status, changes)
}

fn first<const N: usize>(status: Status, changes: [(Status, Change); N]) -> Option<Change> {
    changes.into_iter().find(|(bits, _)| status.intersects(*bits)).map(|(_, change)| change)
}
