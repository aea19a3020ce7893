//! The gate as a pipeline sees it.

use super::*;
use runner_plugin::testing::{Engine, FakeContainer, FakeHost, FakeImage, evaluate};
use runner_plugin::{Decision, FailureKind};
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

fn usage() -> Usage {
    Usage { memory: 150 * MIB, memory_limit: 200 * MIB, cpu_millis: 400, pids: 12 }
}

fn ask(usage: Usage, config: Value) -> Result<Evaluation, Failure> {
    let engine = Engine::new()
        .image(FakeImage::new("web:1").uses(usage))
        .container(FakeContainer::new("web", "web:1"));
    asked(engine, config)
}

fn asked(engine: Engine, config: Value) -> Result<Evaluation, Failure> {
    let mut with = json!({ "container": "web" });
    with.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    evaluate::<Stats>(&FakeHost::new().docker(engine), with)
}

/// The decision, and the findings as `rule: message`.
fn brief(usage: Usage, config: Value) -> (Decision, Vec<String>) {
    let evaluation = ask(usage, config).unwrap();
    let findings = evaluation.findings.iter();
    let findings = findings.map(|finding| format!("{}: {}", finding.rule, finding.message));
    (evaluation.decision, findings.collect())
}

fn measured(evaluation: Evaluation) -> Evaluation {
    evaluation
        .output("memory", 150 * MIB)
        .output("memory_limit", 200 * MIB)
        .output("memory_percent", 75.0)
        .output("cpu", 0.4)
        .output("pids", 12)
}

#[test]
fn what_stays_below_its_ceilings_passes() {
    assert_eq!(
        ask(usage(), json!({ "max_memory": "150MiB", "max_cpu": 0.4, "max_pids": 12 })),
        Ok(measured(Evaluation::pass("`web` uses 150 MiB, 0.4 processors, 12 processes"))),
    );
}

#[test]
fn each_ceiling_that_is_broken_is_a_finding() {
    assert_eq!(
        ask(usage(), json!({ "max_memory": "70%", "max_cpu": 0.3, "max_pids": 11 })),
        Ok(measured(
            Evaluation::fail("`web` uses 150 MiB, 0.4 processors, 12 processes")
                .finding(
                    Finding::error(
                        "memory",
                        "it uses 150 MiB of its 200 MiB of memory, at most 70 % is allowed"
                    )
                    .help("does it leak, or does it need a higher limit?")
                )
                .finding(
                    Finding::error("cpu", "it uses 0.4 processors, at most 0.3 are allowed")
                        .help("is it busy with requests, or does it go round in a circle?")
                )
                .finding(
                    Finding::error("pids", "it has 12 processes and threads, at most 11 are allowed")
                        .help("are children reaped? `init: true` does that")
                ),
        )),
    );
}

#[test]
fn a_byte_beyond_the_ceiling_is_beyond() {
    let more = |memory| Usage { memory, ..usage() };

    assert_eq!(brief(more(160 * MIB), json!({ "max_memory": "80 %" })), (Decision::Pass, vec![]));
    assert_eq!(
        brief(more(160 * MIB + 1), json!({ "max_memory": "80%" })),
        (
            Decision::Fail,
            vec!["memory: it uses 160.1 MiB of its 200 MiB of memory, at most 80 % is allowed".to_owned()]
        )
    );
    assert_eq!(
        brief(more(160 * MIB + 1), json!({ "max_memory": 160 * MIB })),
        (Decision::Fail, vec!["memory: it uses 160.1 MiB of memory, at most 160 MiB is allowed".to_owned()])
    );
}

/// A container that does not run uses nothing, which is below every ceiling.
#[test]
fn what_was_not_measured_never_passes() {
    let stopped = Engine::new()
        .image(FakeImage::new("web:1").uses(usage()))
        .container(FakeContainer::new("web", "web:1").exited(1));
    let config = json!({ "max_memory": "1GiB", "max_pids": 100 });
    let unmeasured = |usage, config| ask(usage, config).unwrap_err().message;

    assert_eq!(
        asked(stopped, config.clone()),
        Err(Failure::unavailable(
            "container `web` uses nothing: it does not run, so there is nothing to judge"
        ))
    );
    assert_eq!(
        asked(Engine::new(), config.clone()),
        Err(Failure::unavailable("there is no container `web` for this step; nothing was measured"))
    );
    assert_eq!(
        unmeasured(Usage { pids: 0, ..usage() }, config.clone()),
        "the engine does not count the processes of container `web`; leave `max_pids` out"
    );
    assert_eq!(
        unmeasured(Usage { memory_limit: 0, ..usage() }, json!({ "max_memory": "80%" })),
        "the engine names no limit for the memory, so there is no part of it; give `max_memory` as a size"
    );
    let denied = Engine::new().container(FakeContainer::new("web", "web:1")).denies("container.stats");
    assert_eq!(asked(denied, config).unwrap_err().kind, FailureKind::Denied);
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |config| {
        let failure = ask(usage(), config).unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidConfig);
        failure.message
    };

    assert_eq!(refused(json!({})), "nothing is looked at: give `max_memory`, `max_cpu` or `max_pids`");
    assert_eq!(refused(json!({ "max_cpu": 0 })), "`max_cpu`: 0 is no number of processors");
    for ceiling in [json!("0%"), json!("101%"), json!("-1%"), json!("much"), json!(0), json!("0B"), json!(-1)]
    {
        assert!(refused(json!({ "max_memory": ceiling })).starts_with("`with`: "), "{ceiling}");
    }
}
