//! What a step may do when its grants depend on which slot is active.

use runner_capabilities::Requested;
use runner_engine::ports::{Call, CallReport, StepRunner as _};
use runner_model::{Assignment, Failure, FailureKind, Narrowed};
use serde_json::{Value, json};

use crate::{
    Host, HostOptions, LoadError,
    testing::{Says, Stage, gate, loader, observe, silent},
};

const BLUE: &str = "GET http://127.0.0.1:1/x";
const GREEN: &str = "GET http://127.0.0.1:2/x";

/// Sends a request to blue, and passes if that is denied.
fn reaching() -> Vec<u8> {
    let import = r#"(import "runner:plugin/http@0.1.0" "send"
        (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let strings = [("get", "GET"), ("url", "http://127.0.0.1:1/x")];
    let zeros = "(i32.const 0)".repeat(10);
    let body = format!(
        "(call $send (global.get $get) (global.get $get_len) (global.get $url) (global.get $url_len) {zeros} (global.get $ret))
         (if (i32.ne (i32.load8_u offset=4 (global.get $ret)) (i32.const 0)) (then unreachable))
         (global.get $pass)"
    );
    gate(&Says::default(), &strings, import, &body)
}

async fn host(stage: &Stage, cases: &[(Option<&str>, Value)]) -> Result<Host, Vec<LoadError>> {
    let mut plan = stage.plan(&reaching());
    let narrowed = |(active, grants): &(Option<&str>, Value)| Narrowed {
        active: active.map(str::to_owned),
        grants: Requested::parse(grants).unwrap(),
    };
    plan.steps[0].narrowed = cases.iter().map(narrowed).collect();
    let loaded = Host::load(&loader(), &plan, HostOptions::default()).await;
    loaded.map_err(|errors| errors.into_iter().map(|(_, error)| error).collect())
}

fn assigned(active: Option<&str>) -> Option<Assignment> {
    Some(Assignment { active: active.map(str::to_owned), candidate: "any".to_owned() })
}

#[tokio::test]
async fn only_the_rules_of_the_slot_that_is_active_count() {
    let stage = Stage::new().grants(json!({ "network": [BLUE, GREEN] }));
    let cases = [
        (None, json!({})),
        (Some("blue"), json!({ "network": [BLUE] })),
        (Some("green"), json!({ "network": [GREEN] })),
    ];
    let host = host(&stage, &cases).await.unwrap_or_else(|errors| panic!("{errors:?}"));
    let denied = async |assignment: Option<Assignment>| {
        let report: CallReport = host.call(Call { assignment, ..observe() }, silent()).await;
        report.denied.into_iter().map(|refusal| refusal.request).collect::<Vec<_>>()
    };
    assert_eq!(denied(assigned(Some("blue"))).await, Vec::<String>::new());
    assert_eq!(denied(assigned(Some("green"))).await, [BLUE]);
    assert_eq!(denied(assigned(None)).await, [BLUE]);
}

#[tokio::test]
async fn a_call_is_not_made_when_it_is_not_known_which_rules_count() {
    let stage = Stage::new().grants(json!({ "network": [BLUE] }));
    let cases = [(None, json!({})), (Some("blue"), json!({ "network": [BLUE] }))];
    let host = host(&stage, &cases).await.unwrap_or_else(|errors| panic!("{errors:?}"));
    let message =
        "which slot of its target is active is not known, and so is what it may do; nothing was called";
    for assignment in [None, assigned(Some("red"))] {
        let report = host.call(Call { assignment, ..observe() }, silent()).await;
        assert_eq!(report.result, Err(Failure::new(FailureKind::Unavailable, message)));
    }
}

#[tokio::test]
async fn a_plan_that_grants_more_in_one_case_than_at_all_is_not_loaded() {
    let stage = Stage::new().grants(json!({ "network": [BLUE] }));
    let cases = [(None, json!({})), (Some("blue"), json!({ "network": [BLUE, GREEN], "env": ["HOME"] }))];
    let errors = host(&stage, &cases).await.err().unwrap_or_default();
    let rules = vec![format!("network rule `{GREEN}`"), "variable `HOME`".to_owned()];
    assert_eq!(errors, [LoadError::Widened { rules }]);
}
