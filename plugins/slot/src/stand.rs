//! What stands under a name: whose it is, and whether it may be touched.

use runner_plugin::host::{Container, ContainerFacts, HealthStatus};
use runner_plugin::{Failure, Host, Request};
use serde::{Deserialize, Serialize};

/// A container that `capture` has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// The name it had.
    pub(crate) container: String,
    pub(crate) id: String,
    /// Whether there were processes in it.
    pub(crate) ran: bool,
    /// Whether its health probe said no: then nobody waits for a yes.
    #[serde(default)]
    pub(crate) unhealthy: bool,
}

impl Seen {
    pub(crate) fn of(facts: &ContainerFacts) -> Self {
        Self {
            container: facts.name.clone(),
            id: facts.id.clone(),
            ran: facts.state.is_alive(),
            unhealthy: facts.health == HealthStatus::Unhealthy,
        }
    }

    /// The container, wherever it is now.
    pub(crate) fn find(&self, host: &Host) -> Result<(Container, ContainerFacts), Failure> {
        // By its name first: then messages have that and not the id.
        if let Some((container, facts)) = named(host, &self.container)?
            && facts.id == self.id
        {
            return Ok((container, facts));
        }
        match host.docker().find_container(&self.id)? {
            Some(container) => {
                let facts = container.inspect()?;
                Ok((container, facts))
            }
            None => Err(Failure::unavailable(format!(
                "the container that was `{}` ({}) is gone: somebody has removed it",
                self.container,
                short(&self.id),
            ))),
        }
    }

    /// The container, if it is still the one with its name.
    pub(crate) fn find_in_place(&self, host: &Host) -> Result<(Container, ContainerFacts), Failure> {
        let (container, facts) = self.find(host)?;
        if facts.name == self.container {
            return Ok((container, facts));
        }
        Err(Failure::unavailable(format!(
            "the container that was `{}` ({}) is now called `{}`: somebody else has changed it; it was not touched",
            self.container,
            short(&self.id),
            facts.name,
        )))
    }
}

/// What is called `name`, if anything is.
pub(crate) fn named(host: &Host, name: &str) -> Result<Option<(Container, ContainerFacts)>, Failure> {
    match host.docker().find_container(name)? {
        Some(container) => {
            let facts = container.inspect()?;
            Ok(Some((container, facts)))
        }
        None => Ok(None),
    }
}

/// What is called `name`, which has to be there.
pub(crate) fn existing(host: &Host, name: &str) -> Result<(Container, ContainerFacts), Failure> {
    named(host, name)?.ok_or_else(|| {
        Failure::unavailable(format!(
            "there is no container `{name}`, or no grant of this step names it; nothing was done"
        ))
    })
}

/// The name of what is moved aside.
pub(crate) fn aside(name: &str) -> String {
    format!("{name}.before")
}

/// Whether this step of this run has made it.
pub(crate) fn is_own(facts: &ContainerFacts, request: &Request) -> bool {
    facts.of_this_run && facts.label("runner.step") == Some(request.step_id.as_str())
}

/// Who has made a container, for messages.
pub(crate) fn whose(facts: &ContainerFacts) -> String {
    match (facts.label("runner.run"), facts.label("runner.step")) {
        (Some(_), Some(step)) if facts.of_this_run => format!("step `{step}` of this run has made it"),
        (Some(run), Some(step)) => format!("step `{step}` of run {run} has made it"),
        (Some(run), None) => format!("run {run} has made it"),
        (None, _) => "no run has made it".to_owned(),
    }
}

/// An id as `docker ps` shows it.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
