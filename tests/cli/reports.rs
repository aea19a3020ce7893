//! Reports for CI servers: `show --output`, and `--report` of `exec` and `resume`.

use std::process::Child;

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{Finished, Project};

/// Two gates, one of which finds things, and a change that goes back if the other says no.
fn project(verdict: &str) -> Project {
    let project = Project::with(&format!(
        "
version: 1
name: reported
inputs: {{ tag: {{ default: v1.4.0 }} }}
plugins:
  gate:   {{ source: guest:gate_answer }}
  action: {{ source: guest:action_file, grants: {{ filesystem: {{ write: [world] }} }} }}
steps:
  lint:
    uses: gate
    continue_on_error: true
    with:
      decision: fail
      summary: 2 problems
      log: [looking, 'found <2>']
      findings:
        - {{ severity: error, rule: no-eval, message: eval is not allowed, file: src/a b.py, line: 7, column: 5, help: use a parser }}
        - {{ severity: warning, rule: floating, message: the tag floats }}
  shaky:  {{ uses: gate, retry: {{ attempts: 3, delay: 10ms }}, with: {{ from_attempt: 2 }} }}
  suite:  {{ uses: gate, matrix: {{ on: [eu, us] }}, with: {{ summary: 'on ${{{{ matrix.on }}}}' }} }}
  off:    {{ uses: gate, if: 'false' }}
  change: {{ uses: action, needs: [lint, shaky, suite], with: {{ path: world, text: new }} }}
  verify: {{ uses: gate, needs: [change], with: {{ {verdict} }} }}
"
    ));
    project.write("world", "old");
    project
}

const ALL: [&str; 6] =
    ["--report", "sarif=out.sarif", "--report", "junit=out.xml", "--report", "json=out.json"];

/// A report with what differs from run to run replaced.
fn comparable(project: &Project, name: &str) -> String {
    let text = project.comparable(project.read(name).as_bytes());
    let text = Regex::new(r#"time="[0-9.]+""#)
        .expect("a pattern")
        .replace_all(&text, "time=\"SECONDS\"")
        .into_owned();
    let when = r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z";
    Regex::new(when).expect("a pattern").replace_all(&text, "WHEN").into_owned()
}

fn parsed(project: &Project, name: &str) -> Value {
    serde_json::from_str(&project.read(name)).expect("JSON")
}

/// Names of the test cases with what is wrong with them, read as a CI server does: `verify failure`.
fn cases(xml: &str) -> Vec<String> {
    xml.split("<testcase ")
        .skip(1)
        .map(|case| {
            let case = case.split("</testcase>").next().expect("the case");
            let name = case.split(" name=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a name");
            let wrong = ["failure", "error", "skipped"];
            let wrong = wrong.iter().find(|element| case.contains(&format!("<{element} ")));
            [Some(&name), wrong].into_iter().flatten().copied().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn a_run_that_went_back_is_reported_in_every_format() {
    let project = project("decision: fail, summary: 3 of 10 requests failed");
    let run = project.exec(&ALL);
    assert_eq!((run.code, project.read("world").as_str()), (3, "old"), "{}", run.stderr);
    insta::assert_snapshot!("sarif", comparable(&project, "out.sarif"));
    insta::assert_snapshot!("junit", comparable(&project, "out.xml"));
    assert_eq!(parsed(&project, "out.json")["status"], "rejected");
    // The same afterwards, from the journal alone.
    for (format, report) in [("sarif", "out.sarif"), ("junit", "out.xml"), ("json", "out.json")] {
        let shown = project.command(&["show", "--output", format]).output().unwrap();
        assert_eq!(String::from_utf8(shown.stdout).unwrap(), project.read(report), "{format}");
    }
}

/// Reads stdout until a line holds `text`.
fn wait_for(child: &mut Child, text: &str) {
    use std::io::Read as _;
    let stdout = child.stdout.as_mut().expect("stdout is piped");
    let (mut seen, mut byte) = (String::new(), [0]);
    while !seen.contains(text) {
        assert_eq!(stdout.read(&mut byte).expect("a byte"), 1, "it ended before: {seen}");
        seen.push(char::from(byte[0]));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

/// Requirement 002-21: after SIGTERM, as after Ctrl-C, the run is taken back and recorded.
#[test]
fn a_cancelled_run_is_reported_too() {
    let project = project("sleep_ms: 20000");
    let mut child = project.start(&[&["exec", "pipeline.yaml", "--output", "json"][..], &ALL].concat());
    wait_for(&mut child, r#""type":"step-started","step":"verify""#);
    signal(&child, Signal::TERM);
    assert_eq!(project.finish(child.wait_with_output().unwrap()).code, 130);
    assert_eq!(cases(&project.read("out.xml")).last().unwrap(), "verify error");
    let sarif = parsed(&project, "out.sarif");
    let invocation = &sarif["runs"][0]["invocations"][0];
    assert_eq!((&invocation["executionSuccessful"], &invocation["exitCode"]), (&json!(false), &json!(130)));
    assert_eq!(parsed(&project, "out.json")["status"], "cancelled");
}

/// Requirement 002-22: a second signal leaves a journal to resume from, no lock, and a report that hides nothing.
#[test]
fn a_run_that_was_stopped_in_the_middle_is_reported_and_resumed() {
    let project = Project::with(
        "
version: 1
name: stopped
plugins: { action: { source: guest:action_file, grants: { filesystem: { write: [world] } } } }
steps:
  change: { uses: action, with: { path: world, text: new, sleep_ms: 20000 } }
",
    );
    project.write("world", "old");
    let mut child = project.start(&[&["exec", "pipeline.yaml", "--output", "json"][..], &ALL].concat());
    wait_for(&mut child, r#""type":"step-captured""#);
    signal(&child, Signal::INT);
    wait_for(&mut child, r#""type":"cancel-requested""#);
    signal(&child, Signal::INT);
    assert_eq!(project.finish(child.wait_with_output().unwrap()).code, 130);
    assert_eq!(cases(&project.read("out.xml")), ["change error"]);
    assert_eq!(parsed(&project, "out.json")["verdict"], Value::Null);

    let resumed = project.runner(&[&["resume"][..], &ALL].concat());
    assert_eq!((resumed.code, project.read("world").as_str()), (130, "old"), "{}", resumed.stderr);
    assert_eq!(parsed(&project, "out.json")["status"], "cancelled");
}

/// What an earlier run has left must not be taken for what this one found.
#[test]
fn a_run_that_dies_leaves_no_report_of_an_earlier_one() {
    let project = project("decision: pass");
    project.write("out.xml", "<testsuites tests=\"1\"/>");
    let killed = project.exec(&[&ALL[..], &["--inject", "change:crash"]].concat());
    assert_eq!(killed.code, 128 + 9, "{}", killed.stderr);
    assert!(!project.path("out.xml").exists());
    let resumed = project.runner(&[&["resume"][..], &ALL].concat());
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(
        cases(&project.read("out.xml")),
        ["lint failure", "shaky", "suite[eu]", "suite[us]", "off skipped", "change", "verify"]
    );
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_runs() {
    let project = project("decision: pass");
    project.write("folder/inner", "");
    let refused = |arguments: &[&str]| -> Finished {
        let run = project.exec(arguments);
        assert!(!project.path(".runner").exists(), "nothing was started");
        run
    };
    insta::assert_snapshot!(
        "refused",
        refused(&[
            "--report",
            "junit=folder",
            "--report",
            "sarif=missing/out",
            "--report",
            "json=/dev/stdin/x"
        ])
        .all()
    );
    insta::assert_snapshot!("no_format", refused(&["--report", "html=out.html"]).all());
    insta::assert_snapshot!("no_path", refused(&["--report", "junit="]).all());
    assert_eq!(project.runner(&["resume", "--report", "junit=folder"]).code, 2);
}

#[test]
fn a_report_that_cannot_be_written_in_the_end_changes_no_verdict() {
    let project = project("decision: pass");
    let run = project.exec(&["--report", "junit=/dev/full", "--report", "json=out.json"]);
    assert_eq!((run.code, project.read("world").as_str()), (0, "new"));
    let told = run.stderr.split_once("\nwarning: ").expect("a warning").1;
    insta::assert_snapshot!("full", told);
    assert_eq!(parsed(&project, "out.json")["status"], "succeeded");
}

#[test]
fn a_report_is_of_a_whole_run() {
    let project = project("decision: pass");
    assert_eq!(project.exec(&[]).code, 0);
    let run = project.run_id();
    insta::assert_snapshot!("step", project.runner(&["show", &run, "lint", "--output", "sarif"]).all());
}

/// Requirement 003-42: what the journal does not hold, no report can tell.
#[test]
fn a_secret_stands_in_no_report() {
    let project = Project::with(
        "
version: 1
name: secret
secrets: { token: { from: 'file:token', allow: [gate] } }
plugins:
  gate:
    source: guest:gate_reach
    grants:
      network: ['GET http://127.0.0.1:1/', 'tcp://127.0.0.1:1']
      filesystem: { read: [x] }
      secrets: [{ name: token, reveal: true }]
steps:
  tell: { uses: gate, secrets: [token], with: { reveal: token } }
",
    );
    project.write("token", "s3cr3t-t0ken");
    let run = project.exec(&ALL);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let junit = project.read("out.xml");
    assert!(junit.contains("output revealed = &quot;***&quot;"), "{junit}");
    for report in ["out.sarif", "out.xml", "out.json"] {
        assert!(!project.read(report).contains("s3cr3t-t0ken"), "{report}");
    }
}
