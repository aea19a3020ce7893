//! Action: a container runs to its end, with the services it needs, and nothing of it stays.
//!
//! ```text
//! sweep -> network -> services, each until it is ready -> the container, followed to its end -> artifacts -> sweep
//! ```
//!
//! What this step makes has names of its own, made of run, step and attempt, and the labels of this step. `sweep` removes
//! all that carries these labels, by whatever attempt it was made: before anything begins, at the end in every case, and
//! when the step is undone. So a run that was killed in the middle leaves nothing once it is resumed. The command may run
//! more than once then.
//!
//! Never here: pulling or building an image, and taking back what the command did outside of its container.

mod config;
mod name;
mod run;
mod service;
mod sweep;

use runner_plugin::{Action, Applied, Failure, Host, Request};

pub use config::Config;
use sweep::Sweep;

/// The action.
#[derive(Debug)]
pub struct Container;

impl Action for Container {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["exit_code", "id", "artifacts"];

    fn capture(config: Config, _: &Request, _: &Host) -> Result<String, Failure> {
        config.checked()?;
        Ok("{}".to_owned())
    }

    fn apply(config: Config, _: &str, request: &Request, host: &Host) -> Result<Applied, Failure> {
        config.checked()?;
        let sweep = Sweep::after(&config);
        sweep.carry_out(host)?;
        let ran = run::run(config, request, host);
        match (ran, sweep.carry_out(host)) {
            (ran, Ok(())) => ran,
            (Ok(applied), Err(left)) => Err(Failure::new(
                left.kind,
                format!("{}, but not all that it made could be removed: {}", applied.summary, left.message),
            )),
            (Err(failure), Err(left)) => {
                host.log().warn(format!("not all that this step made could be removed: {left}"));
                Err(failure)
            }
        }
    }

    fn restore(config: Config, _: &str, _: &Request, host: &Host) -> Result<(), Failure> {
        Sweep::after(&config).carry_out(host)
    }
}

runner_plugin::export_action!(Container);

#[cfg(test)]
mod tests;
