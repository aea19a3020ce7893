//! `--policy`: the operator's ceiling, for every kind of grant and for limits.

use crate::harness::Project;

/// A gate that is granted something of every kind there is.
const PIPELINE: &str = "
version: 1
name: ceiling
secrets: { token: { from: 'file:token', allow: [wasi, reach] } }
plugins:
  wasi:
    source: guest:wasip2_std
    grants: { network: ['GET http://127.0.0.1:1/open'], filesystem: { read: [in/] }, env: [USER] }
  reach:
    source: guest:gate_reach
    grants:
      network: ['GET http://127.0.0.1:1/', 'tcp://127.0.0.1:2']
      filesystem: { read: [in/], write: [out/] }
      secrets: [{ name: token, reveal: true }]
    limits: { memory: 32MiB, calls: 200 }
steps:
  one: { uses: wasi, with: { env: USER } }
  two: { uses: reach, needs: [one], secrets: [token], with: { clock: true }, limits: { time: 5s } }
";

/// A policy that allows just that.
const WIDE: &str = "
version: 1
grants:
  network: ['GET http://127.0.0.1:1/*', 'tcp://127.0.0.1:2']
  filesystem: { read: [in/], write: [out/] }
  env: [USER]
  secrets: [{ name: token, reveal: true }]
";

fn project() -> Project {
    let project = Project::with(PIPELINE).file("wide.yaml", WIDE);
    project.write("token", "s3cr3t-t0ken");
    project.write("in/a", "a");
    project
}

#[test]
fn a_policy_that_allows_it_all_lets_it_run() {
    let run = project().exec(&["--policy", "wide.yaml"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn each_kind_of_grant_is_refused_by_name_and_place() {
    let table = [
        (
            "  network: ['GET http://127.0.0.1:1/*', ",
            "  network: [",
            "network rule `GET http://127.0.0.1:1/open`",
        ),
        (", 'tcp://127.0.0.1:2'", "", "network rule `tcp://127.0.0.1:2`"),
        ("read: [in/], ", "", "reading `in/`"),
        (", write: [out/]", "", "writing `out/`"),
        ("  env: [USER]\n", "", "variable `USER`"),
        ("reveal: true", "reveal: false", "the bytes of secret `token`"),
        ("  secrets: [{ name: token, reveal: true }]\n", "", "secret `token`"),
    ];
    for (allowed, instead, request) in table {
        let project = project().file("narrow.yaml", &WIDE.replace(allowed, instead));
        for command in ["check", "plan", "exec"] {
            let run = project.runner(&[command, "pipeline.yaml", "--policy", "narrow.yaml"]);
            assert_eq!(run.code, 7, "{command} {request}: {}", run.stderr);
            let expected = format!("error: {request}: the operator's policy does not allow it\n");
            assert!(run.stderr.contains(&expected), "{command} {request}: {}", run.stderr);
        }
        assert!(!project.path(".runner").exists(), "nothing was started");
    }
}

/// Nothing that is granted is allowed by a policy with empty `grants`; one without `grants` says nothing about them.
#[test]
fn empty_grants_allow_nothing_and_missing_ones_say_nothing() {
    let project =
        project().file("nothing.yaml", "version: 1\ngrants: {}\n").file("silent.yaml", "version: 1\n");
    assert_eq!(project.exec(&["--policy", "nothing.yaml"]).code, 7);
    assert_eq!(project.exec(&["--policy", "silent.yaml"]).code, 0);
}

#[test]
fn limits_are_cut_to_the_policy_and_the_plan_shows_what_is_in_force() {
    let limits = "limits: { memory: 16MiB, time: 2s, fuel: 1000000000, output: 64KiB, calls: 100 }\n";
    let project = project().file("tight.yaml", &format!("{WIDE}{limits}"));
    insta::assert_snapshot!(
        "plan",
        project.runner(&["plan", "pipeline.yaml", "--policy", "tight.yaml"]).all()
    );
    let plan = project.runner(&["plan", "pipeline.yaml", "--policy", "tight.yaml", "--output", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout.replace("NUMBER", "0")).expect("JSON");
    assert_eq!(plan["steps"][1]["limits"]["calls"], 100);
    assert_eq!(plan["steps"][0]["grants"]["env"], serde_json::json!(["USER"]));
    let run = project.exec(&["--policy", "tight.yaml"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

/// A limit of the policy is a limit: a call beyond it fails.
#[test]
fn a_step_cannot_use_more_than_the_policy_gives() {
    let project = Project::with(
        "
version: 1
name: greedy
plugins: { gate: { source: guest:gate_answer, limits: { memory: 64MiB } } }
steps: { take: { uses: gate, with: { allocate: 20000000 } } }
",
    )
    .file("policy.yaml", "version: 1\nlimits: { memory: 8MiB }\n");
    assert_eq!(project.exec(&[]).code, 0);
    let run = project.exec(&["--policy", "policy.yaml"]);
    assert!(run.code == 4 && run.stderr.contains("budget-exceeded: memory"), "{}", run.stderr);
}

/// What is taken up again is held against the policy of today, and its limits are cut to it.
#[test]
fn resume_asks_the_policy_of_today() {
    let project = Project::with(
        "
version: 1
name: later
plugins: { action: { source: guest:action_file, grants: { filesystem: { write: [world] } } } }
steps: { change: { uses: action, with: { path: world, text: new, sleep_ms: 1500 } } }
",
    )
    .file("closed.yaml", "version: 1\ngrants: {}\n")
    .file("hasty.yaml", "version: 1\nlimits: { time: 1s }\n");
    project.write("world", "old");
    assert_eq!(project.exec(&["--inject", "change:crash"]).code, 137);
    let refused = project.runner(&["resume", "--policy", "closed.yaml"]);
    assert_eq!(refused.code, 7, "{}", refused.stderr);
    insta::assert_snapshot!("resume", refused.all());
    let hasty = project.runner(&["resume", "--policy", "hasty.yaml"]);
    assert_eq!(hasty.code, 4, "{}", hasty.all());
    assert!(hasty.stderr.contains("the plugin call took longer than its limit of 1s"), "{}", hasty.stderr);
}

#[test]
fn a_policy_that_cannot_be_read_stops_everything() {
    let project = project();
    let table = [
        ("empty", "", 7),
        ("comment", "# nothing\n", 7),
        ("list", "- version: 1\n", 7),
        ("unknown-key", "version: 1\nallow: {}\n", 7),
        ("unknown-grant", "version: 1\ngrants: { kubernetes: [] }\n", 7),
        ("unknown-limit", "version: 1\nlimits: { cpu: 1 }\n", 7),
        ("duplicate-key", "version: 1\ngrants: {}\ngrants: { env: [USER] }\n", 7),
        ("wrong-type", "version: 1\ngrants: [env]\nlimits: { memory: much, calls: 0 }\n", 7),
        ("no-version", "grants: {}\n", 7),
        ("other-version", "version: 2\n", 7),
        ("syntax", "version: 1\ngrants: { env: [USER }\n", 7),
    ];
    for (name, text, code) in table {
        project.write("policy.yaml", text);
        let run = project.exec(&["--policy", "policy.yaml"]);
        assert_eq!(run.code, code, "{name}: {}", run.stderr);
        insta::assert_snapshot!(name, run.all());
    }
    for (name, path) in [("missing", "none.yaml"), ("directory", "in")] {
        let run = project.exec(&["--policy", path]);
        assert_eq!(run.code, 2, "{name}: {}", run.stderr);
        insta::assert_snapshot!(name, run.all());
    }
    assert!(!project.path(".runner").exists(), "nothing was started");
}
