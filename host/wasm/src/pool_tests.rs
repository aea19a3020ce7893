//! Plans of many steps take their instances from a pool: faster, and otherwise the same.

use std::{fs, sync::Arc};

use futures::future::join_all;
use runner_capabilities::Limits;
use runner_engine::ports::{Call, CallReport, Reply, StepRunner as _};
use runner_model::{Answer, Failure, FailureKind, Outcome, StepIndex};

use crate::{
    Host, Loader,
    engine::{Allocation, POOL_SLOTS},
    host::POOL_FROM,
    testing::{Noon, Says, Stage, gate, loader, observe, silent},
};

fn simple(fields: &str, body: &str) -> Vec<u8> {
    gate(&Says::default(), &[], fields, body)
}

async fn pooled(stage: Stage, component: &[u8]) -> Host {
    let host = stage.host_of(&loader(), component, POOL_FROM).await;
    assert_eq!(host.0.allocations(), vec![Allocation::Pooled; POOL_FROM]);
    host
}

fn passed() -> Result<Reply, Failure> {
    Ok(Reply::Outcome(Outcome::new(Answer::Pass, "fine")))
}

async fn ask(host: &Host) -> Result<Reply, Failure> {
    host.call(observe(), silent()).await.result
}

#[tokio::test]
async fn short_plans_do_without_a_pool() {
    let component = simple("", "(global.get $pass)");
    let host = Stage::new().host_of(&loader(), &component, POOL_FROM - 1).await;
    assert_eq!(host.0.allocations(), vec![Allocation::OnDemand; POOL_FROM - 1]);
}

#[tokio::test]
async fn an_instance_from_the_pool_is_fresh() {
    // Dirties a global, a table and more memory than is wiped in place, and looks for all of it first.
    let fields =
        "(global $calls (mut i32) (i32.const 0)) (table $table 8 funcref) (elem declare func $f) (func $f)";
    let body = "
        (if (i32.ne (global.get $calls) (i32.const 0)) (then unreachable))
        (if (i32.eqz (ref.is_null (table.get $table (i32.const 3)))) (then unreachable))
        (if (i32.ne (memory.size) (i32.const 2)) (then unreachable))
        (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable))
        (if (i32.ne (i32.load (i32.const 100000)) (i32.const 0)) (then unreachable))
        (if (i32.ne (i32.load (i32.const 6000000)) (i32.const 0)) (then unreachable))
        (global.set $calls (i32.const 1))
        (table.set $table (i32.const 3) (ref.func $f))
        (i32.store (i32.const 100000) (i32.const 7))
        (i32.store (i32.const 6000000) (i32.const 7))
        (global.get $pass)";
    let host = pooled(Stage::new(), &simple(fields, body)).await;
    for _ in 0..2 * POOL_SLOTS {
        assert_eq!(ask(&host).await, passed());
    }
}

#[tokio::test]
async fn limits_hold_in_the_pool() {
    let limits = Limits { memory: 1 << 20, time_ms: 200, ..Limits::default() };
    let stage = || Stage::new().limits(limits);
    let bomb = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let failure = |kind, message: &str| Err(Failure::new(kind, message));
    assert_eq!(
        ask(&pooled(stage(), &simple("", bomb)).await).await,
        failure(
            FailureKind::BudgetExceeded,
            "memory: the plugin wanted more than its limit of 1048576 bytes, then stopped at an `unreachable` (a panic \
             or abort) in function `evaluate`",
        ),
    );
    assert_eq!(
        ask(&pooled(stage(), &simple("", "(loop $again (br $again)) unreachable")).await).await,
        failure(FailureKind::TimedOut, "time: the plugin call took longer than its limit of 200ms"),
    );
    let fuelled = Stage::new().limits(Limits { fuel: Some(10_000), ..Limits::default() });
    assert_eq!(
        ask(&pooled(fuelled, &simple("", "(loop $again (br $again)) unreachable")).await).await,
        failure(
            FailureKind::BudgetExceeded,
            "fuel: the plugin used up its 10000 units in function `evaluate`"
        ),
    );
}

#[tokio::test]
async fn more_calls_than_slots_wait_for_each_other() {
    let sleep = r#"(import "runner:plugin/clock@0.1.0" "sleep" (func $sleep (param i64)))"#;
    let component = simple(sleep, "(call $sleep (i64.const 5)) (global.get $pass)");
    let host = pooled(Stage::new(), &component).await;
    let calls = (0..3 * POOL_SLOTS).map(|number| {
        let step = StepIndex(number % u32::try_from(POOL_FROM).unwrap());
        host.call(Call { step, ..observe() }, silent())
    });
    let answers: Vec<_> = join_all(calls).await.into_iter().map(|report: CallReport| report.result).collect();
    assert_eq!(answers, vec![passed(); 3 * POOL_SLOTS as usize]);
}

#[tokio::test]
async fn a_component_that_does_not_fit_into_the_pool_runs_on_demand() {
    let component = simple("(memory $second 1) (memory $third 1)", "(global.get $pass)");
    let loader = loader();
    let host = Stage::new().host_of(&loader, &component, POOL_FROM).await;
    assert_eq!(host.0.allocations(), vec![Allocation::OnDemand; POOL_FROM]);
    assert_eq!(ask(&host).await, passed());
    assert_eq!(loader.notes(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_compiled_for_one_allocation_is_mapped_by_both() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let loader = Loader::new(Some(cache.clone()), Arc::new(Noon)).unwrap();
    let host = Stage::new().host_of(&loader, &simple("", "(global.get $pass)"), POOL_FROM).await;
    assert_eq!(host.0.allocations(), vec![Allocation::Pooled; POOL_FROM]);
    assert_eq!(ask(&host).await, passed());
    assert_eq!(loader.notes(), Vec::<String>::new());
    let compiled = fs::read_dir(&cache)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "cwasm"));
    assert_eq!(compiled.count(), 1);
}
