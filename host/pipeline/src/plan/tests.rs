use std::time::Duration;

use insta::assert_snapshot;
use runner_capabilities::{Capability, Limits};
use runner_model::{Fault, Phase, Plan, PluginKind, Retry, Uses};
use serde_json::json;

use crate::testing::{Pipeline, component};

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

/// `id: need need`, by id.
fn needs(plan: &Plan) -> Vec<String> {
    let line = |step: &runner_model::Step| {
        let needs: Vec<&str> = step.needs.iter().map(|need| plan.step(need.step).id.as_str()).collect();
        format!("{}: {}", step.id, needs.join(" ")).trim_end().to_owned()
    };
    plan.steps.iter().map(line).collect()
}

#[test]
fn steps_come_in_the_order_of_the_file_where_the_graph_leaves_a_choice() {
    let text = "notify: [{ on: [run.failed], uses: notifier }]\nfinally: { z: { uses: gate, needs: [y] }, y: { uses: gate, needs: [c] } }\nsteps:\n  c: { uses: gate, needs: [b] }\n  d: { uses: gate }\n  b: { uses: gate }\n  a: { uses: gate }\n";
    assert_eq!(ids(&Pipeline::with_plugins(text).plan()), ["d", "b", "c", "a", "y", "z", "notify[1]"]);
}

#[test]
fn a_matrix_becomes_one_step_per_combination_and_its_name_means_all() {
    let text = "steps:\n  suites: { uses: gate, matrix: { os: [linux, mac], python: ['3.10', 3.11], fast: [true] } }\n  all: { uses: gate, needs: [suites] }\n  one: { uses: gate, needs: ['suites[mac,3.11,true]'] }\n";
    let plan = Pipeline::with_plugins(text).plan();
    assert_eq!(
        needs(&plan),
        [
            "suites[linux,3.10,true]:",
            "suites[linux,3.11,true]:",
            "suites[mac,3.10,true]:",
            "suites[mac,3.11,true]:",
            "all: suites[linux,3.10,true] suites[linux,3.11,true] suites[mac,3.10,true] suites[mac,3.11,true]",
            "one: suites[mac,3.11,true]",
        ]
    );
    assert_eq!(json!(plan.steps[1].matrix), json!({ "os": "linux", "python": 3.11, "fast": true }));
}

#[test]
fn what_a_step_does_not_say_is_filled_in() {
    let plan = Pipeline::with_plugins("steps: { a: { uses: gate } }\n").plan();
    let step = &plan.steps[0];
    assert_eq!(
        (step.timeout, &step.retry, &step.poll, step.on_inconclusive, step.limits, step.place.as_str()),
        (
            Duration::from_secs(600),
            &Retry::default(),
            &None,
            runner_model::Inconclusive::Fail,
            Limits::default(),
            "p.yaml:5"
        )
    );
}

#[test]
fn defaults_hold_for_steps_that_do_not_say() {
    let text = "defaults: { timeout: 2m, retry: { attempts: 3 }, on_inconclusive: pause, limits: { memory: 16MiB, calls: 7 } }\nsteps:\n  a: { uses: gate }\n  b: { uses: gate, timeout: 1s, retry: { delay: 5s }, on_inconclusive: pass, limits: { memory: 1MiB } }\n  c: { uses: checkpoint }\n";
    let plan = Pipeline::with_plugins(text).plan();
    let line = |step: &runner_model::Step| {
        format!(
            "{} {:?} {} {:?} {:?} {} {}",
            step.id,
            step.timeout,
            step.retry.attempts,
            step.retry.delay,
            step.on_inconclusive,
            step.limits.memory,
            step.limits.calls
        )
    };
    assert_eq!(
        plan.steps.iter().map(line).collect::<Vec<_>>(),
        ["a 120s 3 1s Pause 16777216 7", "b 1s 1 5s Pass 1048576 7", "c 120s 1 1s Fail 16777216 7"]
    );
}

#[test]
fn limits_are_the_steps_then_the_plugins_then_the_defaults_and_never_above_the_policy() {
    let text = "version: 1\nname: x\ndefaults: { limits: { memory: 1MiB, time: 1s, output: 1KiB, calls: 1 } }\nplugins: { p: { source: 'file:gate.wasm', limits: { memory: 2MiB, time: 2s, output: 2KiB } } }\nsteps: { a: { uses: p, limits: { memory: 3MiB, time: 3s } } }\n";
    let policy = json!({ "version": 1, "limits": { "time": "2500ms", "fuel": 9 } });
    let plan = Pipeline::new(text).policy(policy).plan();
    assert_eq!(
        plan.steps[0].limits,
        Limits { memory: 3 << 20, time_ms: 2_500, fuel: Some(9), output: 2 << 10, calls: 1 }
    );
}

#[test]
fn poll_has_the_documented_defaults() {
    let plan = Pipeline::with_plugins("steps: { a: { uses: health, poll: { failure_limit: -1 } } }\n").plan();
    assert_snapshot!(json!(plan.steps[0].poll), @r#"{"initial_delay":0,"interval":5000,"count":null,"consecutive_successes":null,"failure_limit":null,"inconclusive_limit":0,"error_limit":4,"deadline":null}"#);
}

#[test]
fn an_approval_waits_as_long_as_it_says() {
    let text = "version: 1\nname: x\nsteps: { a: { uses: approval, with: { message: Sure? } }, b: { uses: approval, with: { message: 'Sure, ${{ run.name }}?', timeout: 1h, on_timeout: pass } } }\n";
    let plan = Pipeline::new(text).plan();
    let line = |step: &runner_model::Step| match &step.uses {
        Uses::Approval(approval) => format!(
            "{} {:?} {:?} {:?}",
            approval.message, approval.timeout, approval.on_timeout, step.timeout
        ),
        Uses::Plugin(_) | Uses::Checkpoint => String::new(),
    };
    assert_eq!(
        plan.steps.iter().map(line).collect::<Vec<_>>(),
        ["Sure? 86400s Fail 86400s", "Sure, ${{ run.name }}? 3600s Pass 3600s"]
    );
}

#[test]
fn inputs_get_their_types() {
    let text = "inputs:\n  a: { required: true }\n  b: { type: integer }\n  c: { type: number, default: 1 }\n  d: { type: boolean }\n  e: { type: enum, values: [1, two] }\n  f: { pattern: 'v[0-9]+' }\n  g: {}\nsteps: { a: { uses: gate } }\n";
    let plan = Pipeline::with_plugins(text)
        .input("a", "5")
        .input("b", "-5")
        .input("d", "true")
        .input("e", "1")
        .input("f", "v12")
        .plan();
    assert_eq!(
        json!(plan.header.inputs),
        json!({ "a": "5", "b": -5, "c": 1, "d": true, "e": 1, "f": "v12", "g": null })
    );
}

#[test]
fn inputs_that_are_missing_wrong_or_unknown_are_told_with_what_to_type() {
    let text = "inputs:\n  a: { required: true }\n  b: { type: integer }\n  c: { type: number }\n  d: { type: boolean }\n  e: { type: enum, values: [staging, production] }\n  f: { pattern: 'v[0-9]+' }\nsteps: { a: { uses: gate } }\n";
    let pipeline = Pipeline::with_plugins(text)
        .input("b", "5.5")
        .input("c", "x")
        .input("d", "yes")
        .input("e", "prod")
        .input("f", "v12 ")
        .input("g", "1");
    assert_snapshot!(pipeline.refused(), @"
    unknown-input -: `--input g=…`: the pipeline has no input `g`
      help: inputs: `a`, `b`, `c`, `d`, `e`, `f`
    missing-input p.yaml:6:3: the input `a` is required
      at `a` declared here
      help: add `--input a=…`: it takes text
    wrong-input p.yaml:7:3: `5.5` is not a value for the input `b`
      at `b` declared here
      help: `--input b=…` takes a whole number
    wrong-input p.yaml:8:3: `x` is not a value for the input `c`
      at `c` declared here
      help: `--input c=…` takes a number
    wrong-input p.yaml:9:3: `yes` is not a value for the input `d`
      at `d` declared here
      help: `--input d=…` takes `true` or `false`
    wrong-input p.yaml:10:3: `prod` is not a value for the input `e`
      at `e` declared here
      help: `--input e=…` takes one of `staging`, `production`
    wrong-input p.yaml:11:3: `v12 ` is not a value for the input `f`
      at `f` declared here
      help: `--input f=…` takes text that matches `v[0-9]+` as a whole
    exit 2
    ");
}

#[test]
fn the_event_is_manual_unless_chosen() {
    let text = "on: { manual: {}, push: {} }\nsteps: { a: { uses: gate } }\n";
    let event = |pipeline: Pipeline| json!(pipeline.plan().header.event);
    assert_eq!(event(Pipeline::with_plugins(text)), json!({ "name": "manual" }));
    assert_eq!(
        event(Pipeline::with_plugins(text).given(|given| given.event = Some("push".to_owned()))),
        json!({ "name": "push" })
    );
}

#[test]
fn an_event_that_is_not_declared_is_refused() {
    let text = "on: { push: {} }\nsteps: { a: { uses: gate } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).refused(), @"
    unknown-event -: the pipeline is not meant to be started by hand
      help: `--event NAME` with one of `push`
    exit 2
    ");
    assert_snapshot!(Pipeline::with_plugins(text).given(|given| given.event = Some("pull".to_owned())).refused(), @"
    unknown-event -: `--event pull`: the pipeline is not set off by `pull`
      help: `--event NAME` with one of `push`
    exit 2
    ");
}

#[test]
fn variables_are_rendered_and_the_steps_own_stand_over_the_pipelines() {
    let text = "inputs: { tag: { required: true }, none: {} }\nenv: { TAG: 'v${{ inputs.tag }}', N: 3, E: '${{ event.name }}', X: '${{ inputs.none }}' }\nsteps: { a: { uses: gate, matrix: { os: [mac] }, env: { N: '${{ env.TAG }}-${{ matrix.os }}' } } }\n";
    let plan = Pipeline::with_plugins(text).input("tag", "1").plan();
    assert_eq!(
        json!([plan.header.env, plan.steps[0].env]),
        json!([{ "TAG": "v1", "N": "3", "E": "manual", "X": "" }, { "TAG": "v1", "N": "v1-mac", "E": "manual", "X": "" }])
    );
}

#[test]
fn a_grant_is_made_from_the_inputs_given() {
    let text = "version: 1\nname: x\ninputs: { port: { required: true } }\nplugins: { p: { source: 'file:p.wasm', grants: { network: ['GET http://*.x.org:${{ inputs.port }}/*'] } } }\nsteps:\n  a: { uses: p }\n  b: { uses: p, matrix: { slot: [blue, green] }, grants: { network: ['GET http://${{ matrix.slot }}.x.org:${{ inputs.port }}/health'] } }\n";
    let pipeline =
        Pipeline::new(text).component("p.wasm", component(PluginKind::Gate).importing(&[Capability::Http]));
    let plan = pipeline.clone().input("port", "8001").plan();
    assert_eq!(
        plan.steps.iter().map(|step| json!(step.grants)["network"][0].clone()).collect::<Vec<_>>(),
        [
            json!("GET http://*.x.org:8001/*"),
            json!("GET http://blue.x.org:8001/health"),
            json!("GET http://green.x.org:8001/health")
        ]
    );
    assert_snapshot!(pipeline.clone().input("port", "80/*").refused(), @"
    grant-value p.yaml:4:40: `inputs.port` is `80/*`, which cannot become part of a grant
      at `grants` in these grants
      note: a value in a grant holds letters, digits, `.`, `-` and `_` only: anything else could widen the rule
      help: write the rule out, or choose another value
    exit 7
    ");
    assert_snapshot!(pipeline.clone().input("port", "http").refused(), @"
    grant p.yaml:4:60: `http` is not a port (1 to 65535)
      at `'GET http://*.x.org:${{ inputs.port }}/*'`
      help: for example `GET https://example.com/health`, `GET,POST https://example.com/api/*` or `tcp://redis:6379`
    exit 6
    ");
    let policy = json!({ "version": 1, "grants": { "network": ["GET http://*.x.org:8001/*"] } });
    assert_snapshot!(pipeline.policy(policy).input("port", "8002").refused(), @"
    policy p.yaml:4:60: network rule `GET http://*.x.org:8002/*`: the operator's policy does not allow it
      at `'GET http://*.x.org:${{ inputs.port }}/*'`
      note: the policy is a ceiling: a pipeline that asks for more is refused, never cut down
      help: ask for less, or ask whoever owns the policy
    exit 7
    ");
}

#[test]
fn an_optional_input_without_value_makes_no_grant() {
    let text = "version: 1\nname: x\ninputs: { host: {} }\nplugins: { p: { source: 'file:p.wasm', grants: { network: ['GET http://${{ inputs.host }}/*'] } } }\nsteps: { a: { uses: p } }\n";
    let pipeline =
        Pipeline::new(text).component("p.wasm", component(PluginKind::Gate).importing(&[Capability::Http]));
    assert_snapshot!(pipeline.refused(), @"
    grant-value p.yaml:4:40: `inputs.host` has no value, and the grants need one
      at `grants` in these grants
      note: a value in a grant holds letters, digits, `.`, `-` and `_` only: anything else could widen the rule
      help: write the rule out, or choose another value
    exit 7
    ");
}

#[test]
fn only_plugins_that_are_used_are_in_the_plan() {
    let text = "version: 1\nname: x\nplugins: { a: { source: 'file:gate.wasm' }, b: { source: 'file:action.wasm' } }\nsteps: { s: { uses: b } }\n";
    let plan = Pipeline::new(text).plan();
    assert_eq!(
        json!([plan.header.plugins, plan.steps[0].uses]),
        json!([[{ "alias": "b", "path": "/work/action.wasm", "digest": format!("sha256:{}", "07".repeat(32)), "kind": "action" }], { "plugin": 0 }])
    );
}

#[test]
fn a_plan_carries_everything_a_step_says() {
    let text = "description: all of it\nsteps:\n  a: { uses: checkpoint }\n  b:\n    uses: gate\n    with: { x: '${{ steps.a.result }}' }\n    needs: [{ step: a, result: [success, skipped] }]\n    if: \"${{ event.name == 'manual' }}\"\n    retry: { attempts: 3, delay: 2s, backoff: 1.5, max_delay: 9s, on: [failure, timed-out] }\n    poll: { initial_delay: 1s, interval: 2s, count: 9, consecutive_successes: 3, failure_limit: 1, inconclusive_limit: 2, error_limit: 3, deadline: 1m }\n    report_only: true\n    continue_on_error: true\n    outputs: { mine: answer }\nnotify: [{ on: [run.failed, approval.waiting], uses: notifier, severity: error }]\n";
    let plan = Pipeline::with_plugins(text).plan();
    assert_snapshot!(serde_json::to_string_pretty(&plan).unwrap(), @r#"
    {
      "name": "demo",
      "description": "all of it",
      "file": "/work/p.yaml",
      "directory": "/work",
      "digest": "sha256:69c5d87e57b408ddc224f3508d1d1fbd3abcef584060199220e97934f28d4663",
      "inputs": {},
      "event": {
        "name": "manual"
      },
      "env": {},
      "secrets": {},
      "plugins": [
        {
          "alias": "gate",
          "path": "/work/gate.wasm",
          "digest": "sha256:0707070707070707070707070707070707070707070707070707070707070707",
          "kind": "gate"
        },
        {
          "alias": "notifier",
          "path": "/work/notifier.wasm",
          "digest": "sha256:0707070707070707070707070707070707070707070707070707070707070707",
          "kind": "notifier"
        }
      ],
      "steps": [
        {
          "id": "a",
          "phase": "main",
          "uses": "checkpoint",
          "with": {},
          "needs": [],
          "condition": null,
          "timeout": 600000,
          "retry": {
            "attempts": 1,
            "delay": 1000,
            "backoff": 2.0,
            "max_delay": 60000,
            "on": [
              "error"
            ]
          },
          "poll": null,
          "on_inconclusive": "fail",
          "report_only": false,
          "continue_on_error": false,
          "required": false,
          "outputs": null,
          "grants": {},
          "limits": {
            "memory": 67108864,
            "time_ms": 30000,
            "fuel": null,
            "output": 1048576,
            "calls": 10000
          },
          "secrets": [],
          "env": {},
          "place": "p.yaml:8"
        },
        {
          "id": "b",
          "phase": "main",
          "uses": {
            "plugin": 0
          },
          "with": {
            "x": "${{ steps.a.result }}"
          },
          "needs": [
            {
              "step": 0,
              "accept": [
                "success",
                "skipped"
              ]
            }
          ],
          "condition": "event.name == 'manual'",
          "timeout": 600000,
          "retry": {
            "attempts": 3,
            "delay": 2000,
            "backoff": 1.5,
            "max_delay": 9000,
            "on": [
              "failure",
              "timed-out"
            ]
          },
          "poll": {
            "initial_delay": 1000,
            "interval": 2000,
            "count": 9,
            "consecutive_successes": 3,
            "failure_limit": 1,
            "inconclusive_limit": 2,
            "error_limit": 3,
            "deadline": 60000
          },
          "on_inconclusive": "fail",
          "report_only": true,
          "continue_on_error": true,
          "required": false,
          "outputs": {
            "mine": "answer"
          },
          "grants": {},
          "limits": {
            "memory": 67108864,
            "time_ms": 30000,
            "fuel": null,
            "output": 1048576,
            "calls": 10000
          },
          "secrets": [],
          "env": {},
          "place": "p.yaml:9"
        },
        {
          "id": "notify[1]",
          "phase": {
            "notify": {
              "on": [
                "run.failed",
                "approval.waiting"
              ],
              "severity": "error"
            }
          },
          "uses": {
            "plugin": 1
          },
          "with": {},
          "needs": [],
          "condition": null,
          "timeout": 600000,
          "retry": {
            "attempts": 1,
            "delay": 1000,
            "backoff": 2.0,
            "max_delay": 60000,
            "on": [
              "error"
            ]
          },
          "poll": null,
          "on_inconclusive": "fail",
          "report_only": false,
          "continue_on_error": false,
          "required": false,
          "outputs": null,
          "grants": {},
          "limits": {
            "memory": 67108864,
            "time_ms": 30000,
            "fuel": null,
            "output": 1048576,
            "calls": 10000
          },
          "secrets": [],
          "env": {},
          "place": "p.yaml:19"
        }
      ]
    }
    "#);
}

#[test]
fn faults_go_to_a_step_a_combination_or_all_of_them() {
    let text = "steps: { a: { uses: gate, matrix: { x: [1, 2] } }, b: { uses: gate }, c: { uses: gate, matrix: { x: [1, 2] } } }\n";
    let faults = vec![("a".to_owned(), Fault::Trap), ("c[2]".to_owned(), Fault::Hang)];
    let plan = Pipeline::with_plugins(text).given(|given| given.faults = faults).plan();
    assert_eq!(
        plan.steps.iter().map(|step| step.fault).collect::<Vec<_>>(),
        [Some(Fault::Trap), Some(Fault::Trap), None, None, Some(Fault::Hang)]
    );
}

#[test]
fn a_fault_for_a_step_that_does_not_exist_is_refused() {
    let pipeline = Pipeline::with_plugins("steps: { build: { uses: gate } }\n");
    assert_snapshot!(pipeline.given(|given| given.faults = vec![("biuld".to_owned(), Fault::Fail)]).refused(), @"
    unknown-step -: `--inject biuld:…`: there is no step `biuld`
      help: did you mean `build`?
    exit 2
    ");
}

#[test]
fn phases_are_as_written() {
    let text = "steps: { a: { uses: gate } }\nfinally: { b: { uses: gate } }\nnotify: [{ on: [run.stuck], uses: notifier }]\n";
    let plan = Pipeline::with_plugins(text).plan();
    assert_eq!(
        plan.steps.iter().map(|step| step.phase.clone()).collect::<Vec<_>>(),
        [
            Phase::Main,
            Phase::Finally,
            Phase::Notify { on: vec![runner_model::NotifyOn::Stuck], severity: "info".to_owned() }
        ]
    );
}
