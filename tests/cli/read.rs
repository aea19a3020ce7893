//! Commands that read the journal, and those that draw.

use crate::harness::Project;

fn project() -> Project {
    let project = Project::with(
        "
version: 1
name: shown
description: Everything that a person may want to see
plugins:
  gate:   { source: guest:gate_answer }
  action: { source: guest:action_file, grants: { filesystem: { write: [world] } } }
steps:
  lint:
    uses: gate
    with:
      decision: warn
      summary: 2 things to look at
      log: [looking, found two]
      findings:
        - { severity: warning, rule: long-line, message: 120 columns, file: src/a.py, line: 7, column: 81, help: break it }
        - { severity: note, rule: todo, message: a TODO without owner, file: src/b.py }
  change: { uses: action, needs: [lint], with: { path: world, text: new } }
  verify: { uses: gate, needs: [change], with: { decision: fail, summary: 3 of 10 requests failed } }
",
    );
    project.write("world", "old");
    project
}

/// Requirement 003-93: output by phases, and by levels in the logs.
#[test]
fn a_run_is_shown_while_it_runs_and_afterwards() {
    let project = project();
    let run = project.exec(&[]);
    assert_eq!(run.code, 3);
    insta::assert_snapshot!("exec", run.all());
    insta::assert_snapshot!("show", project.runner(&["show"]).all());
    insta::assert_snapshot!("show_step", project.runner(&["show", &project.run_id(), "lint"]).all());
    insta::assert_snapshot!("logs", project.runner(&["logs"]).all());
    insta::assert_snapshot!("status", project.runner(&["status"]).all());
    assert_eq!(project.runner(&["history"]).stdout.lines().count(), 2);
}

#[test]
fn a_plan_and_a_graph_are_drawn_without_running() {
    let project = project();
    insta::assert_snapshot!("plan", project.runner(&["plan", "pipeline.yaml"]).all());
    insta::assert_snapshot!(
        "mermaid",
        project.runner(&["graph", "pipeline.yaml", "--format", "mermaid"]).all()
    );
    insta::assert_snapshot!("dot", project.runner(&["graph", "pipeline.yaml", "--format", "dot"]).all());
    let svg = project.runner(&["graph", "pipeline.yaml"]);
    assert_eq!(
        (svg.code, svg.stdout.starts_with("<svg"), svg.stdout.trim_end().ends_with("</svg>")),
        (0, true, true)
    );
    assert!(!project.path(".runner").exists(), "nothing was started");
}

#[test]
fn the_schema_and_completions_are_printed() {
    let project = Project::new();
    let schema: serde_json::Value = serde_json::from_str(&project.runner(&["schema"]).stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for shell in ["bash", "zsh", "fish"] {
        let completions = project.runner(&["completions", shell]);
        assert_eq!((completions.code, completions.stdout.contains("runner")), (0, true), "{shell}");
    }
}
