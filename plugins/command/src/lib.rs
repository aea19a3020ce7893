//! Action: runs a program, and another one to take it back.
//!
//! There is no shell: each argument is one word. An ending that is not expected is a failure of the step, with the last
//! line that the program has said; what it says stands in the log.
//!
//! What a program has changed nobody here can know. So the snapshot only says that the change was about to be made, and
//! `restore` runs `undo`, which has to work whether or not the program did its own work, and more than once. Without
//! `undo` it says that nothing can be taken back.

use std::collections::BTreeMap;
use std::time::Duration;

use runner_plugin::host::{Completion, Ending, Level};
use runner_plugin::text::shortened;
use runner_plugin::{Action, Applied, Failure, Finding, Host, Request, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Output that is asked for. More is left out, and said.
const MAX_OUTPUT: u32 = 256 * 1024;
/// Longest `stdout` as text for later steps.
const MAX_TEXT: usize = 64 * 1024;
/// Lines of each stream that stand in the log: the last ones.
const MAX_LINES: usize = 100;

/// What to run, what to expect of it, and what takes it back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// An absolute path, or a name that is looked for in the directories of the system.
    #[schemars(length(min = 1))]
    program: String,
    /// Its arguments, each as it is.
    #[serde(default)]
    args: Vec<String>,
    /// Variables, by name.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Variables with secrets in them: the name of the variable, and that of the secret.
    #[serde(default)]
    secret_env: BTreeMap<String, String>,
    /// Where it starts, below the pipeline's directory, or the target's `workdir`.
    directory: Option<String>,
    /// What it reads from its standard input.
    stdin: Option<String>,
    /// Which endings are good.
    #[serde(default)]
    expect: Expect,
    /// When it is killed with all its children. Without it: 30 seconds. `limits.time` of the step counts too.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// Takes back what the program does, whether or not it has done it, any number of times.
    undo: Option<Program>,
    /// What `stdout` is for later steps.
    #[serde(default)]
    output: Format,
}

/// A program to run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Program {
    /// An absolute path, or a name that is looked for in the directories of the system.
    #[schemars(length(min = 1))]
    program: String,
    /// Its arguments, each as it is.
    #[serde(default)]
    args: Vec<String>,
    /// Variables, by name.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Variables with secrets in them: the name of the variable, and that of the secret.
    #[serde(default)]
    secret_env: BTreeMap<String, String>,
    /// Where it starts, below the pipeline's directory, or the target's `workdir`.
    directory: Option<String>,
    /// What it reads from its standard input.
    stdin: Option<String>,
    /// Which endings are good.
    #[serde(default)]
    expect: Expect,
    /// When it is killed with all its children. Without it: 30 seconds. `limits.time` of the step counts too.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
}

/// Endings that are good. A signal never is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// Exit codes.
    #[schemars(length(min = 1))]
    exit: Vec<i32>,
}

impl Default for Expect {
    fn default() -> Self {
        Self { exit: vec![0] }
    }
}

/// What standard output is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Text. White space at its end is left out.
    #[default]
    Text,
    /// One JSON value.
    Json,
}

/// What is on disk before the program runs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    /// Whether there is something to take it back with.
    undo: bool,
}

impl Config {
    fn split(self) -> (Program, Option<Program>, Format) {
        let Self { program, args, env, secret_env, directory, stdin, expect, timeout_ms, undo, output } =
            self;
        (Program { program, args, env, secret_env, directory, stdin, expect, timeout_ms }, undo, output)
    }
}

impl Program {
    /// Runs it, and returns what came of it if that is what is expected.
    fn run(&self, host: &Host) -> Result<Completion, Failure> {
        let secrets: Vec<(&String, Secret)> = self
            .secret_env
            .iter()
            .map(|(variable, name)| host.secret(name).map(|secret| (variable, secret)))
            .collect::<Result<_, _>>()?;
        let mut command = host.command(&self.program).args(&self.args).max_output(MAX_OUTPUT);
        for (name, value) in &self.env {
            command = command.env(name, value);
        }
        for (name, secret) in &secrets {
            command = command.secret_env(*name, secret);
        }
        if let Some(stdin) = &self.stdin {
            command = command.stdin(stdin.as_str());
        }
        if let Some(directory) = &self.directory {
            command = command.directory(directory);
        }
        if let Some(timeout_ms) = self.timeout_ms {
            command = command.timeout(Duration::from_millis(timeout_ms.into()));
        }
        let completion = command.run()?;
        tell(host, Level::Info, &completion.stdout);
        tell(host, Level::Warn, &completion.stderr);
        if completion.truncated {
            host.log().warn("the program wrote more than 256 KiB; the rest is not here");
        }
        if self.is_expected(completion.ending) { Ok(completion) } else { Err(self.unexpected(&completion)) }
    }

    fn is_expected(&self, ending: Ending) -> bool {
        match ending {
            Ending::Exited(code) => self.expect.exit.contains(&code),
            Ending::Signalled(_) => false,
        }
    }

    fn unexpected(&self, completion: &Completion) -> Failure {
        let last = last_line(&completion.stderr).or_else(|| last_line(&completion.stdout));
        let said = last.map_or_else(|| "it said nothing".to_owned(), |line| format!("its last line: {line}"));
        let codes: Vec<String> = self.expect.exit.iter().map(i32::to_string).collect();
        Failure::unavailable(format!(
            "`{}` ended with {}, expected is exit code {}; {said}",
            self.program,
            completion.ending,
            codes.join(" or ")
        ))
    }
}

/// The last line with something on it, shortened.
fn last_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(shortened)
}

/// Writes what a program has said into the log, as far as people read.
fn tell(host: &Host, level: Level, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(MAX_LINES);
    if skipped > 0 {
        host.log().write(level, format!("({skipped} lines before these are left out)"));
    }
    for line in &lines[skipped..] {
        host.log().write(level, line);
    }
}

/// The `stdout` of later steps, and what is missing of it.
fn output(completion: &Completion, format: Format) -> Result<(Value, Option<Finding>), Failure> {
    match format {
        Format::Json if completion.truncated => {
            Err(Failure::invalid_input("the program ran, and its JSON is longer than 256 KiB"))
        }
        Format::Json => {
            serde_json::from_slice(&completion.stdout).map(|value| (value, None)).map_err(|error| {
                Failure::invalid_input(format!(
                    "the program ran, and its standard output is not JSON: {error}"
                ))
            })
        }
        Format::Text => {
            let text = String::from_utf8_lossy(&completion.stdout);
            let text = text.trim_end();
            let end = text.floor_char_boundary(MAX_TEXT);
            let missing = completion.truncated || end < text.len();
            let finding = missing.then(|| {
                Finding::note(
                    "output-cut",
                    "the output `stdout` holds the first 64 KiB of what the program wrote",
                )
            });
            Ok((text[..end].into(), finding))
        }
    }
}

/// Runs a program.
pub struct Command;

impl Action for Command {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["exit_code", "stdout"];

    fn capture(config: Config, _: &Request, _: &Host) -> Result<String, Failure> {
        let (program, undo, _) = config.split();
        for Program { expect, .. } in std::iter::once(&program).chain(&undo) {
            if expect.exit.is_empty() {
                return Err(Failure::invalid_config(
                    "`expect.exit` names no code: nothing could be good; nothing was run",
                ));
            }
        }
        serde_json::to_string(&Snapshot { undo: undo.is_some() })
            .map_err(|error| Failure::internal(format!("the snapshot cannot be written: {error}")))
    }

    fn apply(config: Config, _: &str, _: &Request, host: &Host) -> Result<Applied, Failure> {
        let (program, undo, format) = config.split();
        let completion = program.run(host)?;
        let (stdout, finding) = output(&completion, format)?;
        let Ending::Exited(code) = completion.ending else {
            return Err(program.unexpected(&completion));
        };
        let lasting = if undo.is_none() { "; nothing can take it back" } else { "" };
        let applied = Applied::new(format!("`{}` ended with exit code {code}{lasting}", program.program))
            .output("exit_code", code)
            .output("stdout", stdout);
        Ok(match finding {
            Some(finding) => applied.finding(finding),
            None => applied,
        })
    }

    fn restore(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<(), Failure> {
        let Snapshot { undo: expected } = serde_json::from_str(snapshot).map_err(|error| {
            Failure::invalid_input(format!("the snapshot cannot be read: {error}; nothing was taken back"))
        })?;
        let (program, undo, _) = config.split();
        match (expected, undo) {
            (true, Some(undo)) => undo.run(host).map(drop),
            (false, None) => {
                host.log().warn(format!(
                    "`{}` has no `undo`: what it did, if it was run, stays as it is",
                    program.program
                ));
                Ok(())
            }
            (true, None) | (false, Some(_)) => Err(Failure::invalid_input(
                "the snapshot is not of this step: they disagree on `undo`; nothing was taken back",
            )),
        }
    }
}

runner_plugin::export_action!(Command);

#[cfg(test)]
mod tests;
