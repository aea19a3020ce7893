//! Which steps have certainly ended when another starts.

use std::collections::HashMap;

use crate::resolve::{ResolvedStep, Target};

/// Bits that travel along the graph at once.
const WORDS: usize = 8;

/// For each question "does this step need that one, directly or not?" the answer. One walk over the graph answers 512
/// questions about different steps, so even thousands of steps that all read each other take no time that counts.
pub(super) fn are_ancestors(
    steps: &[ResolvedStep],
    order: &[usize],
    questions: &[(usize, Target)],
) -> Vec<bool> {
    let mut columns: HashMap<Target, usize> = HashMap::new();
    for (_, target) in questions {
        let next = columns.len();
        columns.entry(*target).or_insert(next);
    }
    let mut answers = vec![false; questions.len()];
    for first in (0..columns.len()).step_by(WORDS * 64) {
        let here = |column: usize| (first..first + WORDS * 64).contains(&column).then(|| column - first);
        let mut of_step: HashMap<usize, Vec<(Option<usize>, usize)>> = HashMap::new();
        for (target, column) in &columns {
            if let Some(bit) = here(*column) {
                of_step.entry(target.step).or_default().push((target.combination, bit));
            }
        }
        let before = reach(steps, order, &of_step);
        for (answer, (step, target)) in answers.iter_mut().zip(questions) {
            if let Some(bit) = here(columns[target]) {
                *answer = before[*step][bit / 64] & (1 << (bit % 64)) != 0;
            }
        }
    }
    answers
}

/// For each step the bits of what comes before it.
fn reach(
    steps: &[ResolvedStep],
    order: &[usize],
    of_step: &HashMap<usize, Vec<(Option<usize>, usize)>>,
) -> Vec<[u64; WORDS]> {
    let mut before = vec![[0_u64; WORDS]; steps.len()];
    for &at in order {
        let mut bits = [0_u64; WORDS];
        for need in &steps[at].needs {
            for (word, inherited) in bits.iter_mut().zip(&before[need.on.step]) {
                *word |= inherited;
            }
            for (combination, bit) in of_step.get(&need.on.step).into_iter().flatten() {
                // Needing the whole step is needing each combination, but not the other way round.
                if need.on.combination.is_none() || need.on.combination == *combination {
                    bits[bit / 64] |= 1 << (bit % 64);
                }
            }
        }
        before[at] = bits;
    }
    before
}
