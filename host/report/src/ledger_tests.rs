//! What is said of grants that were used, and of those that were not.

use insta::assert_snapshot;
use runner_capabilities::{Rule, RuleKind, Use};
use runner_journal::{Entry, SkipReason};
use runner_model::{Cause, StepId, StepResult, Verdict, World};
use serde_json::json;

use super::{lines, step_json, table, unused_json, unused_lines};
use crate::{
    Style, TimeZone,
    run::Run,
    testing::{BEGAN, Story, deployment},
};

fn used(step: &str, grant: RuleKind, rule: &str, received: u64) -> Entry {
    let rule = Rule { grant, rule: rule.to_owned() };
    let first = Use { received, ..Use::first(rule, BEGAN) };
    let mut uses = vec![first.clone()];
    Use::add_to(&mut uses, Use { first_ms: BEGAN + 2_500, last_ms: BEGAN + 2_500, sent: 300, ..first });
    Entry::GrantsUsed { step: StepId::new(step), uses }
}

/// `smoke` says no, after it and `lint` used something, in two attempts.
fn story() -> Story {
    let mut story = Story::restored();
    let end = story.records.pop().expect("a last record");
    story
        .then(0, used("lint", RuleKind::Read, "src/", 700))
        .then(0, used("lint", RuleKind::Read, "src/", 1_300))
        .then(0, used("smoke", RuleKind::Network, "GET http://127.0.0.1:8001/health", 90))
        .then(0, end.entry)
}

#[test]
fn each_grant_is_said_to_be_used_or_not() {
    let (plan, story) = (deployment(), story());
    let run = Run::read(&plan, &story.records);
    assert_snapshot!(lines(&plan, &run, &TimeZone::UTC).join("\n"), @r#"
    `lint` (plugin `gate`)
      used    filesystem.read: src/  4 times, 600 B out, 3.9 KiB in, 14:02:11 to 14:02:13
      never   filesystem.read: docker/
      never   secrets: token
      denied  GET https://pypi.org/simple/: this step is granted no network at all
              to allow it: network: ["GET https://pypi.org/simple/"]
    `smoke` (plugin `health-check`)
      used    network: GET http://127.0.0.1:8001/health  2 times, 300 B out, 180 B in, 14:02:11 to 14:02:13
    "#);
    assert_snapshot!(unused_lines(&plan, &run).join("\n"), @r"
    plugin `gate`: filesystem.read: docker/: not used by `lint`
    plugin `gate`: secrets: token: not used by `lint`
    ");
    assert_snapshot!(table(&plan, &run, &Style::PLAIN, &TimeZone::UTC), @r"
    step   plugin        grant            rule                              used    out    in       first     last
    lint   gate          filesystem.read  src/                              4       600 B  3.9 KiB  14:02:11  14:02:13
    lint   gate          filesystem.read  docker/                           never
    lint   gate          secrets          token                             never
    lint   gate          network          GET https://pypi.org/simple/      denied
    smoke  health-check  network          GET http://127.0.0.1:8001/health  2       300 B  180 B    14:02:11  14:02:13
    ");
}

#[test]
fn a_grant_of_a_step_that_did_not_run_is_not_known_to_be_idle() {
    let plan = deployment();
    let cause = Cause::Rejected { step: StepId::new("lint") };
    let skipped = SkipReason::Need { step: StepId::new("switch"), result: StepResult::Skipped };
    let verdict = Verdict { cause, world: World::Unchanged };
    let story = Story::begin().gates().skipped("smoke", skipped).decided(verdict);
    let run = Run::read(&plan, &story.records);
    assert_snapshot!(unused_lines(&plan, &run).join("\n"), @r"
    plugin `gate`: filesystem.read: src/: not used by `lint`
    plugin `gate`: filesystem.read: docker/: not used by `lint`
    plugin `gate`: secrets: token: not used by `lint`
    plugin `health-check`: network: GET http://127.0.0.1:8001/health: not known, `smoke` did not run to the end
    ");
}

#[test]
fn nothing_is_called_idle_before_the_end() {
    let plan = deployment();
    let run = Run::read(&plan, &Story::begin().gates().records);
    assert_eq!((unused_lines(&plan, &run), unused_json(&plan, &run)), (vec![], json!(null)));
}

#[test]
fn programs_see_every_grant_used_or_not() {
    let (plan, story) = (deployment(), story());
    let run = Run::read(&plan, &story.records);
    let ledger = step_json(&plan, &plan.steps[0], &run, &run.steps[0]);
    let idle = |grant: &str, rule: &str| json!({ "grant": grant, "rule": rule, "count": 0, "sent": 0, "received": 0, "first_ms": null, "last_ms": null });
    let src = json!({
        "grant": "filesystem.read", "rule": "src/", "count": 4, "sent": 600, "received": 4_000,
        "first_ms": BEGAN, "last_ms": BEGAN + 2_500,
    });
    assert_eq!(ledger, json!([src, idle("filesystem.read", "docker/"), idle("secrets", "token")]));
    let unused = |rule: &str, grant: &str| json!({ "plugin": "gate", "grant": grant, "rule": rule, "not_used_by": ["lint"], "not_known_of": [] });
    assert_eq!(
        unused_json(&plan, &run),
        json!([unused("docker/", "filesystem.read"), unused("token", "secrets")])
    );
}

/// Journals of version 1 hold no uses: that is not the same as none.
#[test]
fn of_an_older_run_nothing_is_claimed() {
    let (plan, mut story) = (deployment(), Story::restored());
    story.records.iter_mut().for_each(|record| record.v = 1);
    let run = Run::read(&plan, &story.records);
    assert_eq!(unused_lines(&plan, &run), Vec::<String>::new());
    assert_eq!(step_json(&plan, &plan.steps[0], &run, &run.steps[0]), json!(null));
    assert_eq!(
        lines(&plan, &run, &TimeZone::UTC).last().map(String::as_str),
        Some("which grants were used is not known: an older version of the runner began this run")
    );
}
