//! The end of a run in one look: what, why, what the world is like now, what to do next.

use runner_journal::settle;
use runner_model::{Cause, Plan, StepId, StepResult, Verdict, World};

use super::lines::summary as ending_summary;
use crate::{
    Granted, Style,
    diagnostics::hint,
    run::{Now, Run, StepRun},
    style::Tone,
    text::{clean, cut, elapsed, list, plural},
    words,
};

/// Longest text of one fact.
const LONGEST: usize = 400;

/// The block at the end of a run; empty before its verdict is known. `journal` is where the journal is; without it the
/// block stands on a page that tells itself what was denied.
pub(crate) fn summary<G: Granted>(plan: &Plan<G>, run: &Run, journal: Option<&str>, style: &Style) -> String {
    let Some(verdict) = &run.verdict else { return String::new() };
    let tone = match verdict.cause {
        Cause::Succeeded => Tone::Good,
        Cause::Rejected { .. } | Cause::Failed { .. } | Cause::Unobserved { .. } => Tone::Bad,
        Cause::Cancelled => Tone::Warning,
    };
    let tone = if let World::Stuck { .. } = verdict.world { Tone::Bad } else { tone };
    let status = style.paint(tone, &format!("{}:", verdict.status()));
    let mut text = format!("{status} {} (exit {})\n", sentence(plan, run, verdict), verdict.exit().code());
    for (name, lines) in facts(plan, run, verdict, journal) {
        for (index, line) in lines.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            text.push_str(&format!(
                "  {} {}\n",
                style.paint(Tone::Faint, &format!("{name:<10}")),
                cut(line, LONGEST)
            ));
        }
    }
    if let Some(next) = next(run, verdict) {
        text.push('\n');
        text.push_str(&hint(&next, style));
    }
    text
}

/// The block at the end of a rehearsal: how far it came, and that nothing has happened.
pub(crate) fn rehearsed<G: Granted>(plan: &Plan<G>, run: &Run, style: &Style) -> String {
    let Some(verdict) = &run.verdict else { return String::new() };
    let unchanged = Verdict { world: World::Unchanged, ..verdict.clone() };
    let tone = if verdict.cause == Cause::Succeeded { Tone::Good } else { Tone::Bad };
    let status = style.paint(tone, &format!("dry run, {}:", unchanged.status()));
    let mut text =
        format!("{status} {} (exit {})\n", sentence(plan, run, &unchanged), unchanged.exit().code());
    for (name, lines) in facts(plan, run, &unchanged, None) {
        for line in lines {
            text.push_str(&format!(
                "  {} {}\n",
                style.paint(Tone::Faint, &format!("{name:<10}")),
                cut(&line, LONGEST)
            ));
        }
    }
    text
}

/// What happened, in one sentence without its first word.
pub(crate) fn sentence<G>(plan: &Plan<G>, run: &Run, verdict: &Verdict) -> String {
    let took = elapsed(run.elapsed_ms());
    let named = |id: &str| {
        let kind = plan.find(id).map_or("step", |index| words::kind(plan, plan.step(index)));
        format!("{kind} `{}`", clean(id))
    };
    let why = match &verdict.cause {
        Cause::Succeeded => {
            let ran = run.steps.iter().filter(|step| matches!(step.now, Now::Ended(_))).count();
            format!("{} in {took}", plural(ran, "step"))
        }
        Cause::Rejected { step } => format!("{} said no after {took}", named(step.as_str())),
        Cause::Failed { step } => format!("{} failed after {took}", named(step.as_str())),
        Cause::Unobserved { step } => {
            let target = plan.find(step.as_str()).and_then(|index| plan.step(index).target.as_ref());
            let of =
                target.map(|name| format!(" of the target `{}`", clean(name.as_str()))).unwrap_or_default();
            format!("which slot{of} is active is not known, so nothing was started")
        }
        Cause::Cancelled => {
            let by = run.cancelled_by.as_deref().map(|by| format!("by {} ", clean(by))).unwrap_or_default();
            format!("{by}after {took}")
        }
    };
    match &verdict.world {
        World::Stuck { remaining, .. } => {
            let count = remaining.len();
            let verb = if count == 1 { "is" } else { "are" };
            format!("{} {verb} not taken back; {}{why}", plural(count, "change"), stuck_cause(&verdict.cause))
        }
        World::Unchanged | World::Changed { .. } | World::Restored { .. } => why,
    }
}

/// A stuck run says in its first word that it is stuck, so why it went back has to be said after it.
const fn stuck_cause(cause: &Cause) -> &'static str {
    match cause {
        Cause::Cancelled => "cancelled ",
        Cause::Succeeded | Cause::Rejected { .. } | Cause::Failed { .. } | Cause::Unobserved { .. } => "",
    }
}

fn facts<G: Granted>(
    plan: &Plan<G>,
    run: &Run,
    verdict: &Verdict,
    journal: Option<&str>,
) -> Vec<(&'static str, Vec<String>)> {
    let mut facts = Vec::new();
    let why = verdict.step().and_then(|step| run.step(step.as_str())?.ending());
    facts.push(("why", why.map(ending_summary).filter(|why| !why.is_empty()).into_iter().collect()));
    facts.extend(world(&verdict.world, run));
    let tolerated = plan.steps.iter().zip(&run.steps).filter(|(step, ran)| {
        matches!(ran.now, Now::Ended(StepResult::Failure | StepResult::Error))
            && settle::is_tolerated(step, plan.effect(step))
    });
    let tolerated: Vec<&str> = tolerated.map(|(step, _)| step.id.as_str()).collect();
    if !tolerated.is_empty() {
        facts.push(("tolerated", vec![format!("{} did not succeed, and did not have to", list(tolerated))]));
    }
    let skipped = run.steps.iter().filter(|step| matches!(step.now, Now::Skipped(_))).count();
    if skipped > 0 {
        let verb = if skipped == 1 { "was" } else { "were" };
        facts.push(("skipped", vec![format!("{} {verb} not started", plural(skipped, "step"))]));
    }
    if let Some(path) = journal {
        facts.push(("denied", denials(&run.steps)));
        facts.push(("journal", vec![clean(path).into_owned()]));
    }
    facts
}

fn world(world: &World, run: &Run) -> Vec<(&'static str, Vec<String>)> {
    let left = |step: &StepId| run.step(step.as_str()).and_then(|ran| ran.left.as_ref());
    // What stays is said of each step by itself, and none of these is called taken back.
    let taken_back = |steps: &[StepId]| {
        let whole: Vec<&str> = steps.iter().filter(|step| left(step).is_none()).map(StepId::as_str).collect();
        let verb = if whole.len() == 1 { "was" } else { "were" };
        let mut lines = Vec::new();
        if !whole.is_empty() {
            lines.push(format!("{} {verb} taken back", list(whole)));
        }
        lines.extend(
            steps
                .iter()
                .filter_map(|step| Some(format!("`{}`: {}", clean(step.as_str()), clean(left(step)?)))),
        );
        lines
    };
    match world {
        World::Unchanged => vec![("world", vec!["nothing was changed".to_owned()])],
        World::Changed { steps } => {
            vec![(
                "world",
                vec![format!("changed by {}", list(steps.iter().map(runner_model::StepId::as_str)))],
            )]
        }
        World::Restored { steps } => vec![("world", taken_back(steps))],
        World::Stuck { restored, remaining } => {
            let mut facts = Vec::new();
            if !restored.is_empty() {
                facts.push(("undone", taken_back(restored)));
            }
            let line = |(number, left): (usize, &runner_model::Remaining)| {
                format!("{}. `{}`: {}", number + 1, clean(left.step.as_str()), clean(&left.reason))
            };
            facts.push(("remaining", remaining.iter().enumerate().map(line).collect()));
            facts
        }
    }
}

/// What plugins asked for in vain, with the grant that would allow it.
pub(crate) fn denials(steps: &[StepRun]) -> Vec<String> {
    let mut lines = Vec::new();
    for step in steps {
        for refusal in &step.denials {
            let id = clean(step.id.as_str());
            lines.push(format!("`{id}`: {}: {}", clean(&refusal.request), clean(&refusal.message)));
            lines.extend(refusal.grant.iter().map(|grant| format!("  to allow it: {}", clean(grant))));
        }
    }
    lines
}

fn next(run: &Run, verdict: &Verdict) -> Option<String> {
    let id = run.id?;
    match (&verdict.world, &verdict.cause) {
        (World::Stuck { .. }, _) => Some(format!(
            "mend what is in the way, then `runner resume {id}` tries the remaining work again\n\
             `runner show {id}` tells what was changed and what was tried"
        )),
        (_, Cause::Rejected { step } | Cause::Failed { step }) => {
            Some(format!("`runner show {id} {}` tells all of it", clean(step.as_str())))
        }
        (_, Cause::Unobserved { step }) => Some(format!(
            "see to it that the proxy answers, and sends all traffic to one of the slots or to none; then run again\n\
             `runner show {id} {}` tells what it said",
            clean(step.as_str())
        )),
        (_, Cause::Cancelled) => Some(format!("`runner show {id}` tells what ran")),
        (_, Cause::Succeeded) => None,
    }
}
