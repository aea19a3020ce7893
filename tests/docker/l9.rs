//! The whole of `examples/l9`: one release that goes live, and one for each way in which a release does not.
//!
//! Requirements 003-01..04: whatever says no, customers have the version they had, and nothing of the new one is left but
//! its log.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader},
    process::Child,
    thread,
};

use l9::Release;
use serde_json::{Value, json};

use super::scene::{Scene, containers};
use crate::harness::{Project, root};

const VERSION: &str = "v1.1.0-l9";
const FIRST: &str = "v1.0.0-l9";

/// What is to be true after a run.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// Exit code.
    code: i32,
    /// The steps that did not go well, and how they ended. Those that run when another one says no still have their say.
    against: BTreeSet<String>,
    /// What customers get.
    live: String,
    containers: BTreeMap<String, String>,
    /// The changes of the live world that were taken back, in the order in which they were.
    undone: Vec<String>,
    /// The commit that the server has checked out.
    server: String,
}

impl End {
    fn of(scene: &Scene, code: i32) -> Self {
        let journal = scene.project.journal();
        let ended = journal.iter().filter(|entry| entry["type"] == "step-ended");
        let against = ended.filter_map(|entry| {
            let result = entry["result"].as_str().filter(|result| matches!(*result, "failure" | "error"))?;
            Some(format!("{} {result}", entry["step"].as_str()?))
        });
        let undone = journal.iter().filter(|entry| entry["type"] == "undo-succeeded");
        let undone = undone.filter_map(|entry| entry["step"].as_str()).filter(|step| LIVE.contains(step));
        Self {
            code,
            against: against.collect(),
            live: scene.live().expect("a version"),
            containers: scene.containers().expect("the containers"),
            undone: undone.map(str::to_owned).collect(),
            server: scene.git_on_server(&["describe", "--tags"]).expect("a tag"),
        }
    }

    /// A run that ended with `code` because of these steps; the world is as it was.
    fn as_before(code: i32, against: &[&str], undone: &[&str]) -> Self {
        Self {
            code,
            against: against.iter().map(|&step| step.to_owned()).collect(),
            live: FIRST.to_owned(),
            containers: containers([("blue", "running")]),
            undone: undone.iter().map(|&step| step.to_owned()).collect(),
            server: FIRST.to_owned(),
        }
    }
}

/// The steps that change what customers, or the next run, find. The others leave tags, reports and images of their own.
const LIVE: [&str; 6] =
    ["record", "previous-stop", "route-traffic", "launch", "image-pull", "server-checkout"];

/// Those that are taken back when the candidate is refused before it has the traffic.
const LAUNCHED: [&str; 3] = ["launch", "image-pull", "server-checkout"];

/// Who says no to a candidate that is not well: our own look at it, and the engine's.
const UNWELL: [&str; 2] = ["health failure", "container-health failure"];

fn release(behaviour: &'static str) -> Release<'static> {
    Release { version: VERSION, behaviour, failing: &[] }
}

/// How a run ended, and what it said of that.
struct Ended(End, String);

impl Ended {
    #[track_caller]
    fn is(self, expected: End) {
        assert_eq!(self.0, expected, "{}", self.1);
    }
}

/// Deploys what is committed as a release.
fn deploy(scene: &Scene, inputs: &[(&str, &str)]) -> Ended {
    let run = scene.finish(scene.exec(&with(VERSION, inputs)));
    Ended(End::of(scene, run.code), run.all())
}

/// The inputs of a release, and more.
fn with<'a>(version: &'a str, inputs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [("tag", version), ("message", "Another release"), ("stable_for", "2s")];
    usual.into_iter().chain(inputs.iter().copied()).collect()
}

/// Commits a release, has its image published, and deploys it.
fn deploy_release(scene: &Scene, release: Release<'_>) -> Ended {
    let commit = scene.commit(release).expect("a commit");
    scene.publish(release.version, &commit).expect("an image");
    deploy(scene, &[])
}

/// Where in the journal a step began or ended.
fn place(journal: &[Value], kind: &str, step: &str) -> usize {
    let place = journal.iter().position(|entry| entry["type"] == kind && entry["step"] == step);
    place.unwrap_or_else(|| panic!("no {kind} of {step}"))
}

/// Requirements 003-05, 003-65, 003-70, 003-72, 003-75, 003-76.
#[test]
fn a_good_release_goes_live_and_the_one_before_is_kept() {
    let scene = Scene::new();
    let end = deploy_release(&scene, release("healthy"));
    let commit = scene.git(&["rev-parse", "HEAD"]).unwrap();

    end.is(End {
        code: 0,
        against: BTreeSet::new(),
        live: VERSION.to_owned(),
        containers: containers([("blue", "exited"), ("green", "running")]),
        undone: Vec::new(),
        server: VERSION.to_owned(),
    });
    let record: Value =
        serde_json::from_str(&scene.text("server/.deployed-metadata.json").expect("a record")).unwrap();
    assert_eq!(
        json!([
            record["deployed_tag"],
            record["deployed_by"],
            record["commit"],
            record["slot"],
            record["status"]
        ]),
        json!([VERSION, "ada@laptop", commit, "green", "SUCCESS"])
    );
    let journal = scene.project.journal();
    let order = [
        place(&journal, "step-ended", "smoke"),
        place(&journal, "step-started", "route-traffic"),
        place(&journal, "step-ended", "verify-live"),
        place(&journal, "step-started", "previous-stop"),
        place(&journal, "step-started", "record"),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(scene.messages().unwrap().len(), 1);
}

/// Every step comes to its turn, every change is listed, and customers, engine, repositories and messages stay as they are.
#[test]
fn a_rehearsal_of_a_release_changes_nothing() {
    let scene = Scene::new();
    let commit = scene.commit(release("healthy")).expect("a commit");
    scene.publish(VERSION, &commit).expect("an image");
    let refs = scene.git(&["show-ref"]).unwrap();
    let mut command = scene.exec(&with(VERSION, &[]));
    command.arg("--dry-run");

    let run = scene.finish(command);

    assert_eq!(run.code, 0, "{}", run.all());
    let changes: BTreeSet<&str> = run
        .stdout
        .lines()
        .skip(1)
        .filter_map(|line| line.trim_start().split_once(' ')?.1.split_whitespace().next())
        .collect();
    assert!(changes.is_superset(&BTreeSet::from(LIVE)), "{}", run.stdout);
    assert_eq!(scene.live().unwrap(), FIRST);
    assert_eq!(scene.containers().unwrap(), containers([("blue", "running")]));
    assert_eq!(scene.git(&["show-ref"]).unwrap(), refs);
    assert_eq!(scene.messages().unwrap().len(), 0);
    assert!(!scene.project.path(".runner").exists(), "a dry run leaves no record");
}

/// What is kept of the version before makes room for the next one. Requirement 003-50: the other port, each time.
#[test]
fn the_next_release_takes_the_slot_that_is_free() {
    let scene = Scene::new();
    for (version, blue, green) in [
        ("v1.1.0-l9", "exited", "running"),
        ("v1.2.0-l9", "running", "exited"),
        ("v1.3.0-l9", "exited", "running"),
    ] {
        let commit = scene.commit(Release { version, ..release("healthy") }).unwrap();
        scene.publish(version, &commit).unwrap();
        let run = scene.finish(scene.exec(&with(version, &[])));

        assert_eq!(run.code, 0, "{}", run.all());
        assert_eq!(scene.live().unwrap(), version);
        let containers = scene.containers().unwrap();
        let state = |slot: &str| containers.get(slot).map(String::as_str);
        assert_eq!((state("blue"), state("green")), (Some(blue), Some(green)));
    }
}

/// Requirement 003-03, however the runner ends: it is killed while the traffic is being verified, and finishes the next time.
#[test]
fn a_run_that_was_killed_is_finished_by_resume() {
    let scene = Scene::new();
    let commit = scene.commit(release("healthy")).unwrap();
    scene.publish(VERSION, &commit).unwrap();
    let mut child = started(&scene, r#""type":"step-started","step":"verify-live""#);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let run = scene.finish(scene.command(&["resume"]));

    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(scene.live().unwrap(), VERSION);
    assert_eq!(scene.containers().unwrap(), containers([("blue", "exited"), ("green", "running")]));
}

/// Ctrl-C while the new version has the traffic already.
#[test]
fn a_run_that_is_cancelled_gives_the_traffic_back() {
    let scene = Scene::new();
    let commit = scene.commit(release("healthy")).unwrap();
    scene.publish(VERSION, &commit).unwrap();
    let child = started(&scene, r#""type":"step-started","step":"verify-live""#);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .expect("it runs");
    let run = scene.project.finish(child.wait_with_output().expect("it ends"));
    let undone = ["route-traffic", "launch", "image-pull", "server-checkout"];

    Ended(End::of(&scene, run.code), run.stderr).is(End::as_before(130, &[], &undone));
}

/// Starts the deployment, and returns when the journal holds `text`.
fn started(scene: &Scene, text: &str) -> Child {
    let mut command = scene.exec(&with(VERSION, &[]));
    let mut child = command.args(["--output", "json"]).spawn().expect("the runner starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let found = lines.by_ref().map_while(Result::ok).any(|line| line.contains(text));
    assert!(found, "it ended without {text}");
    // It is listened to until it ends: a full pipe would hold it up.
    thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    child
}

/// Requirement 003-44.
#[test]
fn a_release_may_be_built_on_the_server() {
    let scene = Scene::new();
    scene.commit(release("healthy")).unwrap();
    let end = deploy(&scene, &[("image_source", "build")]);

    let Ended(end, said) = end;
    assert_eq!((end.code, end.live.as_str()), (0, VERSION), "{said}");
}

/// Requirement 003-47: the log of the build is kept.
#[test]
fn a_dockerfile_that_cannot_be_built_ends_before_anything_is_tagged() {
    let scene = Scene::new();
    let dockerfile = scene.text("docker/Dockerfile").unwrap().replace("COPY app/", "COPY src/");
    scene.project.write("docker/Dockerfile", dockerfile);
    scene.commit(release("healthy")).unwrap();

    deploy(&scene, &[]).is(End::as_before(4, &["candidate-image error"], &[]));
    assert_eq!(scene.git(&["tag", "--list", VERSION]).unwrap(), "");
    let log = scene.project.runner(&["logs", &scene.project.run_id(), "candidate-image"]).stdout;
    assert!(log.contains("COPY src/ /app/"), "{log}");
}

/// Requirement 003-10.
#[test]
fn a_suite_whose_exit_code_is_not_0_ends_the_run() {
    let scene = Scene::new();
    let end = deploy_release(
        &scene,
        Release { failing: &["cgmp-sim::replay_is_deterministic"], ..release("healthy") },
    );

    end.is(End::as_before(4, &["cgmp-sim error"], &[]));
}

/// Requirement 003-19.
#[test]
fn a_failed_test_is_what_the_reports_are_read_for() {
    let scene = Scene::new();
    let end = deploy_release(&scene, Release { failing: &["unit::packet_is_parsed"], ..release("healthy") });

    end.is(End::as_before(3, &["tests-green failure"], &[]));
    assert_eq!(scene.git(&["ls-remote", "--tags", "origin", VERSION]).unwrap(), "");
}

/// Requirements 003-54, 003-61: the last lines of a refused candidate are kept.
#[test]
fn an_unhealthy_candidate_is_removed_and_its_log_is_kept() {
    let scene = Scene::new();
    let end = deploy_release(&scene, release("unhealthy"));

    end.is(End::as_before(3, &UNWELL, &LAUNCHED));
    let log = scene.project.runner(&["logs", &scene.project.run_id(), "launch"]).stdout;
    assert!(log.contains("INFO l9-api v1.1.0-l9 starts"), "{log}");
    assert_eq!(scene.messages().unwrap().len(), 1);
}

/// Requirement 003-53: the body is listened to.
#[test]
fn a_200_that_says_unhealthy_is_unhealthy() {
    let scene = Scene::new();

    deploy_release(&scene, release("unhealthy-body")).is(End::as_before(3, &UNWELL, &LAUNCHED));
}

/// Requirements 003-58, 003-59.
#[test]
fn a_traceback_in_the_log_is_a_no() {
    let scene = Scene::new();

    deploy_release(&scene, release("traceback")).is(End::as_before(3, &["logs-clean failure"], &LAUNCHED));
}

/// Requirements 003-52, 003-60.
#[test]
fn a_candidate_that_is_too_slow_is_not_waited_for() {
    let scene = Scene::new();

    deploy_release(&scene, release("slow-start:600")).is(End::as_before(3, &UNWELL, &LAUNCHED));
}

#[test]
fn a_candidate_that_dies_never_gets_the_traffic() {
    let scene = Scene::new();

    deploy_release(&scene, release("dies-after:1")).is(End::as_before(3, &UNWELL, &LAUNCHED));
}

/// Requirements 003-04, 003-69: what only customers see is seen, and the traffic goes back.
#[test]
fn a_release_that_breaks_behind_the_proxy_loses_the_traffic_again() {
    let scene = Scene::new();
    let end = deploy_release(&scene, release("behind-proxy"));

    let undone = ["route-traffic", "launch", "image-pull", "server-checkout"];
    end.is(End::as_before(3, &["verify-live failure"], &undone));
}

/// Requirement 003-39.
#[test]
fn a_key_that_the_server_lacks_is_found_before_anything_is_launched() {
    let scene = Scene::new();
    let env = scene.text("server/.env").unwrap().replace("POSTGRES_DSN", "POSTGRES_URL");
    scene.project.write("server/.env", env);

    deploy_release(&scene, release("healthy")).is(End::as_before(
        3,
        &["env-valid failure"],
        &["server-checkout"],
    ));
}

/// Requirement 003-06.
#[test]
fn what_is_not_committed_is_not_released() {
    let scene = Scene::new();
    scene.commit(release("healthy")).unwrap();
    scene.project.write("requirements.txt", "pytest==8.4.1\n");

    deploy(&scene, &[]).is(End::as_before(3, &["local-ready failure"], &[]));
}

/// Requirement 003-29.
#[test]
fn a_message_that_says_nothing_is_no_release() {
    let scene = Scene::new();
    scene.commit(release("healthy")).unwrap();
    scene.git(&["commit", "--quiet", "--amend", "--message", "stuff"]).unwrap();

    deploy(&scene, &[]).is(End::as_before(3, &["message-sound failure"], &[]));
}

/// Requirement 003-23.
#[test]
fn a_lightweight_tag_is_no_release() {
    let scene = Scene::new();
    scene.commit(release("healthy")).unwrap();
    scene.git(&["tag", VERSION]).unwrap();

    deploy(&scene, &[("create_tag", "false")]).is(End::as_before(3, &["tag-sound failure"], &[]));
    assert_eq!(scene.git(&["ls-remote", "--tags", "origin", VERSION]).unwrap(), "");
}

/// Requirement 003-28.
#[test]
fn a_tag_that_main_does_not_lead_to_is_no_release() {
    let scene = Scene::new();
    scene.git(&["checkout", "--quiet", "-b", "feature/other"]).unwrap();
    scene.commit(release("healthy")).unwrap();
    scene.git(&["tag", "--annotate", "--message", "Not on main", VERSION]).unwrap();
    scene.git(&["checkout", "--quiet", "main"]).unwrap();

    deploy(&scene, &[("create_tag", "false")]).is(End::as_before(3, &["tag-sound failure"], &[]));
    assert_eq!(scene.git(&["ls-remote", "--tags", "origin", VERSION]).unwrap(), "");
}

/// Requirement 003-48.
#[test]
fn an_image_of_another_commit_is_not_launched() {
    let scene = Scene::new();
    let before = scene.git(&["rev-parse", "HEAD"]).unwrap();
    scene.commit(release("healthy")).unwrap();
    scene.publish(VERSION, &before).unwrap();

    deploy(&scene, &[]).is(End::as_before(3, &["images-ready failure"], &["image-pull", "server-checkout"]));
}

/// It is drawn from the pipeline.
#[test]
fn the_picture_in_the_readme_is_that_of_the_pipeline() {
    let example = Project::at(root().join("examples/l9"));
    let graph = example.runner(&["graph", "pipeline.yaml", "--input", "tag=v1.1.0-l9", "--format", "svg"]);

    assert_eq!(graph.stderr, "");
    assert!(
        graph.stdout == example.comparable(example.read("graph.svg").as_bytes()),
        "draw it again: README.md says how"
    );
}
