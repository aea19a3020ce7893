//! One container.

use std::time::Duration;

use super::facts::is_pretended;
use super::{ContainerFacts, ContainerOutput, DockerFailure, ExecResult, ExecSpec, LogRange, Usage};
use crate::host::backend;
use crate::host::http::milliseconds;

/// A container, from [`Docker`](super::Docker). The handle stays with this one, also if another gets its name.
#[derive(Debug)]
pub struct Container {
    name: String,
    handle: backend::ContainerHandle,
}

impl Container {
    pub(super) fn new(name: &str, handle: backend::ContainerHandle) -> Self {
        Self { name: name.to_owned(), handle }
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        self.handle.id()
    }

    /// Whether a rehearsal only pretends that it is there: it runs, is healthy, and says nothing.
    #[must_use]
    pub fn is_pretended(&self) -> bool {
        is_pretended(&self.id())
    }

    /// Looks at it. Verb `container.inspect`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`], as with every call.
    pub fn inspect(&self) -> Result<ContainerFacts, DockerFailure> {
        self.handle.inspect().map_err(self.tried("inspect"))
    }

    /// Starts it; nothing happens if it runs. Verb `container.start`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]; the container is still there then.
    pub fn start(&self) -> Result<(), DockerFailure> {
        self.handle.start().map_err(self.tried("start"))
    }

    /// Sends its stop signal, and kills it after `grace` (in whole seconds; `None`: its own). True if it had to be
    /// killed. Nothing happens if it does not run. Verb `container.stop`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn stop(&self, grace: Option<Duration>) -> Result<bool, DockerFailure> {
        let seconds = grace.map(|grace| u32::try_from(grace.as_secs()).unwrap_or(u32::MAX));
        self.handle.stop(seconds).map_err(self.tried("stop"))
    }

    /// Gives it another name. The grant has to cover both. Verb `container.rename`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`], a conflict if the name is taken.
    pub fn rename(&mut self, name: &str) -> Result<(), DockerFailure> {
        let tried = format!("rename container `{}` to `{name}`", self.name);
        self.handle.rename(name).map_err(DockerFailure::of(tried))?;
        self.name = name.to_owned();
        Ok(())
    }

    /// Removes it with its anonymous volumes. Verb `container.remove`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`], a conflict if it runs.
    pub fn remove(&self) -> Result<(), DockerFailure> {
        self.handle.remove(false).map_err(self.tried("remove"))
    }

    /// Removes it with its anonymous volumes, also if it runs. Verb `container.remove`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn remove_by_force(&self) -> Result<(), DockerFailure> {
        self.handle.remove(true).map_err(self.tried("remove"))
    }

    /// Waits until it ends, and returns its exit code. Verb `container.wait`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]; after `timed-out` it still runs.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<i64, DockerFailure> {
        self.handle.wait(timeout.map(milliseconds)).map_err(self.tried("wait for"))
    }

    /// Reads its log. Verb `container.logs`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn logs(&self, range: LogRange) -> Result<ContainerOutput, DockerFailure> {
        self.handle.logs(range).map_err(self.tried("read the log of"))
    }

    /// Follows its log from the beginning until it ends: each line goes to the step's log as it comes. Returns the
    /// exit code. Verbs `container.logs` and `container.wait`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]; after `timed-out` it still runs.
    pub fn follow(&self, timeout: Option<Duration>) -> Result<i64, DockerFailure> {
        self.handle.follow(timeout.map(milliseconds)).map_err(self.tried("follow"))
    }

    /// Measures what it uses. Verb `container.stats`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn stats(&self) -> Result<Usage, DockerFailure> {
        self.handle.stats().map_err(self.tried("measure"))
    }

    /// Runs a command inside. Any exit code is a result. Verb `container.exec`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`], a conflict if the container does not run.
    pub fn exec(&self, spec: &ExecSpec) -> Result<ExecResult, DockerFailure> {
        let program = spec.command.first().map_or("", String::as_str);
        let tried = format!("run `{program}` in container `{}`", self.name);
        self.handle.exec(spec).map_err(DockerFailure::of(tried))
    }

    /// Copies a file or a directory out of it into a directory below the pipeline's, at most `max_bytes` (`None` means
    /// 64 MiB). Returns the paths written, sorted. Verb `container.copy`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn copy_out(
        &self,
        path: &str,
        to: &str,
        max_bytes: Option<u64>,
    ) -> Result<Vec<String>, DockerFailure> {
        let tried = format!("copy `{path}` out of container `{}` to `{to}`", self.name);
        self.handle.copy_out(path, to, max_bytes).map_err(DockerFailure::of(tried))
    }

    fn tried(&self, what: &str) -> impl FnOnce(super::DockerError) -> DockerFailure + use<> {
        DockerFailure::of(format!("{what} container `{}`", self.name))
    }
}
