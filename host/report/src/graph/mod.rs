//! The graph of a plan: for Markdown (mermaid), for Graphviz (dot), and as a picture (SVG).
//!
//! Mermaid and dot get every need, one for one. The picture leaves out a need that others imply, which is what makes
//! a hundred steps readable, and is drawn here: Graphviz is not on every machine, and a general layout crate
//! (`layout-rs` was considered, not measured) would still leave the frames around `finally` and `notify` to us.

mod dot;
mod layout;
mod mermaid;
mod svg;
#[cfg(test)]
mod tests;

pub use dot::dot;
pub use mermaid::mermaid;
use runner_model::{Effect, Phase, Plan, PluginKind, ResultSet, Step, StepResult, Uses};
pub use svg::svg;

/// What a step is drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Plugin(PluginKind),
    Checkpoint,
    Approval,
}

impl Shape {
    const ALL: [Self; 7] = [
        Self::Plugin(PluginKind::Gate),
        Self::Plugin(PluginKind::HealthCheck),
        Self::Approval,
        Self::Plugin(PluginKind::ProxySwitch),
        Self::Plugin(PluginKind::Action),
        Self::Plugin(PluginKind::Notifier),
        Self::Checkpoint,
    ];

    fn of<G>(plan: &Plan<G>, step: &Step<G>) -> Self {
        match &step.uses {
            // A plan whose plugin is missing comes from a damaged journal; it is still drawn.
            Uses::Plugin(_) => plan.plugin(step).map_or(Self::Checkpoint, |plugin| Self::Plugin(plugin.kind)),
            Uses::Checkpoint => Self::Checkpoint,
            Uses::Approval(_) => Self::Approval,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Plugin(kind) => kind.as_str(),
            Self::Checkpoint => "checkpoint",
            Self::Approval => "approval",
        }
    }

    /// The colour of its kind, readable on light and on dark.
    const fn color(self) -> &'static str {
        match self {
            Self::Plugin(PluginKind::Gate) => "#2f81f7",
            Self::Plugin(PluginKind::HealthCheck) => "#2da44e",
            Self::Plugin(PluginKind::Notifier) => "#a371f7",
            Self::Plugin(PluginKind::ProxySwitch) => "#e8590c",
            Self::Plugin(PluginKind::Action) => "#e5484d",
            Self::Checkpoint => "#8b949e",
            Self::Approval => "#d4a72c",
        }
    }
}

/// What stands below the id: the plugin and its kind.
fn subtitle<G>(plan: &Plan<G>, step: &Step<G>) -> String {
    let kind = Shape::of(plan, step).name();
    match plan.plugin(step) {
        Some(plugin) if plugin.alias.as_str() != kind => format!("{kind} · {}", plugin.alias),
        Some(_) | None => kind.to_owned(),
    }
}

fn changes<G>(plan: &Plan<G>, step: &Step<G>) -> bool {
    plan.effect(step) == Effect::Change
}

/// The results that a need accepts, if they are not the usual ones.
fn unusual(accept: ResultSet) -> Option<String> {
    (accept != ResultSet::DEFAULT)
        .then(|| accept.iter().map(StepResult::as_str).collect::<Vec<_>>().join(", "))
}

/// The parts of a pipeline in order, with the name of those beside `steps`.
const PARTS: [(usize, Option<&str>); 4] =
    [(0, Some("targets")), (1, None), (2, Some("finally")), (3, Some("notify"))];

const fn part(phase: &Phase) -> usize {
    match phase {
        Phase::Observe => 0,
        Phase::Main => 1,
        Phase::Finally => 2,
        Phase::Notify { .. } => 3,
    }
}
