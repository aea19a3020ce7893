//! Stand-ins for what a rehearsal does not make.
//!
//! A rehearsal looks at the real engine and writes nothing to it: every function that would comes here first, after the
//! grant was asked. What it would have made is pretended for the rest of the call, as if it had gone well.

use super::{Container, DEFAULT_TIMEOUT};
use crate::{
    docker::{engine::Trouble, grant::Wanted, verb::Verb},
    host::{
        Context,
        bindings::runner::plugin::docker::{
            ContainerFacts, ContainerState, ExecResult, HealthStatus, ImageFacts, Output, Usage,
        },
    },
};

/// The id of everything that is pretended.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Container {
    /// One that a real call would have created.
    pub(super) fn pretended(name: String) -> Self {
        Self { id: NOTHING.to_owned(), name }
    }

    /// Whether it is not there.
    pub(super) fn is_pretended(&self) -> bool {
        self.id == NOTHING
    }
}

impl Context {
    /// Whether `container` is only to be pretended to be changed; if so, what would be done (`start`, `stop`) is on the list.
    pub(super) async fn rehearsed(
        &mut self,
        verb: Verb,
        container: &Container,
        doing: &str,
    ) -> Result<bool, Trouble> {
        if !self.ledger.is_rehearsal() {
            return Ok(false);
        }
        if container.is_pretended() {
            self.pretended_too(verb, container)?;
        } else {
            drop(self.begin_with(verb, container, DEFAULT_TIMEOUT).await?);
        }
        Ok(self.ledger.instead(|| format!("{doing} container `{}`", container.name)))
    }

    /// Asks the grant about a container that is pretended, as if it were there.
    pub(super) fn pretended_too(&self, verb: Verb, container: &Container) -> Result<(), Trouble> {
        self.permit(&Wanted::container(verb, &container.name)).map(drop)
    }

    pub(super) fn pretended_container(&self, container: &Container) -> ContainerFacts {
        let now = self.time.now_ms();
        ContainerFacts {
            id: NOTHING.to_owned(),
            name: container.name.clone(),
            image: String::new(),
            image_id: pretended_image_id(),
            state: ContainerState::Running,
            exit_code: None,
            out_of_memory: false,
            created_at_ms: now,
            started_at_ms: now,
            finished_at_ms: 0,
            restarts: 0,
            health: HealthStatus::Healthy,
            failing_streak: 0,
            probes: Vec::new(),
            start_period_ms: 0,
            labels: Vec::new(),
            ports: Vec::new(),
            addresses: Vec::new(),
            of_this_run: true,
        }
    }

    /// An image that would have been built or fetched under this name.
    pub(super) fn pretended_image(&self, name: String) -> ImageFacts {
        ImageFacts {
            id: pretended_image_id(),
            tags: vec![name],
            digests: Vec::new(),
            labels: Vec::new(),
            created_at_ms: self.time.now_ms(),
            size: 0,
            architecture: String::new(),
            user: String::new(),
            has_health_check: false,
            exposed: Vec::new(),
            layers: 0,
        }
    }
}

pub(super) fn pretended_image_id() -> String {
    format!("sha256:{NOTHING}")
}

pub(super) const fn no_output() -> Output {
    Output { lines: Vec::new(), truncated: false }
}

pub(super) const fn went_well() -> ExecResult {
    ExecResult { exit_code: 0, output: no_output() }
}

pub(super) const fn nothing_used() -> Usage {
    Usage { memory: 0, memory_limit: 0, cpu_millis: 0, pids: 0 }
}
