//! A run in which one step is hostile, and all that can be seen of it afterwards.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::{
    harness::{Finished, Project},
    run::approval::wait_for_question,
};

/// More than any attack may make the runner take. An idle one takes a tenth of it.
pub(super) const MOST_MEMORY_KIB: u64 = 400 * 1024;

/// The stage before the attack.
pub(super) struct Scene {
    pub(super) project: Project,
    /// What stands where guests have no business: beside the project.
    pub(super) outside: tempfile::TempDir,
    source: String,
    grants: Value,
    limits: Map<String, Value>,
    with: Value,
    secrets: Vec<String>,
}

/// All that can be seen of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Exit code of the runner.
    pub(super) exit: i32,
    /// `pass: summary`, or kind and text of the failure.
    pub(super) attack: String,
    /// Outputs of the attack.
    pub(super) outputs: Value,
    /// What was denied: request, reason, and the grant to paste.
    pub(super) denied: Vec<Denied>,
    /// What became of the other steps, by name.
    pub(super) others: Vec<String>,
    /// Files that are not as they were, in the project and outside, and any that were left in the temporary directory.
    pub(super) touched: Vec<String>,
}

/// How a component was refused before anything started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) exit: i32,
    /// What is wrong with it.
    pub(super) error: String,
    /// What to do.
    pub(super) hint: String,
    pub(super) touched: Vec<String>,
    pub(super) started: bool,
}

impl Refused {
    pub(super) fn unusable(error: &str, hint: &str) -> Self {
        Self { exit: 8, error: error.to_owned(), hint: hint.to_owned(), touched: Vec::new(), started: false }
    }
}

/// A refusal as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denied {
    pub(super) request: String,
    pub(super) message: String,
    pub(super) grant: Option<String>,
}

impl Seen {
    /// The attack ended as a failure: the change was taken back, and the others did what they should.
    pub(super) fn failed(attack: &str) -> Self {
        Self {
            exit: 4,
            attack: attack.to_owned(),
            outputs: Value::Null,
            denied: Vec::new(),
            others: words(&[
                "after skipped",
                "before success",
                "before undone",
                "beside success",
                "witness success",
            ]),
            touched: Vec::new(),
        }
    }

    /// The attack came to nothing, and the guest answered.
    pub(super) fn passed(attack: &str, outputs: Value) -> Self {
        Self {
            exit: 0,
            attack: attack.to_owned(),
            outputs,
            denied: Vec::new(),
            others: words(&["after success", "before success", "beside success", "witness success"]),
            // The change of `before` stands.
            touched: words(&["project/world"]),
        }
    }

    /// The same with these denials.
    pub(super) fn denied(self, denied: impl IntoIterator<Item = Denied>) -> Self {
        Self { denied: denied.into_iter().collect(), ..self }
    }

    /// The same with words for what differs from run to run: ports, names.
    pub(super) fn in_words(self, words: &[(&str, String)]) -> Self {
        let say = |text: &str| {
            words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(value.as_str(), word))
        };
        Self {
            attack: say(&self.attack),
            outputs: serde_json::from_str(&say(&self.outputs.to_string())).expect("words are no JSON"),
            denied: self
                .denied
                .iter()
                .map(|Denied { request, message, grant }| Denied {
                    request: say(request),
                    message: say(message),
                    grant: grant.as_deref().map(say),
                })
                .collect(),
            ..self
        }
    }

    /// The same with these files changed besides.
    pub(super) fn touched(mut self, paths: &[&str]) -> Self {
        self.touched.extend(words(paths));
        self.touched.sort();
        self
    }
}

/// A refusal and the grant to paste.
pub(super) fn denied(request: &str, message: &str, grant: &str) -> Denied {
    Denied { grant: Some(grant.to_owned()), ..never(request, message) }
}

/// A refusal that no grant would lift.
pub(super) fn never(request: &str, message: &str) -> Denied {
    Denied { request: request.to_owned(), message: message.to_owned(), grant: None }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Scene {
    /// A test guest by its name.
    pub(super) fn guest(name: &str) -> Self {
        Self::of(&format!("guest:{name}"))
    }

    /// A component made by hand.
    pub(super) fn component(bytes: impl AsRef<[u8]>) -> Self {
        let scene = Self::of("file:hostile.wasm");
        scene.project.write("hostile.wasm", bytes);
        scene
    }

    fn of(source: &str) -> Self {
        let project = Project::new();
        project.write("world", "as it was");
        let outside = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(outside.path().join("tmp")).expect("a directory");
        Self {
            project,
            outside,
            source: source.to_owned(),
            grants: json!({}),
            limits: Map::new(),
            with: json!({}),
            secrets: Vec::new(),
        }
    }

    pub(super) fn grants(self, grants: Value) -> Self {
        Self { grants, ..self }
    }

    pub(super) fn limit(mut self, name: &str, most: impl Into<Value>) -> Self {
        self.limits.insert(name.to_owned(), most.into());
        self
    }

    pub(super) fn with(self, with: Value) -> Self {
        Self { with, ..self }
    }

    /// A file of the project.
    pub(super) fn file(self, name: &str, text: &str) -> Self {
        self.project.write(name, text);
        self
    }

    /// A file where guests have no business.
    pub(super) fn file_outside(self, name: &str, text: &str) -> Self {
        fs::write(self.outside.path().join(name), text).expect("a file");
        self
    }

    /// A secret of the step. The grants have to name it too.
    pub(super) fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.push(name.to_owned());
        self.file(&format!("secret-{name}"), value)
    }

    /// Runs it to its end.
    pub(super) fn run(&self) -> Seen {
        self.write_pipeline(json!({}));
        let before = self.files();
        let output = self.command(&["exec", "pipeline.yaml"]).output().expect("the runner starts");
        let run = self.project.finish(output);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        assert!(self.project.path(".runner").exists(), "nothing was started: {}", run.stderr);
        self.seen(run.code, &before)
    }

    /// Checks and runs what is to be refused before anything starts; gives the exit code and what was wrong.
    pub(super) fn refused(&self) -> Refused {
        self.write_pipeline(json!({}));
        let before = self.files();
        let runs = ["check", "exec"].map(|command| {
            let output = self.command(&[command, "pipeline.yaml"]).output().expect("the runner starts");
            self.project.finish(output)
        });
        let said = |run: &Finished| {
            let line =
                |start| run.stderr.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
            Refused {
                exit: run.code,
                error: without_numbers(line("error: the plugin `hostile` cannot be used: ")),
                hint: line("hint: ").to_owned(),
                touched: differences(&before, &self.files()),
                started: self.project.path(".runner").exists(),
            }
        };
        let [checked, run] = runs.map(|run| said(&run));
        assert_eq!(checked, run);
        run
    }

    /// Runs it, holds it once the attack is over, and looks at the most memory the runner ever had, in KiB.
    pub(super) fn run_and_measure(&self) -> (Seen, u64) {
        let hold = json!({ "uses": "approval", "needs": ["attack"], "if": "always()", "with": { "message": "hold" } });
        self.write_pipeline(json!({ "hold": hold }));
        let before = self.files();
        let mut child =
            self.command(&["exec", "pipeline.yaml", "--output", "json"]).spawn().expect("the runner starts");
        wait_for_question(&mut child);
        let peak = peak(child.id());
        let answered = self.project.runner(&["approve", &self.project.run_id(), "hold"]);
        assert_eq!(answered.code, 0, "{}", answered.stderr);
        let run = self.project.finish(child.wait_with_output().expect("it ends"));
        let mut seen = self.seen(run.code, &before);
        seen.others.retain(|other| other != "hold success");
        (seen, peak)
    }

    /// Everything the run has written: streams, journal, logs, `show` and `logs`.
    pub(super) fn everything_written(&self) -> String {
        let mut text = ["show", "logs"].map(|command| self.project.runner(&[command]).all()).concat();
        for (path, file) in tree(&self.project.path(".runner")) {
            text.push_str(&path);
            text.push_str(&String::from_utf8_lossy(&file.bytes));
        }
        text
    }

    /// `runner` in this project, with a temporary directory that is looked at afterwards.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("TMPDIR", self.outside.path().join("tmp"));
        command
    }

    fn write_pipeline(&self, more: Value) {
        let secrets: Map<String, Value> = self
            .secrets
            .iter()
            .map(|name| {
                (name.clone(), json!({ "from": format!("file:secret-{name}"), "allow": ["hostile"] }))
            })
            .collect();
        let mut steps = json!({
            "before": { "uses": "action", "with": { "path": "world", "text": "changed" } },
            "attack": { "uses": "hostile", "needs": ["before"], "with": self.with, "secrets": self.secrets },
            "beside": { "uses": "gate", "needs": ["before"] },
            "after": { "uses": "gate", "needs": ["attack"] },
            "witness": { "uses": "gate", "needs": ["attack"], "if": "always()" },
        });
        steps.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        let pipeline = json!({
            "version": 1,
            "name": "hostile",
            "secrets": secrets,
            "plugins": {
                "hostile": { "source": self.source, "grants": self.grants, "limits": self.limits },
                "action": { "source": "guest:action_file", "grants": { "filesystem": { "write": ["world"] } } },
                "gate": { "source": "guest:gate_answer" },
            },
            "steps": steps,
        });
        self.project.write("pipeline.yaml", self.project.with_components(&pipeline.to_string()));
    }

    fn seen(&self, exit: i32, before: &BTreeMap<String, File>) -> Seen {
        let journal = self.project.journal();
        let of = |kind: &'static str| {
            journal.iter().filter(move |entry| entry["type"] == kind && entry["step"] == "attack")
        };
        let ended = of("step-ended").next_back().expect("the attack has ended");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let attack = if ended["ending"] == "answered" {
            format!("{}: {}", text(&ended["outcome"]["answer"]), text(&ended["outcome"]["summary"]))
        } else {
            format!("{}: {}", text(&ended["failure"]["kind"]), text(&ended["failure"]["message"]))
        };
        let denied = of("capability-denied")
            .map(|entry| &entry["refusal"])
            .map(|refusal| Denied {
                request: text(&refusal["request"]),
                message: text(&refusal["message"]),
                grant: refusal["grant"].as_str().map(str::to_owned),
            })
            .collect();
        let mut others = self.project.results();
        others.retain(|result| !result.starts_with("attack "));
        others.sort();
        Seen {
            exit,
            attack: without_places(&attack),
            outputs: ended["outcome"]["outputs"].clone(),
            denied,
            others,
            touched: differences(before, &self.files()),
        }
    }

    fn files(&self) -> BTreeMap<String, File> {
        let project =
            tree(&self.project.path("")).into_iter().filter(|(path, _)| !path.starts_with(".runner"));
        let project = project.map(|(path, file)| (format!("project/{path}"), file));
        let outside =
            tree(self.outside.path()).into_iter().map(|(path, file)| (format!("outside/{path}"), file));
        project.chain(outside).collect()
    }
}

/// Function numbers differ from build to build of a guest.
fn without_places(text: &str) -> String {
    Regex::new("in function [0-9]+").expect("a pattern").replace_all(text, "in function N").into_owned()
}

/// Offsets and sizes differ from build to build.
fn without_numbers(text: &str) -> String {
    Regex::new("(0x)?[0-9a-f]*[0-9][0-9a-f]*|NUMBER").expect("a pattern").replace_all(text, "N").into_owned()
}

/// The most memory that process ever had, in KiB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What matters of a file: what it is, what is in it, when it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    mode: u32,
    modified: (i64, i64),
    bytes: Vec<u8>,
}

/// All files below `root`, by their path. A link is what it says, not what it leads to. Times of directories are left out:
/// a temporary file that came and went is no change.
fn tree(root: &Path) -> BTreeMap<String, File> {
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            let facts = fs::symlink_metadata(&path).expect("it is there");
            let kind = facts.file_type();
            let (modified, bytes) = if kind.is_dir() {
                folders.push(path.clone());
                ((0, 0), Vec::new())
            } else if kind.is_symlink() {
                ((0, 0), fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes())
            } else if kind.is_fifo() {
                ((0, 0), Vec::new())
            } else {
                ((facts.mtime(), facts.mtime_nsec()), fs::read(&path).expect("a file"))
            };
            let name = path.strip_prefix(root).expect("it is below").to_string_lossy().into_owned();
            found.insert(name, File { mode: facts.mode(), modified, bytes });
        }
    }
    found
}

fn differences(before: &BTreeMap<String, File>, after: &BTreeMap<String, File>) -> Vec<String> {
    let mut paths: Vec<String> = before
        .keys()
        .chain(after.keys())
        .filter(|path| match (before.get(*path), after.get(*path)) {
            // What was written back holds what it held.
            (Some(before), Some(after)) if path.as_str() == "project/world" => before.bytes != after.bytes,
            (before, after) => before != after,
        })
        .cloned()
        .collect();
    paths.sort();
    paths.dedup();
    paths
}
