//! `needs` to a graph, and its order.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use runner_model::{Diagnostic, Phase};

use super::{ResolvedNeed, ResolvedStep, Target};
use crate::problems::suggestion;

/// Edges between single combinations; two long matrices that need each other have many.
const MAX_EDGES: usize = 2_000_000;

/// Looks up what each step needs.
pub(super) fn connect(
    steps: &mut [ResolvedStep],
    names: &HashMap<String, Target>,
    found: &mut Vec<Diagnostic>,
) {
    let mut edges = 0_usize;
    for at in 0..steps.len() {
        let mut needs: Vec<ResolvedNeed> = Vec::with_capacity(steps[at].text.needs.len());
        for need in &steps[at].text.needs {
            let Some(&on) = names.get(&need.step.value).filter(|on| is_step(&steps[on.step])) else {
                found.push(unknown(&steps[at], &need.step, names, steps, found));
                continue;
            };
            let needed = &steps[on.step];
            if steps[at].text.phase == Phase::Main && needed.text.phase == Phase::Finally {
                found.push(
                    Diagnostic::error(
                        "needs-finally",
                        format!("`{}` runs after all of `steps`", need.step.value),
                    )
                    .at(need.step.span, "")
                    .at(needed.text.id.span, "it stands under `finally`")
                    .help("remove the need, or move the step"),
                );
                continue;
            }
            let count = if on.combination.is_some() { 1 } else { needed.combinations.len() };
            edges = edges.saturating_add(count.saturating_mul(steps[at].combinations.len()));
            needs.push(ResolvedNeed { on, accept: need.accept, span: need.step.span });
        }
        if edges > MAX_EDGES {
            found.push(
                Diagnostic::error(
                    "too-many-needs",
                    format!("the steps need each other in more than {MAX_EDGES} ways"),
                )
                .at(steps[at].text.id.span, "from here on")
                .note("a matrix step that needs another needs every combination of it")
                .help("put a `checkpoint` between the two"),
            );
            return;
        }
        steps[at].needs = needs;
    }
}

fn is_step(step: &ResolvedStep) -> bool {
    match step.text.phase {
        Phase::Main | Phase::Finally => true,
        Phase::Observe | Phase::Notify { .. } => false,
    }
}

fn unknown(
    step: &ResolvedStep,
    needed: &crate::authored::Spanned<String>,
    names: &HashMap<String, Target>,
    steps: &[ResolvedStep],
    found: &[Diagnostic],
) -> Diagnostic {
    let base = needed.value.split('[').next().unwrap_or_default();
    let problem = Diagnostic::error(
        "unknown-step",
        format!("{} needs `{}`, which does not exist", step.text.called(), needed.value),
    )
    .at(needed.span, "");
    let of_matrix = names.get(base).filter(|_| base != needed.value).map(|target| &steps[target.step]);
    match of_matrix {
        Some(of) if of.text.matrix.is_empty() => {
            problem.help(format!("`{base}` has no matrix; write `{base}`"))
        }
        Some(of) => {
            let known = of.combinations.iter().map(|combination| combination.id.as_str());
            problem.help(suggestion(&needed.value, known, "combinations", found))
        }
        None => {
            let known = steps.iter().filter(|step| is_step(step)).map(|step| step.text.id.value.as_str());
            problem.help(suggestion(&needed.value, known, "steps", found))
        }
    }
}

/// The steps in an order in which each comes after what it needs: what asks proxies before `steps` before `finally` before `notify`, and in the
/// order of the file where the graph leaves a choice.
pub(super) fn order(steps: &[ResolvedStep], found: &mut Vec<Diagnostic>) -> Option<Vec<usize>> {
    let mut waiting = vec![0_usize; steps.len()];
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (at, step) in steps.iter().enumerate() {
        waiting[at] = step.needs.len();
        for need in &step.needs {
            needed_by[need.on.step].push(at);
        }
    }
    let rank = |at: usize| match steps[at].text.phase {
        Phase::Observe => (0, at),
        Phase::Main => (1, at),
        Phase::Finally => (2, at),
        Phase::Notify { .. } => (3, at),
    };
    let mut ready: BinaryHeap<_> =
        (0..steps.len()).filter(|at| waiting[*at] == 0).map(|at| Reverse(rank(at))).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some(Reverse((_, at))) = ready.pop() {
        order.push(at);
        for &next in &needed_by[at] {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                ready.push(Reverse(rank(next)));
            }
        }
    }
    if order.len() == steps.len() {
        return Some(order);
    }
    circles(steps, &waiting, found);
    None
}

/// Every step that is still waiting needs another that is. Following such needs leads into a circle; each circle is
/// shown once.
fn circles(steps: &[ResolvedStep], waiting: &[usize], found: &mut Vec<Diagnostic>) {
    const UNSEEN: usize = usize::MAX;
    let mut seen_in = vec![UNSEEN; steps.len()];
    for start in 0..steps.len() {
        let mut walk: Vec<(usize, ResolvedNeed)> = Vec::new();
        let mut at = start;
        while waiting[at] > 0 && seen_in[at] == UNSEEN {
            seen_in[at] = start;
            let Some(need) = steps[at].needs.iter().find(|need| waiting[need.on.step] > 0) else { break };
            walk.push((at, *need));
            at = need.on.step;
        }
        let Some(first) = walk.iter().position(|(step, _)| *step == at) else { continue };
        found.push(circle(steps, &walk[first..]));
    }
}

fn circle(steps: &[ResolvedStep], edges: &[(usize, ResolvedNeed)]) -> Diagnostic {
    const SHOWN: usize = 12;
    let id = |at: usize| steps[at].text.id.value.as_str();
    let mut names: Vec<&str> = edges.iter().take(SHOWN).map(|(at, _)| id(*at)).collect();
    if edges.len() > SHOWN {
        names.push("…");
    }
    names.extend(edges.first().map(|(at, _)| id(*at)));
    let mut problem =
        Diagnostic::error("cycle", format!("steps need each other in a circle: {}", names.join(" -> ")));
    for (at, need) in edges.iter().take(SHOWN) {
        problem = problem.at(need.span, format!("`{}` needs `{}`", id(*at), id(need.on.step)));
    }
    problem.note("none of them could ever start").help("remove one of these needs")
}
