//! What this step has made, by whatever attempt, goes.

use runner_plugin::{Failure, Host};

use crate::config::Config;

/// What there may be to remove.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sweep {
    /// Containers. The step's grants need not know networks.
    Containers,
    /// Containers, and the network that services are in.
    ContainersAndNetwork,
}

impl Sweep {
    pub(crate) fn after(config: &Config) -> Self {
        if config.services.is_empty() { Self::Containers } else { Self::ContainersAndNetwork }
    }

    /// Removes all containers and networks of this step of this run. One that cannot be removed does not keep the others.
    ///
    /// # Errors
    ///
    /// The first of them; the rest is removed then.
    pub(crate) fn carry_out(self, host: &Host) -> Result<(), Failure> {
        let mut trouble = None;
        for facts in host.docker().own_containers()? {
            if let Err(failure) = remove(host, &facts.name) {
                trouble.get_or_insert(failure);
            }
        }
        let networks = match self {
            Self::Containers => Vec::new(),
            Self::ContainersAndNetwork => host.docker().own_networks()?,
        };
        for name in networks {
            if let Err(failure) = host.docker().remove_network(&name) {
                trouble.get_or_insert(failure.into());
            }
        }
        trouble.map_or(Ok(()), Err)
    }
}

fn remove(host: &Host, name: &str) -> Result<(), Failure> {
    let Some(container) = host.docker().find_container(name)? else { return Ok(()) };
    match container.remove_by_force() {
        // Somebody was faster.
        Err(failure) if failure.is_not_found() => Ok(()),
        other => Ok(other?),
    }
}
