//! A matrix to its combinations.

use std::collections::HashMap;

use runner_model::Diagnostic;
use serde_json::Map;

use super::{Combination, ResolvedStep};
use crate::authored::{StepText, plain};

const MAX_COMBINATIONS: usize = 1_000;
const MAX_STEPS: usize = 100_000;

/// All combinations, the last list turning fastest. Without matrix, or with one that cannot be used: one, empty.
pub(super) fn combinations(step: &StepText, found: &mut Vec<Diagnostic>) -> Vec<Combination> {
    let id = &step.id.value;
    let single = || vec![Combination { id: id.clone(), values: Map::new() }];
    if step.matrix.is_empty() || step.matrix.iter().any(|axis| axis.values.is_empty()) {
        return single();
    }
    let count = step.matrix.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.values.len()));
    if count.is_none_or(|count| count > MAX_COMBINATIONS) {
        let all = count.map_or_else(|| "too many".to_owned(), |count| count.to_string());
        found.push(
            Diagnostic::error("matrix", format!("the matrix of `{id}` has {all} combinations"))
                .at(step.key("matrix").unwrap_or(step.id.span), "")
                .note(format!("at most {MAX_COMBINATIONS} are possible"))
                .help("shorten the lists, or split the step"),
        );
        return single();
    }
    let mut combinations = vec![(Vec::new(), Map::new())];
    for axis in &step.matrix {
        let mut seen = HashMap::new();
        let mut longer = Vec::with_capacity(combinations.len() * axis.values.len());
        for value in &axis.values {
            let first = *seen.entry(plain(&value.value)).or_insert(value.span);
            if first != value.span {
                found.push(
                    Diagnostic::error(
                        "matrix",
                        format!("`{}` stands twice in `{}`", plain(&value.value), axis.name.value),
                    )
                    .at(value.span, "again here")
                    .at(first, "first here")
                    .note("both would be the same step")
                    .help("remove one of the two"),
                );
                return single();
            }
        }
        for (texts, values) in &combinations {
            for value in &axis.values {
                let (mut texts, mut values) = (texts.clone(), values.clone());
                texts.push(plain(&value.value));
                values.insert(axis.name.value.clone(), value.value.clone());
                longer.push((texts, values));
            }
        }
        combinations = longer;
    }
    let named =
        |(texts, values): (Vec<String>, _)| Combination { id: format!("{id}[{}]", texts.join(",")), values };
    combinations.into_iter().map(named).collect()
}

/// Bounds the steps of all matrices together.
pub(super) fn refuse_too_many(steps: &mut [ResolvedStep], found: &mut Vec<Diagnostic>) {
    let mut sum = 0_usize;
    for step in steps {
        sum += step.combinations.len();
        if sum > MAX_STEPS {
            found.push(
                Diagnostic::error("too-many-steps", format!("the pipeline has more than {MAX_STEPS} steps"))
                    .at(step.text.id.span, "from here on")
                    .note("every combination of a matrix counts as a step")
                    .help("shorten the matrices, or split the pipeline"),
            );
            return;
        }
    }
}
