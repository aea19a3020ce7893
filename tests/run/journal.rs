//! The journal on disk: what damage does, and what a disk that says no does.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::harness::Project;

fn finished() -> Project {
    let project = Project::with(
        "
version: 1
name: small
plugins: { gate: { source: guest:gate_answer } }
steps:
  ask: { uses: gate, with: { log: [one, two] } }
",
    );
    assert_eq!(project.exec(&[]).code, 0);
    project
}

fn entries(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Requirement 002-33: all that was done is written down, in the order in which it was done.
#[test]
fn json_output_is_the_journal() {
    let project = Project::with("version: 1\nname: tiny\nsteps:\n  only: { uses: checkpoint }\n");
    let printed = project.command(&["exec", "pipeline.yaml", "--output", "json"]).output().unwrap();
    assert!(printed.status.success());
    let printed = entries(&String::from_utf8(printed.stdout).unwrap());
    let mut written = project.journal();
    for entry in &mut written {
        // The chain belongs to the file.
        entry.as_object_mut().expect("an entry").remove("chain");
    }
    assert_eq!(printed, written);
    let types: Vec<&str> = written.iter().filter_map(|entry| entry["type"].as_str()).collect();
    assert_eq!(types, ["run-started", "step-started", "step-ended", "run-decided", "run-finished"]);
}

/// Crash test T15: never a wrong verdict from a damaged journal. Requirement 002-33: nobody can alter what was done.
#[test]
fn a_journal_altered_anywhere_is_refused_or_shortened_and_never_misread() {
    let project = finished();
    let path = project.run_directory().join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    // Every 7th byte: each line is hit dozens of times, and the test stays within seconds.
    for position in (0..whole.len()).step_by(7) {
        let mut altered = whole.clone();
        altered[position] ^= 0x04;
        fs::write(&path, &altered).unwrap();
        let shown = project.runner(&["show"]);
        let last_line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
        if position <= last_line {
            assert_eq!(shown.code, 1, "byte {position}: {}", shown.stdout);
        }
        assert!(!shown.stderr.contains("panicked"), "byte {position}: {}", shown.stderr);
    }
}

#[test]
fn a_journal_cut_anywhere_tells_less_and_nothing_wrong() {
    let project = finished();
    let path = project.run_directory().join("journal.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let decided = whole.find(r#"{"seq":4,"#).expect("the entry that holds the verdict");
    for length in (1..whole.len()).step_by(13) {
        fs::write(&path, &whole[..length]).unwrap();
        let shown = project.runner(&["show"]);
        assert!(!shown.stderr.contains("panicked"), "{length} bytes: {}", shown.stderr);
        if length <= decided {
            assert!(!shown.stdout.contains("succeeded"), "{length} bytes: {}", shown.stdout);
        }
    }
}

#[test]
fn a_state_directory_that_cannot_be_written_starts_nothing() {
    // Permissions do not stop root; a file in the way does.
    let project = Project::with(
        "
version: 1
name: nowhere
plugins: { action: { source: guest:action_file, grants: { filesystem: { write: [world] } } } }
steps:
  change: { uses: action, with: { path: world, text: new } }
",
    );
    project.write("world", "old");
    project.write("state", "a file");
    let run = project.exec(&["--state-dir", "state"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(project.read("world"), "old");
}

/// Crash test T14: a full disk stops the run before the next effect.
#[test]
fn a_full_disk_stops_the_run_before_the_next_change() {
    let project = Project::with(
        "
version: 1
name: full
plugins:
  gate:   { source: guest:gate_answer }
  action: { source: guest:action_file, grants: { filesystem: { write: [world, calls] } } }
steps:
  talk:   { uses: gate, with: { outputs: { value: '${{ inputs.long }}' } } }
  more:   { uses: gate, needs: [talk], with: { outputs: { value: '${{ inputs.long }}' } } }
  change: { uses: action, needs: [more], with: { path: world, text: new, record: calls } }
inputs: { long: { default: x } }
",
    );
    project.write("world", "old");
    project.write("calls", "");
    // A file size limit is what a full disk looks like to one process, and needs no root.
    let mut command = project.command(&[]);
    let program = command.get_program().to_owned();
    let long = format!("long={}", "x".repeat(60_000));
    let mut limited = std::process::Command::new("bash");
    limited
        .args(["-c", "ulimit -f 64; trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["exec", "pipeline.yaml", "--input", &long])
        .current_dir(project.path("."))
        .env("XDG_CACHE_HOME", crate::harness::target().join("e2e-cache"));
    command.arg("--version");
    let run = project.finish(limited.output().unwrap());
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!((project.read("world"), project.read("calls")), ("old".to_owned(), String::new()));
}

#[test]
fn a_run_is_private_to_its_user() {
    let project = finished();
    let mode =
        |name: &str| fs::metadata(project.run_directory().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("journal.jsonl"), mode("plan.json")), (0o700, 0o600, 0o600));
}
