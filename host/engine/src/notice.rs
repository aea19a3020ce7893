//! What a notifier is told.

use runner_journal::{Node, Occasion, State};
use runner_model::{Phase, StepIndex, Verdict, World};
use serde_json::{Value, json};

use crate::ports::Notice;

/// The event for a notifier that is about to run.
pub(crate) fn notice(state: &State, step: StepIndex) -> Notice {
    let plan = state.plan();
    let (name, severity, about) = match (&plan.step(step).phase, state.occasion(step)) {
        (Phase::Notify { severity, .. }, Some(Occasion::Verdict(on))) => {
            (on.as_str(), severity.as_str(), None)
        }
        (Phase::Notify { severity, .. }, Some(Occasion::Approval(waiting))) => {
            ("approval.waiting", severity.as_str(), Some(waiting))
        }
        (Phase::Notify { severity, .. }, None) => ("step", severity.as_str(), None),
        (Phase::Observe | Phase::Main | Phase::Finally, _) => ("step", "info", None),
    };
    let decided = state.verdict().and_then(Verdict::step).map(ToString::to_string);
    let about = about.map_or(decided, |waiting| Some(plan.step(waiting).id.to_string()));
    let summary = summary(state, name, about.as_deref());
    let mut notice = Notice {
        name: name.to_owned(),
        pipeline: plan.header.name.clone(),
        status: state.status().to_owned(),
        severity: severity.to_owned(),
        step: about,
        summary,
        json: Value::Null,
    };
    notice.json = whole(state, &notice);
    notice
}

fn summary(state: &State, name: &str, about: Option<&str>) -> String {
    let pipeline = &state.plan().header.name;
    if name == "approval.waiting" {
        let step = about.unwrap_or_default();
        if let Some(Node::AwaitingApproval { message, .. }) = state.find(step).map(|index| state.node(index))
        {
            return format!("{pipeline}: `{step}` waits for approval: {message}");
        }
        return format!("{pipeline}: `{step}` waited for approval");
    }
    let Some(verdict) = state.verdict() else { return format!("{pipeline} is running") };
    let why = match about.and_then(|step| Some((step, state.node(state.find(step)?).end()?))) {
        Some((step, end)) => format!(" at `{step}`: {}", end.summary),
        None => String::new(),
    };
    let world = match &verdict.world {
        World::Unchanged => "nothing was changed".to_owned(),
        World::Changed { steps } => count(steps.len(), "is in place", "are in place"),
        World::Restored { steps } => count(steps.len(), "was taken back", "were taken back"),
        World::Stuck { remaining, .. } => {
            count(remaining.len(), "could not be taken back", "could not be taken back")
        }
    };
    format!("{pipeline} {}{why}; {world}", verdict.status())
}

fn count(changes: usize, one: &str, several: &str) -> String {
    if changes == 1 { format!("1 change {one}") } else { format!("{changes} changes {several}") }
}

fn whole(state: &State, notice: &Notice) -> Value {
    let plan = state.plan();
    let steps: Vec<Value> = plan
        .indexed()
        .filter(|(_, step)| !matches!(step.phase, Phase::Notify { .. }))
        .map(|(index, step)| {
            let node = state.node(index);
            json!({
                "id": step.id,
                "state": node.name(),
                "result": node.result(),
                "summary": node.end().map(|end| &end.summary),
            })
        })
        .collect();
    json!({
        "event": notice.name,
        "run": state.run().map(|run| run.to_string()),
        "pipeline": notice.pipeline,
        "status": notice.status,
        "severity": notice.severity,
        "step": notice.step,
        "summary": notice.summary,
        "verdict": state.verdict(),
        "steps": steps,
    })
}
