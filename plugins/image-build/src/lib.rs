//! Action: builds an image, gives it its tags, pushes it; undone, each tag leads to where it led.
//!
//! What has one of the tags keeps a name (`.before` behind the tag) when it loses this one, so that it can be put back
//! whatever is cleaned meanwhile. Every line of the build goes to the step's log as it comes; a build that breaks is a
//! failure with the end of that log.
//!
//! Never here: taking a push back. Who has pulled has pulled.

use std::collections::BTreeMap;

use runner_docker::lines;
use runner_docker::settings::Login;
use runner_docker::tags::Tags;
use runner_evidence::Size;
use runner_plugin::host::{BuildResult, BuildSpec};
use runner_plugin::text::shortened;
use runner_plugin::{Action, Applied, Failure, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

/// What to build, and what it is called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Directory that is sent to the engine, relative to the pipeline's, without what its `.dockerignore` names.
    #[serde(default = "here")]
    context: String,
    /// Path of the Dockerfile, relative to the context.
    #[serde(default = "dockerfile")]
    #[schemars(length(min = 1))]
    dockerfile: String,
    /// `name:tag`s for the image.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    tags: Vec<String>,
    /// Build arguments. They stand in the image's history: never a place for secrets.
    #[serde(default)]
    args: BTreeMap<String, String>,
    /// Labels; none may start with `runner.`.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Stage to build. Without it: the last.
    target: Option<String>,
    /// Whether to build every layer anew.
    #[serde(default)]
    no_cache: bool,
    /// Whether to ask registries for newer base images.
    #[serde(default)]
    pull: bool,
    /// Longest context. Without it: 256 MiB.
    max_context: Option<Size>,
    /// `name:tag`s to send to their registries; each is given to the image as well.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    push: Vec<String>,
    /// Who is asking the registries. Without it: nobody.
    login: Option<Login>,
}

fn here() -> String {
    ".".to_owned()
}

fn dockerfile() -> String {
    "Dockerfile".to_owned()
}

impl Config {
    /// All names the image gets, each once.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.tags.iter().chain(&self.push) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    fn spec(&self) -> BuildSpec {
        let pairs = |map: &BTreeMap<String, String>| {
            map.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        BuildSpec {
            context: self.context.clone(),
            dockerfile: self.dockerfile.clone(),
            tags: self.names().into_iter().map(str::to_owned).collect(),
            args: pairs(&self.args),
            labels: pairs(&self.labels),
            target: self.target.clone(),
            no_cache: self.no_cache,
            pull: self.pull,
            max_context_bytes: self.max_context.map(Size::bytes),
        }
    }
}

/// The action.
#[derive(Debug)]
pub struct ImageBuild;

impl Action for ImageBuild {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["image_id", "digest", "tags"];

    fn capture(config: Config, _: &Request, host: &Host) -> Result<String, Failure> {
        if config.tags.is_empty() {
            return Err(Failure::invalid_config(
                "`tags` is empty: an image without a name could not be used",
            ));
        }
        Tags::captured(host, config.names())?.written()
    }

    fn apply(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<Applied, Failure> {
        Tags::read(snapshot)?.keep(host)?;
        let spec = config.spec();
        let id = match host.docker().build_image(&spec)? {
            BuildResult::Built(id) => id,
            BuildResult::Broken(problem) => {
                let message = format!(
                    "the image cannot be built: {}{}",
                    problem.message.trim(),
                    lines::told(&problem.log)
                );
                return Err(Failure::invalid_input(message));
            }
        };
        let login = config.login.as_ref().map(|login| login.with_secret(host)).transpose()?;
        let mut digest = None;
        for reference in &config.push {
            let pushed = host.docker().push_image(reference, login.as_ref(), None)?;
            digest.get_or_insert(pushed);
        }
        let pushed = if config.push.is_empty() { "" } else { ", and pushed" };
        let summary = format!("{} is built as {}{pushed}", shortened(&id), spec.tags.join(", "));
        let applied = Applied::new(summary).output("image_id", id).output("tags", spec.tags);
        Ok(match digest {
            Some(digest) => applied.output("digest", digest),
            None => applied,
        })
    }

    fn restore(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<(), Failure> {
        if !config.push.is_empty() {
            host.log().warn(format!("what was pushed is not taken back: {}", config.push.join(", ")));
        }
        Tags::read(snapshot)?.put_back(host)
    }
}

runner_plugin::export_action!(ImageBuild);

#[cfg(test)]
mod tests;
