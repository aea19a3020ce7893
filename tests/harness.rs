//! A project directory, a built runner, and what it printed.
//!
//! The runner and the components are built before (`cargo xtask test` does that); a test that finds them missing or
//! older than the sources says what to run instead of testing the wrong thing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::SystemTime,
};

use serde_json::Value;

/// A directory with a pipeline in it, gone after the test.
pub struct Project {
    directory: tempfile::TempDir,
}

/// How a process ended and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Exit code; 128 + n for a process that signal n ended.
    pub code: i32,
    /// What it wrote, with everything that differs from run to run replaced.
    pub stdout: String,
    /// Likewise.
    pub stderr: String,
}

impl Project {
    /// An empty project.
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// A project with `pipeline.yaml`. `guest:NAME` in it stands for the path of a test guest, `plugin:NAME` for that of a
    /// first-party plugin.
    pub fn with(pipeline: &str) -> Self {
        Self::new().file("pipeline.yaml", pipeline)
    }

    /// The same with one more file; the text is treated as in [`Project::with`].
    pub fn file(self, name: &str, text: &str) -> Self {
        self.write(name, &with_components(text));
        self
    }

    /// Writes a file as it is.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    /// A path in the project.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Text of a file in the project.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A `runner` command in this project, with an environment of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(runner());
        command
            .args(arguments)
            .current_dir(self.directory.path())
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
    pub fn runner(&self, arguments: &[&str]) -> Finished {
        self.finish(self.command(arguments).output().expect("the runner starts"))
    }

    /// Starts `runner` and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("the runner starts")
    }

    /// What a process of this project has written, made comparable.
    pub fn finish(&self, output: Output) -> Finished {
        use std::os::unix::process::ExitStatusExt as _;
        let code = output.status.code().or(output.status.signal().map(|signal| 128 + signal));
        Finished {
            code: code.expect("a code or a signal"),
            stdout: self.comparable(&output.stdout),
            stderr: self.comparable(&output.stderr),
        }
    }

    /// `exec pipeline.yaml` with more arguments.
    pub fn exec(&self, arguments: &[&str]) -> Finished {
        let mut all = vec!["exec", "pipeline.yaml"];
        all.extend_from_slice(arguments);
        self.runner(&all)
    }

    /// The journal entries of the newest run, each as `type step …` in words that do not differ from run to run.
    pub fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.run_directory().join("journal.jsonl")).expect("a journal");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The result of every step of the newest run that has ended, in the order in which they did: `id result`.
    pub fn results(&self) -> Vec<String> {
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
    pub fn run_directory(&self) -> PathBuf {
        let runs = fs::read_dir(self.path(".runner/runs")).expect("a state directory");
        runs.map(|entry| entry.expect("an entry").path()).max().expect("a run")
    }

    /// Id of the newest run.
    pub fn run_id(&self) -> String {
        self.run_directory().file_name().expect("a name").to_string_lossy().into_owned()
    }

    /// Replaces run ids, durations, digests and the project's directory.
    pub fn comparable(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let directory = fs::canonicalize(self.directory.path()).expect("the project is there");
        let text = text.replace(&*directory.to_string_lossy(), "PROJECT");
        let text = text.replace(&*self.directory.path().to_string_lossy(), "PROJECT");
        let text = text.replace(&*target().to_string_lossy(), "TARGET");
        redact(&text)
    }
}

impl Finished {
    /// Both streams and the code, for a snapshot.
    pub fn all(&self) -> String {
        format!("{}{}exit {}", self.stdout, self.stderr, self.code)
    }
}

/// Replaces what differs from run to run by a word of the same kind.
fn redact(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_alphanumeric() {
            let end = rest
                .find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '.' || sign == ':'))
                .unwrap_or(rest.len());
            words.push_str(&redact_word(&rest[..end]));
            rest = &rest[end..];
        } else {
            words.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    words
}

fn redact_word(word: &str) -> String {
    let is_run = word.len() == 26 && word.starts_with("01") && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if is_run {
        return "RUN".to_owned();
    }
    if let Some(hex) = word.strip_prefix("sha256:")
        && hex.len() >= 8
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return "sha256:DIGEST".to_owned();
    }
    let unit = word.trim_start_matches(|sign: char| sign.is_ascii_digit() || sign == '.');
    let number = &word[..word.len() - unit.len()];
    let measured = ["ms", "s", "us", "m"].contains(&unit) && number.contains('.') && number.parse::<f64>().is_ok();
    if measured { "TIME".to_owned() } else { word.to_owned() }
}

/// `guest:NAME` and `plugin:NAME` become the path of the component.
pub fn with_components(text: &str) -> String {
    let mut out = text.to_owned();
    for (prefix, folder) in [("guest:", "guests"), ("plugin:", "plugins")] {
        while let Some(start) = out.find(prefix) {
            let name_start = start + prefix.len();
            let length = out[name_start..]
                .find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'))
                .unwrap_or(out.len() - name_start);
            let name = out[name_start..name_start + length].to_owned();
            let path = target().join(folder).join(format!("{name}.wasm"));
            assert!(path.is_file(), "{} is missing: run `cargo xtask plugins --guests`", path.display());
            out.replace_range(start..name_start + length, &format!("file:{}", path.display()));
        }
    }
    out
}

/// Cargo's target directory of this workspace.
pub fn target() -> PathBuf {
    // …/target/debug/deps/e2e-0123456789abcdef
    let test = std::env::current_exe().expect("the test binary has a path");
    test.ancestors().nth(3).expect("it lies in target/<profile>/deps").to_owned()
}

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// The built runner, no older than its sources.
pub fn runner() -> &'static Path {
    static RUNNER: OnceLock<PathBuf> = OnceLock::new();
    RUNNER.get_or_init(|| {
        let test = std::env::current_exe().expect("the test binary has a path");
        let path = test.ancestors().nth(2).expect("it lies in target/<profile>/deps").join("runner");
        let built = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let built = built.unwrap_or_else(|_| panic!("{} is missing: run `cargo build`", path.display()));
        let changed = newest_source(&root().join("host"));
        assert!(built >= changed, "{} is older than its sources: run `cargo build`", path.display());
        path
    })
}

fn newest_source(folder: &Path) -> SystemTime {
    let entries = fs::read_dir(folder).expect("a source folder").map(|entry| entry.expect("an entry"));
    entries
        .filter_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                Some(newest_source(&path))
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()
            } else {
                None
            }
        })
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
