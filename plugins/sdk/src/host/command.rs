//! Commands: a program with its arguments, run to its end.

use std::fmt;
use std::time::Duration;

use super::backend::Backend;
use super::http::milliseconds;
use super::secrets::Secret;
use crate::Failure;

/// A command that is being written, from [`Host::command`](crate::Host::command). Nothing happens before
/// [`Command::run`].
///
/// There is no shell: each argument is one word, whatever stands in it. The program has the variables that it is given
/// here, those of the host that its grant names, and no others.
///
/// ```
/// use runner_plugin::testing::{Exit, FakeHost};
///
/// let fake = FakeHost::new().command("kubectl rollout status api", Exit::code(0).stdout("rolled out\n"));
/// let completion = fake.host().command("kubectl").args(["rollout", "status", "api"]).run()?;
///
/// assert!(completion.is_success());
/// assert_eq!(completion.stdout_text()?, "rolled out\n");
/// # Ok::<(), runner_plugin::Failure>(())
/// ```
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Command<'a, 's> {
    backend: &'a Backend,
    invocation: Invocation,
    secrets: Vec<SecretVariable<'s>>,
}

/// The parts of a command that hold no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) stdin: Vec<u8>,
    pub(crate) directory: Option<String>,
    pub(crate) timeout_ms: Option<u32>,
    pub(crate) max_bytes: Option<u32>,
}

/// A variable whose value the host puts in.
#[derive(Debug)]
pub(crate) struct SecretVariable<'s> {
    pub(crate) name: String,
    pub(crate) value: &'s Secret,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signalled(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// Whether output is missing at the end for want of room.
    pub truncated: bool,
    /// From start to end.
    pub elapsed: Duration,
}

impl<'a, 's> Command<'a, 's> {
    pub(super) fn new(backend: &'a Backend, program: String) -> Self {
        Self { backend, invocation: Invocation { program, ..Invocation::default() }, secrets: Vec::new() }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.invocation.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.invocation.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable, which the grant has to name.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.invocation.env.push((name.into(), value.into()));
        self
    }

    /// Sets a variable to a secret, which the plugin does not see: not in the program's output either.
    pub fn secret_env(mut self, name: impl Into<String>, secret: &'s Secret) -> Self {
        self.secrets.push(SecretVariable { name: name.into(), value: secret });
        self
    }

    /// Sets what it reads from its standard input.
    pub fn stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.invocation.stdin = stdin.into();
        self
    }

    /// Starts it in a directory below the pipeline's, or below the `workdir` of the target.
    pub fn directory(mut self, directory: impl Into<String>) -> Self {
        self.invocation.directory = Some(directory.into());
        self
    }

    /// Kills it, with all its children, when this time is up. Without it: 30 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.invocation.timeout_ms = Some(milliseconds(timeout));
        self
    }

    /// Bounds its output, both streams together. Without it: 1 MiB. What is more is left out, and said.
    pub fn max_output(mut self, bytes: u32) -> Self {
        self.invocation.max_bytes = Some(bytes);
        self
    }

    /// Runs it to its end. Every code is a completion, and so is a signal.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) without a grant for the program, these arguments, variables and directory;
    /// [`Unavailable`](crate::FailureKind::Unavailable) when there is no such program, or the target is not reached;
    /// [`TimedOut`](crate::FailureKind::TimedOut) when it was killed for its time;
    /// [`InvalidConfig`](crate::FailureKind::InvalidConfig) for words that no system takes.
    pub fn run(self) -> Result<Completion, Failure> {
        let Self { backend, invocation, secrets } = self;
        let tried = format!("run `{}`", invocation.program);
        backend.run(invocation, &secrets).map_err(|error| Failure::of_call(tried, error))
    }
}

impl Completion {
    /// Whether it ended by itself, with code 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.ending == Ending::Exited(0)
    }

    /// Its standard output as text.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::FailureKind::InvalidInput) when it is not UTF-8.
    pub fn stdout_text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.stdout)
            .map_err(|_| Failure::invalid_input("the program's standard output is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Exit, FakeHost, RanCommand};
    use crate::{FailureKind, HostError};

    #[test]
    fn a_command_is_run_as_written() {
        let exit = Exit::code(3).stdout("out").stderr("err");
        let fake = FakeHost::new().secret("key", "s3cr3t").command("tool -x a b", exit);
        let host = fake.host();

        let key = host.secret("key").unwrap();
        let completion = host
            .command("tool")
            .arg("-x")
            .args(["a b"])
            .env("LANG", "C")
            .secret_env("TOKEN", &key)
            .stdin("in")
            .directory("deploy")
            .timeout(Duration::from_secs(3))
            .max_output(4)
            .run()
            .unwrap();

        assert_eq!(
            completion,
            Completion {
                ending: Ending::Exited(3),
                stdout: b"out".to_vec(),
                stderr: b"e".to_vec(),
                truncated: true,
                elapsed: Duration::from_millis(1),
            },
        );
        assert_eq!(
            fake.ran(),
            [RanCommand::new("tool", &["-x", "a b"])
                .env("LANG", "C")
                .env("TOKEN", "s3cr3t")
                .stdin("in")
                .directory("deploy")
                .timeout_ms(3000)
                .max_bytes(4)],
        );
    }

    #[test]
    fn what_nobody_prepared_is_denied_and_still_noted() {
        let fake = FakeHost::new().command("tool a", Exit::signal(9));

        assert_eq!(fake.host().command("tool").arg("a").run().unwrap().ending, Ending::Signalled(9));
        assert_eq!(
            fake.host().command("tool").arg("a").run(),
            Err(Failure::new(FailureKind::Denied, "run `tool`: denied, no grant of this step covers it")),
        );
        assert_eq!(fake.ran_lines(), ["tool a", "tool a"]);
    }

    #[test]
    fn a_failure_names_the_program_and_no_argument() {
        let fake = FakeHost::new().command("tool s3cr3t", Exit::error(HostError::TimedOut));

        assert_eq!(
            fake.host().command("tool").arg("s3cr3t").run(),
            Err(Failure::of_call("run `tool`", HostError::TimedOut)),
        );
    }

    #[test]
    fn output_that_is_no_text_is_invalid_input() {
        let fake = FakeHost::new().command("tool", Exit::code(0).stdout([0xff]));

        assert_eq!(
            fake.host().command("tool").run().unwrap().stdout_text(),
            Err(Failure::invalid_input("the program's standard output is not UTF-8")),
        );
    }
}
