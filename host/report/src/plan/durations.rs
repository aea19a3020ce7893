//! How long things can take at most.

use std::time::Duration;

use runner_journal::settle;
use runner_model::{Effect, Phase, Plan, Step, StepIndex, Uses};

/// A step, from its start to its end: every attempt used up, every wait waited.
pub(super) fn worst<G>(step: &Step<G>) -> Duration {
    let attempt = match &step.uses {
        Uses::Checkpoint => return Duration::ZERO,
        Uses::Approval(approval) => return approval.timeout,
        Uses::Plugin(_) => match step.poll.as_ref().and_then(|poll| poll.deadline) {
            Some(deadline) => deadline.min(step.timeout),
            None => step.timeout,
        },
    };
    let attempts = step.retry.attempts.max(1);
    let waits = (1..attempts).map(|done| step.retry.delay_after(done));
    waits.fold(attempt.saturating_mul(attempts), Duration::saturating_add)
}

/// Taking back every change of `steps`, one after the other, every attempt used up.
pub(super) fn taking_back<G>(plan: &Plan<G>) -> Duration {
    let waits = (1..settle::UNDO_ATTEMPTS)
        .filter_map(settle::undo_delay)
        .fold(Duration::ZERO, Duration::saturating_add);
    let one = |step: &Step<G>| {
        let call = Duration::from_millis(step.limits.time_ms).min(step.timeout);
        call.saturating_mul(settle::UNDO_ATTEMPTS).saturating_add(waits)
    };
    changes(plan).map(one).fold(Duration::ZERO, Duration::saturating_add)
}

/// The steps that change the world, in the order of the plan.
pub(super) fn changes<G>(plan: &Plan<G>) -> impl DoubleEndedIterator<Item = &Step<G>> {
    plan.steps.iter().filter(|step| step.phase == Phase::Main && plan.effect(step) == Effect::Change)
}

/// The longest way through the steps of `steps`, and what it takes at most if every step may start when it is ready.
pub(super) fn critical<G>(plan: &Plan<G>) -> (Duration, Vec<StepIndex>) {
    let mut ways: Vec<(Duration, Option<StepIndex>)> = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        // Needs stand earlier, so their ways are known.
        let is_root = step.phase == Phase::Main && step.needs.is_empty();
        let asked = plan.header.targets.values().filter_map(|target| target.observer.filter(|_| is_root));
        let needed: Vec<StepIndex> = asked.chain(step.needs.iter().map(|need| need.step)).collect();
        let needs = needed.into_iter().filter_map(|needed| Some((ways.get(needed.get())?.0, needed)));
        // `max_by_key` takes the last of several; the first reads more naturally.
        let before = needs.rev().max_by_key(|(way, _)| *way);
        let start = before.map_or(Duration::ZERO, |(way, _)| way);
        ways.push((start.saturating_add(worst(step)), before.map(|(_, index)| index)));
    }
    let ends: Vec<StepIndex> =
        plan.indexed().filter(|(_, step)| step.phase == Phase::Main).map(|(index, _)| index).collect();
    let Some(end) = ends.into_iter().rev().max_by_key(|index| ways.get(index.get()).map(|(way, _)| *way))
    else {
        return (Duration::ZERO, Vec::new());
    };
    let mut path = Vec::new();
    let mut next = Some(end);
    while let Some(index) = next {
        path.push(index);
        next = ways.get(index.get()).and_then(|(_, before)| *before);
    }
    path.reverse();
    (ways.get(end.get()).map_or(Duration::ZERO, |(way, _)| *way), path)
}
