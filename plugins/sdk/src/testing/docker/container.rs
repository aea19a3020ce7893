//! A container in a test.

use crate::host::{ContainerFacts, ContainerState, Published};
use crate::testing::request;

use super::LABELS;

/// A container that is there before the plugin comes. It runs, and no run has made it.
#[derive(Debug, Clone)]
pub struct FakeContainer {
    pub(super) facts: ContainerFacts,
    pub(super) hidden: bool,
}

impl FakeContainer {
    /// A container that runs. Its id is made of its name.
    #[must_use]
    pub fn new(name: &str, image: &str) -> Self {
        let facts = ContainerFacts {
            id: format!("id-of-{name}"),
            name: name.to_owned(),
            image: image.to_owned(),
            state: ContainerState::Running,
            ..ContainerFacts::default()
        };
        Self { facts, hidden: false }
    }

    /// It has ended, with this code.
    #[must_use]
    pub fn exited(self, code: i64) -> Self {
        self.with(|facts| {
            facts.state = ContainerState::Exited;
            facts.exit_code = Some(code);
        })
    }

    /// Publishes a port on loopback.
    #[must_use]
    pub fn published(self, inside: u16, outside: u16) -> Self {
        self.with(|facts| facts.ports.push(Published { inside, address: "127.0.0.1".to_owned(), outside }))
    }

    /// A step of a run has made it: `testing::request()` says what the run of the test is.
    #[must_use]
    pub fn made_by(self, run: &str, step: &str) -> Self {
        self.with(|facts| {
            let plugin = "fake";
            facts.labels.extend(
                LABELS
                    .into_iter()
                    .zip([run, step, plugin])
                    .map(|(name, value)| (name.to_owned(), value.to_owned())),
            );
            facts.of_this_run = run == request().run_id;
        })
    }

    /// No grant covers it: it does not show, and its name is taken all the same.
    #[must_use]
    pub fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Changes what the engine says about it.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut ContainerFacts)) -> Self {
        change(&mut self.facts);
        self
    }
}
