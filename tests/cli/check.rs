//! `runner check`: everything at once, each problem with its place and what to write instead.

use crate::harness::Project;

fn check(pipeline: &str) -> String {
    Project::with(pipeline).runner(&["check", "pipeline.yaml"]).all()
}

#[test]
fn all_problems_of_a_file_are_shown_at_once() {
    insta::assert_snapshot!(check(
        "
version: 1
name: many
inputs: { fast: { type: boolean, default: true } }
plugins:
  gate: { source: guest:gate_answer, grants: { network: ['GET http://127.0.0.1:80/'] } }
  files: { source: guest:action_file }
steps:
  a:    { uses: gate, neds: [b] }
  b:    { uses: gaet }
  c:    { uses: gate, needs: [d, nobody] }
  d:    { uses: gate, needs: [c] }
  e:    { uses: gate, timeout: soon, timeout: 1s }
  f:    { uses: gate, with: { decision: maybe, summary: 3 } }
  g:    { uses: gate, with: { summary: '${{ steps.f.outputs.value }}' } }
  h:    { uses: gate, needs: [f], with: { summary: '${{ steps.f.outputs.nothing }}' } }
  i:    { uses: gate, if: inputs.fast && !inputs.fast }
  j:    { uses: gate, if: 'inputs.fast &&' }
  k:    { uses: files, with: { path: x, text: y } }
  l:    { uses: gate, undo: { uses: gate } }
drift: {}
"
    ));
}

/// Requirement 000-21: a production job that can never be reached is found.
#[test]
fn a_step_that_can_never_run_is_found_with_both_reasons() {
    insta::assert_snapshot!(check(
        "
version: 1
name: unreachable
inputs: { ref: { type: string, default: refs/heads/main } }
plugins: { gate: { source: guest:gate_answer } }
steps:
  staging:    { uses: gate, if: \"inputs.ref == 'refs/heads/main'\" }
  production: { uses: gate, needs: [staging], if: \"inputs.ref.startsWith('refs/tags/v')\" }
"
    ));
}

#[test]
fn a_pipeline_in_order_is_said_to_be() {
    insta::assert_snapshot!(check(
        "
version: 1
name: fine
plugins: { gate: { source: guest:gate_answer } }
steps:
  ask: { uses: gate }
"
    ));
}

#[test]
fn parts_are_included_and_clashes_shown_in_both_files() {
    let project = Project::with(
        "
version: 1
name: whole
include: [parts/gates.yaml]
steps:
  first: { uses: gate }
",
    )
    .file("parts/gates.yaml", "plugins: { gate: { source: guest:gate_answer } }\nsteps:\n  second: { uses: gate, needs: [first] }\n");
    assert_eq!(project.exec(&[]).code, 0);
    assert_eq!(project.results(), ["first success", "second success"]);
    project.write(
        "parts/gates.yaml",
        project.with_components(
            "plugins: { gate: { source: guest:gate_answer } }\nsteps:\n  first: { uses: gate }\n",
        ),
    );
    insta::assert_snapshot!(project.runner(&["check", "pipeline.yaml"]).all());
}

/// 10,000 steps are checked; how long it takes is measured by the benchmarks.
#[test]
fn ten_thousand_steps_are_checked() {
    let mut pipeline =
        "version: 1\nname: large\nplugins: { gate: { source: guest:gate_answer } }\nsteps:\n".to_owned();
    for step in 0..10_000 {
        let needs = if step == 0 { String::new() } else { format!(", needs: [s{}]", step - 1) };
        pipeline
            .push_str(&format!("  s{step}: {{ uses: gate{needs}, with: {{ summary: 'step {step}' }} }}\n"));
    }
    let run = Project::with(&pipeline).runner(&["check", "pipeline.yaml"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}
