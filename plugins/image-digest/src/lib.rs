//! Gate: an image is there, and is the one that is meant.
//!
//! The engine is asked for the image by the name that the next steps will use; what it answers is held against the
//! digest and the labels that are wanted. So a name that was moved to another image is found before it is launched.
//!
//! Never here: what is good in an image. That is a matter of `image-policy`.

use std::collections::BTreeMap;
use std::fmt;

use runner_evidence::moment;
use runner_images::{Reference, is_sha256};
use runner_plugin::host::ImageFacts;
use runner_plugin::text::shortened;
use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// Which image, and which one it has to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `name:tag`, `name@sha256:…` or an image id.
    #[schemars(length(min = 1))]
    image: String,
    /// The id of the image or its digest in a registry: `sha256:…` or `name@sha256:…`.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String", regex(pattern = "^(.+@)?sha256:[0-9a-f]{64}$"))]
    digest: Option<String>,
    /// Labels with the values that they have to have.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Whether it has to be there. With `false` it must not, e.g. because a name is given only once.
    #[serde(default = "yes")]
    exists: bool,
}

/// A digest that an expression did not find is a mistake, not the wish for none.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

fn yes() -> bool {
    true
}

/// The gate.
#[derive(Debug)]
pub struct ImageDigest;

impl Gate for ImageDigest {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["image_id", "digest", "created"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let wanted = config.wanted()?;
        let image = &config.image;
        let evaluation = match (host.docker().inspect_image(image)?, config.exists) {
            (None, false) => return Ok(Evaluation::pass(format!("there is no `{image}`"))),
            (None, true) => {
                let finding = Finding::error("missing-image", format!("there is no image `{image}`"))
                    .help("was it built or pulled on this engine, under this name?");
                return Ok(Evaluation::fail(format!("there is no `{image}`")).finding(finding));
            }
            (Some(facts), false) => {
                let finding = Finding::error("unexpected-image", format!("`{image}` is there: {}", facts.id))
                    .help(
                        "is the name taken? a name that means another image tomorrow cannot be gone back to",
                    );
                (Evaluation::fail(format!("`{image}` is there and must not be")).finding(finding), facts)
            }
            (Some(facts), true) => {
                let findings = differences(&config, wanted.as_ref(), &facts);
                let summary = match findings.len() {
                    0 => format!("`{image}` is {}", short(&facts.id)),
                    _ => format!("`{image}` is {} and not the image that is meant", short(&facts.id)),
                };
                (Evaluation::judge(findings, summary), facts)
            }
        };
        let (evaluation, facts) = evaluation;
        Ok(evaluation
            .output("image_id", facts.id.as_str())
            .output("digest", digest_of(image, &facts.digests))
            .output("created", moment::of_clock(facts.created_at)?.to_string()))
    }
}

/// A digest that is wanted.
struct Wanted<'c> {
    /// The repository it has to be of, if one is named.
    repository: Option<Reference<'c>>,
    /// `sha256:…`.
    digest: &'c str,
}

impl Config {
    fn wanted(&self) -> Result<Option<Wanted<'_>>, Failure> {
        if !self.exists && (self.digest.is_some() || !self.labels.is_empty()) {
            return Err(Failure::invalid_config(
                "`exists: false` leaves no image whose `digest` or `labels` could be right",
            ));
        }
        let Some(text) = &self.digest else { return Ok(None) };
        let (repository, digest) = match text.rsplit_once('@') {
            Some((name, digest)) => (Some(Reference::of(name)), digest),
            None => (None, text.as_str()),
        };
        if !is_sha256(digest) {
            return Err(Failure::invalid_config(format!(
                "`digest`: `{}` is not `sha256:` and 64 hexadecimal digits; nothing was compared",
                shortened(text)
            )));
        }
        Ok(Some(Wanted { repository, digest }))
    }
}

impl Wanted<'_> {
    /// Whether it is the id of the image, or one of its digests in a registry.
    fn fits(&self, facts: &ImageFacts) -> bool {
        let of_registry = facts.digests.iter().any(|known| {
            let known = Reference::of(known);
            let repository = self.repository.is_none_or(|wanted| wanted.to_string() == known.to_string());
            repository && known.digest.is_some_and(|digest| digest.eq_ignore_ascii_case(self.digest))
        });
        of_registry || (self.repository.is_none() && facts.id.eq_ignore_ascii_case(self.digest))
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.repository {
            Some(repository) => write!(f, "{repository}@{}", self.digest),
            None => f.write_str(self.digest),
        }
    }
}

/// What is not as it should be, each as a finding.
fn differences(config: &Config, wanted: Option<&Wanted<'_>>, facts: &ImageFacts) -> Vec<Finding> {
    let digest = wanted.filter(|wanted| !wanted.fits(facts)).map(|wanted| {
        let digests = match facts.digests.as_slice() {
            [] => "it was never in a registry".to_owned(),
            digests => format!("in registries it is {}", digests.join(", ")),
        };
        let message = format!("`{}` is {}, and {digests}; wanted is {wanted}", config.image, facts.id);
        Finding::error("wrong-digest", message)
            .help("was the name moved, or was something else built? launch the image by its digest")
    });
    let labels = config.labels.iter().filter_map(|(name, wanted)| match facts.label(name) {
        Some(value) if value == wanted => None,
        Some(value) => {
            let message = format!("label `{name}` is `{}`, not `{}`", shortened(value), shortened(wanted));
            Some(Finding::error("wrong-label", message).help("was it built from another revision?"))
        }
        None => {
            let message = format!("there is no label `{name}`; `{}` is wanted", shortened(wanted));
            Some(
                Finding::error("missing-label", message)
                    .help("add it when the image is built, with `labels`"),
            )
        }
    });
    digest.into_iter().chain(labels).collect()
}

/// The digest in the registry that the name leads to, else the first one.
fn digest_of(image: &str, digests: &[String]) -> Option<String> {
    let repository = Reference::of(image).to_string();
    let own = digests.iter().find(|digest| Reference::of(digest).to_string() == repository);
    own.or(digests.first()).cloned()
}

/// An id as people show it: its first twelve digits.
fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    &digits[..digits.floor_char_boundary(12)]
}

runner_plugin::export_gate!(ImageDigest);

#[cfg(test)]
mod tests;
