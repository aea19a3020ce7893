//! What all other tests of this folder stand on.

use l9::{Release, WorldError};

use super::scene::{Scene, containers};

#[test]
fn a_new_world_has_its_first_release_live_as_blue() {
    let scene = Scene::new();

    assert_eq!(scene.live().unwrap(), "v1.0.0-l9");
    assert_eq!(scene.through_proxy("/health").unwrap(), (200, r#"{"status":"healthy"}"#.to_owned()));
    assert_eq!(scene.containers().unwrap(), containers([("blue", "running")]));
    assert_eq!(scene.git(&["status", "--porcelain"]).unwrap(), "");
    assert_eq!(scene.git_on_server(&["describe", "--exact-match"]).unwrap(), "v1.0.0-l9");
    assert_eq!(scene.git_on_server(&["status", "--porcelain"]).unwrap(), "");
}

#[test]
fn a_published_image_is_in_the_registry_only() {
    let scene = Scene::new();
    let commit = scene.commit(Release { version: "v1.1.0-l9", behaviour: "healthy", failing: &[] }).unwrap();
    scene.publish("v1.1.0-l9", &commit).unwrap();
    let image = format!("127.0.0.1:{}/{}:v1.1.0-l9", scene.ports().registry, scene.name());

    assert_eq!(scene.docker(&["image", "ls", "--quiet", &image]).unwrap(), "");
    scene.docker(&["pull", "--quiet", &image]).unwrap();
    let format = r#"{{index .Config.Labels "org.opencontainers.image.revision"}}"#;
    assert_eq!(scene.docker(&["image", "inspect", "--format", format, &image]).unwrap(), commit);
}

#[test]
fn what_two_worlds_make_is_told_apart_and_removed() {
    let (one, other) = (Scene::new(), Scene::new());
    let image = format!("{}:v1.0.0-l9", one.name());
    let blue = format!("{}-blue", one.name());
    // Something that no world starts by itself.
    let stray = format!("{}-stray", one.name());
    one.docker(&["create", "--pull=never", "--name", &stray, &image]).unwrap();
    assert_eq!(one.containers().unwrap(), containers([("blue", "running"), ("stray", "created")]));
    assert_eq!(other.containers().unwrap(), containers([("blue", "running")]));

    drop(one);

    assert_eq!(other.live().unwrap(), "v1.0.0-l9");
    for (kind, name) in [("image", &image), ("container", &blue), ("container", &stray)] {
        let inspected = other.docker(&[kind, "inspect", name]);
        assert!(matches!(inspected, Err(WorldError::Failed { .. })), "{name} is still there");
    }
}
