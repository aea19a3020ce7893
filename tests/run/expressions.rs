//! Values that travel between steps.

use serde_json::json;

use crate::harness::Project;

#[test]
fn a_lone_expression_keeps_its_type_and_others_become_text() {
    let project = Project::with(
        "
version: 1
name: values
inputs:
  count: { type: integer, default: 2 }
plugins: { gate: { source: guest:gate_answer } }
steps:
  make-it:
    uses: gate
    with: { outputs: { value: [1, '${{ inputs.count }}'], other: { deep: '${{ inputs.count > 1 }}' } } }
    outputs: { list: value, map: other }
  use-it:
    uses: gate
    needs: [make-it]
    if: steps.make-it.outputs.map.deep && steps.make-it.result == 'success'
    with:
      summary: 'got ${{ steps.make-it.outputs.list }} of ${{ run.name }}'
      outputs: { value: '${{ size(steps.make-it.outputs.list) + inputs.count }}' }
",
    );
    let run = project.exec(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let outcomes: Vec<_> = project
        .journal()
        .into_iter()
        .filter(|entry| entry["type"] == "step-ended")
        .map(|entry| (entry["outcome"]["summary"].clone(), entry["outcome"]["outputs"].clone()))
        .collect();
    assert_eq!(
        outcomes,
        [
            (json!("make-it attempt 1"), json!({ "list": [1, 2], "map": { "deep": true } })),
            (json!("got [1,2] of values"), json!({ "value": 4 })),
        ]
    );
}

#[test]
fn an_expression_without_a_value_fails_its_step() {
    let project = Project::with(
        "
version: 1
name: nothing
plugins: { gate: { source: guest:gate_answer } }
steps:
  first: { uses: gate }
  next:  { uses: gate, needs: [first], with: { summary: '${{ steps.first.outputs.value }}' } }
",
    );
    let run = project.exec(&[]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert_eq!(project.results(), ["first success", "next error"]);
}

/// Requirement 003-20: inputs with patterns.
#[test]
fn inputs_are_held_against_their_declaration() {
    let project = Project::with(
        "
version: 1
name: inputs
inputs:
  tag:  { type: string, required: true, pattern: 'v[0-9]+\\.[0-9]+\\.[0-9]+-l9' }
  kind: { type: enum, values: [build, pull], default: pull }
plugins: { gate: { source: guest:gate_answer } }
steps:
  show: { uses: gate, with: { summary: '${{ inputs.tag }} by ${{ inputs.kind }}' } }
",
    );
    assert_eq!(project.exec(&["--input", "tag=v1.2.3-l9"]).code, 0);
    for wrong in
        [&[][..], &["-i", "tag=v1.2.3-l9x"], &["-i", "tag=v1.2.3-l9", "-i", "kind=buy"], &["-i", "x=1"]]
    {
        let run = project.exec(wrong);
        assert_eq!(run.code, 2, "{wrong:?}: {}", run.stderr);
    }
}

/// Requirement 000-16: no push for a pull request.
#[test]
fn what_set_the_run_off_decides_what_it_does() {
    let project = Project::with(
        "
version: 1
name: events
on: { push: {}, pull_request: {} }
plugins: { gate: { source: guest:gate_answer } }
steps:
  build: { uses: gate }
  push:  { uses: gate, needs: [build], if: \"event.name != 'pull_request'\" }
",
    );
    for (event, pushed) in [("push", "push success"), ("pull_request", "push skipped")] {
        let run = project.exec(&["--event", event]);
        assert_eq!(run.code, 0, "{event}: {}", run.stderr);
        assert_eq!(project.results(), ["build success", pushed], "{event}");
    }
}
