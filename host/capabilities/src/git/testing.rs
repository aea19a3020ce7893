//! Real repositories for tests: made by the `git` program, with nothing of this machine's settings.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;
use wasmtime::component::Resource;

use super::Repository;
use crate::host::{
    Context,
    bindings::runner::plugin::{
        git::{GitError, Host as _},
        types::HostError,
    },
    testing::Builder,
};

/// A directory with `root/` in it, the pipeline's, and room beside it.
pub(super) struct World {
    place: TempDir,
}

impl World {
    /// `root/` is a repository with one commit.
    pub(super) fn new() -> Self {
        let world = Self::empty();
        world.init("root");
        world.write("root/a.txt", "a\n");
        world.git("root", &["add", "."]);
        world.git("root", &["commit", "-q", "-m", "first"]);
        world
    }

    pub(super) fn empty() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("root")).unwrap();
        fs::create_dir(place.path().join("home")).unwrap();
        Self { place }
    }

    pub(super) fn init(&self, path: &str) {
        self.git(".", &["init", "-q", "-b", "main", path]);
        self.git(path, &["config", "user.name", "Ann"]);
        self.git(path, &["config", "user.email", "ann@example.com"]);
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.place.path().canonicalize().unwrap().join(path)
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A further commit in `path` that adds `file`.
    pub(super) fn commit(&self, path: &str, file: &str) -> String {
        self.write(&format!("{path}/{file}"), file);
        self.git(path, &["add", file]);
        self.git(path, &["commit", "-q", "-m", file]);
        self.git(path, &["rev-parse", "HEAD"])
    }

    /// Runs `git` in `path`; what it wrote, without the end of the line.
    pub(super) fn git(&self, path: &str, args: &[&str]) -> String {
        let done =
            command("git", &self.path("home")).args(args).current_dir(self.path(path)).output().unwrap();
        assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// What a call is served by, with these rules under `git`.
    pub(super) fn context(&self, rules: Value) -> Context {
        self.builder(serde_json::json!({ "git": rules })).build()
    }

    pub(super) fn builder(&self, grants: Value) -> Builder {
        Builder::new(grants).directory(&self.path("root"))
    }

    /// The same with the repository `.` opened.
    pub(super) async fn open(&self, rules: Value) -> (Context, impl Fn() -> Resource<Repository> + use<>) {
        opened(self.context(rules)).await
    }

    /// A program made of the lines of a shell script.
    pub(super) fn script(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        // Written by another process: one that starts here meanwhile would still hold it open, and then it cannot be run.
        let write = r#"printf '#!/bin/sh\n%s' "$1" > "$2" && chmod 755 "$2""#;
        let done = Command::new("sh").args(["-c", write, "sh", text]).arg(&path).status().unwrap();
        assert!(done.success());
        path
    }
}

/// `context` with the repository `.` opened.
pub(super) async fn opened(mut context: Context) -> (Context, impl Fn() -> Resource<Repository> + use<>) {
    let number = context.open(".".to_owned()).await.unwrap().map_err(told).unwrap().rep();
    (context, move || Resource::new_borrow(number))
}

/// A program with nothing of this machine's settings.
pub(super) fn command(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", home);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ann").env(format!("GIT_{who}_EMAIL"), "ann@example.com");
        command.env(format!("GIT_{who}_DATE"), "2026-01-02T03:04:05Z");
    }
    command
}

/// An error as `kind: text`.
pub(super) fn told(error: GitError) -> String {
    match error {
        GitError::Host(HostError::Denied) => "denied".to_owned(),
        GitError::Host(HostError::TimedOut) => "timed out".to_owned(),
        GitError::Host(HostError::Unavailable(text)) => format!("unavailable: {text}"),
        GitError::Host(HostError::BudgetExceeded(text)) => format!("budget exceeded: {text}"),
        GitError::Host(HostError::Invalid(text)) => format!("invalid: {text}"),
        GitError::NotFound(text) => format!("not found: {text}"),
        GitError::Conflict(text) => format!("conflict: {text}"),
        GitError::Failed(text) => format!("failed: {text}"),
    }
}
