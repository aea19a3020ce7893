//! Targets: which slot is active is what the proxy says, before anything starts.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::{
    harness::{Finished, Project},
    server::{head, nobody, respond, serve},
};

/// A stand-in for Caddy's admin API with one object, `web`.
#[derive(Clone)]
struct Proxy {
    admin: u16,
    upstreams: Arc<Mutex<Vec<String>>>,
    /// How often it was asked.
    asked: Arc<Mutex<usize>>,
}

impl Proxy {
    fn to(addresses: &[String]) -> Self {
        let upstreams = Arc::new(Mutex::new(addresses.to_vec()));
        let asked = Arc::new(Mutex::new(0));
        let (shown, count) = (Arc::clone(&upstreams), Arc::clone(&asked));
        let admin = serve(move |_, mut stream| {
            if !head(&mut stream).starts_with("GET /id/web ") {
                return respond(&mut stream, "404 X", "", b"{}");
            }
            *count.lock().expect("no thread panicked") += 1;
            let list: Vec<Value> = shown
                .lock()
                .expect("no thread panicked")
                .iter()
                .map(|address| json!({ "dial": address }))
                .collect();
            let object = json!({ "@id": "web", "handler": "reverse_proxy", "upstreams": list });
            respond(&mut stream, "200 X", "etag: \"7\"\r\n", object.to_string().as_bytes());
        });
        Self { admin, upstreams, asked }
    }

    fn move_to(&self, address: &str) {
        *self.upstreams.lock().expect("no thread panicked") = vec![address.to_owned()];
    }

    fn asked(&self) -> usize {
        *self.asked.lock().expect("no thread panicked")
    }
}

/// Something that answers, as a service does.
fn service() -> u16 {
    serve(|_, mut stream| {
        if !head(&mut stream).is_empty() {
            respond(&mut stream, "200 X", "", b"up");
        }
    })
}

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// A pipeline with one target, and these steps. `probe` reaches for what it is told to; it imports `tcp` too, which no
/// step here uses.
fn project(blue: u16, green: u16, admin: u16, steps: &str) -> Project {
    Project::new().file(
        "pipeline.yaml",
        &format!(
            "
version: 1
name: slots
target: vps
targets:
  vps:
    slots:
      blue:  {{ container: api-blue, port: {blue} }}
      green: {{ container: api-green, port: {green} }}
    proxy: {{ uses: caddy, with: {{ admin: 'http://127.0.0.1:{admin}', object: web }} }}
plugins:
  caddy: {{ source: plugin:caddy, grants: {{ network: ['GET,PATCH http://127.0.0.1:{admin}/id/web'] }} }}
  gate:  {{ source: guest:gate_answer }}
  probe: {{ source: guest:gate_reach, grants: {{ network: ['tcp://127.0.0.1:9', 'GET http://${{{{ target.slots.blue.address }}}}/', 'GET http://${{{{ target.slots.green.address }}}}/'], filesystem: {{}}, secrets: [] }} }}
  action: {{ source: guest:action_file, grants: {{ filesystem: {{ write: [state, calls] }} }} }}
{steps}"
        ),
    )
}

/// A gate whose summary tells what the expressions stand for.
const TELLS: &str = "steps:
  tell: { uses: gate, with: { summary: 'active ${{ target.active == null ? \"none\" : target.active.container }}, candidate ${{ target.candidate.container }} at ${{ target.candidate.address }}, previous ${{ target.previous == target.active }}, on ${{ target.name }}' } }
  first: { uses: gate, if: target.active == null, with: { summary: first deployment } }
";

/// `step result: summary` of each step that ended, in the order of the journal.
fn told(project: &Project) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ended = |entry: &Value| match entry["type"].as_str() {
        Some("step-ended") => {
            let summary = [&entry["outcome"]["summary"], &entry["failure"]["message"]].map(text).concat();
            Some(format!("{} {}: {summary}", text(&entry["step"]), text(&entry["result"])))
        }
        Some("step-skipped") => Some(format!("{} skipped: {}", text(&entry["step"]), text(&entry["why"]))),
        _ => None,
    };
    project.journal().iter().filter_map(ended).collect()
}

fn succeeded(finished: &Finished) {
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

#[test]
fn the_active_slot_is_the_one_the_proxy_names() {
    let (blue, green) = (service(), service());
    let proxy = Proxy::to(&[at(blue)]);
    let project = project(blue, green, proxy.admin, TELLS);
    succeeded(&project.exec(&[]));
    assert_eq!(
        told(&project),
        [
            "target.vps success: blue is active, green is the candidate".to_owned(),
            "first skipped: condition".to_owned(),
            format!(
                "tell success: active api-blue, candidate api-green at {}, previous true, on vps",
                at(green)
            ),
        ]
    );
    proxy.move_to(&at(green));
    succeeded(&project.exec(&[]));
    assert_eq!(
        told(&project),
        [
            "target.vps success: green is active, blue is the candidate".to_owned(),
            "first skipped: condition".to_owned(),
            format!(
                "tell success: active api-green, candidate api-blue at {}, previous true, on vps",
                at(blue)
            ),
        ]
    );
}

#[test]
fn before_the_first_deployment_no_slot_is_active() {
    let (blue, green) = (service(), service());
    let proxy = Proxy::to(&[]);
    let project = project(blue, green, proxy.admin, TELLS);
    succeeded(&project.exec(&["--jobs", "1"]));
    assert_eq!(
        told(&project),
        [
            "target.vps success: no slot is active yet, blue is the candidate".to_owned(),
            format!("tell success: active none, candidate api-blue at {}, previous true, on vps", at(blue)),
            "first success: first deployment".to_owned(),
        ]
    );
}

/// A change that always wants to run, and what comes after the verdict.
const CHANGES: &str =
    "  log: { uses: gate, with: { summary: 'nothing known: ${{ target.candidate == null }}' } }
";

fn changing() -> String {
    format!(
        "steps:
  change: {{ uses: action, if: always(), with: {{ path: state, text: new, record: calls }} }}
  needs:  {{ uses: gate, needs: [change] }}
finally:
{CHANGES}"
    )
}

#[test]
fn a_proxy_that_names_something_else_ends_the_run_before_anything_is_changed() {
    let (blue, green) = (service(), service());
    let table = [
        (
            vec!["10.0.0.9:80".to_owned()],
            "the proxy sends traffic to `10.0.0.9:80`, which is no slot: `blue at BLUE`, `green at GREEN`",
        ),
        (
            vec![at(blue), at(green)],
            "the proxy shares the traffic between both slots, `blue at BLUE`, `green at GREEN`: none of them is free",
        ),
    ];
    for (upstreams, why) in table {
        let project = project(blue, green, Proxy::to(&upstreams).admin, &changing());
        project.write("calls", "");
        let finished = project.exec(&[]);
        assert_eq!(finished.code, 9, "{}", finished.stderr);
        let why = why.replace("BLUE", &at(blue)).replace("GREEN", &at(green));
        assert_eq!(
            told(&project),
            [
                format!("target.vps error: {why}"),
                "change skipped: unobserved".to_owned(),
                "needs skipped: unobserved".to_owned(),
                "log success: nothing known: true".to_owned(),
            ]
        );
        assert_eq!(project.read("calls"), "", "nothing was captured, nothing applied");
        assert!(finished.stderr.contains(&why), "{}", finished.stderr);
        let first =
            "failed: which slot of the target `vps` is active is not known, so nothing was started (exit 9)";
        assert!(finished.stderr.contains(first), "{}", finished.stderr);
    }
}

#[test]
fn a_proxy_that_does_not_answer_ends_the_run_before_anything_is_changed() {
    let (blue, green) = (service(), service());
    let project = project(blue, green, nobody(), &changing());
    project.write("calls", "");
    let finished = project.exec(&[]);
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    assert_eq!(
        told(&project)[1..],
        ["change skipped: unobserved", "needs skipped: unobserved", "log success: nothing known: true"]
    );
    assert_eq!(project.read("calls"), "");
    // Nothing is left to do: it is not taken up again.
    assert_eq!(project.runner(&["resume"]).code, 9);
}

/// What a step reaches for: both slots.
fn reaching(grants: &str) -> String {
    format!(
        "steps:
  reach: {{ uses: probe, grants: {{ network: {grants}, filesystem: {{}}, secrets: [] }}, with: {{ tries: [ {{ http: {{ url: 'http://${{{{ target.slots.blue.address }}}}/' }} }}, {{ http: {{ url: 'http://${{{{ target.slots.green.address }}}}/' }} }} ] }} }}
"
    )
}

/// What came of it, in the order of the slots.
fn reached(project: &Project) -> Vec<String> {
    let journal = project.journal();
    let end = journal
        .iter()
        .find(|entry| entry["type"] == "step-ended" && entry["step"] == "reach")
        .expect("its end");
    let tried = end["outcome"]["outputs"]["tried"].as_array().expect("a list").clone();
    // What failed is text that begins with the kind of the failure.
    let word = |came: &Value| match came.as_str().and_then(|text| text.split(':').next()) {
        Some(kind) => kind.to_lowercase(),
        None => "up".to_owned(),
    };
    tried.iter().map(word).collect()
}

#[test]
fn a_step_that_is_granted_one_slot_is_denied_the_other() {
    let (blue, green) = (service(), service());
    let proxy = Proxy::to(&[at(blue)]);
    let candidate = project(
        blue,
        green,
        proxy.admin,
        &reaching("['tcp://127.0.0.1:9', 'GET http://${{ target.candidate.address }}/']"),
    );
    let active = project(
        blue,
        green,
        proxy.admin,
        &reaching("['tcp://127.0.0.1:9', 'GET http://${{ target.active.address }}/']"),
    );
    for project in [&candidate, &active] {
        succeeded(&project.exec(&[]));
    }
    assert_eq!((reached(&candidate), reached(&active)), (words(["denied", "up"]), words(["up", "denied"])));
    proxy.move_to(&at(green));
    for project in [&candidate, &active] {
        succeeded(&project.exec(&[]));
    }
    assert_eq!((reached(&candidate), reached(&active)), (words(["up", "denied"]), words(["denied", "up"])));
    // Where none is active, what is for the active one grants nothing.
    proxy.upstreams.lock().expect("no thread panicked").clear();
    for project in [&candidate, &active] {
        succeeded(&project.exec(&[]));
    }
    assert_eq!(
        (reached(&candidate), reached(&active)),
        (words(["up", "denied"]), words(["denied", "denied"]))
    );
}

fn words(words: [&str; 2]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

/// The rule for the slot that was not the candidate is no rule that this run left unused.
#[test]
fn the_ledger_knows_the_rules_that_counted() {
    let (blue, green) = (service(), service());
    let proxy = Proxy::to(&[at(blue)]);
    let steps = format!(
        "steps:\n  reach: {{ uses: probe, grants: {{ network: ['tcp://127.0.0.1:9', 'GET http://${{{{ target.candidate.address }}}}/'], filesystem: {{}}, secrets: [] }}, with: {{ http: {{ url: 'http://{}/' }} }} }}\n",
        at(green)
    );
    let project = project(blue, green, proxy.admin, &steps);
    succeeded(&project.exec(&[]));
    let shown = project.runner(&["show", "--ledger"]).stdout;
    assert!(shown.contains(&format!("GET http://{}/", at(green))), "{shown}");
    assert!(!shown.contains(&format!("GET http://{}/", at(blue))), "{shown}");
}

#[test]
fn what_was_observed_holds_for_the_run_although_the_proxy_has_moved_meanwhile() {
    let (blue, green) = (service(), service());
    let proxy = Proxy::to(&[at(blue)]);
    let steps = "steps:
  change: { uses: action, with: { path: state, text: '${{ target.candidate.container }}', record: calls } }
  tell:   { uses: gate, needs: [change], with: { summary: '${{ target.active.container }} to ${{ target.candidate.container }}' } }
  reach: { uses: probe, needs: [change], grants: { network: ['tcp://127.0.0.1:9', 'GET http://${{ target.candidate.address }}/'], filesystem: {}, secrets: [] }, with: { tries: [ { http: { url: 'http://${{ target.slots.blue.address }}/' } }, { http: { url: 'http://${{ target.slots.green.address }}/' } } ] } }
";
    let project = project(blue, green, proxy.admin, steps);
    project.write("calls", "");
    project.write("state", "before");
    let killed = project.exec(&["--inject", "change:crash"]);
    assert_eq!(killed.code, 128 + 9, "{}", killed.stderr);
    proxy.move_to(&at(green));
    succeeded(&project.runner(&["resume"]));
    assert_eq!(project.read("state"), "api-green");
    assert_eq!(reached(&project), words(["denied", "up"]));
    assert!(
        told(&project).contains(&"tell success: api-blue to api-green".to_owned()),
        "{:?}",
        told(&project)
    );
    assert_eq!(proxy.asked(), 1, "the proxy is asked once for a run");
}

/// Requirement 004-01: two services in one run, each with slots and a proxy of its own.
#[test]
fn two_targets_are_asked_side_by_side_and_each_step_sees_its_own() {
    let ports = [service(), service(), service(), service()];
    let proxies = [Proxy::to(&[at(ports[0])]), Proxy::to(&[at(ports[3])])];
    let target = |name: &str, blue: u16, green: u16, admin: u16| {
        format!(
            "  {name}: {{ slots: {{ blue: {{ container: {name}-blue, port: {blue} }}, green: {{ container: {name}-green, port: {green} }} }}, proxy: {{ uses: caddy, with: {{ admin: 'http://127.0.0.1:{admin}', object: web }} }} }}\n"
        )
    };
    let [backend, frontend] = [
        target("backend", ports[0], ports[1], proxies[0].admin),
        target("frontend", ports[2], ports[3], proxies[1].admin),
    ];
    let [one, two] = [proxies[0].admin, proxies[1].admin];
    let text = format!(
        "
version: 1
name: two
include: [targets.yaml]
target: backend
plugins:
  caddy: {{ source: plugin:caddy, grants: {{ network: ['GET http://127.0.0.1:{one}/id/web', 'GET http://127.0.0.1:{two}/id/web'] }} }}
  gate:  {{ source: guest:gate_answer }}
  probe: {{ source: guest:gate_reach, grants: {{ network: ['tcp://127.0.0.1:9', 'GET http://${{{{ target.candidate.address }}}}/'], filesystem: {{}}, secrets: [] }} }}
steps:
  a: {{ uses: gate, with: {{ summary: '${{{{ target.name }}}} ${{{{ target.candidate.container }}}}' }} }}
  b: {{ uses: gate, target: frontend, needs: [a], with: {{ summary: '${{{{ target.name }}}} ${{{{ target.candidate.container }}}}' }} }}
  reach-a: {{ uses: probe, with: {{ http: {{ url: 'http://${{{{ target.candidate.address }}}}/' }} }}, needs: [b] }}
  reach-b: {{ uses: probe, target: frontend, with: {{ http: {{ url: 'http://${{{{ target.candidate.address }}}}/' }} }}, needs: [reach-a] }}
"
    );
    let project = Project::new()
        .file("pipeline.yaml", &text)
        .file("targets.yaml", &format!("targets:\n{backend}{frontend}"));
    succeeded(&project.exec(&[]));
    let mut told = told(&project);
    // The two proxies answer in any order.
    told[..2].sort();
    assert_eq!(
        told,
        [
            "target.backend success: blue is active, green is the candidate",
            "target.frontend success: green is active, blue is the candidate",
            "a success: backend backend-green",
            "b success: frontend frontend-blue",
            "reach-a success: reached",
            "reach-b success: reached",
        ]
    );
}

#[test]
fn one_proxy_of_two_that_does_not_answer_is_enough_to_start_nothing() {
    let (blue, green) = (service(), service());
    let proxy = Proxy::to(&[at(blue)]);
    let down = nobody();
    let other = format!(
        "  other: {{ slots: {{ x1: {{ container: x1, port: 1 }}, x2: {{ container: x2, port: 2 }} }}, proxy: {{ uses: caddy, with: {{ admin: 'http://127.0.0.1:{down}', object: web }} }} }}\nplugins:\n"
    );
    let steps = "steps:\n  a: { uses: gate, if: always() }\n  b: { uses: gate, target: other }\n";
    let project = project(blue, green, proxy.admin, steps);
    let text = project.read("pipeline.yaml");
    let text = text.replacen("plugins:\n", &other, 1).replace(
        "network: ['GET,PATCH",
        &format!("network: ['GET http://127.0.0.1:{down}/id/web', 'GET,PATCH"),
    );
    project.write("pipeline.yaml", text);
    let finished = project.exec(&[]);
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    let skipped: Vec<String> = told(&project).into_iter().filter(|line| line.contains("skipped")).collect();
    assert_eq!(skipped, ["a skipped: unobserved", "b skipped: unobserved"]);
}

#[test]
fn a_plan_shows_the_targets_and_every_rule_that_may_apply() {
    let (blue, green) = (service(), service());
    let proxy = Proxy::to(&[at(blue)]);
    let project = project(
        blue,
        green,
        proxy.admin,
        &reaching("['tcp://127.0.0.1:9', 'GET http://${{ target.candidate.address }}/']"),
    );
    let shown = project.runner(&["plan", "pipeline.yaml"]);
    succeeded(&shown);
    let shown = shown.stdout;
    for line in [
        format!(
            "target  vps: docker unix:///var/run/docker.sock, slot blue (api-blue at {}), slot green (api-green at {})",
            at(blue),
            at(green)
        ),
        "  1 target.vps  proxy-switch `caddy`".to_owned(),
        format!("connect GET http://{}/", at(blue)),
        format!("connect GET http://{}/", at(green)),
    ] {
        assert!(shown.contains(&line), "{line}\n{shown}");
    }
    assert_eq!(proxy.asked(), 0, "a plan asks nobody");
}
