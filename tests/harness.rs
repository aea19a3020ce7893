//! A project directory, a built runner, and what it printed.
//!
//! The runner and the components are built before (`cargo xtask test` does that); a test that finds them missing or
//! older than the sources says what to run instead of testing the wrong thing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use regex::Regex;
use serde_json::Value;

/// A directory with a pipeline in it.
pub(crate) struct Project {
    directory: PathBuf,
    /// Removes the directory after the test, if it was made for it.
    _made: Option<tempfile::TempDir>,
}

/// How a process ended and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finished {
    /// Exit code; 128 + n for a process that signal n ended.
    pub(crate) code: i32,
    /// What it wrote, with everything that differs from run to run replaced.
    pub(crate) stdout: String,
    /// Likewise.
    pub(crate) stderr: String,
}

impl Project {
    /// An empty project.
    pub(crate) fn new() -> Self {
        let made = tempfile::tempdir().expect("a temporary directory");
        Self { directory: made.path().to_owned(), _made: Some(made) }
    }

    /// A directory that somebody else has made, and removes.
    pub(crate) fn at(directory: PathBuf) -> Self {
        Self { directory, _made: None }
    }

    /// A project with `pipeline.yaml`. `guest:NAME` in it stands for a test guest, `plugin:NAME` for a first-party plugin:
    /// the component lies in the project as `NAME.wasm`, so that no message holds a path of this machine.
    pub(crate) fn with(pipeline: &str) -> Self {
        Self::new().file("pipeline.yaml", pipeline)
    }

    /// The same with one more file; the text is treated as in [`Project::with`].
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.write(name, self.with_components(text));
        self
    }

    /// `text` with `guest:NAME` and `plugin:NAME` as `file:NAME.wasm`, and these components in the project.
    pub(crate) fn with_components(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (prefix, folder) in [("guest:", "guests"), ("plugin:", "plugins")] {
            while let Some(start) = out.find(prefix) {
                let name_start = start + prefix.len();
                let length = out[name_start..]
                    .find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'))
                    .unwrap_or(out.len() - name_start);
                let file = format!("{}.wasm", &out[name_start..name_start + length]);
                let path = target().join(folder).join(&file);
                assert!(path.is_file(), "{} is missing: run `cargo xtask plugins --guests`", path.display());
                fs::copy(path, self.path(&file)).expect("a copy of the component");
                out.replace_range(start..name_start + length, &format!("file:{file}"));
            }
        }
        out
    }

    /// Writes a file as it is.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    /// A path in the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Text of a file in the project.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A `runner` command in this project, with an environment of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(runner());
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("USER", "ada")
            .env("XDG_CACHE_HOME", target().join("e2e-cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `runner` to its end.
    pub(crate) fn runner(&self, arguments: &[&str]) -> Finished {
        self.finish(self.command(arguments).output().expect("the runner starts"))
    }

    /// Starts `runner` and leaves it running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("the runner starts")
    }

    /// What a process of this project has written, made comparable.
    pub(crate) fn finish(&self, output: Output) -> Finished {
        use std::os::unix::process::ExitStatusExt as _;
        let code = output.status.code().or(output.status.signal().map(|signal| 128 + signal));
        Finished {
            code: code.expect("a code or a signal"),
            stdout: self.comparable(&output.stdout),
            stderr: self.comparable(&output.stderr),
        }
    }

    /// `exec pipeline.yaml` with more arguments.
    pub(crate) fn exec(&self, arguments: &[&str]) -> Finished {
        let mut all = vec!["exec", "pipeline.yaml"];
        all.extend_from_slice(arguments);
        self.runner(&all)
    }

    /// The journal entries of the newest run.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.run_directory().join("journal.jsonl")).expect("a journal");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The result of every step of the newest run that has ended, in the order in which they did: `id result`.
    pub(crate) fn results(&self) -> Vec<String> {
        self.journal()
            .iter()
            .filter_map(|entry| {
                let step = entry["step"].as_str()?;
                match entry["type"].as_str()? {
                    "step-ended" => Some(format!("{step} {}", entry["result"].as_str()?)),
                    "step-skipped" => Some(format!("{step} skipped")),
                    "undo-succeeded" => Some(format!("{step} undone")),
                    _ => None,
                }
            })
            .collect()
    }

    /// Directory of the newest run.
    pub(crate) fn run_directory(&self) -> PathBuf {
        let runs = fs::read_dir(self.path(".runner/runs")).expect("a state directory");
        runs.map(|entry| entry.expect("an entry").path()).max().expect("a run")
    }

    /// Id of the newest run.
    pub(crate) fn run_id(&self) -> String {
        self.run_directory().file_name().expect("a name").to_string_lossy().into_owned()
    }

    /// Replaces run ids, durations, digests and the project's directory.
    pub(crate) fn comparable(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let directory = fs::canonicalize(&self.directory).expect("the project is there");
        let text = text.replace(&*directory.to_string_lossy(), "PROJECT");
        let text = text.replace(&*self.directory.to_string_lossy(), "PROJECT");
        let text = text.replace(&*target().to_string_lossy(), "TARGET");
        redact(&text)
    }
}

impl Finished {
    /// Both streams and the code, for a snapshot.
    pub(crate) fn all(&self) -> String {
        format!("{}{}exit {}", self.stdout, self.stderr, self.code)
    }
}

/// Replaces what differs from run to run by a word of the same kind. Columns are as wide as their widest cell, so runs
/// of spaces inside a line become two.
fn redact(text: &str) -> String {
    static PATTERNS: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| {
        [
            (r"\b01[0-9A-HJKMNP-TV-Z]{24}\b", "RUN"),
            (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
            (r"\b[0-9a-f]{12}\b", "DIGEST"),
            (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", "WHEN"),
            (r"\bat \d\d:\d\d:\d\d\b|\b\d\d:\d\d:\d\d to \d\d:\d\d:\d\d\b", "WHEN"),
            (r"\b(\d+(\.\d+)?(ms|us)|\d+\.\d+s)\b", "TIME"),
            (r"\b\d{6,}\b", "NUMBER"),
            (r"(\S) {2,}", "$1  "),
        ]
        .map(|(pattern, word)| (Regex::new(pattern).expect("a pattern"), word))
        .into()
    });
    patterns
        .iter()
        .fold(text.to_owned(), |text, (pattern, word)| pattern.replace_all(&text, *word).into_owned())
}

/// Cargo's target directory of this workspace.
pub(crate) fn target() -> PathBuf {
    // …/target/debug/deps/e2e-0123456789abcdef
    let test = std::env::current_exe().expect("the test binary has a path");
    test.ancestors().nth(3).expect("it lies in target/<profile>/deps").to_owned()
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// The built runner, no older than what it is made of.
pub(crate) fn runner() -> &'static Path {
    static RUNNER: OnceLock<PathBuf> = OnceLock::new();
    RUNNER.get_or_init(|| {
        let test = std::env::current_exe().expect("the test binary has a path");
        let path = test.ancestors().nth(2).expect("it lies in target/<profile>/deps").join("runner");
        let built = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let built = built.unwrap_or_else(|_| panic!("{} is missing: run `cargo build`", path.display()));
        let changed: Vec<PathBuf> = sources(&path.with_extension("d"))
            .filter(|source| {
                let modified = fs::metadata(source).and_then(|metadata| metadata.modified());
                modified.is_ok_and(|modified| modified > built)
            })
            .collect();
        assert_eq!(changed, Vec::<PathBuf>::new(), "newer than the runner: run `cargo build`");
        path
    })
}

/// The files a program was built from, as cargo noted them beside it: `program: file file …`.
fn sources(note: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let text = fs::read_to_string(note).unwrap_or_else(|error| panic!("{}: {error}", note.display()));
    let files = text.split_once(": ").map(|(_, files)| files.to_owned()).unwrap_or_default();
    // A space inside a name is written `\ `.
    let files = files.trim_end().replace("\\ ", "\0");
    files.split(' ').map(|file| PathBuf::from(file.replace('\0', " "))).collect::<Vec<_>>().into_iter()
}
