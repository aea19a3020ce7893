//! Actions on containers and images: what they make, what they leave, and what they take back.

use std::{
    process::Child,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{registry::Registry, shell::Shell};
use crate::{
    harness::Project,
    plugins::{endings, readme_example},
};

/// How a container ends its line of shell: it stays until it is told to go.
const STAY: &str =
    "echo Ready to accept connections; trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

/// How long the engine may take to be as it should.
const PATIENCE: Duration = Duration::from_secs(120);

/// Grants of `slot` for what is called `web`.
const SLOT: &str = "docker: { verbs: [container.*], containers: [NAME-web, NAME-web.before, NAME-absent], images: [\"NAME:*\"] }";

/// A project whose pipeline has these plugins and steps. `NAME` is what the names of the test begin with.
fn project(shell: &Shell, plugins: &str, steps: &str) -> Project {
    let text = format!("version: 1\nname: docker-actions\nplugins:\n{plugins}\nsteps:\n{steps}\n");
    Project::with(&text.replace("NAME", shell.name()))
}

fn slots(shell: &Shell, steps: &str) -> Project {
    project(shell, &format!("  slot: {{ source: plugin:slot, grants: {{ {SLOT} }} }}"), steps)
}

/// How a step ended: answer and summary, or kind and message; with `NAME` for what the names of the test begin with.
fn ended(shell: &Shell, project: &Project, step: &str) -> (String, String) {
    let ending = endings(project).remove(step).unwrap_or_else(|| panic!("`{step}` has not ended"));
    let word = |index: usize| project.comparable(ending[index].as_str().unwrap_or_default().as_bytes());
    (word(0), word(1).replace(shell.name(), "NAME"))
}

fn outputs(project: &Project, step: &str) -> Value {
    let journal = project.journal();
    let ended = journal.iter().rfind(|entry| entry["type"] == "step-ended" && entry["step"] == step);
    ended.unwrap_or_else(|| panic!("`{step}` has not ended"))["outcome"]["outputs"].clone()
}

/// Names and states of all containers of the test, sorted.
fn containers(shell: &Shell) -> Vec<String> {
    let filter = format!("name=^{}-", shell.name());
    let listed = shell.docker(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}} {{.State}}"]);
    let mut lines: Vec<String> = listed.lines().map(|line| line.replace(shell.name(), "NAME")).collect();
    lines.sort();
    lines
}

fn networks(shell: &Shell) -> String {
    let filter = format!("name=^{}-", shell.name());
    shell.docker(&["network", "ls", "--filter", &filter, "--format", "{{.Name}}"])
}

fn id_of(shell: &Shell, kind: &str, name: &str) -> String {
    shell.docker(&[kind, "inspect", "--format", "{{.Id}}", name])
}

/// What the steps of the newest run wrote to their logs.
fn logs(project: &Project) -> String {
    let run = project.run_id();
    project.runner(&["logs", &run]).stdout
}

/// Waits until the engine is as it should be: nothing that the test could wait for tells of it.
fn until(ready: impl Fn() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < PATIENCE, "not yet so after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn kill(mut runner: Child) {
    runner.kill().expect("the runner was there");
    runner.wait().expect("the runner ends");
}

/// The example of the README: a service, artifacts, and nothing stays.
#[test]
fn a_container_runs_with_its_services_and_leaves_nothing() {
    let shell = Shell::new("WORKDIR /artifacts");
    let example = readme_example("container")
        .replace("tests:candidate", &shell.image())
        .replace("redis:7\"", &format!("{}\", command: [\"{STAY}\"]", shell.image()))
        .replace("\"tests:*\", \"redis:*\"", &format!("\"{}\"", shell.image()))
        .replace("runner-*", &format!("{}-*", shell.name()))
        .replace(
            "[pytest, tests/integration, --junitxml=/artifacts/integration.xml]",
            "[\"echo found $(getent hosts redis) at $REDIS_URL > /artifacts/integration.xml; echo 2 passed\"]",
        )
        .replace("    with:\n", &format!("    with:\n      name: {}\n", shell.name()));
    let project = Project::with(&format!("version: 1\nname: example\n{example}"));

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 0, "{}", finished.all());
    let found = project.read("reports/integration.xml");
    assert!(found.starts_with("found ") && found.contains(" redis"), "{found}");
    assert!(found.ends_with("at redis://redis:6379\n"), "{found}");
    let outputs = outputs(&project, "integration");
    assert_eq!(
        (&outputs["exit_code"], &outputs["artifacts"]),
        (&json!(0), &json!(["reports/integration.xml"]))
    );
    assert!(logs(&project).contains("2 passed"), "{}", logs(&project));
    assert_eq!((containers(&shell), networks(&shell)), (vec![], String::new()));
}

const CONTAINER: &str = "  container:
    source: plugin:container
    grants:
      docker:
        verbs: [container.*, network.create, network.remove]
        containers: [\"NAME-*\"]
        networks: [\"NAME-*\", none]
        images: [\"NAME:*\"]
        mounts: { read: [flag/] }
      filesystem: { write: [reports/] }";

#[test]
fn a_command_that_fails_is_told_with_its_end_and_its_artifacts_are_there() {
    let shell = Shell::new("");
    let project = project(
        &shell,
        CONTAINER,
        r#"  unit:
    uses: container
    with:
      name: NAME
      image: "NAME:v1"
      command: ["echo collected 2 items; echo '<testsuites/>' > /tmp/unit.xml; echo 1 failed; exit 3"]
      artifacts: [{ from: /tmp/unit.xml, to: reports }]"#,
    );

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 4, "{}", finished.all());
    let (kind, message) = ended(&shell, &project, "unit");
    assert_eq!(kind, "invalid-input");
    assert!(
        message.ends_with("ended with exit code 3, not 0; its last lines: collected 2 items | 1 failed"),
        "{message}"
    );
    assert_eq!(project.read("reports/unit.xml"), "<testsuites/>\n");
    assert_eq!((containers(&shell), networks(&shell)), (vec![], String::new()));
}

#[test]
fn a_container_that_runs_too_long_is_removed() {
    let shell = Shell::new("");
    let project = project(
        &shell,
        CONTAINER,
        r#"  long: { uses: container, with: { name: NAME, image: "NAME:v1", command: ["echo begun; sleep 600"], timeout: 1s } }"#,
    );

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 4, "{}", finished.all());
    assert_eq!(
        ended(&shell, &project, "long"),
        (
            "timed-out".to_owned(),
            "`echo begun; sleep 600` has not ended after 1s; its last lines: begun".to_owned()
        ),
    );
    assert_eq!((containers(&shell), networks(&shell)), (vec![], String::new()));
}

#[test]
fn a_run_killed_while_a_container_runs_leaves_nothing_once_it_is_resumed() {
    let shell = Shell::new("");
    let steps = format!(
        r#"  long:
    uses: container
    with:
      name: NAME
      image: "NAME:v1"
      command: ["until [ -e /flag/go ]; do sleep 0.1; done; echo done"]
      mounts: [{{ source: flag, target: /flag }}]
      services: {{ store: {{ image: "NAME:v1", command: ["{STAY}"], ready: started }} }}
    limits: {{ time: 5m }}"#
    );
    // A mount is how the test speaks to the container.
    let project = project(&shell, CONTAINER, &steps);
    project.write("flag/.keep", "");
    let runner = project.start(&["exec", "pipeline.yaml"]);
    until(|| containers(&shell).iter().filter(|line| line.ends_with(" running")).count() == 2);

    kill(runner);
    assert_eq!(containers(&shell).len(), 2, "a killed run cannot have cleaned up");
    project.write("flag/go", "");
    let resumed = project.runner(&["resume"]);

    assert_eq!(resumed.code, 0, "{}", resumed.all());
    assert_eq!(ended(&shell, &project, "long").0, "done");
    assert_eq!((containers(&shell), networks(&shell)), (vec![], String::new()));
}

/// 003-61: the log of the candidate is kept, the candidate is not.
#[test]
fn a_launch_that_is_taken_back_leaves_what_was_kept() {
    let shell = Shell::new("");
    // It is waited for until it has written its line.
    let line = format!("echo begun; : > /tmp/up; {STAY}");
    let launch = format!(
        "  launch:
    uses: slot
    with:
      op: launch
      container: NAME-web
      image: \"NAME:v1\"
      command: [\"{line}\"]
      health: {{ command: [/bin/sh, -c, test -e /tmp/up], interval: 200ms }}
      wait: healthy"
    );
    let first = slots(&shell, &launch);
    assert_eq!(first.exec(&[]).code, 0);
    let web = format!("{}-web", shell.name());
    let kept = id_of(&shell, "container", &web);
    assert_eq!(outputs(&first, "launch")["id"], json!(kept));
    shell.docker(&["stop", &web]);

    let second = slots(
        &shell,
        &format!(
            "{launch}\n  broken: {{ uses: slot, needs: [launch], with: {{ op: drain, container: NAME-absent }} }}"
        ),
    );
    let finished = second.exec(&[]);

    assert_eq!(finished.code, 4, "{}", finished.all());
    assert_eq!(second.results(), ["launch success", "broken error", "launch undone"]);
    assert_eq!(
        ended(&shell, &second, "launch").1,
        "`NAME-web` is healthy, of image NAME:v1; what was kept there is now `NAME-web.before`",
    );
    assert!(logs(&second).contains("begun"), "{}", logs(&second));
    assert_eq!(containers(&shell), ["NAME-web exited"]);
    assert_eq!(id_of(&shell, "container", &web), kept);
}

/// The runner dies when the candidate runs and nothing says so.
#[test]
fn a_run_killed_after_a_launch_goes_on_with_its_candidate() {
    let shell = Shell::new("");
    let project = slots(
        &shell,
        &format!(
            "  launch: {{ uses: slot, with: {{ op: launch, container: NAME-web, image: \"NAME:v1\", command: [\"{STAY}\"] }} }}"
        ),
    );
    let killed = project.exec(&["--inject", "launch:crash"]);
    assert_eq!(killed.code, 128 + 9, "{}", killed.all());
    let web = format!("{}-web", shell.name());
    let candidate = id_of(&shell, "container", &web);

    let resumed = project.runner(&["resume"]);

    assert_eq!(resumed.code, 0, "{}", resumed.all());
    assert_eq!(outputs(&project, "launch")["id"], json!(candidate));
    assert_eq!(containers(&shell), ["NAME-web running"]);
}

#[test]
fn what_somebody_else_runs_under_the_name_stays() {
    let shell = Shell::new("");
    shell.start("web", &[], STAY);
    let web = format!("{}-web", shell.name());
    let theirs = id_of(&shell, "container", &web);
    let project = slots(
        &shell,
        "  launch: { uses: slot, with: { op: launch, container: NAME-web, image: \"NAME:v1\" } }",
    );

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 4, "{}", finished.all());
    let (kind, message) = ended(&shell, &project, "launch");
    assert_eq!(
        (kind.as_str(), message.as_str()),
        (
            "unavailable",
            "conflict: `NAME-web` (DIGEST) is there already and is running; no run has made it. It was not touched"
        ),
    );
    assert_eq!(
        (containers(&shell), id_of(&shell, "container", &web)),
        (vec!["NAME-web running".to_owned()], theirs)
    );
}

/// 003-70: stopped by its signal; and running again when a later step breaks.
#[test]
fn what_is_stopped_runs_again_when_the_run_goes_back() {
    let shell = Shell::new("");
    shell.start("web", &[], STAY);
    let project = slots(
        &shell,
        "  stop: { uses: slot, with: { op: stop, container: NAME-web, grace: 20s } }
  broken: { uses: slot, needs: [stop], with: { op: drain, container: NAME-absent } }",
    );

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 4, "{}", finished.all());
    assert_eq!(ended(&shell, &project, "stop"), ("done".into(), "`NAME-web` has stopped by itself".into()));
    assert_eq!(project.results(), ["stop success", "broken error", "stop undone"]);
    assert_eq!(containers(&shell), ["NAME-web running"]);
}

/// 003-71: what does not hear its signal is killed after the grace, and that is said.
#[test]
fn what_does_not_stop_is_killed_and_said() {
    let shell = Shell::new("");
    shell.start("web", &[], "trap '' TERM; while :; do sleep 1; done");
    let project = slots(&shell, "  stop: { uses: slot, with: { op: stop, container: NAME-web, grace: 1s } }");

    assert_eq!(project.exec(&[]).code, 0);

    assert_eq!(
        ended(&shell, &project, "stop").1,
        "`NAME-web` had to be killed: it did not end within 1s of its stop signal",
    );
    assert_eq!(outputs(&project, "stop")["killed"], json!(true));
}

/// The example of the README, with a blue one that runs. 003-46, 003-50.
#[test]
fn a_slot_is_launched_and_the_other_one_stopped() {
    let shell = Shell::new("");
    shell.docker(&["tag", &shell.image(), &format!("{}:v1.2.0", shell.name())]);
    shell.start("blue", &[], STAY);
    let example = readme_example("slot")
        .replace("web-", &format!("{}-", shell.name()))
        .replace("web:", &format!("{}:", shell.name()))
        .replace(
            "port: { inside: 8000, outside: 8001 }",
            &format!("port: {{ inside: 8000 }}, command: [\"{STAY}\"]"),
        )
        .replace("127.0.0.1:8001", "127.0.0.1:0");
    let project = Project::with(&format!("version: 1\nname: example\n{example}"));

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 0, "{}", finished.all());
    assert_eq!(containers(&shell), ["NAME-blue exited", "NAME-green running"]);
    let address = outputs(&project, "launch")["address"].clone();
    let published = shell.docker(&["port", &format!("{}-green", shell.name()), "8000/tcp"]);
    assert_eq!(address, json!(published));
    let format =
        "{{.HostConfig.RestartPolicy.Name}} {{(index (index .NetworkSettings.Ports \"8000/tcp\") 0).HostIp}}";
    let green = format!("{}-green", shell.name());
    assert_eq!(shell.docker(&["container", "inspect", "--format", format, &green]), "no 127.0.0.1");
}

const IMAGES: &str = "  build:
    source: plugin:image_build
    grants:
      docker: { verbs: [image.build, image.inspect, image.tag, image.remove], images: [\"NAME-app:*\"] }
      filesystem: { read: [context/] }
  slot: { source: plugin:slot, grants: { docker: { verbs: [container.inspect], containers: [NAME-absent] } } }";

/// 003-47: the log of a build that breaks is kept, and the tag stays where it was.
#[test]
fn an_image_that_cannot_be_built_changes_nothing() {
    let shell = Shell::new("");
    let tag = format!("{}-app:v1", shell.name());
    shell.docker(&["tag", &shell.image(), &tag]);
    let before = id_of(&shell, "image", &tag);
    let project = project(
        &shell,
        IMAGES,
        "  build: { uses: build, with: { context: context/, tags: [\"NAME-app:v1\"] } }",
    );
    project.write("context/Dockerfile", "FROM scratch\nCOPY absent /absent\n");

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 4, "{}", finished.all());
    let (kind, message) = ended(&shell, &project, "build");
    assert_eq!(kind, "invalid-input");
    assert!(message.starts_with("the image cannot be built: "), "{message}");
    assert!(message.contains("COPY absent /absent"), "{message}");
    assert!(logs(&project).contains("COPY absent /absent"), "{}", logs(&project));
    assert_eq!(id_of(&shell, "image", &tag), before);
    assert_eq!(tags(&shell), ["NAME-app:v1"]);
}

#[test]
fn a_tag_goes_back_to_the_image_that_had_it() {
    let shell = Shell::new("");
    let tag = format!("{}-app:v1", shell.name());
    shell.docker(&["tag", &shell.image(), &tag]);
    let before = id_of(&shell, "image", &tag);
    let build =
        "  build: { uses: build, with: { context: context/, tags: [\"NAME-app:v1\", \"NAME-app:v2\"] } }";
    let good = project(&shell, IMAGES, build);
    let bad = project(
        &shell,
        IMAGES,
        &format!(
            "{build}\n  broken: {{ uses: slot, needs: [build], with: {{ op: drain, container: NAME-absent }} }}"
        ),
    );
    for project in [&good, &bad] {
        project.write("context/Dockerfile", "FROM scratch\nCOPY app /app\n");
        project.write("context/app", shell.name());
    }

    assert_eq!(bad.exec(&[]).code, 4);
    assert_eq!(bad.results(), ["build success", "broken error", "build undone"]);
    assert_eq!(
        (id_of(&shell, "image", &tag), tags(&shell)),
        (before.clone(), vec!["NAME-app:v1".to_owned()])
    );

    assert_eq!(good.exec(&[]).code, 0);
    assert_eq!(outputs(&good, "build")["image_id"], json!(id_of(&shell, "image", &tag)));
    assert_eq!(id_of(&shell, "image", &format!("{tag}.before")), before);
    assert_eq!(tags(&shell), ["NAME-app:v1", "NAME-app:v1.before", "NAME-app:v2"]);
}

/// All tags of `NAME-app`, sorted.
fn tags(shell: &Shell) -> Vec<String> {
    let app = format!("{}-app", shell.name());
    let listed = shell.docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", &app]);
    let mut tags: Vec<String> = listed.lines().map(|tag| tag.replace(shell.name(), "NAME")).collect();
    tags.sort();
    tags
}

/// 003-74: images of containers stay, also of those that have ended; and what is to be kept.
#[test]
fn only_images_that_nothing_needs_are_pruned() {
    let shell = Shell::new("");
    for version in ["old", "kept", "previous"] {
        let context = tempfile::tempdir().expect("a temporary directory");
        let text = format!("FROM {}\nLABEL version={version}\n", shell.image());
        std::fs::write(context.path().join("Dockerfile"), text).expect("a Dockerfile");
        let path = context.path().to_str().expect("a path of text");
        shell.docker(&["build", "--quiet", "--tag", &format!("{}-app:{version}", shell.name()), path]);
    }
    shell.docker(&[
        "create",
        "--pull=never",
        "--name",
        &format!("{}-previous", shell.name()),
        &format!("{}-app:previous", shell.name()),
        "exit 0",
    ]);
    let project = project(
        &shell,
        "  prune: { source: plugin:image_prune, grants: { docker: { verbs: [image.prune], images: [\"NAME-app:*\"] } } }",
        "  prune: { uses: prune, with: { dangling: false, pattern: \"NAME-app:*\", until: 0s, keep: [\"NAME-app:kept\"] } }",
    );

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 0, "{}", finished.all());
    assert_eq!(tags(&shell), ["NAME-app:kept", "NAME-app:previous"]);
    let removed = outputs(&project, "prune")["removed"].clone();
    assert_eq!(removed[0]["tags"], json!([format!("{}-app:old", shell.name())]));
}

/// The example of the README: built from a directory of the project, every layer anew. 003-44.
#[test]
fn an_image_is_built_under_its_name() {
    let shell = Shell::new("");
    let tag = format!("{}-app:v1.2.0", shell.name());
    let example = readme_example("image-build").replace("l9-api", &format!("{}-app", shell.name()));
    let project = Project::with(&format!("version: 1\nname: example\n{example}"));
    project.write("server/Dockerfile", "FROM scratch\nCOPY app /app\n");
    project.write("server/app", shell.name());

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 0, "{}", finished.all());
    assert_eq!(outputs(&project, "build")["image_id"], json!(id_of(&shell, "image", &tag)));
    let format = r#"{{index .Config.Labels "org.opencontainers.image.version"}}"#;
    assert_eq!(shell.docker(&["image", "inspect", "--format", format, &tag]), "v1.2.0");
}

/// The example of the README, and an image that is not what was expected. 003-45.
#[test]
fn an_image_is_pulled_by_what_the_registry_knows_it_as() {
    let (shell, registry) = (Shell::new(""), Registry::new());
    let (name, there) =
        (format!("{}-app", shell.name()), format!("{}/{}-app:v1.2.0", registry.address(), shell.name()));
    shell.docker(&["tag", &shell.image(), &there]);
    shell.docker(&["push", "--quiet", &there]);
    let format = "{{index .RepoDigests 0}}";
    let digest = shell.docker(&["image", "inspect", "--format", format, &there]);
    shell.docker(&["image", "rm", &there]);
    let example =
        readme_example("image-pull").replace("127.0.0.1:5000", &registry.address()).replace("l9-api", &name);
    let head =
        "version: 1\nname: example\nsecrets: { registry_token: { from: env:TOKEN, allow: [image-pull] } }\n";
    let pull = |more: &str| {
        let project =
            Project::with(&format!("{head}{}", example.replace("      tag:", &format!("{more}      tag:"))));
        let mut command = project.command(&["exec", "pipeline.yaml"]);
        let finished =
            project.finish(command.env("TOKEN", "registry-token").output().expect("the runner starts"));
        (project, finished)
    };

    let another = format!("sha256:{}", "0".repeat(64));
    let (project, finished) = pull(&format!("      expect_digest: {another}\n"));
    assert_eq!(finished.code, 4, "{}", finished.all());
    let (kind, message) = ended(&shell, &project, "pull");
    assert_eq!(kind, "invalid-input");
    assert!(message.ends_with("somebody has moved it, or something else was meant"), "{message}");
    assert_eq!((tags(&shell), shell.docker(&["image", "ls", "--quiet", &there])), (vec![], String::new()));

    let (project, finished) = pull("");
    assert_eq!(finished.code, 0, "{}", finished.all());
    let outputs = outputs(&project, "pull");
    assert_eq!(
        (&outputs["image_id"], &outputs["digest"]),
        (&json!(id_of(&shell, "image", &there)), &json!(digest))
    );
    assert_eq!(tags(&shell), ["NAME-app:v1.2.0"]);
}

/// Absent means deny: each verb that a step does without stops it where it needs it.
#[test]
fn a_verb_that_is_not_granted_stops_the_step() {
    let shell = Shell::new("");
    shell.start("web", &[], STAY);
    let project = project(
        &shell,
        "  slot: { source: plugin:slot, grants: { docker: { verbs: [container.inspect], containers: [NAME-web] } } }",
        "  stop: { uses: slot, with: { op: stop, container: NAME-web } }",
    );

    let finished = project.exec(&[]);

    assert_eq!(finished.code, 4, "{}", finished.all());
    assert_eq!(
        ended(&shell, &project, "stop"),
        (
            "denied".to_owned(),
            "stop container `NAME-web`: denied, no grant of this step covers it".to_owned()
        ),
    );
    assert_eq!(containers(&shell), ["NAME-web running"]);
}
