//! Action: the container of a slot is launched, drained, stopped, restarted or moved aside, and all of it taken back.
//!
//! A slot is a name. What stands there and ran before is never removed to make room: it gets `.before` behind its name,
//! and its own name back when the step is undone. Only `tidy` removes for good, and never what this run would go back to.
//!
//! `capture` notes what is there by its id. `apply` and `restore` act on that container and no other: what somebody else
//! has put there meanwhile is a failure, and is not touched. Each operation has its own file.

mod config;
mod launch;
mod stand;
mod still;
mod stop;

use runner_plugin::{Action, Applied, Failure, Host, Request};
use serde::de::DeserializeOwned;

pub use config::{Config, Drain, Launch, Remove, Restart, Stop, Tidy};

/// The action.
#[derive(Debug)]
pub struct Slot;

impl Action for Slot {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["container", "id", "image_id", "address", "killed", "removed"];

    fn capture(config: Config, request: &Request, host: &Host) -> Result<String, Failure> {
        match config {
            Config::Launch(launch) => written(&launch::capture(&launch, request, host)?),
            Config::Stop(stop) => written(&match stop.removal() {
                Some(remove) => stop::capture_removal(&remove, host)?,
                None => stop::capture(&stop.container, host)?,
            }),
            Config::Restart(Restart { container, .. }) => written(&stop::capture(&container, host)?),
            Config::Remove(remove) => written(&stop::capture_removal(&remove, host)?),
            Config::Drain(drain) => written(&still::capture(&drain.container, host)?),
            Config::Tidy(_) => Ok("{}".to_owned()),
        }
    }

    fn apply(config: Config, snapshot: &str, request: &Request, host: &Host) -> Result<Applied, Failure> {
        match config {
            Config::Launch(launch) => launch::apply(*launch, &read(snapshot)?, request, host),
            Config::Stop(stop) => match stop.removal() {
                Some(remove) => stop::remove(&remove, &read(snapshot)?, host),
                None => stop::apply(&stop, &read(snapshot)?, host),
            },
            Config::Restart(restart) => stop::restart(&restart, &read(snapshot)?, host),
            Config::Remove(remove) => stop::remove(&remove, &read(snapshot)?, host),
            Config::Drain(drain) => still::drain(&drain, &read(snapshot)?, host),
            Config::Tidy(tidy) => still::tidy(&tidy.container, host),
        }
    }

    fn restore(config: Config, snapshot: &str, request: &Request, host: &Host) -> Result<(), Failure> {
        match config {
            Config::Launch(launch) => launch::restore(&launch.container, &read(snapshot)?, request, host),
            Config::Stop(Stop { timeout, .. }) => stop::restore(&read(snapshot)?, timeout, host),
            Config::Restart(Restart { timeout, .. }) => stop::restore(&read(snapshot)?, timeout, host),
            Config::Remove(Remove { timeout, .. }) => stop::restore(&read(snapshot)?, timeout, host),
            Config::Drain(_) => Ok(()),
            Config::Tidy(Tidy { container }) => {
                host.log().warn(format!("what `tidy` has removed of `{container}` is not brought back"));
                Ok(())
            }
        }
    }
}

fn written(snapshot: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(snapshot)
        .map_err(|error| Failure::internal(format!("the snapshot cannot be written: {error}")))
}

fn read<S: DeserializeOwned>(snapshot: &str) -> Result<S, Failure> {
    serde_json::from_str(snapshot)
        .map_err(|error| Failure::invalid_input(format!("the snapshot is none of this operation: {error}")))
}

runner_plugin::export_action!(Slot);

#[cfg(test)]
mod tests;
