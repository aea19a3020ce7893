//! `runner doctor`: what it finds here, and what it says when something is in the way.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::Project;

fn findings(project: &Project, arguments: &[&str]) -> (i32, Vec<Value>) {
    let mut all = vec!["doctor", "--output", "json"];
    all.extend_from_slice(arguments);
    let output = project.command(&all).output().expect("the runner starts");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    (output.status.code().expect("a code"), json["findings"].as_array().expect("a list").clone())
}

fn find<'a>(findings: &'a [Value], what: &str) -> &'a Value {
    findings.iter().find(|finding| finding["what"] == what).unwrap_or_else(|| panic!("{what}: {findings:#?}"))
}

/// Requirement 003-94: what a run needs is looked at before it is needed.
#[test]
fn everything_a_run_needs_is_looked_at() {
    let (code, findings) = findings(&Project::new(), &[]);
    assert_eq!(code, 0, "{findings:#?}");
    let what: Vec<&str> = findings.iter().filter_map(|finding| finding["what"].as_str()).collect();
    assert_eq!(
        what,
        [
            "engine",
            "compiler",
            "settings",
            "limits",
            "addresses",
            "pool",
            "overcommit",
            "cache",
            "files",
            "certificates",
            "names",
            "docker",
            "state",
            "cores",
            "user",
            "swap",
            "terminal",
            "time",
        ]
    );
    for finding in &findings {
        assert_eq!(finding["help"].is_null(), finding["level"] == "ok", "{finding}");
    }
    assert_eq!(find(&findings, "compiler")["level"], "ok");
}

/// Without an engine everything but Docker works, and what to do is said.
#[test]
fn a_missing_engine_is_a_warning() {
    let project = Project::new();
    let mut command = project.command(&["doctor", "--output", "json"]);
    let socket = project.path("no.sock");
    let output =
        command.env("DOCKER_HOST", format!("unix://{}", socket.display())).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = json["findings"].as_array().expect("a list");
    let docker = find(findings, "docker");
    assert_eq!(docker["level"], "warning");
    assert!(docker["text"].as_str().is_some_and(|text| text.contains("no.sock")), "{docker}");
}

#[test]
fn people_read_one_line_for_each_thing_and_what_to_do() {
    let project = Project::new();
    let run = project.runner(&["doctor"]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(
        run.stdout.lines().last().is_some_and(|line| line.starts_with("runs are possible here: ")),
        "{}",
        run.stdout
    );
    assert!(!project.path(".runner").exists(), "nothing was made");
    assert_eq!(std::fs::read_dir(project.path(".")).expect("the project").count(), 0);
}

#[test]
fn a_state_directory_that_cannot_be_written_makes_runs_impossible() {
    let project = Project::new();
    project.write("file", "");
    let (code, findings) = findings(&project, &["--state-dir", "file/below"]);
    assert_eq!((code, &find(&findings, "state")["level"]), (9, &"problem".into()));
    let text = project.runner(&["doctor", "--state-dir", "file/below"]);
    assert!(text.stdout.ends_with("(exit 9)\n"), "{}", text.stdout);
}

#[test]
fn a_cache_that_is_open_to_others_is_a_warning() {
    let project = Project::new();
    std::fs::create_dir(project.path("cache")).expect("a folder");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(project.path("cache"), open).expect("a mode");
    let (code, findings) = findings(&project, &["--cache-dir", "cache"]);
    let cache = find(&findings, "cache");
    assert_eq!((code, &cache["level"]), (0, &"warning".into()));
    assert!(
        cache["text"].as_str().is_some_and(|text| text.ends_with("is open to others (mode 777)")),
        "{cache}"
    );
}

/// Too few addresses for a single guest: no run is possible, and doctor says how to mend it.
#[test]
fn too_few_addresses_make_runs_impossible() {
    let project = Project::new();
    let runner = crate::harness::runner().display().to_string();
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("ulimit -v 6000000; exec {runner} doctor --output json")])
        .current_dir(project.path("."))
        .env("XDG_CACHE_HOME", project.path("cache"))
        .output()
        .expect("a shell");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = json["findings"].as_array().expect("a list");
    let addresses = find(findings, "addresses");
    assert_eq!((output.status.code(), &addresses["level"]), (Some(9), &"problem".into()), "{addresses}");
    assert_eq!(addresses["help"], "raise it: `ulimit -v unlimited`");
}
