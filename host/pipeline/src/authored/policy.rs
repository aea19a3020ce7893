//! The operator's policy: another file than the pipeline, read by the same rules.

use runner_capabilities::Policy;
use runner_model::ExitCode;

use super::{Files, problem_in};
use crate::problems::Problems;

/// Reads a policy file: `{ version: 1, grants: {…}, limits: {…} }`. `name` is the path as typed.
///
/// # Errors
///
/// Everything that is wrong with it, each with its place; the exit code is that of a refused grant. A policy that
/// cannot be read allows nothing.
pub fn parse_policy(name: &str, bytes: &[u8]) -> Result<Policy, Problems> {
    let mut files = Files::default();
    match files.load(name, bytes) {
        Err(fatal) => files.found.push(*fatal),
        Ok(root) => match Policy::parse(&root.to_json()) {
            Ok(policy) if files.found.is_empty() => return Ok(policy),
            Ok(_) => {}
            Err(error) => {
                files.found.extend(error.problems.iter().map(|problem| problem_in("policy", problem, &root)));
            }
        },
    }
    let refused = files.found.into_iter().map(|problem| {
        problem
            .exit(ExitCode::GrantRefused)
            .note("a policy that cannot be read stops everything; nothing was started")
    });
    Err(Problems::new(refused.collect(), files.sources))
}

#[cfg(test)]
mod tests {
    use super::parse_policy;

    #[test]
    fn a_policy_in_order_is_read() {
        let text = "version: 1\ngrants: { filesystem: { read: ['./'] } }\nlimits: { memory: 32MiB }\n";
        assert!(parse_policy("policy.yaml", text.as_bytes()).is_ok());
    }

    #[test]
    fn every_fault_of_a_policy_is_found_with_its_place() {
        let text = "version: 2\ngrant: {}\ngrants: { network: [GET] }\n";
        let problems = parse_policy("policy.yaml", text.as_bytes()).unwrap_err();
        let found: Vec<String> = problems
            .diagnostics
            .iter()
            .map(|problem| {
                let place = problem
                    .labels
                    .first()
                    .map(|label| problems.sources.place(label.span))
                    .unwrap_or_default();
                format!("{place} {} {}", problem.code, problem.exit.code())
            })
            .collect();
        assert_eq!(
            found,
            ["policy.yaml:1:10 policy 7", "policy.yaml:2:1 unknown-key 7", "policy.yaml:3:21 policy 7"]
        );
    }
}
