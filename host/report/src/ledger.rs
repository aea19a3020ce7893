//! Which grants a run used, which it never used, and what was denied.
//!
//! A rule of a plugin's grants counts for every step that uses the plugin. It is idle if a step that may use it ran to its
//! end and none of them used it; nothing is said of a rule whose steps were skipped or cut short, except that nothing is
//! known. Rules are named in the words of the pipeline, so that they are found there.

use runner_capabilities::{Requested, Rule, Use};
use runner_journal::Ending;
use runner_model::{Narrowed, Plan, Step};
use serde_json::{Value, json};

use crate::{
    Granted, Style,
    run::{Run, StepRun},
    text::{self, TimeZone, amount, clean, list, time_of_day},
};

/// One rule of one step.
struct Row<'a> {
    step: &'a StepRun,
    plugin: &'a str,
    rule: Rule,
    used: Option<&'a Use>,
    /// Whether the step's plugin was called and came to its end: only then it tells something that nothing was used.
    told: bool,
}

/// A rule that nothing used, with the steps that may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Idle<'a> {
    plugin: &'a str,
    rule: Rule,
    /// Steps that ran without using it.
    steps: Vec<&'a str>,
    /// Steps that did not run to their end.
    unknown: Vec<&'a str>,
}

fn rows<'a, G: Granted>(plan: &'a Plan<G>, run: &'a Run) -> Vec<Row<'a>> {
    plan.steps.iter().zip(&run.steps).flat_map(|(step, ran)| rows_of(plan, step, run, ran)).collect()
}

fn rows_of<'a, G: Granted>(plan: &'a Plan<G>, step: &Step<G>, run: &Run, ran: &'a StepRun) -> Vec<Row<'a>> {
    let Some(plugin) = plan.plugin(step) else { return Vec::new() };
    let called = step.fault.is_none() && !ran.attempts.is_empty();
    let ended = ran.attempts.iter().all(|attempt| match &attempt.ending {
        Some(Ending::Answered { .. } | Ending::Failed { .. }) => true,
        Some(Ending::Aborted { .. }) | None => false,
    });
    let rules = in_force(plan, step, run).each_rule();
    rules
        .into_iter()
        .map(|rule| {
            let used = ran.uses.iter().find(|used| used.rule == rule);
            Row { step: ran, plugin: plugin.alias.as_str(), rule, used, told: called && ended }
        })
        .collect()
}

/// The rules that counted in this run: where they depend on the slots, those for the slot that was active.
fn in_force<'a, G: Granted>(plan: &Plan<G>, step: &'a Step<G>, run: &Run) -> &'a Requested {
    let assignment = plan.target(step).and_then(|(_, target)| {
        let outcome = run.steps.get(target.observer?.get())?.outcome()?;
        target.assign_outputs(&outcome.outputs).ok()
    });
    let case = |case: &&Narrowed| assignment.as_ref().is_some_and(|assigned| assigned.active == case.active);
    step.narrowed.iter().find(case).map_or_else(|| step.grants.requested(), |case| &case.grants)
}

/// The rules that nothing used, in the order of the plan.
fn idle<'a, G: Granted>(plan: &'a Plan<G>, run: &'a Run) -> Vec<Idle<'a>> {
    let mut found: Vec<(Idle<'a>, bool)> = Vec::new();
    for row in rows(plan, run) {
        let known = found.iter().position(|(idle, _)| idle.plugin == row.plugin && idle.rule == row.rule);
        let at = known.unwrap_or_else(|| {
            let idle = Idle { plugin: row.plugin, rule: row.rule, steps: Vec::new(), unknown: Vec::new() };
            found.push((idle, false));
            found.len() - 1
        });
        let (idle, used) = &mut found[at];
        *used |= row.used.is_some();
        let steps = if row.told { &mut idle.steps } else { &mut idle.unknown };
        steps.push(row.step.id.as_str());
    }
    found.into_iter().filter(|(_, used)| !used).map(|(idle, _)| idle).collect()
}

/// What `show` says of the grants of each step that ran, or was denied something.
pub(crate) fn lines<G: Granted>(plan: &Plan<G>, run: &Run, zone: &TimeZone) -> Vec<String> {
    let of = |(step, ran)| {
        let lines = step_lines(plan, step, run, ran, zone);
        let plugin = plan.plugin(step).map(|plugin| format!(" (plugin `{}`)", clean(plugin.alias.as_str())));
        let head = format!("`{}`{}", clean(ran.id.as_str()), plugin.unwrap_or_default());
        let lines = lines.into_iter().map(|line| format!("  {line}"));
        if lines.len() == 0 { Vec::new() } else { std::iter::once(head).chain(lines).collect() }
    };
    let mut lines: Vec<String> = plan.steps.iter().zip(&run.steps).flat_map(of).collect();
    if !run.keeps_ledger
        && run.id.is_some()
        && plan.steps.iter().any(|step| !step.grants.requested().is_empty())
    {
        lines.push(
            "which grants were used is not known: an older version of the runner began this run".to_owned(),
        );
    }
    lines
}

/// The same for one step.
pub(crate) fn step_lines<G: Granted>(
    plan: &Plan<G>,
    step: &Step<G>,
    run: &Run,
    ran: &StepRun,
    zone: &TimeZone,
) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows_of(plan, step, run, ran) {
        match row.used {
            Some(used) => {
                lines.push(format!("used    {}  {}", clean(&row.rule.to_string()), how(used, zone)))
            }
            None if row.told && run.keeps_ledger => {
                lines.push(format!("never   {}", clean(&row.rule.to_string())))
            }
            None => {}
        }
    }
    for refusal in &ran.denials {
        lines.push(format!("denied  {}: {}", clean(&refusal.request), clean(&refusal.message)));
        lines.extend(refusal.grant.iter().map(|grant| format!("        to allow it: {}", clean(grant))));
    }
    lines
}

/// `3 times, 812 B out, 4.1 KiB in, 14:02:11 to 14:02:31`.
fn how(used: &Use, zone: &TimeZone) -> String {
    let mut words = vec![if used.count == 1 { "once".to_owned() } else { format!("{} times", used.count) }];
    if used.sent > 0 {
        words.push(format!("{} out", amount(used.sent)));
    }
    if used.received > 0 {
        words.push(format!("{} in", amount(used.received)));
    }
    let [first, last] = [used.first_ms, used.last_ms].map(|at_ms| time_of_day(at_ms, zone));
    words.push(if first == last { format!("at {first}") } else { format!("{first} to {last}") });
    words.join(", ")
}

/// The rules that nothing used in a run that has ended, for its author to take out.
pub(crate) fn unused_lines<G: Granted>(plan: &Plan<G>, run: &Run) -> Vec<String> {
    if !run.finished || !run.keeps_ledger {
        return Vec::new();
    }
    let (idle, unknown): (Vec<Idle<'_>>, Vec<Idle<'_>>) =
        idle(plan, run).into_iter().partition(|idle| !idle.steps.is_empty());
    let mut lines = Vec::new();
    for Idle { plugin, rule, steps, unknown } in idle {
        let also = match unknown.len() {
            0 => String::new(),
            count => format!(
                "; {} may, and did not run to {} end",
                list(unknown),
                if count == 1 { "its" } else { "their" }
            ),
        };
        lines.push(format!(
            "plugin `{}`: {}: not used by {}{also}",
            clean(plugin),
            clean(&rule.to_string()),
            list(steps)
        ));
    }
    for Idle { plugin, rule, unknown, .. } in unknown {
        let (plugin, rule) = (clean(plugin).into_owned(), clean(&rule.to_string()).into_owned());
        lines.push(format!("plugin `{plugin}`: {rule}: not known, {} did not run to the end", list(unknown)));
    }
    lines
}

/// `show --ledger`: every rule of every step, and what was denied, as a table.
#[must_use]
pub fn table<G: Granted>(plan: &Plan<G>, run: &Run, style: &Style, zone: &TimeZone) -> String {
    let mut lines = Vec::new();
    for (step, ran) in plan.steps.iter().zip(&run.steps) {
        let id = clean(ran.id.as_str()).into_owned();
        let plugin = plan.plugin(step).map(|plugin| clean(plugin.alias.as_str()).into_owned());
        let plugin = plugin.unwrap_or_default();
        for row in rows_of(plan, step, run, ran) {
            let mut cells = vec![id.clone(), plugin.clone(), row.rule.grant.as_str().to_owned()];
            cells.push(clean(&row.rule.rule).into_owned());
            match row.used {
                Some(used) => cells.extend([
                    used.count.to_string(),
                    amount(used.sent),
                    amount(used.received),
                    time_of_day(used.first_ms, zone),
                    time_of_day(used.last_ms, zone),
                ]),
                None if row.told && run.keeps_ledger => cells.push("never".to_owned()),
                None => cells.push("not known".to_owned()),
            }
            lines.push(cells);
        }
        for refusal in &ran.denials {
            let grant = refusal.capability.grant_key().unwrap_or_default().to_owned();
            let request = clean(&refusal.request).into_owned();
            lines.push(vec![id.clone(), plugin.clone(), grant, request, "denied".to_owned()]);
        }
    }
    if lines.is_empty() {
        return "nothing was granted, and nothing was asked for\n".to_owned();
    }
    let head = ["step", "plugin", "grant", "rule", "used", "out", "in", "first", "last"];
    text::table(&head, &lines, style)
}

/// The ledger of one step for programs: every rule, used or not. `null` if nothing is known of it.
pub(crate) fn step_json<G: Granted>(plan: &Plan<G>, step: &Step<G>, run: &Run, ran: &StepRun) -> Value {
    if !run.keeps_ledger {
        return Value::Null;
    }
    let rows = rows_of(plan, step, run, ran).into_iter().map(|row| {
        json!({
            "grant": row.rule.grant,
            "rule": row.rule.rule,
            "count": row.used.map(|used| used.count).or(row.told.then_some(0)),
            "sent": row.used.map_or(0, |used| used.sent),
            "received": row.used.map_or(0, |used| used.received),
            "first_ms": row.used.map(|used| used.first_ms),
            "last_ms": row.used.map(|used| used.last_ms),
        })
    });
    rows.collect()
}

/// The rules that nothing used, for programs; `null` before the run has ended, or if nothing is known.
pub(crate) fn unused_json<G: Granted>(plan: &Plan<G>, run: &Run) -> Value {
    if !run.finished || !run.keeps_ledger {
        return Value::Null;
    }
    let one = |idle: Idle<'_>| {
        json!({
            "plugin": idle.plugin,
            "grant": idle.rule.grant,
            "rule": idle.rule.rule,
            "not_used_by": idle.steps,
            "not_known_of": idle.unknown,
        })
    };
    idle(plan, run).into_iter().map(one).collect()
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
