//! The third stage: whether it can work, and whether it may.
//!
//! Everything that can be known without running is asked here: what expressions refer to, whether `with` fits each
//! plugin's schema, whether every step can be reached, whether grants are enough, needed, and within the operator's
//! policy. All problems of all stages come out together.

mod ancestors;
mod config;
mod domain;
mod grants;
mod kinds;
mod literals;
mod reachable;
mod references;
mod rules;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use runner_capabilities::Policy;
use runner_model::{Approval, Diagnostic, Phase, Sources};

pub(crate) use grants::{narrowed, refused_by_policy, settled};
pub(crate) use rules::{Around, Rules, Values};

use crate::{
    problems::{Problems, has_errors, sort},
    resolve::Resolved,
};

/// A pipeline in which nothing is wrong. Only [`check`] makes one.
#[derive(Debug)]
pub struct Granted {
    pub(crate) resolved: Resolved,
    pub(crate) policy: Policy,
    /// What each approval asks, by step.
    pub(crate) approvals: HashMap<usize, Approval>,
}

impl Granted {
    /// What somebody should look at, sorted by place.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.resolved.found
    }

    /// `name` of the pipeline.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.resolved.document.name
    }

    /// How many steps stand in it, each matrix step as one.
    #[must_use]
    pub fn step_count(&self) -> usize {
        self.resolved.steps.iter().filter(|step| step.text.phase != Phase::Observe).count()
    }

    /// The texts that places are in.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.resolved.sources
    }
}

/// Checks a pipeline.
///
/// # Errors
///
/// Everything that is wrong with it: what this stage finds and what those before it found, warnings included.
pub fn check(mut resolved: Resolved, policy: &Policy) -> Result<Granted, Problems> {
    let mut found = std::mem::take(&mut resolved.found);
    let approvals = kinds::check(&resolved, &mut found);
    references::check(&resolved, &mut found);
    config::check(&resolved, &mut found);
    let targets = grants::try_targets(&resolved, &mut found);
    grants::check(&resolved, &targets, policy, &mut found);
    secrets::check(&resolved, &mut found);
    reachable::check(&resolved, &mut found);
    if has_errors(&found) {
        return Err(Problems::new(found, resolved.sources));
    }
    sort(&mut found);
    resolved.found = found;
    Ok(Granted { resolved, policy: policy.clone(), approvals })
}
