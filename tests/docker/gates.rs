//! Gates and health checks over what the engine knows of containers and images.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wait4::Wait4 as _;

use super::shell::Shell;
use crate::{
    harness::Project,
    plugins::{endings, readme_example},
};

/// How a container ends its line of shell: it stays until it is told to go.
const STAY: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

/// A probe that is content as soon as there is a file.
const PROBE: [&str; 3] = [
    "--health-cmd=test -e /tmp/well || { echo no memory store; exit 1; }",
    "--health-interval=200ms",
    "--health-retries=1",
];

/// What a Python program writes when it fails.
const TRACEBACK: &str = r#"echo started
echo 'Traceback (most recent call last):' >&2
echo '  File "/app/memory.py", line 41, in store' >&2
echo GET /health 200
echo "KeyError: 'id'" >&2"#;

/// Runs a pipeline with these steps, and the plugins that they use. `NAME` is what the names of the test begin with.
fn run(shell: &Shell, head: &str, steps: &str) -> Project {
    let containers = |verbs: &str| format!("{{ docker: {{ verbs: [{verbs}], containers: [NAME-*] }} }}");
    let logs =
        "{ docker: { verbs: [container.logs, container.inspect], containers: [NAME-*] }, filesystem: {} }";
    let images = "{ docker: { verbs: [image.inspect], images: [\"NAME:*\"] } }";
    let plugins: String = [
        ("docker-health", containers("container.inspect")),
        ("exec-health", containers("container.exec")),
        ("stats", containers("container.stats")),
        ("log-scan", logs.to_owned()),
        ("image-digest", images.to_owned()),
        ("image-policy", images.to_owned()),
    ]
    .into_iter()
    .filter(|(plugin, _)| steps.contains(&format!("uses: {plugin},")))
    .map(|(plugin, grants)| {
        format!("  {plugin}: {{ source: plugin:{}, grants: {grants} }}\n", plugin.replace('-', "_"))
    })
    .collect();
    let text = format!("version: 1\nname: docker-gates\nplugins:\n{plugins}{head}\nsteps:\n{steps}");
    Project::with(&text.replace("NAME", shell.name()))
}

/// How each step ended, with `NAME` for what the names of the test begin with.
fn ended(shell: &Shell, project: &Project) -> BTreeMap<String, Value> {
    let text = serde_json::to_string(&endings(project)).expect("JSON");
    serde_json::from_str(&text.replace(shell.name(), "NAME")).expect("JSON")
}

/// How each step ended, in short: answer and summary, or kind and message; without what is never the same.
fn in_short(shell: &Shell, project: &Project) -> Vec<String> {
    let patterns = [
        (r"so for \w+", "so for LONG"),
        (r"\d+ probes? in a row ha(s|ve)", "N probes in a row have"),
        (r"\b([0-9a-f]{64}|[0-9a-f]{12})\b", "ID"),
    ];
    let patterns = patterns.map(|(pattern, word)| (regex::Regex::new(pattern).expect("a pattern"), word));
    let comparable = |text: &str| {
        patterns
            .iter()
            .fold(text.to_owned(), |text, (pattern, word)| pattern.replace_all(&text, *word).into_owned())
    };
    let words = |ending: &Value, index: usize| comparable(ending[index].as_str().unwrap_or_default());
    let endings = ended(shell, project).into_iter();
    endings.map(|(step, ending)| format!("{step}: {} {}", words(&ending, 0), words(&ending, 1))).collect()
}

/// 003-55, 003-56: what the engine says of a container, in each state that one can be in.
#[test]
fn the_health_of_a_container_is_what_the_engine_knows() {
    let shell = Shell::new("");
    shell.start("well", &PROBE, &format!(": > /tmp/well; {STAY}"));
    shell.start("ill", &PROBE, STAY);
    shell.start("new", &["--health-cmd=true", "--health-interval=1h"], STAY);
    shell.start("plain", &[], STAY);
    shell.start("held", &[], STAY);
    shell.docker(&["pause", &format!("{}-held", shell.name())]);
    shell.start("ended", &[], "exit 3");
    shell.start("again", &["--restart=on-failure:2"], "exit 1");
    let greedy = format!("{}-greedy", shell.name());
    shell.start("greedy", &["--memory=16m", "--memory-swap=16m"], "x=0123456789; while :; do x=$x$x; done");
    shell.docker(&[
        "create",
        "--pull=never",
        "--name",
        &format!("{}-idle", shell.name()),
        &shell.image(),
        STAY,
    ]);
    shell.until("ended", r#"{{eq .State.Status "exited"}}"#);
    shell.until("again", r#"{{and (eq .State.Status "exited") (eq .RestartCount 2)}}"#);
    // The engine hears of the want of memory and of the end by two ways, and writes down only what came first.
    shell.until("greedy", r#"{{eq .State.Status "exited"}}"#);
    for _ in 0..20 {
        if shell.docker(&["container", "inspect", "--format", "{{.State.OOMKilled}}", &greedy]) == "true" {
            break;
        }
        shell.docker(&["start", &greedy]);
        shell.until("greedy", r#"{{eq .State.Status "exited"}}"#);
    }

    let step = |id: &str, with: &str, poll: &str| {
        format!(
            "  {id}: {{ uses: docker-health, continue_on_error: true, with: {{ container: {with} }}{poll} }}\n"
        )
    };
    let poll = ", poll: { interval: 200ms, inconclusive_limit: -1, deadline: 5m }, timeout: 5m";
    let project = run(
        &shell,
        "",
        &[
            step("well", "NAME-well, stable_for: 500ms", poll),
            step("ill", "NAME-ill, stable_for: 500ms", poll),
            step("new", "NAME-new", ""),
            step("plain", "NAME-plain", ""),
            step("plain-runs", "NAME-plain, expect: running, stable_for: 1ms", ""),
            step("held", "NAME-held", ""),
            step("ended", "NAME-ended", ""),
            step("again", "NAME-again", ""),
            step("greedy", "NAME-greedy", ""),
            step("idle", "NAME-idle", ""),
            step("missing", "NAME-missing", ""),
            step("foreign", "somebody-elses", ""),
        ]
        .concat(),
    );
    let finished = project.exec(&[]);

    assert_eq!(
        in_short(&shell, &project),
        [
            "again: fail `NAME-again`: unhealthy: it ended with exit code 1; it was started again 2 times, at most 0",
            "ended: fail `NAME-ended`: unhealthy: it ended with exit code 3",
            "foreign: denied find container `somebody-elses`: denied, no grant of this step covers it",
            "greedy: fail `NAME-greedy`: unhealthy: it ended with exit code 137, killed for want of memory",
            "held: fail `NAME-held`: unhealthy: it is paused",
            "idle: fail `NAME-idle`: unhealthy: it was never started",
            "ill: fail `NAME-ill`: unhealthy: N probes in a row have failed, the last with exit code 1: `no memory store`",
            "missing: fail `NAME-missing`: unhealthy: there is no such container for this step",
            "new: inconclusive `NAME-new`: unknown: its health is not known yet: no probe has ended",
            "plain: invalid-config container `NAME-plain` has no health probe, so nothing says whether it is healthy; give its image a `HEALTHCHECK` or the step that creates it a `health`, or write `expect: running`",
            "plain-runs: pass `NAME-plain`: healthy: it runs; it has been so for LONG",
            "well: pass `NAME-well`: healthy: it runs; its probe is content; it has been so for LONG",
        ],
        "{}",
        finished.stderr
    );
}

/// 003-58, 003-59: what a container wrote, line by line.
#[test]
fn the_log_of_a_container_is_held_against_the_rules() {
    let shell = Shell::new("");
    shell.start("broken", &[], TRACEBACK);
    shell.start("clean", &[], "echo started; echo DEBUG no error so far >&2");
    shell.start("silent", &[], "exit 0");
    shell.start("unread", &["--log-driver=none"], "echo error");
    let twice = "if [ -e /tmp/ran ]; then echo ready; else : > /tmp/ran; echo error; fi";
    shell.start("restarted", &PROBE, &format!("{twice}; : > /tmp/well; {STAY}"));
    shell.until("restarted", r#"{{eq .State.Health.Status "healthy"}}"#);
    shell.docker(&["restart", &format!("{}-restarted", shell.name())]);
    for short in ["broken", "clean", "silent"] {
        shell.until(short, r#"{{eq .State.Status "exited"}}"#);
    }

    let step = |id: &str, with: &str| {
        format!("  {id}: {{ uses: log-scan, continue_on_error: true, with: {{ container: {with} }} }}\n")
    };
    // What it has written comes through the engine some time after it was written.
    let restarted = "  restarted: { uses: log-scan, continue_on_error: true, with: { container: NAME-restarted, since: start },
               poll: { interval: 100ms, inconclusive_limit: -1, deadline: 5m } }\n";
    let project = run(
        &shell,
        "",
        &[
            step("broken", "NAME-broken, tail: 100, preset: python"),
            step("clean", "NAME-clean, tail: 100, since: start"),
            step("late", "NAME-broken, since: \"2100-01-01T00:00:00Z\", allow_empty: true"),
            restarted.to_owned(),
            step("silent", "NAME-silent, preset: python"),
            step("unread", "NAME-unread"),
            step("missing", "NAME-missing, allow_empty: true"),
            step("foreign", "somebody-elses"),
        ]
        .concat(),
    );
    let finished = project.exec(&[]);

    assert_eq!(
        in_short(&shell, &project),
        [
            "broken: fail 1 problem in 5 lines of `NAME-broken`",
            "clean: pass nothing wrong in 2 lines of `NAME-clean`",
            "foreign: denied find container `somebody-elses`: denied, no grant of this step covers it",
            "late: pass nothing wrong in 0 lines of `NAME-broken`",
            "missing: unavailable there is no container `NAME-missing` for this step; no line was looked at",
            "restarted: pass nothing wrong in 1 line of `NAME-restarted`",
            "silent: inconclusive nothing was looked at: 0 lines of `NAME-silent`",
            "unread: unavailable read the log of container `NAME-unread`: configured logging driver does not support reading",
        ],
        "{}",
        finished.stderr
    );
    let found = ended(&shell, &project)["broken"][2][0].clone();
    let words = found["message"].as_str().expect("a message");
    let (place, message) = words.split_once("Z: ").expect("a moment");
    assert!(place.starts_with("stderr at 20"), "{place}");
    assert_eq!((&found["rule"], message), (&json!("traceback"), "a traceback: `KeyError: 'id'`"));
}

/// A log of hundreds of megabytes is read in little memory, and what was not seen does not pass.
#[test]
fn a_log_of_hundreds_of_megabytes_is_read_in_little_memory() {
    let shell = Shell::new("");
    let line = "x".repeat(4000);
    shell.start("loud", &[], &format!("echo error; yes {line} | head -c 300000000"));
    shell.until("loud", r#"{{eq .State.Status "exited"}}"#);

    let project = run(
        &shell,
        "defaults: { timeout: 10m, limits: { time: 10m } }",
        "  end: { uses: log-scan, continue_on_error: true, with: { container: NAME-loud, tail: 100 } }
  all: { uses: log-scan, continue_on_error: true, with: { container: NAME-loud } }
",
    );
    let runner = project.start(&["exec", "pipeline.yaml"]);
    let most = runner.wait4().expect("the runner ends").rusage.maxrss;

    assert_eq!(
        in_short(&shell, &project),
        [
            "all: inconclusive nothing wrong in 262 lines of `NAME-loud`, and not all were seen",
            "end: pass nothing wrong in 100 lines of `NAME-loud`",
        ]
    );
    // The log has 300 MB.
    assert!(most < 150 << 20, "{most} bytes");
}

#[test]
fn what_a_container_uses_is_held_against_ceilings() {
    let shell = Shell::new("");
    shell.start("busy", &["--memory=64m"], "sleep 1000 & while :; do :; done");
    shell.start("ended", &[], "exit 0");
    shell.until("ended", r#"{{eq .State.Status "exited"}}"#);

    let step = |id: &str, with: &str| {
        format!("  {id}: {{ uses: stats, continue_on_error: true, with: {{ container: {with} }} }}\n")
    };
    let project = run(
        &shell,
        "",
        &[
            step("within", "NAME-busy, max_memory: 100%, max_cpu: 64, max_pids: 2"),
            step("beyond", "NAME-busy, max_memory: 1B, max_cpu: 0.001, max_pids: 1"),
            step("ended", "NAME-ended, max_pids: 100"),
            step("missing", "NAME-missing, max_pids: 100"),
            step("foreign", "somebody-elses, max_pids: 100"),
        ]
        .concat(),
    );
    let finished = project.exec(&[]);

    let ended = ended(&shell, &project);
    let answers: BTreeMap<&str, &Value> = ended.iter().map(|(step, ending)| (&**step, &ending[0])).collect();
    assert_eq!(
        answers,
        BTreeMap::from([
            ("beyond", &json!("fail")),
            ("ended", &json!("unavailable")),
            ("foreign", &json!("denied")),
            ("missing", &json!("unavailable")),
            ("within", &json!("pass")),
        ]),
        "{}",
        finished.stderr
    );
    let rules: Vec<&str> = ended["beyond"][2]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|found| found["rule"].as_str())
        .collect();
    assert_eq!(rules, ["memory", "cpu", "pids"]);
}

#[test]
fn a_command_inside_a_container_says_how_it_is() {
    let shell = Shell::new("");
    shell.start("web", &[], STAY);
    shell.start("ended", &[], "exit 0");
    shell.until("ended", r#"{{eq .State.Status "exited"}}"#);

    let step = |id: &str, with: &str| {
        format!("  {id}: {{ uses: exec-health, continue_on_error: true, with: {{ container: {with} }} }}\n")
    };
    let project = run(
        &shell,
        "",
        &[
            step("well", r#"NAME-web, command: [/bin/sh, -c, "echo $WORD"], env: { WORD: PONG }, expect: { stdout: ^PONG$ }"#),
            step("ill", r#"NAME-web, command: [/bin/sh, -c, "echo no memory store >&2; exit 3"]"#),
            step("no-shell", r#"NAME-web, command: ["/bin/sh -c true"]"#),
            step("slow", "NAME-web, command: [/bin/sleep, \"1000\"], timeout: 1s"),
            step("ended", "NAME-ended, command: [/bin/sleep, \"0\"]"),
            step("missing", "NAME-missing, command: [/bin/sleep, \"0\"]"),
            step("foreign", "somebody-elses, command: [/bin/sleep, \"0\"]"),
        ]
        .concat(),
    );
    let finished = project.exec(&[]);

    assert_eq!(
        in_short(&shell, &project),
        [
            "ended: fail `/bin/sleep` in `NAME-ended`: unhealthy: run `/bin/sleep` in container `NAME-ended`: Container ID is not running",
            "foreign: denied find container `somebody-elses`: denied, no grant of this step covers it",
            "ill: fail `/bin/sh` in `NAME-web`: unhealthy: exit code 3, not 0: `no memory store`",
            "missing: fail `/bin/sleep` in `NAME-missing`: unhealthy: there is no such container for this step",
            "no-shell: fail `/bin/sh -c true` in `NAME-web`: unhealthy: exit code 126, not 0: `\"/bin/sh -c true\": stat /bin/sh -c true: no such file or directory: unknown`",
            "slow: fail `/bin/sleep` in `NAME-web`: unhealthy: it had not ended after 1s, and may still run",
            "well: pass `/bin/sh` in `NAME-web`: healthy: exit code 0; standard output has `^PONG$`",
        ],
        "{}",
        finished.stderr
    );
}

/// 003-16, 003-17, 003-48: which image it is, and what it is like.
#[test]
fn an_image_is_the_one_that_is_meant_and_as_it_is_wanted() {
    let shell = Shell::new(
        "LABEL org.opencontainers.image.revision=c0ffee\nUSER 1000:1000\nEXPOSE 8000\nHEALTHCHECK CMD true",
    );
    let id = shell.docker(&["image", "inspect", "--format", "{{.Id}}", &shell.image()]);

    let step = |id: &str, uses: &str, with: &str| {
        format!("  {id}: {{ uses: {uses}, continue_on_error: true, with: {{ {with} }} }}\n")
    };
    let label = |value: &str| format!("labels: {{ org.opencontainers.image.revision: {value} }}");
    let none = format!("sha256:{}", "0".repeat(64));
    let project = run(
        &shell,
        "",
        &[
            step(
                "right",
                "image-digest",
                &format!("image: \"NAME:v1\", digest: \"{id}\", {}", label("c0ffee")),
            ),
            step(
                "wrong",
                "image-digest",
                &format!("image: \"NAME:v1\", digest: \"{none}\", {}", label("decaf")),
            ),
            step("missing", "image-digest", "image: \"NAME:v2\""),
            step("free", "image-digest", "image: \"NAME:v2\", exists: false"),
            step("foreign", "image-digest", "image: \"somebody-elses:v1\""),
            step(
                "good",
                "image-policy",
                "image: \"NAME:v1\", max_size: 1GB, max_age: 1d, exposed_ports: [8000], \
                 required_labels: [org.opencontainers.image.revision]",
            ),
            step(
                "bad",
                "image-policy",
                "image: \"NAME:v1\", user: app, max_size: 1KB, architecture: none, forbid_tags: [v*], \
                 exposed_ports: [], required_labels: [nothing], allowed_registries: [ghcr.io]",
            ),
            step("unjudged", "image-policy", "image: \"NAME:v2\""),
        ]
        .concat(),
    );
    let finished = project.exec(&[]);

    assert_eq!(
        in_short(&shell, &project),
        [
            "bad: fail 7 problems with `NAME:v1`",
            "foreign: denied inspect image `somebody-elses:v1`: denied, no grant of this step covers it",
            "free: pass there is no `NAME:v2`",
            "good: pass `NAME:v1` is as wanted",
            "missing: fail there is no `NAME:v2`",
            "right: pass `NAME:v1` is ID",
            "unjudged: unavailable there is no image `NAME:v2`; nothing was judged",
            "wrong: fail `NAME:v1` is ID and not the image that is meant",
        ],
        "{}",
        finished.stderr
    );
    let rules = |step: &str| -> Vec<String> {
        let found = ended(&shell, &project)[step][2].as_array().cloned().unwrap_or_default();
        found.iter().map(|found| found["rule"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(rules("wrong"), ["wrong-digest", "wrong-label"]);
    assert_eq!(rules("bad"), ["user", "size", "label", "tag", "architecture", "registry", "port"]);
}

/// The schemas of the components and their imports allow what the READMEs show.
#[test]
fn the_examples_of_the_readmes_are_pipelines() {
    let check = |plugin: &str, more: &str| {
        let example = readme_example(plugin);
        let project = Project::with(&format!("version: 1\nname: example\n{more}\n{example}"));
        let check = project.runner(&["check", "pipeline.yaml"]);
        let stderr = check.stderr.lines().filter(|line| !line.starts_with("compiling "));
        (check.code, stderr.collect::<Vec<_>>().join("\n"))
    };
    let good = (0, String::new());

    assert_eq!(check("docker-health", ""), good);
    assert_eq!(check("exec-health", ""), good);
    assert_eq!(check("stats", ""), good);
    assert_eq!(check("image-digest", "inputs: { tag: {}, digest: {}, commit: {} }"), good);
    assert_eq!(check("image-policy", ""), good);
}
