//! What an expression of a step sees.

use std::collections::{BTreeMap, BTreeSet};

use runner_expression::{References, RunStatus, Scope};
use runner_model::{Cause, StepIndex, StepResult, Verdict};
use serde_json::{Map, Value, json};

use crate::{End, State};

impl<G> State<G> {
    /// The variables that `references` names, as `step` sees them now. Nothing else is put together: a pipeline of ten
    /// thousand steps costs each expression only what it looks at.
    #[must_use]
    pub fn scope(&self, step: StepIndex, references: &References) -> Scope {
        let planned = self.step(step);
        let roots: BTreeSet<&str> =
            references.paths.iter().filter_map(|path| path.first().map(String::as_str)).collect();
        let mut variables = BTreeMap::new();
        for root in roots {
            let value = match root {
                "inputs" => Value::Object(self.plan.header.inputs.clone()),
                "env" => json!(planned.env),
                "matrix" => Value::Object(planned.matrix.clone()),
                "event" => Value::Object(self.plan.header.event.clone()),
                "run" => self.run_value(),
                "target" => match self.plan.target(planned) {
                    Some((name, target)) => target.value(name, self.assigned(target).as_ref()),
                    None => continue,
                },
                "steps" => Value::Object(self.steps_value(references)),
                _ => continue,
            };
            variables.insert(root.to_owned(), value);
        }
        Scope { variables, status: self.run_status() }
    }

    fn run_status(&self) -> RunStatus {
        match self.cause() {
            None | Some(Cause::Succeeded) => RunStatus::Success,
            Some(Cause::Rejected { .. } | Cause::Failed { .. } | Cause::Unobserved { .. }) => {
                RunStatus::Failure
            }
            Some(Cause::Cancelled) => RunStatus::Aborted,
        }
    }

    fn run_value(&self) -> Value {
        let failed = match self.cause() {
            Some(Cause::Rejected { step } | Cause::Failed { step } | Cause::Unobserved { step }) => {
                Some(step.as_str())
            }
            Some(Cause::Succeeded | Cause::Cancelled) | None => None,
        };
        json!({
            "id": self.run().map(|run| run.to_string()),
            "name": self.plan.header.name,
            "status": self.verdict().map_or("running", Verdict::status),
            "failed_step": failed,
        })
    }

    fn steps_value(&self, references: &References) -> Map<String, Value> {
        let mut steps = Map::new();
        for path in references.paths.iter().filter(|path| path[0] == "steps") {
            let Some(id) = path.get(1) else {
                // The id is computed: everything that has ended can be meant.
                for (index, step) in self.plan.indexed() {
                    self.add_step(&mut steps, step.id.as_str(), &[index], &[]);
                }
                continue;
            };
            match (self.find(id), self.combinations.get(id)) {
                (Some(index), _) => self.add_step(&mut steps, id, &[index], &path[2..]),
                (None, Some(combinations)) => self.add_step(&mut steps, id, combinations, &path[2..]),
                (None, None) => {}
            }
        }
        steps
    }

    /// Adds what `path` names of one step, or of all combinations of a matrix step, once they have ended.
    fn add_step(&self, steps: &mut Map<String, Value>, id: &str, indices: &[StepIndex], path: &[String]) {
        let Some(results) =
            indices.iter().map(|index| self.node(*index).result()).collect::<Option<Vec<_>>>()
        else {
            return;
        };
        let end = if let [only] = indices { self.node(*only).end() } else { None };
        let entry = steps.entry(id).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(fields) = entry else { return };
        let wanted = |name: &str| path.first().is_none_or(|field| field == name);
        if wanted("result")
            && let Some(result) = worst(results.into_iter())
        {
            fields.insert("result".to_owned(), result.as_str().into());
        }
        if wanted("summary") {
            fields.insert("summary".to_owned(), end.map_or("", |end| end.summary.as_str()).into());
        }
        if wanted("outputs") && indices.len() == 1 {
            let outputs = fields.entry("outputs").or_insert_with(|| Value::Object(Map::new()));
            let (Value::Object(outputs), Some(End { outputs: all, .. })) = (outputs, end) else { return };
            match path.get(1) {
                Some(name) => outputs.extend(all.get(name).map(|value| (name.clone(), value.clone()))),
                None => outputs.extend(all.iter().map(|(name, value)| (name.clone(), value.clone()))),
            }
        }
    }
}

/// The result of a step as expressions see it; a matrix step as a whole has the worst one of its combinations, and is
/// skipped only if all of them are.
fn worst(results: impl Iterator<Item = StepResult>) -> Option<StepResult> {
    let rank = |result: &StepResult| match result {
        StepResult::Skipped => 0,
        StepResult::Success => 1,
        StepResult::Warn => 2,
        StepResult::Aborted => 3,
        StepResult::Failure => 4,
        StepResult::Error => 5,
    };
    results.max_by_key(rank)
}
