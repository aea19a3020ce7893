//! The command line.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use runner_model::Fault;

/// Runs deployments as graphs of hard gates, every step a sandboxed WebAssembly component.
#[derive(Debug, Parser)]
#[command(
    name = "runner",
    version,
    about,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 succeeded, 1 internal error, 2 command line, 3 a gate or health check said no, 4 a step failed,
5 stuck (something could not be taken back), 6 pipeline invalid, 7 grant refused, 8 plugin unusable,
9 something outside does not answer, 10 locked by another run, 130 cancelled.
For 3, 4 and 130 every change has been taken back.

Example:
  runner check deploy.yaml && runner exec deploy.yaml --input tag=v1.4.0"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in the order in which people meet them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check, plan and run a pipeline
    #[command(after_help = "Examples:
  runner exec deploy.yaml
  runner exec deploy.yaml --input tag=v1.4.0 --input environment=staging
  runner exec deploy.yaml --output json | jq -r .type
  runner exec deploy.yaml --report junit=junit.xml --report sarif=runner.sarif
  runner exec deploy.yaml --dry-run                 # look for real, list what would be changed
  runner exec deploy.yaml --inject switch:crash     # rehearse a crash, then `runner resume`")]
    Exec(ExecArgs),
    /// Find everything that can be found without running
    #[command(after_help = "Example:
  runner check deploy.yaml --output json")]
    Check(CheckArgs),
    /// Show what would run: order, grants, limits, worst-case duration
    #[command(after_help = "Example:
  runner plan deploy.yaml --input tag=v1.4.0")]
    Plan(PlanArgs),
    /// Draw the graph
    #[command(after_help = "Examples:
  runner graph deploy.yaml > graph.svg
  runner graph deploy.yaml --format mermaid")]
    Graph(GraphArgs),
    /// Finish an interrupted run from its journal
    #[command(after_help = "Example:
  runner resume            # the newest run
  runner resume 01JD3K")]
    Resume(ResumeArgs),
    /// Show what runs now, and what waits for whom
    #[command(after_help = "Example:
  runner status")]
    Status(ReadArgs),
    /// List the runs
    #[command(after_help = "Example:
  runner history --limit 50 --output json")]
    History(HistoryArgs),
    /// Show a run, or one step of it
    #[command(after_help = "Examples:
  runner show              # the newest run
  runner show 01JD3K switch
  runner show 01JD3K --output sarif > runner.sarif
  runner show --ledger     # every grant with how often it was used, and what was denied")]
    Show(ShowArgs),
    /// Print what the plugins of a run wrote
    #[command(after_help = "Example:
  runner logs 01JD3K smoke")]
    Logs(RunStepArgs),
    /// Answer an approval with yes
    #[command(after_help = "Example:
  runner approve 01JD3K go-live --reason 'checked with support'")]
    Approve(AnswerArgs),
    /// Answer an approval with no
    #[command(after_help = "Example:
  runner reject 01JD3K go-live --reason 'freeze until Monday'")]
    Reject(AnswerArgs),
    /// Work with components
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Print the JSON Schema of pipeline files, for editors
    #[command(after_help = "Example:
  runner schema > runner.schema.json
  # first line of a pipeline: # yaml-language-server: $schema=runner.schema.json")]
    Schema,
    /// Print completions for a shell
    #[command(after_help = "Example:
  runner completions bash > /etc/bash_completion.d/runner")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Say what the sandbox can and cannot do on this machine
    #[command(
        after_help = "Ends with 0 if runs are possible, also with warnings, and with 9 if something makes them impossible.

Example:
  runner doctor
  runner doctor --output json | jq -r '.findings[] | select(.level != \"ok\") | .help'"
    )]
    Doctor(DoctorArgs),
    /// Compile a component from stdin to machine code on stdout, within bounds; what the other commands call
    #[command(
        hide = true,
        after_help = "Example:
  runner compile-component --seconds 60 --memory 4294967296 < gate.wasm > gate.cwasm"
    )]
    CompileComponent(CompileArgs),
}

/// How a component is compiled.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompileArgs {
    /// Make it count instructions
    #[arg(long)]
    pub(crate) fuel: bool,
    /// Most processor time, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: u64,
    /// Most memory, in bytes of address space
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory: u64,
}

/// How to print what a command has to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Text,
    /// For programs: JSON on stdout
    Json,
}

/// How to print a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowOutput {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// SARIF 2.1.0: findings, for code scanning
    Sarif,
    /// JUnit XML: steps as test cases, for CI servers
    Junit,
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    Sarif,
    Junit,
    Json,
}

impl ReportFormat {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Sarif, Self::Junit, Self::Json];

    /// The word for it on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Json => "json",
        }
    }
}

/// A report and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportArg {
    pub(crate) format: ReportFormat,
    pub(crate) path: PathBuf,
}

/// Where runs are recorded.
#[derive(Debug, Clone, Args)]
pub(crate) struct StateArgs {
    /// Directory that holds the runs
    #[arg(long, value_name = "DIR", default_value = ".runner")]
    pub(crate) state_dir: PathBuf,
}

/// A pipeline and what it is held against.
#[derive(Debug, Clone, Args)]
pub(crate) struct PipelineArgs {
    /// The pipeline
    #[arg(value_name = "FILE")]
    pub(crate) pipeline: PathBuf,
    /// The operator's ceiling: no pipeline is granted more than this file says
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Directory for compiled components [default: the user's cache directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
}

/// What a pipeline is given.
#[derive(Debug, Clone, Args)]
pub(crate) struct GivenArgs {
    /// Value of an input; may be repeated
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = parse_input)]
    pub(crate) inputs: Vec<(String, String)>,
    /// What set the run off: one of the names under `on`
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    /// Put a fault into a step on purpose, to see what happens then: fail, trap, hang, undo-fail, crash
    #[arg(long, value_name = "STEP:FAULT", value_parser = parse_fault)]
    pub(crate) inject: Vec<(String, Fault)>,
    /// Change nothing and record nothing: look for real, and list in order what a real run would change
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// How a run is carried out and shown.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// text: progress on stderr; json: every journal entry as one line on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Output,
    /// Steps that may run at once [default: 4 per core, at least 8]
    #[arg(long, short = 'j', value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Write a report when the run has ended, however it has: sarif, junit or json; may be repeated
    #[arg(long = "report", value_name = "FORMAT=PATH", value_parser = parse_report)]
    pub(crate) reports: Vec<ReportArg>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    /// How to print the problems
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// How to print the plan
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Output,
}

/// How to draw a graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A picture
    #[default]
    Svg,
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// How to draw it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: GraphFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run: its id, or enough of its start or end; the newest if left out
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// The operator's ceiling of today
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Directory for compiled components [default: the user's cache directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// How many of the newest runs
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run: its id, or enough of its start or end; the newest if left out
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// The step; all if left out
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: ShowOutput,
    /// Show every grant of every step as a table: how often it was used, for how many bytes, and what was denied
    #[arg(long, conflicts_with = "step")]
    pub(crate) ledger: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunStepArgs {
    /// The run: its id, or enough of its start or end; the newest if left out
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// The step; all if left out
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<String>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// The run: its id, or enough of its start or end
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The step that asks
    #[arg(value_name = "STEP")]
    pub(crate) step: String,
    /// Why; goes into the journal
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// What to do with a component.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Show what components are, what they may ask for, what to grant them, and how to configure them
    #[command(
        after_help = "A file that is no plugin is told on stderr, and the exit code is 8; the others are shown all the same.
With `--output json` one file gives an object, several give a list.

Examples:
  runner plugin inspect target/plugins/http_health.wasm
  runner plugin inspect target/plugins/*.wasm --output json | jq '.[] | .name, .asks_for'"
    )]
    Inspect {
        /// The components
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// How to print them
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        output: Output,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Output,
    /// Directory for compiled components [default: the user's cache directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
}

fn parse_input(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE, as in `--input tag=v1.4.0`".to_owned()),
    }
}

fn parse_report(text: &str) -> Result<ReportArg, String> {
    let wanted = "expected FORMAT=PATH, as in `--report junit=junit.xml`; formats: sarif, junit, json";
    let Some((format, path)) = text.split_once('=') else { return Err(wanted.to_owned()) };
    let Some(format) = ReportFormat::ALL.into_iter().find(|known| known.as_str() == format) else {
        return Err(format!("`{format}` is not a format; {wanted}"));
    };
    if path.is_empty() {
        return Err(wanted.to_owned());
    }
    Ok(ReportArg { format, path: PathBuf::from(path) })
}

fn parse_fault(text: &str) -> Result<(String, Fault), String> {
    let known = "fail, trap, hang, undo-fail, crash";
    let (step, fault) =
        text.rsplit_once(':').ok_or_else(|| format!("expected STEP:FAULT; faults: {known}"))?;
    let fault = match fault {
        "fail" => Fault::Fail,
        "trap" => Fault::Trap,
        "hang" => Fault::Hang,
        "undo-fail" => Fault::UndoFail,
        "crash" => Fault::Crash,
        other => return Err(format!("`{other}` is not a fault; known: {known}")),
    };
    Ok((step.to_owned(), fault))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn without_example(command: &clap::Command, path: &str) -> Vec<String> {
            let path = format!("{path} {}", command.get_name());
            if command.has_subcommands() {
                return command.get_subcommands().flat_map(|sub| without_example(sub, &path)).collect();
            }
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if help.contains("Example") { Vec::new() } else { vec![path] }
        }
        assert_eq!(without_example(&Cli::command(), ""), Vec::<String>::new());
    }
}
