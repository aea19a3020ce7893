use insta::assert_snapshot;
use runner_capabilities::Capability;
use runner_model::PluginKind;
use serde_json::json;

use crate::testing::{Pipeline, component};

/// A pipeline whose only plugin imports what is said.
fn plugin(imports: &[Capability], text: &str) -> Pipeline {
    Pipeline::new(format!("version: 1\nname: x\n{text}"))
        .component("p.wasm", component(PluginKind::Gate).importing(imports))
}

#[test]
fn an_import_without_a_grant_is_refused_with_a_grant_to_paste() {
    let text = "plugins: { p: { source: 'file:p.wasm' } }\nsteps: { a: { uses: p }, b: { uses: p } }\n";
    assert_snapshot!(plugin(&[Capability::Http, Capability::Clock], text).check(), @r#"
    missing-grant p.yaml:3:12: the plugin `p` may not use `http`, which `some-gate` imports
      at `p` this plugin is granted nothing
      note: the component imports `runner:plugin/http` (read from the component itself)
      help: to allow it, add here, as narrow as possible
        grants: { network: ["GET https://example.com/health"] }
    to refuse it, add `network: []`
    exit 7
    "#);
}

#[test]
fn a_plugin_that_could_use_a_secret_needs_none() {
    let text = "plugins: { p: { source: 'file:p.wasm' } }\nsteps: { a: { uses: p } }\n";
    assert_snapshot!(plugin(&[Capability::Secrets, Capability::Reveal], text).check(), @"");
}

#[test]
fn a_grant_of_another_sort_does_not_serve_an_import() {
    let text = "plugins:\n  p:\n    source: file:p.wasm\n    grants: { network: ['tcp://redis:6379'] }\nsteps: { a: { uses: p } }\n";
    assert_snapshot!(plugin(&[Capability::Http, Capability::Tcp], text).check(), @r#"
    missing-grant p.yaml:6:5: the plugin `p` may not use `http`, which `some-gate` imports
      at `grants` nothing here allows it
      note: the component imports `runner:plugin/http` (read from the component itself)
      help: to allow it, add under `grants`, as narrow as possible
        network: ["GET https://example.com/health"]
    exit 7
    "#);
}

#[test]
fn a_step_that_narrows_too_far_is_told() {
    let text = "plugins:\n  p: { source: 'file:p.wasm', grants: { network: ['GET https://x.org/*'], filesystem: { read: [./] } } }\nsteps: { a: { uses: p, grants: { network: ['GET https://x.org/a'] } }, b: { uses: p } }\n";
    assert_snapshot!(plugin(&[Capability::Http, Capability::Files], text).check(), @"
    missing-grant p.yaml:5:24: step `a` may not use `files`, which `some-gate` imports
      at `grants` nothing here allows it
      note: the component imports `runner:plugin/files` (read from the component itself)
      help: to allow it, add under `grants`, as narrow as possible
        filesystem: { read: [requirements.txt] }
    to refuse it, add `filesystem: {}`
    exit 7
    ");
}

#[test]
fn nothing_written_down_is_a_decision() {
    let text = "plugins:\n  p: { source: 'file:p.wasm', grants: { network: [], filesystem: {} } }\nsteps: { a: { uses: p } }\n";
    assert_snapshot!(plugin(&[Capability::Http, Capability::Tcp, Capability::Files], text).check(), @"");
}

/// What is built is read by this grant, and what is copied out is written by it.
#[test]
fn a_plugin_for_docker_can_use_files() {
    let text = "plugins:\n  p:\n    source: file:p.wasm\n    grants:\n      docker: { verbs: [image.build], images: ['a:*'] }\n      filesystem: { read: [docker/] }\nsteps: { a: { uses: p } }\n";
    assert_snapshot!(plugin(&[Capability::Docker], text).check(), @"");
}

#[test]
fn a_grant_that_nothing_can_use_is_refused() {
    let text = "plugins:\n  p:\n    source: file:p.wasm\n    grants:\n      network: ['GET https://x.org/*', 'tcp://redis:6379']\n      filesystem: { read: [a.txt] }\n      env: [LANG]\n      secrets: [s, { name: s, reveal: true }]\nsecrets: { s: { from: 'env:S', allow: [p] } }\nsteps: { a: { uses: p, secrets: [s] } }\n";
    assert_snapshot!(plugin(&[], text).check(), @"
    unused-grant p.yaml:7:17: `some-gate` can never use `GET https://x.org/*`
      at `'GET https://x.org/*'`
      note: the component does not import `runner:plugin/http` or `wasi:http` (read from the component itself)
      help: remove the grant
    unused-grant p.yaml:7:40: `some-gate` can never use `tcp://redis:6379`
      at `'tcp://redis:6379'`
      note: the component does not import `runner:plugin/tcp` or `wasi:sockets` (read from the component itself)
      help: remove the grant
    unused-grant p.yaml:8:19: `some-gate` can never use files
      at `{ read: [a.txt] }`
      note: the component does not import `runner:plugin/files`, `runner:plugin/docker` or `wasi:filesystem` (read from the component itself)
      help: remove the grant
    unused-grant p.yaml:9:12: `some-gate` can never use variables of the environment
      at `[LANG]`
      note: the component does not import `wasi:cli/environment` (read from the component itself)
      help: remove the grant
    unused-grant p.yaml:10:17: `some-gate` can never use the secret `s`
      at `s`
      note: the component does not import `runner:plugin/secrets` or `runner:plugin/reveal` (read from the component itself)
      help: remove the grant
    unused-grant p.yaml:10:20: `some-gate` can never use the bytes of the secret `s`
      at `{ name: s, reveal: true }`
      note: the component does not import `runner:plugin/reveal` (read from the component itself)
      help: remove the grant
    exit 7
    ");
}

#[test]
fn wasi_imports_need_no_grant_and_make_grants_useful() {
    let text = "plugins:\n  p: { source: 'file:p.wasm', grants: { network: ['GET https://x.org/*', 'tcp://redis:6379'], filesystem: { read: [a.txt] }, env: [LANG] } }\n  q: { source: 'file:p.wasm' }\nsteps: { a: { uses: p }, b: { uses: q } }\n";
    let facts = component(PluginKind::Gate).wasi(&[
        "wasi:http/outgoing-handler",
        "wasi:sockets/tcp",
        "wasi:filesystem/types",
        "wasi:cli/environment",
    ]);
    assert_eq!(Pipeline::new(format!("version: 1\nname: x\n{text}")).component("p.wasm", facts).check(), "");
}

#[test]
fn a_step_may_not_widen_what_its_plugin_is_granted() {
    let text = "plugins:\n  p: { source: 'file:p.wasm', grants: { network: ['GET https://x.org/a/*'] } }\nsteps:\n  a: { uses: p, grants: { network: ['GET https://x.org/a/b', 'POST https://x.org/a/b'] } }\n";
    assert_snapshot!(plugin(&[Capability::Http], text).check(), @"
    wider-grant p.yaml:6:62: network rule `POST https://x.org/a/b` is more than the plugin `p` is granted
      at `'POST https://x.org/a/b'`
      at `grants` p.yaml:4:31 the grants of the plugin
      note: the grants of a step may only narrow those of its plugin
      help: add the rule to the plugin, or remove it here
    exit 7
    ");
}

#[test]
fn a_step_of_a_plugin_without_grants_has_nothing_to_narrow() {
    let text = "plugins: { p: { source: 'file:p.wasm' } }\nsteps: { a: { uses: p, grants: { network: ['GET https://x.org/'] } } }\n";
    assert_snapshot!(plugin(&[Capability::Http], text).check(), @"
    wider-grant p.yaml:4:44: network rule `GET https://x.org/` is more than the plugin `p` is granted
      at `'GET https://x.org/'`
      at `p` p.yaml:3:12 this plugin is granted nothing
      note: the grants of a step may only narrow those of its plugin
      help: add the rule to the plugin, or remove it here
    exit 7
    ");
}

#[test]
fn a_grant_beyond_the_policy_is_refused_at_its_rule() {
    let text = "plugins:\n  p:\n    source: file:p.wasm\n    grants:\n      network:\n        - GET https://x.org/*\n        - GET https://y.org/*\n      filesystem: { read: [docs/, src/] }\nsteps: { a: { uses: p } }\n";
    let policy = json!({ "version": 1, "grants": { "network": ["* https://x.org/*"], "filesystem": { "read": ["docs/"] } } });
    assert_snapshot!(plugin(&[Capability::Http, Capability::Files], text).policy(policy).check(), @"
    policy p.yaml:9:11: network rule `GET https://y.org/*`: the operator's policy does not allow it
      at `GET https://y.org/*`
      note: the policy is a ceiling: a pipeline that asks for more is refused, never cut down
      help: ask for less, or ask whoever owns the policy
    policy p.yaml:10:35: reading `src/`: the operator's policy does not allow it
      at `src/`
      note: the policy is a ceiling: a pipeline that asks for more is refused, never cut down
      help: ask for less, or ask whoever owns the policy
    exit 7
    ");
}

#[test]
fn a_docker_grant_beyond_the_policy_is_refused_with_each_rule() {
    let text = "plugins:\n  p:\n    source: file:p.wasm\n    grants:\n      docker: { verbs: [container.create], containers: [web], images: ['app:*'], allow: [privileged] }\nsteps: { a: { uses: p } }\n";
    let block = "{ verbs: [container.create], containers: [web], images: ['app:*'], allow: [privileged] }";
    let refused = |what: &str| {
        format!(
            "policy p.yaml:7:15: the Docker privilege `privileged`: {what}\n  at `{block}`\n  note: the policy is a ceiling: a pipeline \
             that asks for more is refused, never cut down\n  help: ask for less, or ask whoever owns the policy\nexit 7\n"
        )
    };
    let none = "only the operator's policy can allow it, and none is in force that names grants; write one (`{ version: 1, grants: { docker: { \
                verbs: [container.create], …, allow: [\"privileged\"] } } }`) and name it with `--policy`";
    assert_eq!(plugin(&[Capability::Docker], text).check(), refused(none));
    let ceiling = json!({ "verbs": ["container.*"], "containers": ["web"], "images": ["*"] });
    let policy = json!({ "version": 1, "grants": { "docker": ceiling } });
    let beyond = "the operator's policy does not allow it";
    assert_eq!(plugin(&[Capability::Docker], text).policy(policy).check(), refused(beyond));
}

#[test]
fn rules_that_cannot_be_read_are_shown_at_their_place() {
    let text = "plugins:\n  p:\n    source: file:p.wasm\n    grants:\n      network: [https://x.org/, GET https://x.org/]\n      filesystem: { reed: [a] }\n      netwrk: []\n    limits: { memory: lots, tim: 3s }\nsteps: { a: { uses: p } }\n";
    assert_snapshot!(plugin(&[], text).check(), @r#"
    grant p.yaml:7:17: `https://x.org/` names no method: write `GET https://x.org/`, or `* https://x.org/` for all methods
      at `https://x.org/`
      help: for example `GET https://example.com/health`, `GET,POST https://example.com/api/*` or `tcp://redis:6379`
    unknown-key p.yaml:8:21: unknown key `reed`
      at `reed`
      help: for example `filesystem: { read: [requirements.txt, docker/], write: [reports/] }`
    unknown-key p.yaml:9:7: unknown capability `netwrk`
      at `netwrk`
      help: known: network, filesystem, env, secrets, docker, git, command
    limit p.yaml:10:23: expected a size such as `512KiB` or `64MiB`, found `"lots"`
      at `lots`
    unknown-key p.yaml:10:29: unknown limit `tim`; known: memory, time, fuel, output, calls
      at `tim`
    exit 6
    "#);
}

#[test]
fn a_grant_with_an_input_is_tried_with_a_stand_in() {
    let text = "inputs: { port: { type: integer, required: true }, host: {}, bad: { default: 'a/b' } }\nplugins:\n  p: { source: 'file:p.wasm', grants: { network: ['GET http://${{ inputs.host }}:${{ inputs.port }}/health', 'tcp://redis:${{ inputs.host }}', 'GET https://${{ inputs.bad }}/'] } }\nsteps: { a: { uses: p } }\n";
    assert_eq!(plugin(&[Capability::Http, Capability::Tcp], text).check(), "");
}

#[test]
fn a_grant_that_no_input_can_save_is_refused() {
    let text = "inputs: { x: {} }\nplugins:\n  p: { source: 'file:p.wasm', grants: { network: ['GET ${{ inputs.x }}'] } }\nsteps: { a: { uses: p } }\n";
    assert_snapshot!(plugin(&[Capability::Http], text).check(), @"
    grant p.yaml:5:51: `x` must start with `http://` or `https://`
      at `'GET ${{ inputs.x }}'`
      note: tried with `inputs.x = x`
      help: for example `GET https://example.com/health`, `GET,POST https://example.com/api/*` or `tcp://redis:6379`
    exit 6
    ");
}

#[test]
fn grants_see_inputs_and_in_a_step_its_matrix() {
    let text = "env: { A: x }\nplugins:\n  p: { source: 'file:p.wasm', grants: { network: ['GET http://${{ matrix.host }}/', 'GET http://${{ env.A }}/', 'GET http://${{ inputs.x }}/'] } }\nsteps: { a: { uses: p, matrix: { host: [a, b] }, grants: { network: ['GET http://${{ steps.a.result }}/'] } } }\n";
    assert_snapshot!(plugin(&[Capability::Http], text).check(), @"
    not-visible p.yaml:5:67: `matrix` cannot be used in the grants of a plugin
      at `matrix.host`
      help: what can be used there: `inputs`, `target`
    not-visible p.yaml:5:101: `env` cannot be used in the grants of a plugin
      at `env.A`
      help: what can be used there: `inputs`, `target`
    unknown-input p.yaml:5:129: there is no input `x`
      at `inputs.x`
      help: there are no inputs
    not-visible p.yaml:6:86: `steps` cannot be used in the grants of a step
      at `steps.a.result`
      help: what can be used there: `inputs`, `matrix`, `target`
    exit 6
    ");
}

#[test]
fn a_matrix_value_that_could_widen_a_grant_is_refused() {
    let text = "plugins:\n  p: { source: 'file:p.wasm', grants: { network: ['GET http://*.x.org/*'] } }\nsteps: { a: { uses: p, matrix: { host: [a.x.org, 'b.x.org/*'] }, grants: { network: ['GET http://${{ matrix.host }}/'] } } }\n";
    assert_snapshot!(plugin(&[Capability::Http], text).check(), @"
    grant-value p.yaml:5:66: `matrix.host` is `b.x.org/*`, which cannot become part of a grant
      at `grants` in these grants
      note: a value in a grant holds letters, digits, `.`, `-` and `_` only: anything else could widen the rule
      help: write the rule out, or choose another value
    exit 7
    ");
}

#[test]
fn a_command_grant_is_held_against_the_policy_and_against_what_is_imported() {
    let text = "plugins:\n  p: { source: 'file:p.wasm', grants: { command: [{ program: kubectl, args: [get, '*'] }, { program: helm }] } }\nsteps: { a: { uses: p, grants: { command: [{ program: kubectl, args: ['**'] }] } } }\n";
    let policy = json!({ "version": 1, "grants": { "command": [{ "program": "kubectl", "args": ["**"] }] } });
    assert_snapshot!(plugin(&[Capability::Command], text).policy(policy).check(), @"
    policy p.yaml:4:91: command `helm`: the operator's policy does not allow it
      at `{ program: helm }`
      note: the policy is a ceiling: a pipeline that asks for more is refused, never cut down
      help: ask for less, or ask whoever owns the policy
    wider-grant p.yaml:5:44: command `kubectl **` is more than the plugin `p` is granted
      at `{ program: kubectl, args: ['**'] }`
      at `grants` p.yaml:4:31 the grants of the plugin
      note: the grants of a step may only narrow those of its plugin
      help: add the rule to the plugin, or remove it here
    exit 7
    ");
    assert_snapshot!(plugin(&[Capability::Http], "plugins: { p: { source: 'file:p.wasm', grants: { network: [], command: [{ program: helm }] } } }\nsteps: { a: { uses: p } }\n").check(), @"
    unused-grant p.yaml:3:72: `some-gate` can never use `command`
      at `[{ program: helm }]`
      note: the component does not import `runner:plugin/command` (read from the component itself)
      help: remove the grant
    exit 7
    ");
}

#[test]
fn git_and_docker_grants_are_held_against_the_policy() {
    let text = "plugins:\n  p: { source: 'file:p.wasm', grants: { git: [refs, { repository: ., verbs: [tag], refs: ['refs/tags/*'] }], docker: { verbs: [container.inspect], containers: ['*'] } } }\nsteps: { a: { uses: p } }\n";
    let imports = [Capability::Git, Capability::Docker];
    let policy = json!({ "version": 1, "grants": { "git": ["refs"], "docker": { "verbs": ["container.inspect"], "containers": ["web-*"] } } });
    assert_snapshot!(plugin(&imports, text).policy(policy).check(), @"
    policy p.yaml:4:53: git: `tag` in `.`, as far as this goes: the operator's policy does not allow it
      at `{ repository: ., verbs: [tag], refs: ['refs/tags/*'] }`
      note: the policy is a ceiling: a pipeline that asks for more is refused, never cut down
      help: ask for less, or ask whoever owns the policy
    policy p.yaml:4:118: containers `*`: the operator's policy does not allow it
      at `{ verbs: [container.inspect], containers: ['*'] }`
      note: the policy is a ceiling: a pipeline that asks for more is refused, never cut down
      help: ask for less, or ask whoever owns the policy
    exit 7
    ");
}

#[test]
fn a_shell_that_a_plugin_may_fill_in_is_warned_of() {
    let text = "plugins:\n  p: { source: 'file:p.wasm', grants: { command: [{ program: sh, args: [-c, '*'] }, { program: sh, args: [deploy.sh] }] } }\nsteps: { a: { uses: p } }\n";
    assert_snapshot!(plugin(&[Capability::Command], text).check(), @"
    warning open-ended-command p.yaml:4:51: `sh -c *` allows nearly anything
      at `{ program: sh, args: [-c, '*'] }`
      note: the program does what its arguments say, and a `*` lets the plugin say it
      help: write the arguments in full, or name the program that is meant
    ");
}
