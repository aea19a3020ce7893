//! An image in a test, and what containers of it do.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::host::{ExecResult, HealthStatus, ImageFacts, OutputLine, OutputStream, Usage};

/// What a container does once it is started.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// Ends at once with this code; without it it runs until it is stopped.
    pub(super) exits: Option<i64>,
    pub(super) out_of_memory: bool,
    pub(super) output: Vec<OutputLine>,
    /// What it uses; without it `stats` is denied like all that nobody prepared.
    pub(super) usage: Option<Usage>,
    /// What each look at it says after a start; the last stays.
    pub(super) health: Vec<HealthStatus>,
    /// Does not end at its stop signal.
    pub(super) stubborn: bool,
    pub(super) commands: BTreeMap<Vec<String>, Vec<ExecResult>>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) exit_after_looks: Option<(u32, i64)>,
}

/// An image of the fake engine.
#[derive(Debug, Clone)]
pub struct FakeImage {
    pub(super) facts: ImageFacts,
    pub(super) script: Script,
}

impl FakeImage {
    /// An image with one tag. Its id is made of that tag; its containers run until they are stopped.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        let facts =
            ImageFacts { id: format!("sha256:{tag}"), tags: vec![tag.to_owned()], ..ImageFacts::default() };
        Self { facts, script: Script::default() }
    }

    /// An image with an id and no tag.
    #[must_use]
    pub fn untagged(id: &str) -> Self {
        let facts = ImageFacts { id: id.to_owned(), ..ImageFacts::default() };
        Self { facts, script: Script::default() }
    }

    /// Changes what the engine says about it.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut ImageFacts)) -> Self {
        change(&mut self.facts);
        self
    }

    /// Gives it a digest, `name@sha256:…`.
    #[must_use]
    pub fn digest(self, digest: &str) -> Self {
        self.with(|facts| facts.digests.push(digest.to_owned()))
    }

    /// Says when it was made, counted from 1970.
    #[must_use]
    pub fn created_at(self, at: Duration) -> Self {
        self.with(|facts| facts.created_at = at)
    }

    /// Its containers end with this code as soon as they are started.
    #[must_use]
    pub fn exits(mut self, code: i64) -> Self {
        self.script.exits = Some(code);
        self
    }

    /// Its containers run, and end with this code after they were looked at so many times.
    #[must_use]
    pub fn exits_after(mut self, looks: u32, code: i64) -> Self {
        self.script.exit_after_looks = Some((looks, code));
        self
    }

    /// The kernel kills its containers for want of memory.
    #[must_use]
    pub fn out_of_memory(mut self) -> Self {
        self.script.exits = Some(137);
        self.script.out_of_memory = true;
        self
    }

    /// Its containers write this line to standard output.
    #[must_use]
    pub fn says(self, text: &str) -> Self {
        self.writes(OutputStream::Stdout, text)
    }

    /// Its containers write this line to standard error.
    #[must_use]
    pub fn complains(self, text: &str) -> Self {
        self.writes(OutputStream::Stderr, text)
    }

    /// Its containers write this line, at its moment.
    #[must_use]
    pub fn wrote(mut self, line: OutputLine) -> Self {
        self.script.output.push(line);
        self
    }

    /// Its containers use so much.
    #[must_use]
    pub fn uses(mut self, usage: Usage) -> Self {
        self.script.usage = Some(usage);
        self
    }

    /// What the health probe of its containers says, one look after the other; the last stays.
    #[must_use]
    pub fn health(mut self, health: impl IntoIterator<Item = HealthStatus>) -> Self {
        self.script.health = health.into_iter().collect();
        self.facts.has_health_check = true;
        self
    }

    /// Its containers do not end at their stop signal: they have to be killed.
    #[must_use]
    pub fn stubborn(mut self) -> Self {
        self.script.stubborn = true;
        self
    }

    /// A command inside ends so. Several for the same command are given in this order; the last stays.
    #[must_use]
    pub fn command(mut self, command: &[&str], result: ExecResult) -> Self {
        let command = command.iter().map(|&part| part.to_owned()).collect();
        self.script.commands.entry(command).or_default().push(result);
        self
    }

    /// Its containers have this file, by its absolute path.
    #[must_use]
    pub fn holds(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.script.files.insert(path.to_owned(), content.into());
        self
    }

    fn writes(mut self, channel: OutputStream, text: &str) -> Self {
        self.script.output.push(OutputLine { channel, at: None, text: text.to_owned() });
        self
    }

    pub(super) fn has_name(&self, reference: &str) -> bool {
        let facts = &self.facts;
        facts.id == reference
            || facts.digests.iter().any(|digest| digest == reference)
            || facts.tags.iter().any(|tag| tag == reference || *tag == format!("{reference}:latest"))
    }
}
