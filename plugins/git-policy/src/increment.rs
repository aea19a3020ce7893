//! Which version a tag makes, and which one was before it.

use regex_lite::Regex;
use runner_plugin::host::{Head, Repository, TagFacts};
use runner_plugin::text::shortened;
use runner_plugin::{Failure, Finding};
use runner_version::Release;
use semver::Version;

use crate::config::{AUTO, Config, Increment};

/// What the tag makes of the version before.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    pub(crate) version: Option<Version>,
    pub(crate) previous: Option<Version>,
    pub(crate) finding: Option<Finding>,
}

/// A tag at a commit, in the repository as it stands.
pub(crate) struct Place<'p> {
    pub(crate) repository: &'p Repository,
    pub(crate) head: &'p Head,
    pub(crate) tag: &'p TagFacts,
    pub(crate) commit: &'p str,
    pub(crate) pattern: Option<&'p Regex>,
}

pub(crate) fn versions(config: &Config, place: &Place<'_>) -> Result<Versions, Failure> {
    let parsed = runner_version::parse(&place.tag.name, config.suffix());
    let Some(increment) = &config.increment else {
        return Ok(Versions { version: parsed.ok(), ..Versions::default() });
    };
    let version = match parsed {
        Ok(version) => version,
        Err(why) => {
            let finding = Finding::error("no-version", format!("the tag names no version: {why}"))
                .help("`suffix` is what stands after each version");
            return Ok(Versions { finding: Some(finding), ..Versions::default() });
        }
    };
    let previous = previous(config, increment, place)?;
    let finding = match &previous {
        Some(previous) => {
            let allowed: Vec<Release> = increment.allow.iter().copied().collect();
            let wrong = runner_version::wrong(previous, &version, &allowed);
            wrong.map(|(rule, why)| Finding::error(rule, why))
        }
        None => {
            let message = "no earlier tag is here, so there was nothing to compare with".to_owned();
            let help =
                "a first release is all right; else get the tags with `git fetch --tags`, or give `previous`";
            Some(Finding::warning("no-earlier-tag", message).help(help))
        }
    };
    Ok(Versions { version: Some(version), previous, finding })
}

/// The version before: the one that is given, or the highest of the tags that the commit comes after.
fn previous(config: &Config, increment: &Increment, place: &Place<'_>) -> Result<Option<Version>, Failure> {
    if increment.previous != AUTO {
        let parsed = runner_version::parse(&increment.previous, config.suffix());
        return parsed.map(Some).map_err(|why| {
            Failure::invalid_config(format!("`increment.previous`: {why}; nothing was compared"))
        });
    }
    if place.head.shallow {
        return Err(Failure::invalid_input(format!(
            "repository `{}`: it is a shallow clone, so earlier tags may be missing; get them with \
             `git fetch --unshallow --tags`, or give `increment.previous`; nothing was compared",
            shortened(place.repository.path()),
        )));
    }
    let mut candidates: Vec<(Version, String)> = place
        .repository
        .tags("*")?
        .into_iter()
        .filter(|tag| tag.name != place.tag.name)
        .filter(|tag| place.pattern.is_none_or(|pattern| pattern.is_match(&tag.name)))
        .filter_map(|tag| Some((runner_version::parse(&tag.name, config.suffix()).ok()?, tag.commit?)))
        .collect();
    // The highest first: the first that the commit comes after is the one, and nearly always there is no second question.
    candidates.sort_by(|(one, _), (other, _)| other.cmp_precedence(one));
    for (version, commit) in candidates {
        if place.repository.is_ancestor(&commit, place.commit)? {
            return Ok(Some(version));
        }
    }
    Ok(None)
}
