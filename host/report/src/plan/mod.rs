//! `plan`: what would happen, before anything does.

mod durations;
#[cfg(test)]
mod tests;

use runner_capabilities::{Limits, Machine};
use runner_model::{
    Inconclusive, Need, Phase, Plan, Poll, ResultSet, SecretOrigin, Step, Target, Uses, format_duration,
};
use serde_json::{Value, json};

use crate::{
    Granted, Style,
    style::Tone,
    text::{clean, list, plural},
    words,
};

/// Hex digits of a digest that are shown.
const DIGEST: usize = 12;

/// The plan as text: its steps in order with what each may do and how long it can take, then what the whole takes.
#[must_use]
pub fn text<G: Granted>(plan: &Plan<G>, style: &Style) -> String {
    let mut out = head(plan, style);
    let mut part = None;
    for (number, step) in plan.steps.iter().enumerate() {
        let this = words::part(&step.phase);
        if this != part {
            out.push_str(&format!("\n{}\n", this.unwrap_or("steps")));
            part = this;
        } else if number == 0 {
            out.push_str("\nsteps\n");
        }
        out.push_str(&one(plan, number, step, style));
    }
    out.push('\n');
    out.push_str(&whole(plan, style));
    out
}

/// The plan for programs: the recorded plan's words, with what was worked out from them.
#[must_use]
pub fn to_json<G: Granted>(plan: &Plan<G>) -> Value {
    let (longest, path) = durations::critical(plan);
    let ids = |steps: Vec<&Step<G>>| steps.iter().map(|step| step.id.to_string()).collect::<Vec<_>>();
    let steps: Vec<Value> = plan.steps.iter().map(|step| step_json(plan, step)).collect();
    json!({
        "name": plan.header.name,
        "description": plan.header.description,
        "file": plan.header.file,
        "digest": plan.header.digest,
        "inputs": plan.header.inputs,
        "event": plan.header.event,
        "plugins": plan.header.plugins,
        "secrets": plan.header.secrets,
        "targets": plan.header.targets,
        "default_limits": Limits::default(),
        "steps": steps,
        "critical_path": ids(path.into_iter().map(|index| plan.step(index)).collect()),
        "worst_case_ms": milliseconds(longest),
        "taken_back_on_failure": ids(durations::changes(plan).rev().collect()),
        "worst_case_rollback_ms": milliseconds(durations::taking_back(plan)),
    })
}

fn step_json<G: Granted>(plan: &Plan<G>, step: &Step<G>) -> Value {
    let plugin = plan.plugin(step);
    let needs: Vec<Value> = step
        .needs
        .iter()
        .map(|need| json!({ "step": plan.step(need.step).id, "result": need.accept }))
        .collect();
    json!({
        "step": step.id,
        "part": words::part(&step.phase).unwrap_or("steps"),
        "kind": words::kind(plan, step),
        "plugin": plugin.map(|plugin| &plugin.alias),
        "digest": plugin.map(|plugin| &plugin.digest),
        "needs": needs,
        "if": step.condition,
        "with": step.with,
        "target": step.target,
        "grants": step.grants.requested(),
        "grants_by_active_slot": step.narrowed,
        "limits": step.limits,
        "secrets": step.secrets,
        "retry": step.retry,
        "poll": step.poll,
        "timeout_ms": milliseconds(step.timeout),
        "worst_case_ms": milliseconds(durations::worst(step)),
        "place": step.place,
    })
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn head<G>(plan: &Plan<G>, style: &Style) -> String {
    let header = &plan.header;
    let mut out = format!(
        "{}: {}, {}\n",
        style.paint(Tone::Strong, &clean(&header.name)),
        plural(plan.steps.len(), "step"),
        plural(header.plugins.len(), "plugin")
    );
    let mut fact = |name: &str, value: String| {
        out.push_str(&format!("  {} {value}\n", style.paint(Tone::Faint, &format!("{name:<8}"))));
    };
    if !header.description.is_empty() {
        fact("about", clean(&header.description).into_owned());
    }
    fact("file", format!("{} ({})", clean(&header.file), short(header.digest.hex())));
    for (name, value) in &header.inputs {
        fact("input", format!("{} = {}", clean(name), clean(&value.to_string())));
    }
    for (name, secret) in &header.secrets {
        let from = match &secret.from {
            SecretOrigin::Env(variable) => format!("the variable {}", clean(variable)),
            SecretOrigin::File(path) => format!("the file {}", clean(path)),
        };
        let allow = list(secret.allow.iter().map(runner_model::PluginAlias::as_str));
        let allow = if allow.is_empty() { "no plugin".to_owned() } else { allow };
        fact("secret", format!("{} from {from}, for {allow}", clean(name.as_str())));
    }
    for (name, target) in &header.targets {
        fact("target", format!("{}: {}", clean(name.as_str()), target_text(target)));
    }
    fact("limits", format!("{} (where a step says nothing else)", words::limits(&Limits::default())));
    out
}

/// How a target is reached, and its slots.
fn target_text(target: &Target) -> String {
    let Machine { docker, ssh, workdir } = &target.machine;
    let mut words = vec![format!("docker {}", clean(&docker.to_string()))];
    words.extend(ssh.iter().map(|alias| format!("commands through ssh {}", clean(alias))));
    words.extend(workdir.iter().map(|path| format!("in {}", clean(path))));
    words.extend(target.slots.iter().map(|slot| {
        format!("slot {} ({} at {})", clean(&slot.name), clean(&slot.container), clean(&slot.address))
    }));
    words.join(", ")
}

fn one<G: Granted>(plan: &Plan<G>, number: usize, step: &Step<G>, style: &Style) -> String {
    let what = match plan.plugin(step) {
        Some(plugin) => {
            let (alias, digest) = (clean(plugin.alias.as_str()), short(plugin.digest.hex()));
            format!("{} `{alias}` {}", plugin.kind.as_str(), style.paint(Tone::Faint, &format!("({digest})")))
        }
        None => words::kind(plan, step).to_owned(),
    };
    let id = style.paint(Tone::Strong, &clean(step.id.as_str()));
    let mut out = format!("{:>3} {id}  {what}\n", number + 1);
    for (name, lines) in facts(plan, step) {
        for (index, line) in lines.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            out.push_str(&format!("      {} {line}\n", style.paint(Tone::Faint, &format!("{name:<7}"))));
        }
    }
    out
}

fn facts<G: Granted>(plan: &Plan<G>, step: &Step<G>) -> Vec<(&'static str, Vec<String>)> {
    let mut facts = Vec::new();
    if let Phase::Notify { on, severity } = &step.phase {
        let on: Vec<&str> = on.iter().map(|on| on.as_str()).collect();
        facts.push(("on", vec![format!("{}, as {}", list(on), clean(severity))]));
    }
    let needs: Vec<String> = step.needs.iter().map(|need| need_text(plan, need)).collect();
    facts.push(("needs", if needs.is_empty() { needs } else { vec![needs.join(", ")] }));
    facts.push((
        "if",
        step.condition.iter().map(|condition| clean(condition.source()).into_owned()).collect(),
    ));
    if let Uses::Approval(approval) = &step.uses {
        facts.push(("asks", vec![clean(&approval.message).into_owned()]));
    }
    facts.push(("on", step.target.iter().map(|target| clean(target.as_str()).into_owned()).collect()));
    facts.push(("may", words::grants(step.grants.requested())));
    let by_slot = "(of these, those for the slots as the proxy has them)";
    facts.push(("", if step.narrowed.is_empty() { Vec::new() } else { vec![by_slot.to_owned()] }));
    let limits = words::limits_beside(&step.limits, &Limits::default());
    facts.push(("limits", if limits.is_empty() { limits } else { vec![limits.join(", ")] }));
    facts.push(("retry", words::retry(&step.retry).into_iter().collect()));
    facts.push(("poll", step.poll.iter().map(poll_text).collect()));
    facts.push(("note", notes(step)));
    let worst = durations::worst(step);
    if !worst.is_zero() {
        facts.push(("takes", vec![format!("at most {}", format_duration(worst))]));
    }
    facts
}

fn need_text<G>(plan: &Plan<G>, need: &Need) -> String {
    let id = list([plan.step(need.step).id.as_str()]);
    if need.accept == ResultSet::DEFAULT {
        return id;
    }
    let results: Vec<&str> = need.accept.iter().map(runner_model::StepResult::as_str).collect();
    format!("{id} with {}", results.join(" or "))
}

fn poll_text(poll: &Poll) -> String {
    let mut words = vec![format!("every {}", format_duration(poll.interval))];
    let times = |count: u32, word: &str| plural(usize::try_from(count).unwrap_or(usize::MAX), word);
    words.extend(poll.consecutive_successes.map(|count| format!("until {count} in a row succeed")));
    words.extend(poll.count.map(|count| format!("at most {}", times(count, "time"))));
    words.extend(poll.deadline.map(|deadline| format!("for at most {}", format_duration(deadline))));
    words.extend(
        poll.failure_limit
            .filter(|limit| *limit > 0)
            .map(|limit| format!("bears {}", times(limit, "failure"))),
    );
    words.join(", ")
}

/// Policies that change what an answer means.
fn notes<G>(step: &Step<G>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |holds: bool, text: &str| {
        if holds {
            notes.push(text.to_owned());
        }
    };
    note(step.report_only, "shadow step: whatever it answers counts as success");
    note(step.continue_on_error, "its no or failure does not end the run");
    note(step.required, "a message that cannot be delivered ends the run");
    note(step.on_inconclusive == Inconclusive::Pass, "an inconclusive answer counts as a yes");
    note(
        step.on_inconclusive == Inconclusive::Pause,
        "an inconclusive answer is put to a person, however long that takes",
    );
    note(step.fault.is_some(), "a fault is put in on purpose");
    notes
}

fn whole<G>(plan: &Plan<G>, style: &Style) -> String {
    let (longest, path) = durations::critical(plan);
    let ids: Vec<String> =
        path.into_iter().map(|index| clean(plan.step(index).id.as_str()).into_owned()).collect();
    let arrow = style.sign(" → ", " -> ");
    let mut out = format!(
        "{} {}, along {}\n",
        style.paint(Tone::Faint, "at worst  "),
        format_duration(longest),
        ids.join(arrow)
    );
    let changes: Vec<&str> = durations::changes(plan).rev().map(|step| step.id.as_str()).collect();
    let label = style.paint(Tone::Faint, "on failure");
    if changes.is_empty() {
        out.push_str(&format!("{label} nothing has to be taken back\n"));
    } else {
        let worst = format_duration(durations::taking_back(plan));
        out.push_str(&format!("{label} taken back, newest first: {} (at worst {worst})\n", list(changes)));
    }
    out
}

fn short(hex: &str) -> &str {
    hex.get(..DIGEST).unwrap_or(hex)
}
