//! Action: gets an image from its registry, holds it against a digest, and gives it a local tag; undone, each tag leads
//! to where it led.
//!
//! What has one of the tags keeps a name (`.before` behind the tag) when it loses this one. The digest is compared
//! before the local tag moves: a tag that somebody has moved in the registry never gets further than to this machine.
//!
//! Never here: removing an image that was fetched by its digest. It has no tag to take away; `image-prune` removes it.

use runner_docker::settings::Login;
use runner_docker::tags::Tags;
use runner_evidence::Length;
use runner_images::Reference;
use runner_plugin::host::ImageFacts;
use runner_plugin::text::shortened;
use runner_plugin::{Action, Applied, Failure, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

/// What to get, and what it is called here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `registry/name:tag` or `registry/name@sha256:…`.
    #[schemars(length(min = 1))]
    reference: String,
    /// Who is asking. Without it: nobody.
    login: Option<Login>,
    /// `sha256:…`: what the image has to be, as registries know it.
    #[schemars(extend("pattern" = "^sha256:[0-9a-f]{64}$"))]
    expect_digest: Option<String>,
    /// `name:tag` for the image on this machine.
    #[schemars(length(min = 1))]
    tag: Option<String>,
    /// How long it may take. Without it: as long as the step.
    timeout: Option<Length>,
}

impl Config {
    /// The tags that move. A digest is none.
    fn tags(&self) -> impl Iterator<Item = &str> {
        let reference = (!self.reference.contains('@')).then_some(self.reference.as_str());
        reference.into_iter().chain(self.tag.as_deref())
    }
}

/// The action.
#[derive(Debug)]
pub struct ImagePull;

impl Action for ImagePull {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["image_id", "digest"];

    fn capture(config: Config, _: &Request, host: &Host) -> Result<String, Failure> {
        Tags::captured(host, config.tags())?.written()
    }

    fn apply(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<Applied, Failure> {
        Tags::read(snapshot)?.keep(host)?;
        let login = config.login.as_ref().map(|login| login.with_secret(host)).transpose()?;
        let timeout = config.timeout.map(Length::duration);
        let image = host.docker().pull_image(&config.reference, login.as_ref(), timeout)?;
        let digest = digest(&image, &config.reference)?;
        if let Some(expected) = &config.expect_digest
            && !image.is_pretended()
            && !digest.ends_with(&format!("@{expected}"))
        {
            return Err(Failure::invalid_input(format!(
                "`{}` is `{digest}`, not `{expected}`: somebody has moved it, or something else was meant",
                config.reference,
            )));
        }
        let mut summary = format!("`{}` is here as {}", config.reference, shortened(&image.id));
        if let Some(tag) = &config.tag {
            host.docker().tag_image(&config.reference, tag)?;
            summary.push_str(&format!(", and is called `{tag}`"));
        }
        Ok(Applied::new(summary).output("image_id", image.id).output("digest", digest))
    }

    fn restore(_: Config, snapshot: &str, _: &Request, host: &Host) -> Result<(), Failure> {
        Tags::read(snapshot)?.put_back(host)
    }
}

/// The digest under the name that was asked for. An image may have several, from several registries.
fn digest(image: &ImageFacts, reference: &str) -> Result<String, Failure> {
    let asked = Reference::of(reference);
    let is_it = |known: &&String| {
        let known = Reference::of(known);
        known.to_string() == asked.to_string()
            && asked.digest.is_none_or(|digest| known.digest == Some(digest))
    };
    if image.is_pretended() {
        let (name, _) = reference.split_once('@').unwrap_or((reference, ""));
        return Ok(format!("{name}@{}", image.id));
    }
    image.digests.iter().find(is_it).cloned().ok_or_else(|| {
        Failure::unavailable(format!(
            "the engine has `{reference}` now, and knows no digest of that name; it cannot be said which image it is"
        ))
    })
}

runner_plugin::export_action!(ImagePull);

#[cfg(test)]
mod tests;
