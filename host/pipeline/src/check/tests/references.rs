use insta::assert_snapshot;

use crate::testing::Pipeline;

#[test]
fn names_that_lead_nowhere_are_shown_inside_the_text() {
    let text = "inputs: { ref: {}, tag: {} }\nenv: { A: '1' }\nsteps:\n  a:\n    uses: gate\n    matrix: { suite: [x] }\n    if: inputs.reff == 'x' && event.nam == 'push'\n    with:\n      ü: ['before ${{ inputs.tagg }}']\n      b: '${{ matrix.suit }} ${{ run.idd }}'\n      c: '${{ env.B }}'\n      d: '${{ steps.b.outputs.x }}'\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    unknown-input p.yaml:11:9: there is no input `reff`
      at `inputs.reff`
      help: did you mean `ref`?
    unknown-name p.yaml:11:31: `event` has no `nam`
      at `event.nam`
      help: did you mean `name`?
    unknown-input p.yaml:13:23: there is no input `tagg`
      at `inputs.tagg`
      help: did you mean `tag`?
    unknown-matrix p.yaml:14:15: there is no matrix value `suit`
      at `matrix.suit`
      help: did you mean `suite`?
    unknown-name p.yaml:14:34: `run` has no `idd`
      at `run.idd`
      help: did you mean `id`?
    unknown-variable p.yaml:15:15: there is no variable `B`
      at `env.B`
      note: `env` holds what the pipeline says, not the environment of the runner
      help: variables: `A`
    unknown-step p.yaml:16:15: there is no step `b`
      at `steps.b.outputs.x`
      help: steps: `a`
    exit 6
    ");
}

#[test]
fn a_step_sees_its_own_variables_and_those_of_the_pipeline() {
    let text = "env: { A: '1' }\nsteps:\n  a: { uses: gate, env: { B: '${{ env.A }}' }, with: { x: '${{ env.A }}${{ env.B }}' } }\n";
    assert_eq!(Pipeline::with_plugins(text).check(), "");
}

#[test]
fn variables_are_settled_before_the_run() {
    let text = "env: { A: '${{ run.id }}', B: '${{ env.A }}' }\nsteps:\n  a: { uses: gate }\n  b: { uses: gate, needs: [a], env: { C: '${{ steps.a.summary }}', D: '${{ env.E }}', E: '1' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    not-visible p.yaml:5:16: `run` cannot be used in `env`
      at `run.id`
      note: variables are settled before the run
      help: what can be used there: `inputs`, `event`
    not-visible p.yaml:5:36: `env` cannot be used in `env`
      at `env.A`
      help: what can be used there: `inputs`, `event`
    not-visible p.yaml:8:47: `steps` cannot be used in `env`
      at `steps.a.summary`
      note: variables are settled before the run
      help: what can be used there: `inputs`, `env`, `matrix`, `event`
    unknown-variable p.yaml:8:76: there is no variable `E`
      at `env.E`
      note: `env` holds what the pipeline says, not the environment of the runner
      help: variables: `A`, `B`
    exit 6
    ");
}

#[test]
fn only_steps_that_are_needed_can_be_read() {
    let text = "steps:\n  a: { uses: gate }\n  b: { uses: gate, needs: [a] }\n  c: { uses: gate, needs: [b], with: { x: '${{ steps.a.outputs.answer }}', y: '${{ steps.d.result }}', z: '${{ steps.c.summary }}' } }\n  d: { uses: gate }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    not-needed p.yaml:8:84: step `c` reads `d` without needing it
      at `steps.d.result`
      at `d` p.yaml:9:3 this step is not needed, directly or not
      note: order comes from `needs` alone, and so does what can be read
      help: add `d` to the `needs` of `c`
    not-needed p.yaml:8:112: step `c` reads itself
      at `steps.c.summary`
      help: a step can read those that it needs
    exit 6
    ");
}

#[test]
fn only_outputs_that_exist_can_be_read() {
    let text = "steps:\n  a: { uses: gate }\n  b: { uses: gate, outputs: { mine: answer, other: nothing } }\n  c: { uses: checkpoint, needs: [a, b] }\n  d: { uses: gate, needs: [c], with: { a: '${{ steps.a.outputs.anser }}', b: '${{ steps.b.outputs.answer }}', c: '${{ steps.c.outputs.x }}', d: '${{ steps.b.outputs.mine }}', e: '${{ steps.a.output.x }}' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    unknown-output p.yaml:7:52: `some-gate` has no output `nothing`
      at `nothing`
      note: the component says itself which outputs it may set
      help: outputs: `answer`, `tag`
    unknown-output p.yaml:9:48: step `a` has no output `anser`
      at `steps.a.outputs.anser`
      note: the component says itself which outputs it may set
      help: did you mean `answer`?
    unknown-output p.yaml:9:83: step `b` has no output `answer`
      at `steps.b.outputs.answer`
      note: its `outputs` says which of the plugin's it shows, and under which names
      help: outputs: `mine`, `other`
    unknown-output p.yaml:9:119: step `c` has no output `x`
      at `steps.c.outputs.x`
      note: a built-in step sets no outputs
      help: there are no outputs
    unknown-name p.yaml:9:184: `steps.<id>` has no `output`
      at `steps.a.output.x`
      help: did you mean `outputs`?
    exit 6
    ");
}

#[test]
fn a_matrix_is_read_one_combination_at_a_time() {
    let text = "steps:\n  m: { uses: gate, matrix: { x: [one, two] } }\n  a: { uses: gate, needs: [m], with: { a: '${{ steps.m.outputs.answer }}', b: '${{ steps[\"m[one]\"].outputs.answer }}', c: '${{ steps.m.result }}', d: '${{ steps[\"m[three]\"].result }}' } }\n  b: { uses: gate, needs: ['m[one]'], with: { a: '${{ steps[\"m[one]\"].outputs.tag }}', b: '${{ steps[\"m[two]\"].outputs.tag }}', c: '${{ steps.m.result }}' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @r#"
    matrix-outputs p.yaml:7:48: `m` is a matrix: it has no outputs as a whole
      at `steps.m.outputs.answer`
      at `matrix` p.yaml:6:20 it has one set of outputs per combination
      help: name one combination: `steps["m[one]"].outputs`
    unknown-step p.yaml:7:156: there is no step `m[three]`
      at `steps["m[three]"].result`
      help: steps: `m[one]`, `m[two]`
    not-needed p.yaml:8:96: step `b` reads `m[two]` without needing it
      at `steps["m[two]"].outputs.tag`
      at `m` p.yaml:6:3 this step is not needed, directly or not
      note: order comes from `needs` alone, and so does what can be read
      help: add `m[two]` to the `needs` of `b`
    not-needed p.yaml:8:137: step `b` reads `m` without needing it
      at `steps.m.result`
      at `m` p.yaml:6:3 this step is not needed, directly or not
      note: order comes from `needs` alone, and so does what can be read
      help: add `m` to the `needs` of `b`
    exit 6
    "#);
}

#[test]
fn which_step_is_read_is_written_out() {
    let text = "inputs: { x: {} }\nsteps:\n  a: { uses: gate }\n  b: { uses: gate, needs: [a], with: { a: '${{ steps[inputs.x].result }}', b: '${{ size(steps) }}' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    expression p.yaml:8:48: which step is read must be written out: `steps.build.result`
      at `steps`
      note: so that it is known before the run that the step has ended by then
    exit 6
    ");
}

#[test]
fn status_functions_stand_in_if_only() {
    let text = "steps:\n  a: { uses: gate, if: always(), with: { x: '${{ 1 }} ${{ failure() }}' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    expression p.yaml:6:45: `success()`, `failure()`, `always()` and `aborted()` mean nothing in `with`
      at `'${{ 1 }} ${{ failure() }}'`
      help: they stand in `if` only; `run.status` is a value
    exit 6
    ");
}

#[test]
fn a_message_sees_the_run_and_no_steps() {
    let text = "inputs: { x: {} }\nsteps: { a: { uses: gate } }\nnotify:\n  - { on: [run.failed], uses: notifier, if: run.status == 'failed', with: { a: '${{ inputs.x }} ${{ run.failed_step }}', b: '${{ steps.a.summary }}' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    not-visible p.yaml:9:130: `steps` cannot be used in `notify`
      at `steps.a.summary`
      note: an entry of `notify` needs no steps, so none has certainly ended; the notifier is told the state of all
      help: what can be used there: `inputs`, `env`, `run`, `event`, `target`
    exit 6
    ");
}

#[test]
fn what_runs_at_the_end_reads_what_it_needs() {
    let text = "steps: { a: { uses: gate } }\nfinally:\n  b: { uses: gate, needs: [{ step: a, result: [success, failure, skipped] }], with: { x: '${{ steps.a.result }}' } }\n  c: { uses: gate, with: { x: '${{ steps.a.result }}' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    not-needed p.yaml:8:36: step `c` reads `a` without needing it
      at `steps.a.result`
      at `a` p.yaml:5:10 this step is not needed, directly or not
      note: order comes from `needs` alone, and so does what can be read
      help: add it to `needs` with every result after which `c` is to run: `{ step: a, result: [success, warn, failure, error, skipped, aborted] }`
    exit 6
    ");
}

#[test]
fn a_question_to_a_person_can_hold_expressions() {
    let text = "inputs: { x: {} }\nsteps: { a: { uses: approval, with: { message: 'Deploy ${{ inputs.x }} or ${{ inputs.y }}?' } } }\n";
    assert_snapshot!(Pipeline::new(format!("version: 1\nname: x\n{text}")).check(), @"
    unknown-input p.yaml:4:79: there is no input `y`
      at `inputs.y`
      help: inputs: `x`
    exit 6
    ");
}

#[test]
fn ten_thousand_steps_that_read_the_first_one_are_checked() {
    let mut text = "steps:\n  s0: { uses: gate }\n".to_owned();
    for step in 1..10_000 {
        text.push_str(&format!(
            "  s{step}:\n    uses: gate\n    needs: [s{}]\n    with: {{ x: '${{{{ steps.s0.outputs.tag }}}}', y: '${{{{ steps.s{}.result }}}}' }}\n",
            step - 1,
            step / 2
        ));
    }
    let plan = Pipeline::with_plugins(&text).plan();
    assert_eq!((plan.steps.len(), plan.steps[9_999].id.as_str()), (10_000, "s9999"));
}
