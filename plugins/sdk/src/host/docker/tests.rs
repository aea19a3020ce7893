//! The view of the engine, and the fake that stands for it.

use super::*;
use crate::testing::{Engine, FakeContainer, FakeHost, FakeImage, request};
use crate::{Failure, FailureKind, HostError};

fn failure(kind: FailureKind, message: &str) -> Failure {
    Failure::new(kind, message)
}

#[test]
fn a_refusal_says_what_was_tried_and_why_not() {
    let refusals = [
        DockerError::Host(HostError::Denied),
        DockerError::Host(HostError::TimedOut),
        DockerError::Host(HostError::Invalid("`a b` is no name".into())),
        DockerError::NotFound("No such container: web".into()),
        DockerError::Conflict("it runs".into()),
        DockerError::Failed("no space left".into()),
    ];

    assert_eq!(
        refusals.map(|error| Failure::from(DockerFailure::of("remove container `web`")(error))),
        [
            failure(FailureKind::Denied, "remove container `web`: denied, no grant of this step covers it"),
            failure(FailureKind::TimedOut, "remove container `web`: timed out"),
            failure(FailureKind::InvalidConfig, "remove container `web`: `a b` is no name"),
            failure(FailureKind::Unavailable, "remove container `web`: No such container: web"),
            failure(FailureKind::Unavailable, "remove container `web`: it runs"),
            failure(FailureKind::Unavailable, "remove container `web`: no space left"),
        ],
    );
}

#[test]
fn without_an_engine_everything_is_denied() {
    let host = FakeHost::new().host();
    let denied =
        |tried: &str| DockerFailure { tried: tried.into(), error: DockerError::Host(HostError::Denied) };

    assert_eq!(host.docker().engine(), Err(denied("look at the Docker Engine")));
    assert_eq!(host.docker().find_container("web").map(|_| ()), Err(denied("find container `web`")));
    assert_eq!(host.docker().inspect_image("web:1"), Err(denied("inspect image `web:1`")));
}

#[test]
fn what_nobody_prepared_is_denied() {
    let engine = Engine::new()
        .image(FakeImage::new("web:1"))
        .container(FakeContainer::new("web", "web:1"))
        .denies("container.stop");
    let host = FakeHost::new().docker(engine).host();
    let web = host.docker().find_container("web").unwrap().unwrap();
    let exec = ExecSpec { command: vec!["ls".into()], ..ExecSpec::default() };

    assert_eq!(
        [
            host.docker().pull_image("web:2", None, None).map(|_| ()).map_err(Failure::from),
            host.docker().push_image("web:1", None, None).map(|_| ()).map_err(Failure::from),
            host.docker().build_image(&BuildSpec::default()).map(|_| ()).map_err(Failure::from),
            web.exec(&exec).map(|_| ()).map_err(Failure::from),
            web.stop(None).map(|_| ()).map_err(Failure::from),
        ]
        .map(|answer| answer.map_err(|failure| failure.kind)),
        [Err(FailureKind::Denied); 5],
    );
}

#[test]
fn a_container_goes_its_way() {
    let fake =
        FakeHost::new().docker(Engine::new().image(FakeImage::new("tests:1").says("1 passed").exits(0)));
    let host = fake.host();

    let mut container = host.docker().create_container(&ContainerSpec::new("tests", "tests:1")).unwrap();
    container.start().unwrap();

    assert_eq!(container.follow(None), Ok(0));
    assert_eq!(fake.logged().iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["1 passed"]);
    assert_eq!(host.docker().own_containers(), Ok(vec![container.inspect().unwrap()]));

    container.rename("kept").unwrap();
    container.remove().unwrap();

    assert_eq!(
        container.inspect(),
        Err(DockerFailure {
            tried: "inspect container `kept`".into(),
            error: DockerError::NotFound("No such container: id-1".into()),
        }),
    );
    assert_eq!(
        fake.docker_changes(),
        ["create tests of tests:1", "start tests", "rename tests to kept", "remove kept"],
    );
}

#[test]
fn the_engine_refuses_what_the_real_one_refuses() {
    let engine = Engine::new()
        .image(FakeImage::new("web:1"))
        .container(FakeContainer::new("web", "web:1").published(8000, 8001))
        .container(FakeContainer::new("elsewhere", "web:1").hidden());
    let host = FakeHost::new().docker(engine).host();
    let create = |name: &str, image: &str| {
        let spec = ContainerSpec {
            ports: vec![Port { inside: 8000, outside: 8001, ..Port::default() }],
            ..ContainerSpec::new(name, image)
        };
        host.docker().create_container(&spec)
    };
    let error = |answer: Result<(), DockerFailure>| answer.unwrap_err().error;

    assert_eq!(
        [
            error(create("web", "web:1").map(|_| ())),
            error(create("elsewhere", "web:1").map(|_| ())),
            error(create("new", "web:2").map(|_| ())),
            error(host.docker().find_container("web").unwrap().unwrap().remove()),
            error(create("green", "web:1").unwrap().start()),
            error(host.docker().remove_image("web:1")),
        ],
        [
            DockerError::Conflict(
                "The container name \"/web\" is already in use by container \"id-of-web\"".into()
            ),
            DockerError::Conflict(
                "The container name \"/elsewhere\" is already in use by container \"id-of-elsewhere\"".into()
            ),
            DockerError::NotFound("No such image: web:2".into()),
            DockerError::Conflict("You cannot remove a running container id-of-web".into()),
            DockerError::Failed("Bind for 127.0.0.1:8001 failed: port is already allocated".into()),
            DockerError::Conflict("unable to remove web:1: container id-1 is using it".into()),
        ],
    );
}

#[test]
fn what_this_step_made_is_told_from_the_rest() {
    let run = request().run_id;
    let engine = Engine::new()
        .container(FakeContainer::new("mine", "a").made_by(&run, "step"))
        .container(FakeContainer::new("of-another-step", "a").made_by(&run, "other"))
        .container(FakeContainer::new("of-another-run", "a").made_by("01OTHER", "step"))
        .container(FakeContainer::new("of-nobody", "a"))
        .network("theirs")
        .own_network("mine");
    let host = FakeHost::new().docker(engine).host();
    let names = |found: Vec<ContainerFacts>| {
        found.into_iter().map(|facts| (facts.name, facts.of_this_run)).collect::<Vec<_>>()
    };
    let named = |name: &str, of_this_run| (name.to_owned(), of_this_run);

    assert_eq!(host.docker().own_containers().map(names), Ok(vec![named("mine", true)]));
    assert_eq!(
        host.docker().containers().map(names),
        Ok(vec![
            named("mine", true),
            named("of-another-run", false),
            named("of-another-step", true),
            named("of-nobody", false),
        ]),
    );
    assert_eq!(host.docker().own_networks(), Ok(vec!["mine".to_owned()]));
}

#[test]
fn a_tag_moves_and_only_what_nobody_uses_is_pruned() {
    let engine = Engine::new()
        .image(FakeImage::new("web:1"))
        .image(FakeImage::new("web:2"))
        .image(FakeImage::untagged("sha256:old"))
        .image(FakeImage::untagged("sha256:kept"))
        .image(FakeImage::untagged("sha256:young").created_at(Duration::from_secs(50)))
        .image(FakeImage::untagged("sha256:used"))
        .container(FakeContainer::new("web", "sha256:used").exited(0));
    let fake = FakeHost::new().docker(engine);
    let host = fake.host();

    host.docker().tag_image("web:2", "web:1").unwrap();
    assert_eq!(fake.image_id("web:1"), Some("sha256:web:2".to_owned()));

    let pruned = host
        .docker()
        .prune_images(&PruneSpec {
            dangling: true,
            pattern: String::new(),
            before: Duration::from_secs(50),
            keep: vec!["sha256:kept".into()],
        })
        .unwrap();
    let gone: Vec<_> = pruned.into_iter().map(|pruned| pruned.id).collect();
    assert_eq!(gone, ["sha256:web:1", "sha256:old"]);
}
