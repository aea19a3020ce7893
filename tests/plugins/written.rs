//! Actions that write files: made of templates, and the record of a deployment. Requirements 000-19, 003-75, 003-76.

use serde_json::{Value, json};

use super::{endings, expected, readme_example};
use crate::harness::Project;

/// The example of a plugin's README as a pipeline.
fn example(plugin: &str) -> String {
    let example = readme_example(plugin);
    format!("version: 1\nname: {plugin}\ndefaults: {{ limits: {{ time: 60s }} }}\n{example}")
}

/// The same with a step behind it that fails, so that the run goes back.
fn failing(plugin: &str, step: &str) -> String {
    let grants =
        "  command: { source: plugin:command, grants: { command: [{ program: 'false' }] } }\nsteps:\n";
    let last = format!("  last: {{ uses: command, needs: [{step}], with: {{ program: 'false' }} }}\n");
    example(plugin).replace("\nsteps:\n", &format!("\n{grants}")) + &last
}

const TEMPLATE: &str = "image: {{ image }}\n{% if replicas > 1 %}\nreplicas: {{ replicas }}\n{% endif %}\n";

#[test]
fn the_example_of_render_makes_its_file_and_brings_the_old_one_back() {
    let project = Project::with(&example("render"));
    project.write("deploy/api.yaml.tmpl", TEMPLATE);
    let run = project.exec(&[]);
    assert_eq!(
        (run.code, project.read("deploy/api.yaml")),
        (0, "image: registry.example/l9-api:v1.0.0-l9\nreplicas: 2\n".to_owned()),
        "{}",
        run.stderr
    );
    assert_eq!(endings(&project), expected([("manifest", json!(["done", "made `deploy/api.yaml`", []]))]));

    let project = Project::with(&failing("render", "manifest"));
    project.write("deploy/api.yaml.tmpl", TEMPLATE);
    project.write("deploy/api.yaml", "image: old\r\n");
    let run = project.exec(&[]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert_eq!(project.results(), ["manifest success", "last error", "last undone", "manifest undone"]);
    assert_eq!(project.read("deploy/api.yaml"), "image: old\r\n");

    let project = Project::with(&failing("render", "manifest"));
    project.write("deploy/api.yaml.tmpl", TEMPLATE);
    let run = project.exec(&[]);
    assert_eq!((run.code, project.path("deploy/api.yaml").exists()), (4, false), "{}", run.stderr);
}

#[test]
fn a_template_that_names_what_there_is_not_writes_nothing() {
    let project = Project::with(&example("render"));
    project.write("deploy/api.yaml.tmpl", "image: {{ image }}\ntag: {{ tag }}\n");
    let run = project.exec(&[]);
    assert_eq!((run.code, project.path("deploy/api.yaml").exists()), (4, false), "{}", run.stderr);
    assert_eq!(
        endings(&project),
        expected([(
            "manifest",
            json!([
                "invalid-input",
                "`deploy/api.yaml.tmpl`, line 2: undefined value, in `tag: {{ tag }}`; nothing was written"
            ])
        )])
    );
}

/// As deep as a template may be, in the small stack of a component.
#[test]
fn the_heaviest_template_fits_the_sandbox() {
    let project = Project::with(&example("render"));
    let template = format!(
        "{{{{ image{} }}}}\n{}x{}\n",
        "|upper".repeat(98),
        "{% if image %}".repeat(15),
        "{% endif %}".repeat(15)
    );
    project.write("deploy/api.yaml.tmpl", template);
    let run = project.exec(&[]);
    assert_eq!(
        (run.code, project.read("deploy/api.yaml")),
        (0, "REGISTRY.EXAMPLE/L9-API:V1.0.0-L9\nx".to_owned()),
        "{}",
        run.stderr
    );
}

#[test]
fn the_example_of_record_is_written_again_with_its_history_and_brought_back() {
    let project = Project::with(&example("record"));
    let (first, second) = (project.exec(&[]), project.exec(&[]));
    assert_eq!((first.code, second.code), (0, 0), "{}{}", first.stderr, second.stderr);
    let text = project.read(".deployed-metadata.json");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    let fields = record.as_object_mut().expect("a map");
    let (at, run) = (fields.shift_remove("deployed_at"), fields.shift_remove("run_id"));
    let history = fields.shift_remove("history").expect("a history");
    assert_eq!(
        record,
        json!({
            "deployed_tag": "v1.0.0-l9", "deployed_by": "ada@ci", "commit": "3f0c9a51d2f6b7a8c4e1d0b9a8f7e6d5c4b3a291", "status": "SUCCESS",
        })
    );
    assert_eq!(run, Some(json!(project.run_id())));
    let at = at.expect("a moment");
    assert!(at.as_str().is_some_and(|at| at.len() == 20 && at.ends_with('Z')), "{at}");
    assert_eq!(history.as_array().map(Vec::len), Some(1));

    let project = Project::with(&failing("record", "record"));
    let old = "{ \"deployed_tag\":   \"v0.9.0-l9\" }";
    project.write(".deployed-metadata.json", old);
    let run = project.exec(&[]);
    assert_eq!((run.code, project.read(".deployed-metadata.json").as_str()), (4, old), "{}", run.stderr);
}
