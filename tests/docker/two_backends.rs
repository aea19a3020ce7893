//! Two services in one run, each with slots and a proxy of its own.

use std::collections::BTreeSet;

use l9::Release;

use super::scene::{Scene, containers};
use crate::harness::Finished;

/// A service whose new release is an image on this machine already.
fn service(behaviour: &str) -> (Scene, String) {
    let scene = Scene::new();
    let version = "v1.1.0-l9";
    let commit = scene.commit(Release { version, behaviour, failing: &[] }).expect("a commit");
    scene.publish(version, &commit).expect("an image");
    let (remote, local) = (
        format!("127.0.0.1:{}/{}:{version}", scene.ports().registry, scene.name()),
        format!("{}:{version}", scene.name()),
    );
    scene.docker(&["pull", "--quiet", &remote]).expect("the image");
    scene.docker(&["tag", &remote, &local]).expect("its local name");
    (scene, local)
}

/// Deploys both. The pipeline lies with the first one.
fn deploy(python: &(Scene, String), node: &(Scene, String)) -> Finished {
    let (scene, _) = python;
    let pipeline = scene.project.with_components(include_str!("two_backends.yaml"));
    scene.project.write("pipeline.yaml", pipeline);
    let inputs = [("python", python), ("node", node)].into_iter().flat_map(|(name, (scene, image))| {
        let ports = scene.ports();
        [
            (name.to_owned(), scene.name().to_owned()),
            (format!("{name}_image"), image.clone()),
            (format!("{name}_blue"), ports.blue.to_string()),
            (format!("{name}_green"), ports.green.to_string()),
            (format!("{name}_admin"), ports.admin.to_string()),
        ]
    });
    let mut command = scene.project.command(&["exec", "pipeline.yaml"]);
    for (name, value) in inputs {
        command.arg("--input").arg(format!("{name}={value}"));
    }
    scene.project.finish(command.output().expect("the runner starts"))
}

/// Requirement 004-01.
#[test]
fn two_backends_go_live_in_one_run() {
    let (python, node) = (service("healthy"), service("healthy"));
    let run = deploy(&python, &node);

    assert_eq!(run.code, 0, "{}", run.all());
    for (scene, _) in [&python, &node] {
        assert_eq!(scene.live().unwrap(), "v1.1.0-l9");
        assert_eq!(scene.containers().unwrap(), containers([("blue", "running"), ("green", "running")]));
    }
}

/// Requirement 004-34: if one says no, the other goes back too.
#[test]
fn one_that_fails_takes_the_other_back() {
    let (python, node) = (service("healthy"), service("unhealthy"));
    let run = deploy(&python, &node);

    assert_eq!(run.code, 3, "{}", run.all());
    for (scene, _) in [&python, &node] {
        assert_eq!(scene.live().unwrap(), "v1.0.0-l9");
        assert_eq!(scene.containers().unwrap(), containers([("blue", "running")]));
    }
    let (scene, _) = &python;
    let undone: BTreeSet<String> =
        scene.project.results().into_iter().filter(|line| line.ends_with("undone")).collect();
    let all = ["python-route undone", "python-launch undone", "node-launch undone"];
    assert_eq!(undone, all.map(str::to_owned).into());
}
