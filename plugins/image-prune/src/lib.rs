//! Action: removes images that nothing uses.
//!
//! The host and the engine decide what may go: never the image of a container, whether it runs or not, and never what no
//! grant of the step covers. So the image of the container that is kept for going back stays as long as that container
//! does. What is removed is not brought back by an undo.

use std::time::Duration;

use runner_evidence::{Length, Size};
use runner_plugin::host::{PruneSpec, Pruned};
use runner_plugin::text::counted;
use runner_plugin::{Action, Applied, Failure, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What may go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Only images without a tag. Without it: unless there is a `pattern`.
    dangling: Option<bool>,
    /// `name:tag` with `*`: also images whose tags all fit it.
    #[schemars(length(min = 1))]
    pattern: Option<String>,
    /// Only what is older.
    #[serde(default = "day")]
    until: Length,
    /// Never these: names, digests or ids.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    keep: Vec<String>,
}

fn day() -> Length {
    Length::of_ms(86_400_000)
}

impl Config {
    fn spec(self, now: Duration) -> Result<PruneSpec, Failure> {
        let dangling = self.dangling.unwrap_or(self.pattern.is_none());
        let pattern = match (dangling, self.pattern) {
            (true, None) => String::new(),
            (false, Some(pattern)) if !pattern.is_empty() => pattern,
            (true, Some(_)) => {
                return Err(Failure::invalid_config(
                    "`pattern` is for images with tags, and `dangling: true` means those without; say one of them",
                ));
            }
            (false, Some(_) | None) => {
                return Err(Failure::invalid_config(
                    "`dangling: false` needs a `pattern`: which images may go",
                ));
            }
        };
        if let Some(index) = self.keep.iter().position(String::is_empty) {
            return Err(Failure::invalid_config(format!("`keep[{index}]` is empty: it would keep nothing")));
        }
        let before = now.checked_sub(self.until.duration()).ok_or_else(|| {
            Failure::invalid_config(format!(
                "`until: {}` is longer ago than 1970: nothing is that old",
                self.until
            ))
        })?;
        Ok(PruneSpec { dangling, pattern, before, keep: self.keep })
    }
}

/// The action.
#[derive(Debug)]
pub struct ImagePrune;

impl Action for ImagePrune {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["removed", "bytes"];

    fn capture(config: Config, _: &Request, host: &Host) -> Result<String, Failure> {
        config.spec(host.clock().now())?;
        Ok("{}".to_owned())
    }

    fn apply(config: Config, _: &str, _: &Request, host: &Host) -> Result<Applied, Failure> {
        let removed = host.docker().prune_images(&config.spec(host.clock().now())?)?;
        for image in &removed {
            let names = if image.tags.is_empty() { "no tag".to_owned() } else { image.tags.join(", ") };
            host.log().info(format!("removed {} ({names})", image.id));
        }
        let bytes: u64 = removed.iter().map(|image| image.size).sum();
        let count = counted(removed.len(), "image was removed", "images were removed");
        let size = if removed.is_empty() { String::new() } else { format!(", {} at most", Size::of(bytes)) };
        let removed: Vec<_> =
            removed.into_iter().map(|Pruned { id, tags, .. }| json!({ "id": id, "tags": tags })).collect();
        Ok(Applied::new(format!("{count}{size}")).output("removed", removed).output("bytes", bytes))
    }

    fn restore(_: Config, _: &str, _: &Request, host: &Host) -> Result<(), Failure> {
        host.log().warn("images that were removed are not brought back");
        Ok(())
    }
}

runner_plugin::export_action!(ImagePrune);

#[cfg(test)]
mod tests;
