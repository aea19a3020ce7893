//! Who waits for whom, and until when.

use crate::project::Project;
use crate::{Problem, Rule};

pub(crate) fn problems(project: &Project) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, service) in &project.services {
        for (needed, condition) in &service.depends_on {
            let Some(other) = project.services.get(needed) else {
                let message = format!("waits for `{needed}`, which is in no file");
                let problem = Problem::new(Rule::NoCondition, name, condition, message);
                problems.push(problem.help("correct the name, or give the file that has it"));
                continue;
            };
            let waits = matches!(
                condition.value.as_deref(),
                Some("service_healthy" | "service_completed_successfully")
            );
            if other.healthcheck == Some(true) && !waits {
                let message =
                    format!("does not wait until `{needed}` is healthy, although that has a health check");
                let problem = Problem::new(Rule::NoCondition, name, condition, message);
                problems
                    .push(problem.help("write `depends_on: { <service>: { condition: service_healthy } }`"));
            }
            if other.healthcheck == Some(false) && condition.value.as_deref() == Some("service_healthy") {
                let message =
                    format!("waits until `{needed}` is healthy, whose health check is switched off");
                problems.push(Problem::new(Rule::NoCondition, name, condition, message));
            }
        }
    }
    problems
}
