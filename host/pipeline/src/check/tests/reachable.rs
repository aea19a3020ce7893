use insta::assert_snapshot;

use crate::testing::Pipeline;

#[test]
fn two_conditions_that_exclude_each_other_along_the_needs_are_both_shown() {
    let text = "inputs: { ref: { required: true } }\nsteps:\n  build: { uses: gate }\n  deploy-staging: { uses: gate, needs: [build], if: inputs.ref == 'refs/heads/main' }\n  smoke: { uses: gate, needs: [deploy-staging] }\n  deploy-production: { uses: gate, needs: [smoke], if: \"${{ inputs.ref.startsWith('refs/tags/v') }}\" }\n  announce: { uses: notifier, needs: [deploy-production] }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @r#"
    unreachable-step p.yaml:11:56: step `deploy-production` can never run
      at `"${{ inputs.ref.startsWith('refs/tags/v') }}"` when this is true …
      at `inputs.ref == 'refs/heads/main'` p.yaml:9:53 … this is not, and so `deploy-staging` is skipped
      at `smoke` p.yaml:11:44 needed here
      note: a step that is skipped skips the steps that need it
      note: so these can never run either: `announce`
      help: change one of the two conditions, or say which results are accepted: `{ step: …, result: [success, skipped] }`
    exit 6
    "#);
}

#[test]
fn accepting_a_skipped_step_makes_the_next_one_reachable() {
    let text = "inputs: { ref: {} }\nsteps:\n  staging: { uses: gate, if: inputs.ref == 'refs/heads/main' }\n  production: { uses: gate, needs: [{ step: staging, result: [success, skipped] }], if: \"inputs.ref.startsWith('refs/tags/v')\" }\n";
    assert_eq!(Pipeline::with_plugins(text).check(), "");
}

#[test]
fn a_condition_that_is_never_true_is_shown() {
    let text = "inputs: { env: { type: enum, values: [staging, production] }, dry: { type: boolean, default: false } }\nsteps:\n  a: { uses: gate, if: inputs.env == 'prod' }\n  b: { uses: gate, if: inputs.dry && !inputs.dry }\n  c: { uses: gate, if: \"event.name == 'push'\" }\n  d: { uses: gate, if: \"inputs.env == 'production' && !inputs.dry\" }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @r#"
    unreachable-step p.yaml:7:24: step `a` can never run
      at `inputs.env == 'prod'` this is never true
      note: every value that its inputs can have was tried
      help: change the condition, or remove the step
    unreachable-step p.yaml:8:24: step `b` can never run
      at `inputs.dry && !inputs.dry` this is never true
      note: every value that its inputs can have was tried
      help: change the condition, or remove the step
    unreachable-step p.yaml:9:24: step `c` can never run
      at `"event.name == 'push'"` this is never true
      note: every value that its inputs can have was tried
      help: change the condition, or remove the step
    exit 6
    "#);
}

#[test]
fn an_event_that_is_declared_can_happen() {
    let text = "on: { manual: {}, push: {} }\nsteps: { a: { uses: gate, if: event.name == 'push' } }\n";
    assert_eq!(Pipeline::with_plugins(text).check(), "");
}

#[test]
fn what_is_not_known_may_be_anything() {
    let text = "inputs: { n: { type: integer }, ref: {} }\nsteps:\n  a: { uses: gate, if: inputs.n > 3 && inputs.n < 2 }\n  b: { uses: gate, needs: [a], if: steps.a.outputs.tag == 'x' && run.status == 'y' }\n  c: { uses: gate, if: \"inputs.ref.matches('^v') && inputs.ref == 'x'\" }\n  d: { uses: gate, if: size(inputs.ref) > 300 }\n  e: { uses: gate, if: has(steps.b.outputs.tag), needs: [b] }\n";
    assert_eq!(Pipeline::with_plugins(text).check(), "");
}

#[test]
fn texts_that_satisfy_several_questions_at_once_are_thought_of() {
    let text = "inputs: { ref: {} }\nsteps:\n  a: { uses: gate, if: \"inputs.ref.startsWith('refs/') && inputs.ref.endsWith('-rc') && inputs.ref.contains('v1') && inputs.ref.contains('beta') && inputs.ref != 'x'\" }\n  b: { uses: gate, if: \"inputs.ref.startsWith('ab') && inputs.ref.startsWith('abc')\" }\n";
    assert_eq!(Pipeline::with_plugins(text).check(), "");
}

#[test]
fn a_text_that_its_own_pattern_excludes_is_never_given() {
    let text = "inputs: { tag: { required: true, pattern: 'v[0-9]+' } }\nsteps: { a: { uses: gate, if: inputs.tag == 'latest' }, b: { uses: gate, if: inputs.tag == 'v1' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    unreachable-step p.yaml:6:31: step `a` can never run
      at `inputs.tag == 'latest'` this is never true
      note: every value that its inputs can have was tried
      help: change the condition, or remove the step
    exit 6
    ");
}

#[test]
fn results_that_cannot_be_are_shown() {
    let text = "steps:\n  a: { uses: checkpoint }\n  b: { uses: gate, needs: [{ step: a, result: [failure] }] }\n  c: { uses: gate, needs: [{ step: a, result: [] }] }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    unreachable-step p.yaml:7:3: step `b` can never run
      at `b`
      at `a` p.yaml:7:36 this never ends with a result that is accepted here
      help: change what is needed, or which results are accepted
    unreachable-step p.yaml:8:3: step `c` can never run
      at `c`
      at `a` p.yaml:8:36 this never ends with a result that is accepted here
      help: change what is needed, or which results are accepted
    exit 6
    ");
}

#[test]
fn a_step_that_goes_on_in_any_case_accepts_its_failure() {
    let text = "steps:\n  a: { uses: gate, continue_on_error: true }\n  b: { uses: gate, needs: [{ step: a, result: [aborted] }] }\n";
    assert_eq!(Pipeline::with_plugins(text).check(), "");
}

#[test]
fn status_functions_look_past_the_results_of_needs() {
    let text = "steps:\n  a: { uses: gate, if: false }\n  b: { uses: gate, needs: [a], if: always() }\n  c: { uses: gate, needs: [a], if: failure() }\n  d: { uses: gate, needs: [a] }\n  e: { uses: gate, needs: [a], if: success() && aborted() }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    warning unreachable-step p.yaml:6:24: step `a` can never run
      at `false` it is switched off here
      note: so these can never run either: `d`
    unreachable-step p.yaml:10:36: step `e` can never run
      at `success() && aborted()` this is never true
      note: every value that its inputs can have was tried
      help: change the condition, or remove the step
    exit 6
    ");
}

#[test]
fn a_matrix_step_runs_if_some_combination_does_and_is_met_if_all_do() {
    let text = "steps:\n  a: { uses: gate, matrix: { os: [linux, windows] }, if: matrix.os == 'linux' }\n  b: { uses: gate, needs: [a] }\n  c: { uses: gate, needs: ['a[linux]'] }\n  d: { uses: gate, matrix: { os: [linux] }, if: matrix.os == 'mac' }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    unreachable-step p.yaml:7:3: step `b` can never run
      at `b`
      at `matrix.os == 'linux'` p.yaml:6:58 … this is not for every combination of `a`, so one is skipped
      at `a` p.yaml:7:28 needed here
      note: a step that is skipped skips the steps that need it
      help: change one of the two conditions, or say which results are accepted: `{ step: …, result: [success, skipped] }`
    unreachable-step p.yaml:9:49: step `d` can never run
      at `matrix.os == 'mac'` this is never true
      note: every value that its inputs can have was tried
      help: change the condition, or remove the step
    exit 6
    ");
}

#[test]
fn variables_that_are_written_out_are_known() {
    let text = "env: { MODE: full }\nsteps:\n  a: { uses: gate, if: env.MODE == 'quick' }\n  b: { uses: gate, if: env.MODE == 'quick', env: { MODE: quick } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    unreachable-step p.yaml:7:24: step `a` can never run
      at `env.MODE == 'quick'` this is never true
      note: every value that its inputs can have was tried
      help: change the condition, or remove the step
    exit 6
    ");
}

#[test]
fn needs_that_never_come_together_are_shown() {
    let text = "inputs: { x: { type: boolean, required: true } }\nsteps:\n  a: { uses: gate, if: inputs.x }\n  b: { uses: gate, if: '!inputs.x' }\n  c: { uses: gate, needs: [a, b] }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    unreachable-step p.yaml:9:3: step `c` can never run
      at `c`
      at `a` p.yaml:9:28 needed here
      at `b` p.yaml:9:31 needed here
      note: what it needs never ends as it has to all at once, whatever the inputs are
      help: change what is needed, or which results are accepted
    exit 6
    ");
}

#[test]
fn too_many_inputs_are_left_open_rather_than_tried_for_ever() {
    let inputs: String =
        (0..40).map(|index| format!("x{index}: {{ type: boolean, default: false }}, ")).collect();
    let all = (0..40).map(|index| format!("inputs.x{index}")).collect::<Vec<_>>().join(" && ");
    let text = format!(
        "inputs: {{ {inputs} }}\nsteps:\n  a: {{ uses: gate, if: {all} }}\n  b: {{ uses: gate, if: inputs.x0 && !inputs.x0 }}\n"
    );
    assert_eq!(
        Pipeline::with_plugins(&text).check().lines().next(),
        Some("unreachable-step p.yaml:8:24: step `b` can never run")
    );
}
