use insta::assert_snapshot;
use runner_capabilities::Capability;
use runner_model::PluginKind;

use crate::testing::{Pipeline, component};

fn slack(text: &str) -> String {
    let facts = component(PluginKind::Notifier).importing(&[Capability::Secrets]);
    Pipeline::new(format!("version: 1\nname: x\n{text}")).component("slack.wasm", facts).check()
}

const STEPS: &str = "steps: { a: { uses: slack, secrets: [hook] } }\n";

#[test]
fn a_secret_that_all_three_keys_agree_on_is_used() {
    let text = "secrets: { hook: { from: 'env:HOOK', allow: [slack] } }\nplugins: { slack: { source: 'file:slack.wasm', grants: { secrets: [hook] } } }\n";
    assert_eq!(slack(&format!("{text}{STEPS}")), "");
}

/// Requirement 004-32: each job sees its own token only.
#[test]
fn a_secret_is_only_for_the_plugins_it_allows() {
    let text = "secrets: { hook: { from: 'env:HOOK', allow: [slak] } }\nplugins: { slack: { source: 'file:slack.wasm', grants: { secrets: [hook] } } }\n";
    assert_snapshot!(slack(&format!("{text}{STEPS}")), @"
    unknown-plugin p.yaml:3:46: there is no plugin `slak`
      at `slak`
      help: did you mean `slack`?
    secret-not-allowed p.yaml:5:38: the plugin `slack` may not use the secret `hook`
      at `hook` used here
      at `hook` p.yaml:3:12 its `allow` does not name the plugin
      help: if it should, add `slack` to the `allow` of `hook`
    exit 6
    ");
}

#[test]
fn a_secret_that_is_not_granted_is_refused_with_a_grant_to_paste() {
    let text = "secrets: { hook: { from: 'env:HOOK', allow: [slack] } }\nplugins: { slack: { source: 'file:slack.wasm' } }\n";
    assert_snapshot!(slack(&format!("{text}{STEPS}")), @"
    secret-not-granted p.yaml:5:38: step `a` uses the secret `hook`, which its grants do not name
      at `hook` used here
      at `slack` p.yaml:4:12 this plugin is granted nothing
      help: to allow it, add there
        grants: { secrets: [hook] }
    exit 7
    ");
}

#[test]
fn secrets_that_do_not_exist_or_are_not_used_are_shown() {
    let text = "secrets: { hook: { from: 'env:HOOK', allow: [slack] }, rest: { from: 'file:x', allow: [slack] } }\nplugins: { slack: { source: 'file:slack.wasm', grants: { secrets: [hoook, hook, rest, '${{ inputs.x }}'] } } }\nsteps: { a: { uses: slack, secrets: [hok] } }\n";
    assert_snapshot!(slack(text), @"
    unused-secret p.yaml:3:12: no step uses the secret `hook`
      at `hook`
      note: a step that uses a secret lists it under `secrets`
      help: remove it here, or add it to the step
    unused-secret p.yaml:3:56: no step uses the secret `rest`
      at `rest`
      note: a step that uses a secret lists it under `secrets`
      help: remove it here, or add it to the step
    unknown-secret p.yaml:4:68: there is no secret `hoook`
      at `hoook`
      help: did you mean `hook`?
    unused-grant p.yaml:4:75: the secret `hook` is granted, but no step with this grant uses it
      at `hook`
      note: a step that uses a secret lists it under `secrets`
      help: remove the grant, or write `secrets: [hook]` in the step
    unused-grant p.yaml:4:81: the secret `rest` is granted, but no step with this grant uses it
      at `rest`
      note: a step that uses a secret lists it under `secrets`
      help: remove the grant, or write `secrets: [rest]` in the step
    expression p.yaml:4:87: a secret is named, never computed
      at `'${{ inputs.x }}'`
      help: write its name
    unknown-input p.yaml:4:92: there is no input `x`
      at `inputs.x`
      help: there are no inputs
    unknown-secret p.yaml:5:38: there is no secret `hok`
      at `hok`
      help: did you mean `hook`?
    exit 6
    ");
}

#[test]
fn a_secret_never_stands_in_the_pipeline() {
    let text = "secrets: { hook: { from: hunter2, allow: [slack] } }\nplugins: { slack: { source: 'file:slack.wasm', grants: { secrets: [hook] } } }\n";
    assert_snapshot!(slack(&format!("{text}{STEPS}")), @"
    wrong-value p.yaml:3:26: a secret comes from a variable or a file
      at `hunter2`
      note: the secret itself never stands in a pipeline
      help: write `from: env:SLACK_WEBHOOK` or `from: file:secrets/slack`
    exit 6
    ");
}

#[test]
fn a_step_that_is_granted_a_secret_lists_it() {
    let text = "secrets: { hook: { from: 'env:HOOK', allow: [slack] } }\nplugins: { slack: { source: 'file:slack.wasm', grants: { secrets: [hook] } } }\nsteps: { a: { uses: slack, secrets: [hook] }, b: { uses: slack, grants: { secrets: [hook] } } }\n";
    assert_snapshot!(slack(text), @"
    unused-grant p.yaml:5:85: the secret `hook` is granted, but no step with this grant uses it
      at `hook`
      note: a step that uses a secret lists it under `secrets`
      help: remove the grant, or write `secrets: [hook]` in the step
    exit 7
    ");
}
