use insta::assert_snapshot;
use runner_capabilities::Capability;
use runner_model::PluginKind;
use serde_json::json;

use crate::testing::{Pipeline, component};

/// A pipeline with a gate that imports `http`, and a proxy switch that does.
fn pipeline(text: &str) -> Pipeline {
    let plugins = "plugins:\n  probe: { source: 'file:probe.wasm', grants: { network: ['GET http://127.0.0.1:8000/*', 'GET http://127.0.0.1:8001/*'] } }\n  caddy: { source: 'file:caddy.wasm', grants: { network: ['* http://127.0.0.1:2019/*'] } }\n";
    let schema = json!({ "type": "object", "properties": { "object": { "type": "string" } }, "required": ["object"], "additionalProperties": false });
    Pipeline::new(format!("version: 1\nname: x\n{plugins}{text}"))
        .component("probe.wasm", component(PluginKind::Gate).importing(&[Capability::Http]))
        .component(
            "caddy.wasm",
            component(PluginKind::ProxySwitch).importing(&[Capability::Http]).taking(schema),
        )
}

const SLOTS: &str = "slots: { blue: { container: api-blue, port: 8000 }, green: { container: api-green, port: 8001 } }, proxy: { uses: caddy, with: { object: web } }";

fn with_target(steps: &str) -> Pipeline {
    pipeline(&format!("target: vps\ntargets:\n  vps: {{ {SLOTS} }}\n{steps}"))
}

#[test]
fn a_target_with_slots_is_in_order() {
    let steps = "steps:\n  a: { uses: probe, if: target.active != null, with: { url: 'http://${{ target.candidate.address }}/${{ target.slots.blue.port }}', n: '${{ target.name }}' } }\n  ask: { uses: approval, needs: [a], with: { message: 'switch to ${{ target.candidate.slot }}?' } }\n";
    assert_snapshot!(with_target(steps).check(), @"");
}

#[test]
fn every_mistake_in_a_target_is_shown_at_its_place() {
    let text = "targets:
  A: {}
  a: { docker: { host: 'ftp://x', tsl: {} }, ssh: '-oProxyCommand=x', workdir: '../x', slot: {} }
  b: { docker: { host: 'tcp://far:2376' } }
  c: { docker: { host: 'unix:///s', tls: { ca: a, cert: b } } }
  d: { docker: 7, slots: [], ssh: 5 }
  e: { slots: { blue: { container: x1 }, green: { container: '*', port: 70000 }, red: { contaner: y } } }
  f: { proxy: { uses: caddy, with: { object: web }, retry: {} } }
  g: { slots: { blue: { container: same, port: 1 }, green: { container: same, address: '127.0.0.1:1' } }, proxy: { uses: caddy, with: { object: web } } }
  h: { slots: { blue: { container: c1, address: 'a/b:1', port: 1 }, green: { container: c2, address: 'a:1', port: 2, host: x } }, proxy: { uses: caddy } }
steps: { s: { uses: probe } }
";
    assert_snapshot!(pipeline(text).check(), @"
    name p.yaml:7:3: `A` is not a name for a target
      at `A`
      help: names are `[a-z][a-z0-9_-]*`
    unused-target p.yaml:8:3: no step works on the target `a`
      at `a`
      help: remove it, or write `target: a` in a step or at the top of the file
    target p.yaml:8:24: `ftp://x` is not `unix:///path`, `ssh://[user@]host` or `tcp://host:port`
      at `'ftp://x'`
    unknown-key p.yaml:8:35: the `docker` of a target has no key `tsl`
      at `tsl`
      help: did you mean `tls`?
    target p.yaml:8:51: `-oProxyCommand=x` is no `Host` of ssh_config
      at `'-oProxyCommand=x'`
    target p.yaml:8:80: `../x` is no directory to work in
      at `'../x'`
      help: write an absolute path of letters, digits and `. _ - @ +`, for example `/opt/app`
    unknown-key p.yaml:8:88: a target has no key `slot`
      at `slot`
      help: did you mean `slots`?
    unused-target p.yaml:9:3: no step works on the target `b`
      at `b`
      help: remove it, or write `target: b` in a step or at the top of the file
    target p.yaml:9:24: an engine on `far` needs `tls`
      at `'tcp://far:2376'`
      note: whoever reaches an engine without TLS is root on its machine
      help: write `tls: { ca: ca.pem, cert: cert.pem, key: key.pem }` beside it, or use `ssh://`
    unused-target p.yaml:10:3: no step works on the target `c`
      at `c`
      help: remove it, or write `target: c` in a step or at the top of the file
    missing-key p.yaml:10:37: `tls` must have `key`
      at `tls`
    key-without-effect p.yaml:10:37: `tls` means something for `tcp://` only
      at `tls`
      help: remove it
    unused-target p.yaml:11:3: no step works on the target `d`
      at `d`
      help: remove it, or write `target: d` in a step or at the top of the file
    wrong-type p.yaml:11:16: the `docker` of a target must be a map, found a number
      at `7`
      help: keys: `host`, `tls`
    missing-key p.yaml:11:19: a target with `slots` must have `proxy`
      at `slots`
      note: which slot is active is what the proxy says; nothing else is believed
      help: write for example `proxy: { uses: caddy, with: { object: my-proxy } }`
    wrong-type p.yaml:11:26: `slots` must be a map of two slots, found a list
      at `[]`
    wrong-type p.yaml:11:35: `ssh` must be text, found a number
      at `5`
      help: put it in quotes
    unused-target p.yaml:12:3: no step works on the target `e`
      at `e`
      help: remove it, or write `target: e` in a step or at the top of the file
    slots p.yaml:12:8: a target has two slots, found 3
      at `slots`
      note: one gets the traffic while the other is made ready
      help: write for example `slots: { blue: { container: api-blue, port: 8000 }, green: { container: api-green, port: 8001 } }`
    missing-key p.yaml:12:8: a target with `slots` must have `proxy`
      at `slots`
      note: which slot is active is what the proxy says; nothing else is believed
      help: write for example `proxy: { uses: caddy, with: { object: my-proxy } }`
    missing-key p.yaml:12:17: a slot must have `port` or `address`
      at `blue`
      help: `port: 8000` is `127.0.0.1:8000`; `address` is what the proxy calls it, if that is something else
    target p.yaml:12:62: `*` is no name of a container
      at `'*'`
      help: names begin with a letter or digit, and hold letters, digits, `.`, `-` and `_`
    missing-key p.yaml:12:82: a slot must have `container`
      at `red`
    missing-key p.yaml:12:82: a slot must have `port` or `address`
      at `red`
      help: `port: 8000` is `127.0.0.1:8000`; `address` is what the proxy calls it, if that is something else
    unknown-key p.yaml:12:89: a slot has no key `contaner`
      at `contaner`
      help: did you mean `container`?
    unused-target p.yaml:13:3: no step works on the target `f`
      at `f`
      help: remove it, or write `target: f` in a step or at the top of the file
    missing-key p.yaml:13:8: a target with `proxy` must have `slots`
      at `proxy`
      note: the proxy is asked which of the two slots is active
      help: write for example `slots: { blue: { container: api-blue, port: 8000 }, green: { container: api-green, port: 8001 } }`
    unknown-key p.yaml:13:53: a proxy has no key `retry`
      at `retry`
      help: keys: `uses`, `with`, `limits`, `timeout`, `secrets`
    unused-target p.yaml:14:3: no step works on the target `g`
      at `g`
      help: remove it, or write `target: g` in a step or at the top of the file
    slots p.yaml:14:53: both slots have the container `same`
      at `green`
      at `blue` p.yaml:14:17 the other one
      note: one gets the traffic while the other is made ready
    slots p.yaml:14:53: both slots have the address `127.0.0.1:1`
      at `green`
      at `blue` p.yaml:14:17 the other one
      note: one gets the traffic while the other is made ready
    unused-target p.yaml:15:3: no step works on the target `h`
      at `h`
      help: remove it, or write `target: h` in a step or at the top of the file
    target p.yaml:15:49: `a/b:1` is no address of the form `host:port`
      at `'a/b:1'`
    target p.yaml:15:115: the port is 2 here and 1 in the `address`
      at `2`
      help: remove it
    key-without-effect p.yaml:15:118: `host` means nothing beside `address`
      at `host`
      help: remove it
    config p.yaml:15:146: `with` must have `object`
      at `caddy`
      note: checked against the schema of `some-proxy-switch` 1.2.3 (read from the component itself)
    exit 6
    ");
}

#[test]
fn a_proxy_is_a_proxy_switch() {
    let text = "targets:
  a: { slots: { b1: { container: c1, port: 1 }, g1: { container: c2, port: 2 } }, proxy: { uses: probe } }
  b: { slots: { b1: { container: c1, port: 1 }, g1: { container: c2, port: 2 } }, proxy: { uses: checkpoint } }
  c: { slots: { b1: { container: c1, port: 1 }, g1: { container: c2, port: 2 } }, proxy: { uses: cady, with: { object: '${{ target.name }}' }, secrets: [nothing] } }
steps: { s: { uses: checkpoint, target: a }, t: { uses: checkpoint, target: b }, u: { uses: checkpoint, target: c } }
";
    assert_snapshot!(pipeline(text).check(), @"
    warning unused-plugin p.yaml:5:3: no step uses the plugin `caddy`
      at `caddy`
      note: it is not loaded, and not looked at any further
      help: remove it
    wrong-kind p.yaml:7:98: `probe` cannot say where traffic goes
      at `probe`
      note: it is a gate (read from the component itself)
      help: the `proxy` of a target uses a proxy switch
    wrong-kind p.yaml:8:98: a built-in step cannot say where traffic goes
      at `checkpoint`
      help: the `proxy` of a target uses a proxy switch
    unknown-plugin p.yaml:9:98: there is no plugin `cady`
      at `cady`
      note: `uses` names one of `plugins`, or a built-in step
      help: did you mean `caddy`?
    not-visible p.yaml:9:125: `target` cannot be used in the `with` of a proxy
      at `target.name`
      help: what can be used there: `inputs`, `env`, `event`
    unknown-secret p.yaml:9:154: there is no secret `nothing`
      at `nothing`
      help: there are no secrets
    exit 6
    ");
}

#[test]
fn a_target_is_named_and_used() {
    let text = format!(
        "target: vsp\ntargets:\n  vps: {{ {SLOTS} }}\n  other: {{}}\nsteps: {{ a: {{ uses: probe, target: otter }}, b: {{ uses: probe, with: {{ x: '${{{{ target.name }}}}' }} }} }}\n"
    );
    assert_snapshot!(pipeline(&text).check(), @"
    unknown-target p.yaml:6:9: there is no target `vsp`
      at `vsp`
      help: did you mean `vps`?
    unused-target p.yaml:8:3: no step works on the target `vps`
      at `vps`
      help: remove it, or write `target: vps` in a step or at the top of the file
    unused-target p.yaml:9:3: no step works on the target `other`
      at `other`
      help: remove it, or write `target: other` in a step or at the top of the file
    unknown-target p.yaml:10:36: there is no target `otter`
      at `otter`
      help: did you mean `other`?
    exit 6
    ");
}

#[test]
fn a_step_without_target_reads_none() {
    let text = "steps: { a: { uses: probe, if: target.active == null } }\n";
    assert_snapshot!(pipeline(text).check(), @"
    warning unused-plugin p.yaml:5:3: no step uses the plugin `caddy`
      at `caddy`
      note: it is not loaded, and not looked at any further
      help: remove it
    no-target p.yaml:6:32: step `a` has no target
      at `target.active`
      note: `target` is the target of the step
      help: write `target: NAME` in the step, or at the top of the file for all steps
    exit 6
    ");
}

#[test]
fn names_that_a_target_does_not_have_are_shown_with_those_it_has() {
    let steps = "steps:
  a: { uses: probe, with: { a: '${{ target.actve.port }}', b: '${{ target.active.prot }}', c: '${{ target.slots.gren.port }}', d: '${{ target.slots.blue.address.x }}', e: '${{ target.workdir }}', f: '${{ target }}' } }
  b: { uses: probe, grants: { network: ['GET http://${{ target.candidate }}/', 'GET http://${{ target }}/'] } }
  c: { uses: probe, env: { X: '${{ target.name }}' } }
";
    assert_snapshot!(with_target(steps).check(), @"
    unknown-name p.yaml:10:37: `target` has no `actve`
      at `target.actve.port`
      help: did you mean `active`?
    unknown-name p.yaml:10:68: `target.active` has no `prot`
      at `target.active.prot`
      help: did you mean `port`?
    unknown-slot p.yaml:10:100: there is no slot `gren`
      at `target.slots.gren.port`
      help: did you mean `green`?
    no-workdir p.yaml:10:177: the target `vps` has no `workdir`
      at `target.workdir`
      at `vps` p.yaml:8:3 it stands here
      help: write `workdir: /opt/app` there
    expression p.yaml:11:57: in grants a value of a target is named: `target.candidate.address`
      at `target.candidate`
      note: it must be known which values become part of a grant
    expression p.yaml:11:96: in grants a value of a target is named: `target.candidate.address`
      at `target`
      note: it must be known which values become part of a grant
    not-visible p.yaml:12:36: `target` cannot be used in `env`
      at `target.name`
      note: variables are settled before the run
      help: what can be used there: `inputs`, `env`, `matrix`, `event`
    exit 6
    ");
}

#[test]
fn a_target_without_slots_has_no_active_one() {
    let text = "target: vps\ntargets: { vps: { workdir: /opt/x } }\nsteps: { a: { uses: probe, with: { a: '${{ target.candidate.port }}', b: '${{ target.workdir }}' } } }\n";
    assert_snapshot!(pipeline(text).check(), @"
    warning unused-plugin p.yaml:5:3: no step uses the plugin `caddy`
      at `caddy`
      note: it is not loaded, and not looked at any further
      help: remove it
    no-slots p.yaml:8:44: the target `vps` has no slots
      at `target.candidate.port`
      at `vps` p.yaml:7:12 it stands here
      help: write `slots` and `proxy` there
    exit 6
    ");
}

#[test]
fn grants_may_name_a_slot_and_stay_within_those_of_the_plugin() {
    let steps = "steps:
  a: { uses: probe, grants: { network: ['GET http://${{ target.candidate.address }}/health'] } }
  b: { uses: probe, grants: { network: ['GET http://127.0.0.1:8000/', 'GET http://${{ target.active.address }}/health', 'POST http://${{ target.slots.green.address }}/'] } }
";
    assert_snapshot!(with_target(steps).check(), @"
    wider-grant p.yaml:11:121: network rule `POST http://127.0.0.1:8001/` is more than the plugin `probe` is granted
      at `'POST http://${{ target.slots.green.address }}/'`
      at `grants` p.yaml:4:39 the grants of the plugin
      note: the grants of a step may only narrow those of its plugin
      help: add the rule to the plugin, or remove it here
    exit 7
    ");
}

/// The union of both sides is the same; in each case they are not.
#[test]
fn a_step_may_not_have_the_active_slot_where_its_plugin_has_the_candidate() {
    let text = format!(
        "plugins: {{ probe: {{ source: 'file:probe.wasm', grants: {{ network: ['GET http://${{{{ target.candidate.address }}}}/*'] }} }}, caddy: {{ source: 'file:caddy.wasm', grants: {{ network: ['* http://127.0.0.1:2019/*'] }} }} }}\ntarget: vps\ntargets:\n  vps: {{ {SLOTS} }}\nsteps:\n  a: {{ uses: probe, grants: {{ network: ['GET http://${{{{ target.active.address }}}}/'] }} }}\n  b: {{ uses: probe, grants: {{ network: ['GET http://${{{{ target.candidate.address }}}}/'] }} }}\n"
    );
    let pipeline = Pipeline::new(format!("version: 1\nname: x\n{text}"))
        .component("probe.wasm", component(PluginKind::Gate).importing(&[Capability::Http]))
        .component("caddy.wasm", component(PluginKind::ProxySwitch).importing(&[Capability::Http]));
    assert_snapshot!(pipeline.check(), @"
    wider-grant p.yaml:8:41: network rule `GET http://127.0.0.1:8000/` is more than the plugin `probe` is granted
      at `'GET http://${{ target.active.address }}/'`
      at `grants` p.yaml:3:48 the grants of the plugin
      note: the grants of a step may only narrow those of its plugin
      help: add the rule to the plugin, or remove it here
    wider-grant p.yaml:8:41: network rule `GET http://127.0.0.1:8001/` is more than the plugin `probe` is granted
      at `'GET http://${{ target.active.address }}/'`
      at `grants` p.yaml:3:48 the grants of the plugin
      note: the grants of a step may only narrow those of its plugin
      help: add the rule to the plugin, or remove it here
    exit 7
    ");
}

#[test]
fn the_policy_is_asked_for_every_slot() {
    let steps = "steps:\n  a: { uses: probe, grants: { network: ['GET http://${{ target.candidate.address }}/health'] } }\n";
    let policy = json!({ "version": 1, "grants": { "network": ["GET http://127.0.0.1:8000/*", "* http://127.0.0.1:2019/*"] } });
    assert_snapshot!(with_target(steps).policy(policy).check(), @"
    policy p.yaml:4:90: network rule `GET http://127.0.0.1:8001/*`: the operator's policy does not allow it
      at `'GET http://127.0.0.1:8001/*'`
      note: the policy is a ceiling: a pipeline that asks for more is refused, never cut down
      help: ask for less, or ask whoever owns the policy
    policy p.yaml:10:41: network rule `GET http://127.0.0.1:8001/health`: the operator's policy does not allow it
      at `'GET http://${{ target.candidate.address }}/health'`
      note: the policy is a ceiling: a pipeline that asks for more is refused, never cut down
      help: ask for less, or ask whoever owns the policy
    exit 7
    ");
}

#[test]
fn values_of_a_target_may_come_from_inputs() {
    let text = "inputs: { host: { required: true }, port: { type: integer, default: 8000 } }
targets: { vps: { docker: { host: 'ssh://deploy@${{ inputs.host }}' }, slots: { blue: { container: 'api-${{ inputs.hst }}', port: '${{ inputs.port }}' }, green: { container: 'api-${{ env.X }}', port: 8001 } }, proxy: { uses: caddy, with: { object: 'web-${{ inputs.host }}' } } } }
steps: { a: { uses: probe, target: vps } }
";
    assert_snapshot!(pipeline(text).check(), @"
    unknown-input p.yaml:7:109: there is no input `hst`
      at `inputs.hst`
      help: did you mean `host`?
    not-visible p.yaml:7:184: `env` cannot be used in a target
      at `env.X`
      help: what can be used there: `inputs`
    exit 6
    ");
}

#[test]
fn a_plugin_whose_grants_name_a_target_is_used_on_targets_only() {
    let text = "plugins: { probe: { source: 'file:probe.wasm', grants: { network: ['GET http://${{ target.slots.blue.address }}/'] } } }
targets: { bare: {} }
steps: { a: { uses: probe }, b: { uses: probe, target: bare } }
";
    let pipeline = Pipeline::new(format!("version: 1\nname: x\n{text}"))
        .component("probe.wasm", component(PluginKind::Gate).importing(&[Capability::Http]));
    assert_snapshot!(pipeline.check(), @"
    no-target p.yaml:3:84: step `a` has no target
      at `target.slots.blue.address`
      at `a` p.yaml:5:10 a step that uses the plugin
      note: `target` is the target of the step
      help: write `target: NAME` in the step, or at the top of the file for all steps
    no-slots p.yaml:3:84: the target `bare` has no slots
      at `target.slots.blue.address`
      at `bare` p.yaml:4:12 it stands here
      at `b` p.yaml:5:30 a step that uses the plugin
      help: write `slots` and `proxy` there
    exit 6
    ");
}
