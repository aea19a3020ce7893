use runner_capabilities::Capability;
use runner_model::{Phase, Plan, PluginKind};
use serde_json::json;

use crate::testing::{Pipeline, component};

fn pipeline(text: &str) -> Pipeline {
    Pipeline::new(format!("version: 1\nname: x\n{text}"))
        .component("probe.wasm", component(PluginKind::Gate).importing(&[Capability::Http]))
        .component("caddy.wasm", component(PluginKind::ProxySwitch).importing(&[Capability::Http]))
}

const PLUGINS: &str = "plugins:
  probe: { source: 'file:probe.wasm', grants: { network: ['GET http://${{ target.active.address }}/*', 'GET http://${{ target.candidate.address }}/*'] } }
  caddy: { source: 'file:caddy.wasm', grants: { network: ['* http://127.0.0.1:2019/*', 'GET http://${{ target.candidate.address }}/'] } }
";

const TARGETS: &str = "inputs: { container: { default: api } }
target: two
targets:
  one: { docker: { host: 'ssh://deploy@one' }, workdir: /opt/app, slots: { green: { container: '${{ inputs.container }}-green', port: 8001 }, blue: { container: '${{ inputs.container }}-blue', port: 8000 } }, proxy: { uses: caddy, timeout: 5s } }
  two: { slots: { a: { container: web-a, address: 'web-a:80' }, b: { container: web-b, host: '10.0.0.7', port: 81 } }, proxy: { uses: caddy } }
";

fn plan() -> Plan {
    let steps = "steps:
  first: { uses: probe, target: one, grants: { network: ['GET http://${{ target.candidate.address }}/health'] } }
  second: { uses: probe, needs: [first] }
finally: { last: { uses: checkpoint } }
";
    pipeline(&format!("{PLUGINS}{TARGETS}{steps}")).input("container", "svc").plan()
}

#[test]
fn every_proxy_is_asked_by_a_step_before_all_others() {
    let plan = plan();
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|step| {
            let target = step.target.as_ref().map(ToString::to_string);
            (step.id.as_str(), &step.phase, target, step.needs.len())
        })
        .collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        steps,
        [
            ("target.one", &Phase::Observe, named("one"), 0),
            ("target.two", &Phase::Observe, named("two"), 0),
            ("first", &Phase::Main, named("one"), 0),
            ("second", &Phase::Main, named("two"), 1),
            ("last", &Phase::Finally, named("two"), 0),
        ]
    );
    assert_eq!(
        json!(plan.header.targets),
        json!({
            "one": {
                "machine": { "docker": { "ssh": "deploy@one" }, "ssh": "deploy@one", "workdir": "/opt/app" },
                "slots": [
                    { "name": "green", "container": "svc-green", "address": "127.0.0.1:8001", "port": 8001 },
                    { "name": "blue", "container": "svc-blue", "address": "127.0.0.1:8000", "port": 8000 },
                ],
                "observer": 0,
            },
            "two": {
                "machine": { "docker": { "unix": "/var/run/docker.sock" } },
                "slots": [
                    { "name": "a", "container": "web-a", "address": "web-a:80", "port": 80 },
                    { "name": "b", "container": "web-b", "address": "10.0.0.7:81", "port": 81 },
                ],
                "observer": 1,
            },
        })
    );
}

#[test]
fn a_step_is_granted_the_rules_of_every_case_and_keeps_those_of_each() {
    let plan = plan();
    let of = |id: &str| {
        let step = plan.step(plan.find(id).unwrap());
        json!({ "grants": step.grants, "narrowed": step.narrowed })
    };
    let rules = |rules: &[&str]| json!({ "network": rules });
    let green = "GET http://127.0.0.1:8001/health";
    let blue = "GET http://127.0.0.1:8000/health";
    assert_eq!(
        of("first"),
        json!({
            "grants": rules(&[green, blue]),
            "narrowed": [
                { "active": null, "grants": rules(&[green]) },
                { "active": "green", "grants": rules(&[blue]) },
                { "active": "blue", "grants": rules(&[green]) },
            ],
        })
    );
    let [a, b] = ["GET http://web-a:80/*", "GET http://10.0.0.7:81/*"];
    assert_eq!(
        of("second"),
        json!({
            "grants": rules(&[a, b, a, b]),
            "narrowed": [
                { "active": null, "grants": rules(&[a]) },
                { "active": "a", "grants": rules(&[a, b]) },
                { "active": "b", "grants": rules(&[b, a]) },
            ],
        })
    );
    // Whoever asks which slot is active is granted nothing that depends on it.
    assert_eq!(of("target.one"), json!({ "grants": rules(&["* http://127.0.0.1:2019/*"]), "narrowed": [] }));
}

#[test]
fn an_input_that_makes_no_slot_of_a_slot_is_refused() {
    let steps = "steps: { first: { uses: probe, target: one }, second: { uses: probe } }\n";
    let with = |container: &str| {
        pipeline(&format!("{PLUGINS}{TARGETS}{steps}")).input("container", container).refused()
    };
    insta::assert_snapshot!(with("*"), @"
    target p.yaml:9:96: `*-green` is no name of a container
      at `'${{ inputs.container }}-green'`
      help: names begin with a letter or digit, and hold letters, digits, `.`, `-` and `_`
    target p.yaml:9:162: `*-blue` is no name of a container
      at `'${{ inputs.container }}-blue'`
      help: names begin with a letter or digit, and hold letters, digits, `.`, `-` and `_`
    exit 2
    ");
}

#[test]
fn what_depends_on_the_slots_stands_in_lists_of_rules() {
    let text = format!(
        "plugins: {{ probe: {{ source: 'file:probe.wasm', grants: {{ network: '${{{{ [target.active.address] }}}}' }} }} , caddy: {{ source: 'file:caddy.wasm', grants: {{ network: [] }} }} }}\n{TARGETS}steps: {{ first: {{ uses: probe, target: one }}, second: {{ uses: checkpoint }} }}\n"
    );
    insta::assert_snapshot!(pipeline(&text).check(), @"
    grant p.yaml:3:48: an expression in the grants has no value: `target.active`, `target.candidate` and `target.previous` stand in lists of rules only
      at `grants`
    exit 6
    ");
}
