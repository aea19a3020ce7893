//! Gate: an image is what an operator wants images to be.
//!
//! The engine is asked once for what it knows of the image; each rule of `rules` holds that against the config and
//! answers with findings. Without a word the rules are the careful ones: not as root, with a health check, never `latest`.
//!
//! Never here: which image it is (`image-digest`), what stands in its Dockerfile (`dockerfile-policy`), what is
//! installed in it (`vuln-threshold`).

mod rules;

use runner_evidence::{Length, Size, moment};
use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which image, and what is wanted of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `name:tag`, `name@sha256:…` or an image id.
    #[schemars(length(min = 1))]
    image: String,
    /// Whom it runs as: `non-root`, `any`, or exactly this `user[:group]`.
    #[serde(default = "non_root")]
    #[schemars(length(min = 1))]
    user: String,
    /// Whether it has to have a `HEALTHCHECK`.
    #[serde(default)]
    health_check: HealthCheck,
    /// Most bytes: `300MB`.
    max_size: Option<Size>,
    /// How long ago it may have been built at most.
    max_age: Option<Length>,
    /// Labels that it has to have, with any value but none.
    #[serde(default)]
    required_labels: Vec<String>,
    /// Tags that neither `image` nor any other name of the image may have, with `*` for any signs.
    #[serde(default = "latest")]
    forbid_tags: Vec<String>,
    /// The architecture it is for: `amd64`.
    #[schemars(length(min = 1))]
    architecture: Option<String>,
    /// Registries, or paths in them, that all its names lead to: `ghcr.io/acme`. Names without a registry lead to
    /// `docker.io`.
    #[schemars(length(min = 1))]
    allowed_registries: Option<Vec<String>>,
    /// The only ports that it may expose: `8000` or `8000/tcp`.
    exposed_ports: Option<Vec<Port>>,
}

/// Whether a health check is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HealthCheck {
    /// There has to be one.
    #[default]
    Required,
    /// There may be none.
    Any,
}

/// A port as an image exposes it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Port {
    /// A TCP port.
    Number(#[schemars(range(min = 1))] u16),
    /// A port with its protocol.
    Text(#[schemars(regex(pattern = "^[1-9][0-9]{0,4}/(tcp|udp|sctp)$"))] String),
}

fn non_root() -> String {
    rules::NON_ROOT.to_owned()
}

fn latest() -> Vec<String> {
    vec!["latest".to_owned()]
}

/// The gate.
#[derive(Debug)]
pub struct ImagePolicy;

impl Gate for ImagePolicy {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["image_id", "size", "created"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        config.check()?;
        let Some(facts) = host.docker().inspect_image(&config.image)? else {
            return Err(Failure::unavailable(format!(
                "there is no image `{}`; nothing was judged",
                config.image
            )));
        };
        let findings = rules::judge(&config, &facts, host.clock().now());
        let summary = match findings.len() {
            0 => format!("`{}` is as wanted", config.image),
            number => format!("{} with `{}`", counted(number, "problem", "problems"), config.image),
        };
        Ok(Evaluation::judge(findings, summary)
            .output("image_id", facts.id.as_str())
            .output("size", facts.size)
            .output("created", moment::of_clock(facts.created_at)?.to_string()))
    }
}

impl Config {
    fn check(&self) -> Result<(), Failure> {
        let invalid = |message: &str| Err(Failure::invalid_config(message));
        if self.user.is_empty() {
            return invalid("`user` is empty; write `any` if it does not matter");
        }
        if self.forbid_tags.iter().any(String::is_empty) {
            return invalid("`forbid_tags` has an empty text");
        }
        if self.required_labels.iter().any(String::is_empty) {
            return invalid("`required_labels` has an empty name");
        }
        match &self.allowed_registries {
            Some(registries)
                if registries.iter().any(|registry| registry.trim_end_matches('/').is_empty()) =>
            {
                invalid("`allowed_registries` has an empty name; it would allow them all")
            }
            Some(registries) if registries.is_empty() => {
                invalid("`allowed_registries` is empty: no image could be allowed")
            }
            Some(_) | None => Ok(()),
        }
    }
}

runner_plugin::export_gate!(ImagePolicy);

#[cfg(test)]
mod tests;
