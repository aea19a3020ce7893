//! `runner:plugin/command`.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;
use wasmtime::Result;

use super::{
    CommandRule, Place, Wanted,
    process::{self, Bounds, Ended, Program, Stopped},
    remote::{self, Remote},
};
use crate::{
    Capability, DockerHost, Machine, Refusal,
    env::is_variable_name,
    filesystem::Tree,
    host::{
        Context, Problem,
        bindings::runner::plugin::{
            command::{self, Completion, Ending, Invocation},
            types::HostError,
        },
        reason,
    },
    secrets::Secret,
};

/// For a guest that names no time.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// For a guest that names no length.
const DEFAULT_OUTPUT: u32 = 1 << 20;
/// Most bytes of arguments and variables together. Systems take more, but not much.
const MAX_WORDS: usize = 128 * 1024;
/// How long `ssh` may take until it is connected.
const CONNECT_SECONDS: u64 = 10;
/// Most signs of what a failed `ssh` says that are passed on.
const MAX_SAID: usize = 300;

/// What programs are given of this machine.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// The host's value of each variable that a rule names.
    pub env: BTreeMap<String, String>,
    /// Variables for `ssh` itself: how it finds its agent.
    pub ssh_env: BTreeMap<String, String>,
    /// The `ssh` to use; none for the one of the system.
    pub ssh: Option<PathBuf>,
}

/// The names of the variables that a guest sets.
pub(super) fn names(invocation: &Invocation) -> Vec<&str> {
    let plain = invocation.env.iter().map(|variable| variable.name.as_str());
    plain.chain(invocation.secret_env.iter().map(|variable| variable.name.as_str())).collect()
}

impl command::Host for Context {
    async fn run(&mut self, invocation: Invocation) -> Result<Result<Completion, HostError>> {
        let ran = self.run_command(&invocation).await;
        Ok(self.answer(ran))
    }
}

impl Context {
    async fn run_command(&mut self, invocation: &Invocation) -> Result<Completion, Problem> {
        self.charge()?;
        let variables = names(invocation);
        let wanted = Wanted {
            program: &invocation.program,
            args: &invocation.args,
            variables: &variables,
            directory: invocation.directory.as_deref(),
        };
        let grants = Arc::clone(&self.grants);
        let rule = grants.rules().command.covers(&wanted)?;
        let mut used = Vec::new();
        for variable in &invocation.secret_env {
            let gone = |_| Problem::Invalid("the secret's handle is not valid".to_owned());
            used.push(self.table.get(&variable.value).map_err(gone)?.clone());
        }
        check_words(invocation, &variables, &used)?;
        let env = self.variables(rule, invocation, &used);
        let (program, input) = match self.destination(rule)? {
            Destination::Here(start) => self.here(rule, invocation, env, start).await?,
            Destination::There(alias) => self.there(invocation, &env, &alias).await?,
        };
        let timeout = invocation.timeout_ms.map_or(DEFAULT_TIMEOUT, |ms| Duration::from_millis(ms.into()));
        // Never more than the guest could hold.
        let output = u64::from(invocation.max_bytes.unwrap_or(DEFAULT_OUTPUT)).min(self.limits.memory);
        let bounds = Bounds {
            deadline: self.deadline.min(Instant::now() + timeout),
            output: usize::try_from(output).unwrap_or(usize::MAX),
        };
        let meter = self.booking().used(rule.rule());
        let line = || format!("run {} {:?}", invocation.program, invocation.args);
        if self.ledger.instead(line) {
            let (stdout, stderr) = (Vec::new(), Vec::new());
            let ending = command::Ending::Exited(0);
            return Ok(Completion { ending, stdout, stderr, truncated: false, elapsed_us: 0 });
        }
        meter.sent(input.len());
        let ended = process::run(&program, &input, bounds).await.map_err(|stopped| match stopped {
            Stopped::TimedOut => Problem::TimedOut,
            Stopped::Io(error) => Problem::Unavailable(format!(
                "`{}` does not start: {}",
                program.file.display(),
                reason(&error)
            )),
        })?;
        meter.received(ended.stdout.len() + ended.stderr.len());
        if matches!(rule.place(), Place::Target) && program.name == "ssh" {
            check_connection(&ended, &used)?;
        }
        Ok(shown(ended, &used))
    }

    /// The program's variables: what the guest sets, and what the host has of the others that the rule names.
    fn variables(
        &self,
        rule: &CommandRule,
        invocation: &Invocation,
        used: &[Secret],
    ) -> Vec<(OsString, OsString)> {
        let own = |name: &str| {
            let plain = invocation.env.iter().find(|variable| variable.name == name);
            let secret = invocation.secret_env.iter().position(|variable| variable.name == name);
            let plain = plain.map(|variable| OsString::from(&variable.value));
            plain.or_else(|| Some(OsStr::from_bytes(used.get(secret?)?.bytes()).to_owned()))
        };
        let host = |name: &str| self.programs.env.get(name).map(OsString::from);
        let mut env = Vec::new();
        for name in rule.variables() {
            let known = env.iter().any(|(other, _)| other == name);
            if let (false, Some(value)) = (known, own(name).or_else(|| host(name))) {
                env.push((OsString::from(name), value));
            }
        }
        env
    }

    fn destination(&self, rule: &CommandRule) -> Result<Destination, Problem> {
        let machine: &Machine = &self.machine;
        let alias = match (rule.place(), &machine.ssh, &machine.docker) {
            (Place::Host, _, _) => return Ok(Destination::Here(None)),
            (Place::Target, Some(alias), _) | (Place::Target, None, DockerHost::Ssh(alias)) => alias,
            (Place::Target, None, DockerHost::Unix(_)) => {
                return Ok(Destination::Here(machine.workdir.as_ref().map(PathBuf::from)));
            }
            (Place::Target, None, DockerHost::Tcp { .. }) => {
                return Err(Problem::Unavailable(format!(
                    "the target is reached at {} only, and commands need `ssh`; nothing was run",
                    machine.docker
                )));
            }
        };
        if alias.is_empty() || alias.starts_with('-') || alias.contains(['\0', '\n']) {
            return Err(Problem::Invalid(format!("`{alias}` is not the name of a machine; nothing was run")));
        }
        Ok(Destination::There(alias.clone()))
    }

    /// A program of this machine, and its input.
    async fn here(
        &mut self,
        rule: &CommandRule,
        invocation: &Invocation,
        mut env: Vec<(OsString, OsString)>,
        start: Option<PathBuf>,
    ) -> Result<(Program, Vec<u8>), Problem> {
        env.push(("PATH".into(), remote::PATH.into()));
        let (name, directory, rule) =
            (invocation.program.clone(), invocation.directory.clone(), rule.clone());
        let look = move |tree: &Tree| {
            let file = find(&name, tree)?;
            let directory = match start {
                None => directory_below(tree, directory.as_deref(), &rule)?,
                Some(start) => {
                    let start = Tree::open(&start).map_err(|error| {
                        Problem::Unavailable(format!("`{}`: {}", start.display(), reason(&error)))
                    })?;
                    directory_below(&start, directory.as_deref(), &rule)?
                }
            };
            Ok((file, directory))
        };
        let (file, directory) = self.in_tree(look).await?;
        let args = invocation.args.iter().map(OsString::from).collect();
        let name = OsString::from(&invocation.program);
        Ok((Program { file, name, args, env, directory }, invocation.stdin.clone()))
    }

    /// The `ssh` that runs a program of the target, and its input.
    async fn there(
        &mut self,
        invocation: &Invocation,
        env: &[(OsString, OsString)],
        alias: &str,
    ) -> Result<(Program, Vec<u8>), Problem> {
        let workdir = self.machine.workdir.as_deref();
        let remote = Remote {
            program: &invocation.program,
            args: &invocation.args,
            env,
            directories: workdir.into_iter().chain(invocation.directory.as_deref()).collect(),
            stdin: &invocation.stdin,
        };
        let (script, input) = remote.script();
        let programs = Arc::clone(&self.programs);
        let look = move |tree: &Tree| {
            let file = match &programs.ssh {
                Some(file) => file.clone(),
                None => find("ssh", tree)?,
            };
            let (_, directory) = tree
                .real_directory(Path::new("."))
                .map_err(|error| Problem::Unavailable(format!("`.`: {}", reason(&error))))?;
            Ok((file, directory))
        };
        let (file, directory) = self.in_tree(look).await?;
        let options = [
            // Nobody is there to be asked, and no terminal.
            "-T",
            "-oBatchMode=yes",
            &format!("-oConnectTimeout={CONNECT_SECONDS}"),
            "-oClearAllForwardings=yes",
            // A connection that is shared outlives the program that opened it.
            "-oControlMaster=no",
            "-oLogLevel=ERROR",
            "--",
            alias,
        ];
        let mut args: Vec<OsString> = options.into_iter().map(OsString::from).collect();
        args.push(script);
        let mut env: Vec<(OsString, OsString)> =
            self.programs.ssh_env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        env.push(("PATH".into(), remote::PATH.into()));
        Ok((Program { file, name: "ssh".into(), args, env, directory }, input))
    }

    /// Looks at files on a thread that may wait.
    async fn in_tree<T: Send + 'static>(
        &mut self,
        look: impl FnOnce(&Tree) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(tree) = self.tree.clone() else {
            return Err(Problem::Denied(Box::new(Refusal {
                capability: Capability::Command,
                request: "a command".to_owned(),
                message: "this call has no directory".to_owned(),
                grant: None,
            })));
        };
        let looked = tokio::task::spawn_blocking(move || look(&tree)).await;
        looked.unwrap_or_else(|_| Err(Problem::Unavailable("the file system worker stopped".to_owned())))
    }
}

/// Where a command goes.
enum Destination {
    /// To this machine, from this directory; none for the pipeline's.
    Here(Option<PathBuf>),
    /// Through `ssh`, by this alias.
    There(String),
}

/// What no system would take, and what would not mean what it says.
fn check_words(invocation: &Invocation, variables: &[&str], used: &[Secret]) -> Result<(), Problem> {
    let invalid = |what: String| Err(Problem::Invalid(format!("{what}; nothing was run")));
    for (index, name) in variables.iter().enumerate() {
        if !is_variable_name(name) {
            return invalid(format!("`{name}` is not the name of a variable"));
        }
        if variables[..index].contains(name) {
            return invalid(format!("the variable `{name}` is there twice"));
        }
    }
    let values = invocation.env.iter().map(|variable| variable.value.as_bytes());
    let secrets = used.iter().map(Secret::bytes);
    let words = invocation.args.iter().map(String::as_bytes).chain(values).chain(secrets);
    let mut length = 0;
    for word in words {
        if word.contains(&0) {
            return invalid("an argument or a variable holds a NUL".to_owned());
        }
        length += word.len();
    }
    if length > MAX_WORDS {
        return invalid(format!("arguments and variables are longer than {MAX_WORDS} bytes together"));
    }
    Ok(())
}

/// The file of a program: by its absolute path, or in the directories of the system. What lies in the pipeline's directory
/// is not run: a plugin that may write there could have written it.
fn find(program: &str, tree: &Tree) -> Result<PathBuf, Problem> {
    let runnable = |path: &Path| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let found = if program.starts_with('/') {
        Some(PathBuf::from(program)).filter(|path| runnable(path))
    } else {
        remote::PATH.split(':').map(|above| Path::new(above).join(program)).find(|path| runnable(path))
    };
    let Some(path) = found else {
        let hint = if program.starts_with('/') { "" } else { " in the directories of the system" };
        return Err(Problem::Unavailable(format!("there is no program `{program}`{hint}; nothing was run")));
    };
    let held = path.canonicalize().and_then(|real| tree.holds(&real));
    match held {
        Ok(false) => Ok(path),
        Ok(true) => Err(Problem::Denied(Box::new(Refusal {
            capability: Capability::Command,
            request: format!("run {program}"),
            message: "it lies in the pipeline's directory, where plugins may write".to_owned(),
            grant: None,
        }))),
        Err(error) => Err(Problem::Unavailable(format!("`{program}`: {}; nothing was run", reason(&error)))),
    }
}

/// The directory to start in, held against the rule once more where it really is.
fn directory_below(
    tree: &Tree,
    directory: Option<&str>,
    rule: &CommandRule,
) -> Result<std::os::fd::OwnedFd, Problem> {
    let shown = directory.unwrap_or(".");
    let refuse = |message: String| {
        Problem::Denied(Box::new(Refusal {
            capability: Capability::Command,
            request: format!("start in `{shown}`"),
            message,
            grant: None,
        }))
    };
    let (real, opened) = tree.real_directory(Path::new(shown)).map_err(|error| {
        // What `cap-std` says when a link leads out of the directory.
        if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
            refuse("it leads out of the pipeline's directory".to_owned())
        } else {
            Problem::Unavailable(format!("`{shown}`: {}; nothing was run", reason(&error)))
        }
    })?;
    let Some(text) = real.to_str() else {
        return Err(Problem::Invalid(format!("`{shown}` leads to a name that is not text")));
    };
    if rule.covers_directory(Some(text)) {
        Ok(opened)
    } else {
        Err(refuse(format!("it leads to `{text}`, which is not in the rule's `directory`")))
    }
}

/// `ssh` tells its own failures from those of the program by one code only.
fn check_connection(ended: &Ended, used: &[Secret]) -> Result<(), Problem> {
    if ended.status.code() != Some(remote::FAILED) {
        return Ok(());
    }
    let said = masked(ended.stderr.clone(), used, ended.dropped > 0);
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it says nothing more");
    let last: String = last.chars().take(MAX_SAID).collect();
    Err(Problem::Unavailable(format!("the target, or the program there, cannot be reached: {last}")))
}

fn shown(ended: Ended, used: &[Secret]) -> Completion {
    let Ended { status, stdout, stderr, dropped, elapsed } = ended;
    let truncated = dropped > 0;
    Completion {
        ending: ending(status),
        stdout: masked(stdout, used, truncated),
        stderr: masked(stderr, used, truncated),
        truncated,
        elapsed_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Signalled(signal),
        (None, None) => unreachable!("a process that has ended has a code or a signal"),
    }
}

/// A program that prints a secret it was given would hand the guest what only the host may know; and so would one that is
/// cut off in the middle of it.
fn masked(mut bytes: Vec<u8>, used: &[Secret], cut_off: bool) -> Vec<u8> {
    if cut_off {
        let open = used.iter().map(|secret| secret.mask().open_end(&bytes)).max().unwrap_or(0);
        bytes.truncate(bytes.len() - open);
    }
    used.iter().fold(bytes, |bytes, secret| secret.mask().redact_bytes(bytes))
}
