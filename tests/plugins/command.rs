//! Programs run by a plugin: real ones, started by the built runner.
//!
//! The example of the README is run as it stands there. Then what a step must not do: each try is refused before anything
//! starts, and no file of the project has changed. Last what a program leaves behind: nothing.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{endings, expected, readme_example};
use crate::harness::{Finished, Project};

/// A pipeline with these grants for `command`, and these steps.
fn pipeline(grants: &str, steps: &str) -> Project {
    Project::with(&format!(
        "version: 1\nname: commands\nplugins:\n  command:\n    source: plugin:command\n    grants:\n      command:\n{grants}\ndefaults: {{ limits: {{ time: 60s }} }}\nsteps:\n{steps}\n"
    ))
}

fn done(summary: &str) -> Value {
    json!(["done", summary, []])
}

fn denied(program: &str) -> Value {
    json!(["denied", format!("run `{program}`: denied, no grant of this step covers it")])
}

/// What the journal has of refusals: what was asked, and the grant to paste.
fn refusals(project: &Project) -> Vec<(String, Value)> {
    let journal = project.journal();
    let denied = journal.iter().filter(|entry| entry["type"] == "capability-denied");
    let mut found: Vec<(String, Value)> = denied
        .map(|entry| {
            (
                entry["refusal"]["request"].as_str().expect("a request").to_owned(),
                entry["refusal"]["grant"].clone(),
            )
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

fn outputs(project: &Project, step: &str) -> Value {
    let journal = project.journal();
    let ended = journal.iter().find(|entry| entry["type"] == "step-ended" && entry["step"] == step);
    ended.expect("the step has ended")["outcome"]["outputs"].clone()
}

fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match found() {
            Some(value) => return value,
            None => assert!(Instant::now() < deadline, "{what} never happened"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The process whose number a script has written into a file.
fn noted(path: &Path) -> i32 {
    eventually("a number in a file", || fs::read_to_string(path).ok()?.strip_suffix('\n')?.parse().ok())
}

fn dies(process: i32) {
    eventually("the end of a process", || {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        (state.is_empty() || state.starts_with('Z')).then_some(())
    });
}

#[test]
fn the_example_of_command_runs_and_is_taken_back() {
    let example = readme_example("command");
    let text = format!(
        "version: 1\nname: command\ninputs: {{ healthy: {{ type: boolean, default: true }} }}\ndefaults: {{ limits: {{ time: 60s }} }}\n{example}"
    );
    let project = Project::with(&text);
    project.write("current/app", "v1");
    let run = project.exec(&[]);
    assert_eq!((run.code, project.read("previous/app")), (0, "v1".to_owned()), "{}", run.stderr);
    assert_eq!(endings(&project), expected([("keep-previous", done("`cp` ended with exit code 0"))]));

    let failing = format!(
        "{example}  last:\n    uses: command\n    needs: [keep-previous]\n    with: {{ program: rm, args: [-rf, previous], expect: {{ exit: [9] }} }}\n"
    );
    let project = Project::with(&format!(
        "version: 1\nname: command\ndefaults: {{ limits: {{ time: 60s }} }}\n{failing}"
    ));
    project.write("current/app", "v1");
    let run = project.exec(&[]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert_eq!(
        project.results(),
        ["keep-previous success", "last error", "last undone", "keep-previous undone"]
    );
    assert!(!project.path("previous").exists());
    assert_eq!(
        project.runner(&["logs", &project.run_id(), "last"]).stdout,
        "--- undo, attempt 1\nwarn `rm` has no `undo`: what it did, if it was run, stays as it is\n"
    );
}

#[test]
fn what_is_not_granted_is_not_run() {
    let project = pipeline(
        "        - { program: touch, args: [made-*], env: [LANG] }\n        - { program: ssh, args: ['*', uptime] }",
        "  program:   { uses: command, continue_on_error: true, with: { program: rm, args: [-rf, x] } }
  path:      { uses: command, continue_on_error: true, with: { program: /usr/bin/touch, args: [made-a] } }
  relative:  { uses: command, continue_on_error: true, with: { program: ./touch, args: [made-a] } }
  argument:  { uses: command, continue_on_error: true, with: { program: touch, args: [other] } }
  more:      { uses: command, continue_on_error: true, with: { program: touch, args: [made-a, other] } }
  variable:  { uses: command, continue_on_error: true, with: { program: touch, args: [made-a], env: { LD_PRELOAD: x.so } } }
  directory: { uses: command, continue_on_error: true, with: { program: touch, args: [made-a], directory: .. } }
  option:    { uses: command, continue_on_error: true, with: { program: ssh, args: ['-oProxyCommand=touch made-x', uptime] } }
  undo:      { uses: command, continue_on_error: true, with: { program: touch, args: [made-b], undo: { program: rm, args: [made-b] } } }",
    );
    let before = fs::read_dir(project.path(".")).expect("the project").count();
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        endings(&project),
        expected([
            ("program", denied("rm")),
            ("path", denied("/usr/bin/touch")),
            ("relative", denied("./touch")),
            ("argument", denied("touch")),
            ("more", denied("touch")),
            ("variable", denied("touch")),
            ("directory", denied("touch")),
            ("option", denied("ssh")),
            ("undo", done("`touch` ended with exit code 0")),
        ])
    );
    // The state directory, and what the one granted command has made.
    assert_eq!(fs::read_dir(project.path(".")).expect("the project").count(), before + 2);
    assert_eq!(
        refusals(&project),
        [
            ("run ./touch made-a", Value::Null),
            (
                "run /usr/bin/touch made-a",
                json!("command: [{ program: /usr/bin/touch, args: [\"made-a\"] }]")
            ),
            ("run rm -rf x", json!("command: [{ program: rm, args: [\"-rf\", \"x\"] }]")),
            (
                "run ssh \"-oProxyCommand=touch made-x\" uptime",
                json!("command: [{ program: ssh, args: [\"-oProxyCommand=touch made-x\", \"uptime\"] }]")
            ),
            ("run touch made-a in ..", Value::Null),
            ("run touch made-a other", json!("command: [{ program: touch, args: [\"made-a\", \"other\"] }]")),
            (
                "run touch made-a with LD_PRELOAD",
                json!("command: [{ program: touch, args: [\"made-a\"], env: [LD_PRELOAD] }]")
            ),
            ("run touch other", json!("command: [{ program: touch, args: [\"other\"] }]")),
        ]
        .map(|(request, grant)| (request.to_owned(), grant))
    );
}

/// An import without a grant is refused before anything runs.
#[test]
fn a_plugin_that_runs_programs_needs_a_grant_for_it() {
    let project = Project::with(
        "version: 1\nname: none\nplugins: { command: { source: plugin:command } }\nsteps: { a: { uses: command, with: { program: touch, args: [made] } } }\n",
    );
    let run = project.exec(&[]);
    assert_eq!((run.code, project.path("made").exists()), (7, false), "{}", run.stderr);
    let project = Project::with(
        "version: 1\nname: none\nplugins: { command: { source: plugin:command, grants: { command: [] } } }\nsteps: { a: { uses: command, with: { program: touch, args: [made] } } }\n",
    );
    let run = project.exec(&[]);
    assert_eq!((run.code, project.path("made").exists()), (4, false), "{}", run.stderr);
    assert_eq!(endings(&project), expected([("a", denied("touch"))]));
    assert_eq!(
        refusals(&project),
        [("run touch made".to_owned(), json!("command: [{ program: touch, args: [\"made\"] }]"))]
    );
}

#[test]
fn no_shell_looks_at_what_a_step_says() {
    let project = pipeline(
        "        - { program: printf, args: ['[%s]', '**'] }",
        "  say: { uses: command, with: { program: printf, args: ['[%s]', '; touch x', '$(touch x)', '`touch x`', \"a\\ntouch x\", '| touch x', '-oProxyCommand=touch x', ''] } }",
    );
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        outputs(&project, "say"),
        json!({
            "exit_code": 0,
            "stdout": "[; touch x][$(touch x)][`touch x`][a\ntouch x][| touch x][-oProxyCommand=touch x][]",
        })
    );
    assert!(!project.path("x").exists());
}

#[test]
fn a_program_sees_no_variable_that_is_not_named() {
    let project = pipeline(
        "        - { program: env, env: [CH_GIVEN, CH_HOST] }",
        "  see: { uses: command, with: { program: env, env: { CH_GIVEN: given } } }",
    );
    let mut command = project.command(&["exec", "pipeline.yaml"]);
    command.env("CH_HOST", "host").env("CH_OTHER", "other").env("LD_LIBRARY_PATH", "/none");
    let run = project.finish(command.output().expect("the runner starts"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let outputs = outputs(&project, "see");
    let mut lines: Vec<&str> = outputs["stdout"].as_str().expect("text").lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "CH_GIVEN=given",
            "CH_HOST=host",
            "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
        ]
    );
}

#[test]
fn a_secret_is_used_and_shown_nowhere() {
    let project = Project::with(
        r#"
version: 1
name: secret
secrets: { token: { from: 'env:CH_TOKEN', allow: [command] } }
plugins:
  command:
    source: plugin:command
    grants:
      secrets: [token]
      command: [{ program: sh, args: [-c, 'echo "${#TOKEN} $TOKEN"; echo "$TOKEN" >&2'], env: [TOKEN] }]
defaults: { limits: { time: 60s } }
steps:
  use:
    uses: command
    secrets: [token]
    with:
      program: sh
      args: [-c, 'echo "${#TOKEN} $TOKEN"; echo "$TOKEN" >&2']
      secret_env: { TOKEN: token }
"#,
    );
    let mut command = project.command(&["exec", "pipeline.yaml"]);
    command.env("CH_TOKEN", "correct horse");
    let run = project.finish(command.output().expect("the runner starts"));
    assert_eq!(
        (run.code, outputs(&project, "use")["stdout"].clone()),
        (0, json!("13 ***")),
        "{}",
        run.stderr
    );
    let journal = fs::read_to_string(project.run_directory().join("journal.jsonl")).expect("a journal");
    assert!(![journal, run.stdout, run.stderr].iter().any(|text| text.contains("horse")));
}

#[test]
fn a_program_that_is_too_slow_is_killed_with_its_children() {
    let script = "echo $$ > own; (trap '' TERM HUP INT; sleep 600) & echo $! > child; wait";
    let project = pipeline(
        &format!("        - {{ program: sh, args: [-c, \"{script}\"] }}"),
        &format!(
            "  slow: {{ uses: command, with: {{ program: sh, args: [-c, \"{script}\"], timeout_ms: 3000 }} }}"
        ),
    );
    let run = project.exec(&[]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert_eq!(endings(&project), expected([("slow", json!(["timed-out", "run `sh`: timed out"]))]));
    dies(noted(&project.path("own")));
    dies(noted(&project.path("child")));
}

/// The step's own time ends the call from outside, while the program runs.
#[test]
fn a_step_whose_time_is_up_leaves_nothing_running() {
    let script = "sleep 600 & echo $! > child; wait";
    let project = pipeline(
        &format!("        - {{ program: sh, args: [-c, \"{script}\"] }}"),
        &format!(
            "  slow: {{ uses: command, timeout: 3s, with: {{ program: sh, args: [-c, \"{script}\"], timeout_ms: 600000 }} }}"
        ),
    );
    let run = project.exec(&[]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    dies(noted(&project.path("child")));
}

/// The second signal stops the runner at once, and with it what it has started.
#[test]
fn a_runner_that_is_stopped_at_once_leaves_nothing_running() {
    let script = "sleep 600 & echo $! > child; wait";
    let project = pipeline(
        &format!("        - {{ program: sh, args: [-c, \"{script}\"] }}"),
        &format!(
            "  slow: {{ uses: command, with: {{ program: sh, args: [-c, \"{script}\"], timeout_ms: 600000 }} }}"
        ),
    );
    let mut runner = project.start(&["exec", "pipeline.yaml"]);
    let child = noted(&project.path("child"));
    let process = Pid::from_child(&runner);
    let ended = eventually("the end of the runner", || {
        kill_process(process, Signal::INT).ok();
        runner.try_wait().expect("the runner can be waited for")
    });
    assert!(!ended.success());
    dies(child);
}

#[test]
fn an_exit_code_that_is_not_expected_is_a_failure_with_the_last_words() {
    let project = pipeline(
        "        - { program: ls, args: ['*'] }\n        - { program: ch-none }",
        "  list: { uses: command, continue_on_error: true, with: { program: ls, args: [ch-gone], expect: { exit: [0, 1] } } }
  none: { uses: command, continue_on_error: true, with: { program: ch-none } }",
    );
    let run: Finished = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        endings(&project),
        expected([
            (
                "list",
                json!([
                    "unavailable",
                    "`ls` ended with exit code 2, expected is exit code 0 or 1; its last line: ls: cannot access 'ch-gone': No such file or directory"
                ])
            ),
            (
                "none",
                json!([
                    "unavailable",
                    "run `ch-none`: there is no program `ch-none` in the directories of the system; nothing was run"
                ])
            ),
        ])
    );
}
