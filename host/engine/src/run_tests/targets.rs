//! Runs whose targets have slots.

use runner_journal::testing::{change, gate, notifier, observer, plan, route, told, with_targets};
use runner_model::{
    Answer, Assignment, Cause, ExitCode, FailureKind, NotifyOn, Outcome, Plan, StepId, Verdict, World,
};
use serde_json::json;

use super::Stage;
use crate::{
    Signal,
    ports::{CallReport, Reply},
    run,
    testing::{Act, failure, report},
};

fn routed(addresses: &[&str]) -> Act {
    Act::Answer(report(Ok(Reply::Outcome(route(addresses)))))
}

fn unobserved(step: &str) -> Verdict {
    Verdict { cause: Cause::Unobserved { step: StepId::new(step) }, world: World::Unchanged }
}

fn deployment() -> Plan {
    with_targets(plan([
        observer("vps"),
        gate("check").on_target("vps").with(
            json!({ "to": "${{ target.candidate.container }}", "from": "${{ target.active.address }}" }),
        ),
        change("switch").on_target("vps").needs(&["check"]),
        gate("plain"),
        change("anyway").condition("always()"),
        gate("after").on_target("vps").with(json!({ "known": "${{ target.candidate != null }}" })).finally(),
        notifier("tell").on(&[NotifyOn::Failed]),
    ]))
}

#[tokio::test(start_paused = true)]
async fn proxies_are_asked_before_anything_starts_and_the_answer_goes_with_every_call() {
    let mut stage =
        Stage::new(deployment(), |runner| runner.on("target.vps", "observe", routed(&["green:1"])));
    stage.jobs = 1;
    let setup = stage.create();
    let verdict = run(setup).await.unwrap();
    assert_eq!(verdict.exit(), ExitCode::Succeeded);
    assert_eq!(
        stage.entries()[..3],
        [
            "start target.vps#1",
            "end target.vps#1 success: green is active, blue is the candidate",
            "start check#1",
        ]
    );
    let green = Assignment { active: Some("green".to_owned()), candidate: "blue".to_owned() };
    let calls: Vec<_> = stage
        .runner
        .whole_calls()
        .into_iter()
        .map(|call| (stage.plan.step(call.step).id.to_string(), call.assignment, call.config))
        .collect();
    let seen = |id: &str| {
        calls.iter().find(|(step, ..)| step == id).map(|(_, seen, with)| (seen.clone(), with.clone()))
    };
    assert_eq!(seen("target.vps"), Some((None, json!({}))));
    assert_eq!(seen("check"), Some((Some(green.clone()), json!({ "to": "api-blue", "from": "green:1" }))));
    assert_eq!(seen("switch"), Some((Some(green.clone()), json!({}))));
    assert_eq!(seen("plain"), Some((None, json!({}))));
    assert_eq!(seen("after"), Some((Some(green), json!({ "known": true }))));
}

async fn without(act: Act) -> (Verdict, Vec<String>, Vec<String>) {
    let mut stage = Stage::new(deployment(), |runner| runner.on("target.vps", "observe", act));
    let setup = stage.create();
    let verdict = run(setup).await.unwrap();
    (verdict, stage.entries(), stage.runner.calls())
}

#[tokio::test(start_paused = true)]
async fn a_proxy_without_an_answer_ends_the_run_before_anything_starts() {
    let (verdict, entries, calls) = without(Act::Answer(failure(FailureKind::Unavailable, "refused"))).await;
    assert_eq!((verdict.exit(), &verdict), (ExitCode::Environment, &unobserved("target.vps")));
    assert_eq!(
        entries,
        [
            "start target.vps#1",
            "end target.vps#1 error: unavailable: refused",
            "skip check: unobserved",
            "skip plain: unobserved",
            "skip anyway: unobserved",
            "skip switch: unobserved",
            "failed at target.vps, unchanged",
            "start after#1",
            "end after#1 success: yes",
            "start tell#1",
            "end tell#1 success: delivered",
            "finished",
        ]
    );
    assert_eq!(calls, ["observe target.vps#1", "observe after#1", "notify tell#1"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_which_no_slot_follows_is_none() {
    let nonsense = |report: CallReport| Act::Answer(report);
    let outcome = Outcome::new(Answer::Pass, "all well");
    for (act, why) in [
        (
            routed(&["elsewhere:1"]),
            "the proxy sends traffic to `elsewhere:1`, which is no slot: `blue at blue:1`, `green at green:1`",
        ),
        (
            routed(&["blue:1", "green:1"]),
            "the proxy shares the traffic between both slots, `blue at blue:1`, `green at green:1`: none of them is free",
        ),
        (nonsense(report(Ok(Reply::Outcome(outcome)))), "the proxy's answer holds no list of upstreams"),
    ] {
        let (verdict, entries, _) = without(act).await;
        assert_eq!(verdict, unobserved("target.vps"));
        assert_eq!(entries[1], format!("end target.vps#1 error: invalid-input: {why}"));
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_two_proxies_is_enough_to_start_nothing() {
    let plan = with_targets(plan([
        observer("one"),
        observer("two"),
        gate("a").on_target("one"),
        gate("b").on_target("two"),
    ]));
    let mut stage = Stage::new(plan, |runner| {
        runner.on("target.one", "observe", routed(&[])).on(
            "target.two",
            "observe",
            Act::Answer(failure(FailureKind::TimedOut, "slow")),
        )
    });
    let setup = stage.create();
    assert_eq!(run(setup).await.unwrap(), unobserved("target.two"));
    assert_eq!(stage.runner.calls(), ["observe target.one#1", "observe target.two#1"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_while_proxies_are_asked_starts_nothing() {
    let mut stage = Stage::new(deployment(), |runner| runner.on("target.vps", "observe", Act::Hang));
    let setup = stage.create();
    stage.signals.0.send(Signal::Cancel { by: "SIGINT".to_owned() }).await.unwrap();
    let verdict = run(setup).await.unwrap();
    assert_eq!(verdict, Verdict { cause: Cause::Cancelled, world: World::Unchanged });
    let skipped: Vec<String> =
        stage.entries().into_iter().filter(|entry| entry.starts_with("skip")).collect();
    assert_eq!(
        skipped,
        [
            "skip check: cancelled",
            "skip plain: cancelled",
            "skip anyway: cancelled",
            "skip switch: cancelled"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_observed_is_not_asked_again_when_the_run_is_taken_up() {
    let mut stage = Stage::new(deployment(), |runner| {
        runner
            .on("target.vps", "observe", routed(&["green:1"]))
            .on("target.vps", "observe", routed(&["blue:1"]))
            .on("check", "observe", Act::Hang)
    });
    let setup = stage.create();
    let stop = stage.signals.0.clone();
    let (ended, ()) = tokio::join!(run(setup), async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        stop.send(Signal::Stop).await.unwrap();
    });
    assert!(ended.is_err(), "stopped where it was");
    let setup = stage.reopen();
    assert_eq!(run(setup).await.unwrap().exit(), ExitCode::Succeeded);
    let asked = stage.runner.calls().into_iter().filter(|call| call.starts_with("observe target")).count();
    let check = stage
        .runner
        .whole_calls()
        .into_iter()
        .rfind(|call| stage.plan.step(call.step).id.as_str() == "check");
    assert_eq!((asked, check.unwrap().config["to"].clone()), (1, json!("api-blue")));
    assert!(stage.file().iter().map(|record| told(&record.entry)).any(|entry| entry == "resume"));
}
