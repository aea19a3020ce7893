//! A cache of compiled components that is altered, foreign, full or not to be written: no reason to stop, and a note.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
};

use regex::Regex;

use super::scene::Scene;
use crate::harness::{Finished, Project, runner};

fn project() -> Project {
    Project::with(
        "
version: 1
name: cached
plugins: { gate: { source: guest:gate_answer } }
steps:
  ask: { uses: gate }
",
    )
}

/// Runs with this cache.
fn exec(project: &Project, cache: &Path) -> Finished {
    let output = project.command(&["exec", "pipeline.yaml", "--cache-dir"]).arg(cache).output();
    project.finish(output.expect("the runner starts"))
}

/// What a run says about its cache; it passes whatever that is.
fn notes(run: &Finished) -> Vec<String> {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let entry = Regex::new("[0-9a-f]{64}-[0-9a-f]{16}").expect("a pattern");
    let notes = run.stderr.lines().filter(|line| line.starts_with("note: "));
    notes.map(|note| entry.replace(note, "ENTRY").into_owned()).collect()
}

const NO_NOTES: [&str; 0] = [];

/// A project and a cache in which its plugin is.
fn filled() -> (Project, PathBuf, PathBuf) {
    let project = project();
    let cache = project.path("cache");
    assert_eq!(notes(&exec(&project, &cache)), NO_NOTES);
    let entries = fs::read_dir(&cache).expect("a cache").map(|entry| entry.expect("an entry").path());
    let compiled = entries.into_iter().find(|path| path.extension().is_some_and(|end| end == "cwasm"));
    (project, cache, compiled.expect("a compiled component"))
}

#[test]
fn an_entry_that_was_altered_is_not_run() {
    let (project, cache, compiled) = filled();
    let good = fs::read(&compiled).expect("it");
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 0xff;
    fs::write(&compiled, &bad).expect("it can be written");
    let run = exec(&project, &cache);
    assert_eq!(
        notes(&run),
        ["note: `PROJECT/cache/ENTRY.cwasm` was not used: it was changed after it was installed"]
    );
    assert_eq!(fs::read(&compiled).expect("it"), good, "it was made anew");
    assert_eq!(notes(&exec(&project, &cache)), NO_NOTES);
}

#[test]
fn a_cache_that_others_may_write_is_not_used() {
    let (project, cache, compiled) = filled();
    fs::set_permissions(&compiled, fs::Permissions::from_mode(0o666)).expect("ours");
    assert_eq!(
        notes(&exec(&project, &cache)),
        ["note: `PROJECT/cache/ENTRY.cwasm` was not used: is open to others (mode 666)"]
    );
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).expect("ours");
    assert_eq!(
        notes(&exec(&project, &cache)),
        ["note: the cache `PROJECT/cache` is open to others (mode 777)"]
    );
}

/// Root gives the directory away; anybody else takes one that is root's.
#[test]
fn a_cache_that_belongs_to_somebody_else_is_not_used() {
    let (project, cache, _) = filled();
    let own = rustix::process::geteuid().as_raw();
    let (foreign, note) = if own == 0 {
        chown(&cache, Some(65534), None).expect("root may do that");
        (cache.as_path(), "note: the cache `PROJECT/cache` belongs to user 65534, not to 0".to_owned())
    } else {
        (Path::new("/usr"), format!("note: the cache `/usr` belongs to user 0, not to {own}"))
    };
    assert_eq!(notes(&exec(&project, foreign)), [note]);
}

#[test]
fn a_cache_that_cannot_be_made_or_written_is_not_used() {
    let project = project();
    project.write("file", "");
    assert_eq!(
        notes(&exec(&project, &project.path("file/cache"))),
        ["note: the cache `PROJECT/file/cache` cannot be made: Not a directory (os error 20)"]
    );
    assert_eq!(
        notes(&exec(&project, Path::new("/proc/runner-cache"))),
        ["note: the cache `/proc/runner-cache` cannot be made: No such file or directory (os error 2)"]
    );
}

/// A disk without room, as a limit on the size of files: nothing half written stays.
#[test]
fn a_cache_that_is_full_is_left_as_it_was() {
    let project = project();
    let cache = project.path("cache");
    let limited = "ulimit -f 128; trap '' XFSZ; exec \"$0\" exec pipeline.yaml --cache-dir cache";
    let mut command = Command::new("sh");
    command.args(["-c", limited]).arg(runner()).current_dir(project.path("")).env_clear();
    let run = project.finish(command.output().expect("a shell"));
    assert_eq!(notes(&run), ["note: `cache/ENTRY.cwasm` was not kept: File too large (os error 27)"]);
    assert_eq!(fs::read_dir(&cache).expect("a cache").count(), 0);
    // With room it is used again.
    assert_eq!(notes(&exec(&project, &cache)), NO_NOTES);
    assert_eq!(fs::read_dir(&cache).expect("a cache").count(), 2);
}

/// What is cached is what was checked: another component under the same name is another entry.
#[test]
fn a_component_that_was_exchanged_is_never_answered_from_the_cache() {
    let scene = Scene::guest("gate_answer");
    scene.run();
    let gate = scene.project.path("gate_answer.wasm");
    fs::write(&gate, super::handmade::gate("start-trap")).expect("it can be written");
    let run = scene.project.runner(&["check", "pipeline.yaml"]);
    assert_eq!(run.code, 8, "{}", run.stderr);
}
