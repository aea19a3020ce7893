//! What a tag is: its name, its kind, its signature, and the same tag at the remote.

use regex_lite::Regex;
use runner_plugin::host::{Repository, TagFacts, Verification, short_id};
use runner_plugin::text::shortened;
use runner_plugin::{Failure, Finding, Host};

use crate::config::{Config, Signature, Signers};

/// A name that is none of a release.
pub(crate) fn misnamed(name: &str, pattern: Option<&(&str, Regex)>) -> Option<Finding> {
    let (written, regex) = pattern?;
    let message = format!("the tag `{}` does not match `{written}`", shortened(name));
    (!regex.is_match(name)).then(|| Finding::error("invalid-tag", message))
}

pub(crate) fn missing(name: &str) -> Finding {
    Finding::error("missing-tag", format!("there is no tag `{}` here", shortened(name)))
        .help("make it with `git tag -a`, or get it with `git fetch --tags`")
}

/// A tag that is only a name for a commit: it says neither who made it nor when, and can be moved without a trace.
pub(crate) fn lightweight(tag: &TagFacts) -> Option<Finding> {
    let message = format!("`{}` is a lightweight tag", tag.name);
    (!tag.annotated).then(|| Finding::error("lightweight-tag", message).help("make it with `git tag -a`"))
}

pub(crate) fn without_commit(tag: &TagFacts) -> Finding {
    let message = format!("the tag `{}` leads to {}, which is no commit", tag.name, short_id(&tag.object));
    Finding::error("no-commit", message).help("tag a commit")
}

/// What is to be said of the signature, and who has made a good one.
pub(crate) fn signature(
    config: &Config,
    tag: &TagFacts,
    repository: &Repository,
    host: &Host,
) -> Result<(Option<Finding>, Option<String>), Failure> {
    let wanted = config.signature();
    if wanted == Signature::Ignore {
        return Ok((None, None));
    }
    // A tag without signature needs nobody to verify it, nor the grant for that.
    let verification = if tag.signed {
        let signers = match &config.allowed_signers {
            None => String::new(),
            Some(Signers::Lines(lines)) => lines.clone(),
            Some(Signers::File(place)) => host.files().read_to_string(&place.file)?,
        };
        repository.verify_tag(&tag.name, &signers)?
    } else {
        Verification::Unsigned
    };
    let name = &tag.name;
    let finding = match verification {
        Verification::Good(signer) => return Ok((None, Some(signer))),
        Verification::Unsigned => (wanted == Signature::Required).then(|| {
            Finding::error("unsigned", format!("the tag `{name}` is not signed"))
                .help("make it with `git tag -s`")
        }),
        Verification::Untrusted(why) => {
            let message = format!("the signature of `{name}` is not trusted: {why}");
            Some(match (wanted, &config.allowed_signers) {
                (Signature::Required, _) => Finding::error("untrusted-signature", message)
                    .help("let an allowed signer sign it, or add the key to `allowed_signers`"),
                (Signature::Optional | Signature::Ignore, Some(_)) => {
                    Finding::warning("untrusted-signature", message)
                        .help("let an allowed signer sign it, or add the key to `allowed_signers`")
                }
                (Signature::Optional | Signature::Ignore, None) => {
                    Finding::note("untrusted-signature", message).help("say who may sign: `allowed_signers`")
                }
            })
        }
        Verification::Bad(why) => {
            let message = format!("the signature of `{name}` is wrong: {why}");
            Some(Finding::error("bad-signature", message).help("do not use this tag; find out who made it"))
        }
    };
    Ok((finding, None))
}

/// Whether the remote has the same tag object.
pub(crate) fn at_remote(
    config: &Config,
    tag: &TagFacts,
    repository: &Repository,
    host: &Host,
) -> Result<Option<Finding>, Failure> {
    let remote = config.remote();
    let login = config.login.as_ref().map(|login| login.login(host)).transpose()?;
    let name = format!("refs/tags/{}", tag.name);
    let theirs = repository.remote_refs(remote, &name, login.as_ref())?;
    let finding = match theirs.into_iter().find(|theirs| theirs.name == name) {
        Some(theirs) if theirs.object == tag.object => None,
        Some(theirs) => {
            let [there, here] = [&theirs.object, &tag.object].map(|id| short_id(id));
            let message = format!("the tag `{}` is {there} at `{remote}`, and {here} here", tag.name);
            let help =
                "a tag that was published is never moved: find out who did, and release under a new one";
            Some(Finding::error("remote-tag-differs", message).help(help))
        }
        None => {
            let message = format!("`{remote}` has no tag `{}`", tag.name);
            Some(Finding::error("not-at-remote", message).help("push it"))
        }
    };
    Ok(finding)
}
