//! What changes a repository: tags and checkouts. Nothing is ever overwritten.

use git2::{ErrorCode, Oid, Repository, Signature, Time, build::CheckoutBuilder};

use super::{
    call::{Fault, Work, invalid},
    read, status,
};

pub(super) fn create_tag(
    work: &Work,
    repository: &Repository,
    name: &str,
    revision: &str,
    message: &str,
) -> Result<String, Fault> {
    let full = read::is_tag_name(name)?;
    drop(work.allow(Some(&full))?);
    if message.contains('\0') || message.trim().is_empty() {
        return Err(invalid("an annotated tag needs a message"));
    }
    let there = || Fault::Conflict(format!("the tag `{name}` is there already"));
    if read::reference(repository, &full)?.is_some() {
        return Err(there());
    }
    let target = repository.find_object(read::resolved(repository, revision)?, None)?;
    let tagger = tagger(work, repository)?;
    if work.ledger.instead(|| format!("tag {} as `{name}`", target.id())) {
        return Ok(Oid::ZERO_SHA1.to_string());
    }
    let made = repository.tag(name, &target, &tagger, message, false);
    made.map(|id| id.to_string()).map_err(|error| {
        if error.code() == ErrorCode::Exists {
            return there();
        }
        Fault::Failed(format!("the tag `{name}` was not made: {}", error.message()))
    })
}

/// Who makes a tag: the repository's own setting, since nobody's personal one is read.
fn tagger(work: &Work, repository: &Repository) -> Result<Signature<'static>, Fault> {
    let config = repository.config()?.snapshot()?;
    let setting = |name: &str| {
        config.get_string(name).ok().filter(|value| !value.trim().is_empty()).ok_or_else(|| {
            Fault::Failed(format!(
                "the repository has no `{name}`, and that of a user is not read; set it with `git config {name} …` in the \
                 repository"
            ))
        })
    };
    let (name, email) = (setting("user.name")?, setting("user.email")?);
    let seconds = i64::try_from(work.now_ms / 1000).unwrap_or(i64::MAX);
    Signature::new(&name, &email, &Time::new(seconds, 0)).map_err(|error| {
        Fault::Failed(format!("`user.name` and `user.email` make no signature: {}", error.message()))
    })
}

pub(super) fn delete_tag(
    work: &Work,
    repository: &Repository,
    name: &str,
    object: &str,
) -> Result<bool, Fault> {
    let full = read::is_tag_name(name)?;
    drop(work.allow(Some(&full))?);
    let wanted = full_id(object)?;
    let Some(mut reference) = read::reference(repository, &full)? else { return Ok(false) };
    match reference.target() {
        Some(target) if target == wanted => {}
        Some(target) => {
            return Err(Fault::Conflict(format!(
                "the tag `{name}` is {target} now, not {wanted}; it was left alone"
            )));
        }
        None => {
            return Err(Fault::Conflict(format!(
                "the tag `{name}` is a symbolic reference; it was left alone"
            )));
        }
    }
    if work.ledger.instead(|| format!("delete the tag `{name}`")) {
        return Ok(true);
    }
    reference.delete().map_err(|error| {
        if [ErrorCode::Modified, ErrorCode::Locked].contains(&error.code()) {
            return Fault::Conflict(format!(
                "the tag `{name}` changed at the same moment; it was left alone"
            ));
        }
        Fault::Failed(format!("the tag `{name}` was not deleted: {}", error.message()))
    })?;
    Ok(true)
}

fn full_id(text: &str) -> Result<Oid, Fault> {
    let whole = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !whole {
        return Err(invalid("an object is named by 40 hexadecimal digits"));
    }
    Ok(Oid::from_str(text)?)
}

pub(super) fn checkout(work: &Work, repository: &Repository, commit: &str) -> Result<(), Fault> {
    let id = read::resolved(repository, commit)?;
    if switch(work, repository, id, commit)? {
        repository.set_head_detached(id)?;
    }
    Ok(())
}

pub(super) fn checkout_branch(work: &Work, repository: &Repository, branch: &str) -> Result<(), Fault> {
    let full = format!("refs/heads/{branch}");
    if !git2::Reference::is_valid_name(&full) {
        return Err(invalid(format!("`{}` is not a name for a branch", branch.escape_debug())));
    }
    let Some(reference) = read::reference(repository, &full)? else {
        return Err(Fault::NotFound(format!("there is no branch `{branch}`")));
    };
    let id = reference.peel_to_commit()?.id();
    if switch(work, repository, id, branch)? {
        repository.set_head(&full)?;
    }
    Ok(())
}

/// Makes the working directory that of `id`, if nothing is lost by it. False in a rehearsal, which leaves it as it is.
fn switch(work: &Work, repository: &Repository, id: Oid, shown: &str) -> Result<bool, Fault> {
    if repository.is_bare() {
        return Err(Fault::Failed("a bare repository has no working directory to check out into".to_owned()));
    }
    let changed = status::changed(repository)?;
    if !changed.is_empty() {
        let more = changed.len().saturating_sub(5);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let first: Vec<String> = changed.iter().take(5).map(|path| format!("`{path}`")).collect();
        return Err(Fault::Conflict(format!(
            "local changes would be in the way: {}{more}; nothing was checked out",
            first.join(", ")
        )));
    }
    work.go_on()?;
    let commit = repository.find_commit(id)?;
    if work.ledger.instead(|| format!("check out {id}")) {
        return Ok(false);
    }
    let mut options = CheckoutBuilder::new();
    options.safe().overwrite_ignored(false);
    repository.checkout_tree(commit.as_object(), Some(&mut options)).map_err(|error| {
        if error.code() == ErrorCode::Conflict {
            return Fault::Conflict(format!(
                "files that git does not know would be overwritten by `{shown}`; nothing was checked out"
            ));
        }
        Fault::Failed(format!("`{shown}` was not checked out as a whole: {}", error.message()))
    })?;
    Ok(true)
}
