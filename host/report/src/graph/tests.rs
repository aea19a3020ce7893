//! What graphs look like.

use insta::assert_snapshot;
use quick_xml::{Reader, events::Event};
use runner_journal::testing::{Draft, change, checkpoint, gate, observer, plan, plugin, with_targets};
use runner_model::{Plan, PluginKind, StepId, StepResult};

use super::{dot, mermaid, svg};
use crate::testing::deployment;

/// Names that try to be markup.
fn hostile() -> Plan {
    let mut plan = plan([
        gate("a").but(|step| step.id = StepId::new("a[\"<script>&'\u{1b}[2J\u{202e}\u{ffff}]")),
        gate("b").condition("inputs.x == '<b>'"),
    ]);
    plan.header.name = "\"deploy\" </title><script>\n".to_owned();
    plan
}

#[test]
fn what_asks_a_proxy_stands_before_the_steps() {
    let plan = with_targets(plan([observer("vps"), gate("check").on_target("vps")]));
    let head = |text: String| text.lines().take(5).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        head(mermaid(&plan)),
        [
            "flowchart LR",
            "  subgraph targets",
            "    s0[\"target.vps<br/>proxy-switch\"]:::proxy-switch",
            "  end",
            "  s1[\"check<br/>gate\"]:::gate",
        ]
    );
    // To ask is no change, whatever else the plugin can do.
    assert!(!dot(&plan).contains('Δ'));
    let left = |id: &str| {
        let picture = svg(&plan);
        let at = picture.split(&format!("<title>{id}:")).nth(1).and_then(|rest| rest.split("x=\"").nth(1));
        at.and_then(|rest| rest.split('"').next()).and_then(|x| x.parse::<f64>().ok()).expect("a box")
    };
    assert!(left("target.vps") < left("check"));
}

/// Checks, fans out, joins, changes and checks again, in stages.
fn large(steps: usize) -> Plan {
    let id = |number: usize| format!("step-{number}");
    let drafts = (0..steps).map(|number| {
        let draft: Draft = match number % 9 {
            4 => plugin(&id(number), PluginKind::HealthCheck),
            6 => change(&id(number)),
            8 => checkpoint(&id(number)),
            _ => gate(&id(number)),
        };
        let needs: Vec<String> = match number {
            0 => Vec::new(),
            _ if number % 9 == 8 => (number.saturating_sub(5)..number).map(id).collect(),
            _ if number % 4 == 0 => vec![id(number - 1), id(number / 2)],
            _ => vec![id(number / 9 * 9).replace(&format!("step-{number}"), "step-0")],
        };
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        draft.needs(&needs)
    });
    plan(drafts)
}

/// The texts of an XML document, which must be one.
fn texts(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut texts = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return texts,
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(reference) => text.push_str(&format!("&{};", &*reference)),
            Event::Start(tag) => {
                tag.attributes().for_each(|attribute| drop(attribute.unwrap()));
                text.clear();
            }
            Event::End(_) => texts.push(std::mem::take(&mut text)),
            Event::Empty(tag) => tag.attributes().for_each(|attribute| drop(attribute.unwrap())),
            Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

#[test]
fn for_markdown() {
    assert_snapshot!(mermaid(&deployment()), @r#"
    flowchart LR
      s0["lint<br/>gate"]:::gate
      s1["unit<br/>gate"]:::gate
      s2{{"go-live<br/>approval"}}:::approval
      s3["migrate Δ<br/>action"]:::action
      s4["switch Δ<br/>proxy-switch"]:::proxy-switch
      s5["smoke<br/>health-check"]:::health-check
      s6(["live<br/>checkpoint"]):::checkpoint
      subgraph finally
        s7["tidy<br/>gate"]:::gate
      end
      subgraph notify
        s8["tell<br/>notifier"]:::notifier
      end
      s0 --> s2
      s1 --> s2
      s2 --> s3
      s3 --> s4
      s4 --> s5
      s5 -. "success" .-> s6
      classDef gate fill:#2f81f722,stroke:#2f81f7
      classDef health-check fill:#2da44e22,stroke:#2da44e
      classDef approval fill:#d4a72c22,stroke:#d4a72c
      classDef proxy-switch fill:#e8590c22,stroke:#e8590c
      classDef action fill:#e5484d22,stroke:#e5484d
      classDef notifier fill:#a371f722,stroke:#a371f7
      classDef checkpoint fill:#8b949e22,stroke:#8b949e
      style s1 stroke-dasharray: 5 3
    "#);
}

#[test]
fn for_graphviz() {
    assert_snapshot!(dot(&deployment()), @r##"
    digraph "deploy" {
      rankdir=LR;
      node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];
      edge [color="#8b949e", fontname="Helvetica", fontsize=9];
      "lint" [label="lint\ngate", color="#2f81f7", fillcolor="#2f81f722"];
      "unit" [label="unit\ngate", color="#2f81f7", fillcolor="#2f81f722", style="rounded,filled,dashed"];
      "go-live" [label="go-live\napproval", color="#d4a72c", fillcolor="#d4a72c22"];
      "migrate" [label="migrate Δ\naction", color="#e5484d", fillcolor="#e5484d22"];
      "switch" [label="switch Δ\nproxy-switch", color="#e8590c", fillcolor="#e8590c22"];
      "smoke" [label="smoke\nhealth-check", color="#2da44e", fillcolor="#2da44e22"];
      "live" [label="live\ncheckpoint", color="#8b949e", fillcolor="#8b949e22"];
      subgraph cluster_finally {
        label=finally; style=dotted;
        "tidy" [label="tidy\ngate", color="#2f81f7", fillcolor="#2f81f722"];
      }
      subgraph cluster_notify {
        label=notify; style=dotted;
        "tell" [label="tell\nnotifier", color="#a371f7", fillcolor="#a371f722"];
      }
      "lint" -> "go-live";
      "unit" -> "go-live";
      "go-live" -> "migrate";
      "migrate" -> "switch";
      "switch" -> "smoke";
      "smoke" -> "live" [style=dashed, label="success"];
    }
    "##);
}

#[test]
fn the_picture_names_every_step_and_kind() {
    let texts = texts(&svg(&deployment()));
    let texts: Vec<&str> =
        texts.iter().map(String::as_str).filter(|text| !text.trim().is_empty()).skip(2).collect();
    assert_snapshot!(texts.join("\n"), @r"
    deploy
    finally
    notify
    go-live needs lint
    go-live needs unit
    migrate needs go-live
    switch needs migrate
    smoke needs switch
    live needs smoke with success
    lint: gate
    lint
    gate
    unit: gate
    if inputs.tag != &#39;&#39;
    unit
    gate
    go-live: approval
    go-live
    approval
    migrate: action
    migrate
    action
    Δ
    switch: proxy-switch
    switch
    proxy-switch
    Δ
    smoke: health-check
    smoke
    health-check
    live: checkpoint
    live
    checkpoint
    tidy: gate
    tidy
    gate
    tell: notifier
    tell
    notifier
    gate
    health-check
    approval
    proxy-switch
    action
    notifier
    checkpoint
    Δ changes the world, taken back on failure
    dashed box: has a condition
    dashed line: goes on with other results than success
    ");
}

#[test]
fn names_that_try_to_be_markup_stay_text() {
    let plan = hostile();
    let picture = texts(&svg(&plan));
    assert_eq!(picture[0], "&quot;deploy&quot; &lt;/title&gt;&lt;script&gt;\\n");
    assert!(!svg(&plan).contains("<script"));
    assert_snapshot!(mermaid(&plan), @r#"
    flowchart LR
      s0["a[#34;#60;script#62;#38;'#92;u{1b}[2J#92;u{202e}#92;u{ffff}]<br/>gate"]:::gate
      s1["b<br/>gate"]:::gate
      classDef gate fill:#2f81f722,stroke:#2f81f7
      style s1 stroke-dasharray: 5 3
    "#);
    assert_snapshot!(dot(&plan), @r##"
    digraph "\"deploy\" </title><script>\n" {
      rankdir=LR;
      node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];
      edge [color="#8b949e", fontname="Helvetica", fontsize=9];
      "a[\"<script>&'\\u{1b}[2J\\u{202e}\\u{ffff}]" [label="a[\"<script>&'\\u{1b}[2J\\u{202e}\\u{ffff}]\ngate", color="#2f81f7", fillcolor="#2f81f722"];
      "b" [label="b\ngate", color="#2f81f7", fillcolor="#2f81f722", style="rounded,filled,dashed"];
    }
    "##);
}

#[test]
fn a_picture_of_any_size_is_xml() {
    for steps in [0, 1, 3, 30, 100] {
        let texts = texts(&svg(&large(steps)));
        assert!(texts.len() > steps * 2, "{steps}");
    }
}

#[test]
fn needs_with_results_of_their_own_are_drawn_although_others_imply_them() {
    let plan = plan([
        gate("a"),
        gate("b").needs(&["a"]),
        gate("c").needs(&["b"]).needs_result("a", &[StepResult::Failure, StepResult::Error]),
        gate("d").needs(&["a", "c"]),
    ]);
    let texts = texts(&svg(&plan));
    let lines: Vec<&str> = texts.iter().map(String::as_str).filter(|text| text.contains(" needs ")).collect();
    assert_eq!(lines, ["b needs a", "c needs b", "c needs a with failure, error", "d needs c"]);
}

/// A chain of many steps is a page, not a ribbon.
#[test]
fn what_is_too_wide_for_a_page_runs_downwards() {
    let chain = |count: usize| {
        let ids: Vec<String> = (0..count).map(|number| format!("step-{number}")).collect();
        let steps = (0..count).map(|number| {
            let before: Vec<&str> =
                number.checked_sub(1).map(|before| ids[before].as_str()).into_iter().collect();
            gate(&ids[number]).needs(&before)
        });
        let picture = svg(&plan(steps));
        let size = picture.split('"').nth(3).unwrap().split(' ').map(|number| number.parse().unwrap());
        let size: Vec<u32> = size.collect();
        (size[2], size[3])
    };
    assert_eq!([chain(3), chain(60)], [(422, 148), (360, 5244)]);
}
