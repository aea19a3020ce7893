//! Parts to one line, and failures that are answers.

use runner_plugin::{Check, Failure, FailureKind, Health};

/// What people see beside the step: what is not well, or else `healthy`.
#[must_use]
pub fn line(checks: &[Check], healthy: &str) -> String {
    let word = match checks.iter().map(|check| check.health).max() {
        Some(Health::Healthy) => return format!("healthy: {healthy}"),
        Some(Health::Degraded) => "degraded",
        Some(Health::Unhealthy) => "unhealthy",
        Some(Health::Unknown) | None => "unknown",
    };
    let bad: Vec<&str> = checks
        .iter()
        .filter(|check| check.health != Health::Healthy)
        .map(|check| check.message.as_str())
        .collect();
    format!("{word}: {}", bad.join("; "))
}

/// The part `connect` of something that does not answer.
///
/// # Errors
///
/// The failure itself, if it says something about the step or about what was said, and not that nobody answers.
pub fn unreachable(failure: Failure) -> Result<Check, Failure> {
    match failure.kind {
        FailureKind::Unavailable | FailureKind::TimedOut => {
            Ok(Check::new("connect", Health::Unhealthy, failure.message))
        }
        FailureKind::InvalidConfig
        | FailureKind::InvalidInput
        | FailureKind::Denied
        | FailureKind::BudgetExceeded
        | FailureKind::Internal => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(health: Health, message: &str) -> Check {
        Check::new("part", health, message)
    }

    #[test]
    fn the_line_says_what_is_not_well() {
        let well = check(Health::Healthy, "fine");
        let slow = check(Health::Degraded, "slow");
        let gone = check(Health::Unhealthy, "gone");

        assert_eq!(line(std::slice::from_ref(&well), "3 of 3"), "healthy: 3 of 3");
        assert_eq!(line(&[well.clone(), slow.clone()], ""), "degraded: slow");
        assert_eq!(line(&[slow, well, gone], ""), "unhealthy: slow; gone");
        assert_eq!(line(&[check(Health::Unknown, "says nothing")], ""), "unknown: says nothing");
    }

    #[test]
    fn only_silence_is_an_answer() {
        let denied = Failure::new(FailureKind::Denied, "denied");

        assert_eq!(
            unreachable(Failure::unavailable("refused")),
            Ok(Check::new("connect", Health::Unhealthy, "refused"))
        );
        assert_eq!(unreachable(denied.clone()), Err(denied));
    }
}
