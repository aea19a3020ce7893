//! Asking again and again: what the measurements so far amount to.
//!
//! The rules are those of docs/pipeline.md under `poll`, in that order. No clock: the executor measures and waits.

use runner_journal::Ending;
use runner_model::{Answer, Failure, FailureKind, Measurements, Outcome, Poll};

/// What one measurement gave.
pub(crate) type Measurement = Result<Outcome, Failure>;

/// The measurements of one attempt.
#[derive(Debug)]
pub(crate) struct Polling<'a> {
    policy: &'a Poll,
    counts: Measurements,
    successes_in_a_row: u32,
    errors_in_a_row: u32,
    last_success: Option<Outcome>,
    last: Option<Measurement>,
}

impl<'a> Polling<'a> {
    pub(crate) fn new(policy: &'a Poll) -> Self {
        Self {
            policy,
            counts: Measurements::default(),
            successes_in_a_row: 0,
            errors_in_a_row: 0,
            last_success: None,
            last: None,
        }
    }

    /// How often it was asked.
    pub(crate) const fn count(&self) -> u32 {
        let Measurements { successes, failures, inconclusive, errors } = self.counts;
        successes + failures + inconclusive + errors
    }

    /// Takes one measurement; gives the ending as soon as there is one.
    pub(crate) fn measured(&mut self, measurement: Measurement) -> Option<Ending> {
        let success = self.tally(&measurement);
        self.last = Some(measurement);
        let exceeded = |count: u32, limit: Option<u32>| limit.is_some_and(|limit| count > limit);
        let Poll { failure_limit, inconclusive_limit, error_limit, count, consecutive_successes, .. } =
            *self.policy;
        if exceeded(self.counts.failures, failure_limit)
            || exceeded(self.counts.inconclusive, inconclusive_limit)
            || exceeded(self.errors_in_a_row, error_limit)
        {
            return Some(self.as_last());
        }
        let enough = match (consecutive_successes, count) {
            (Some(wanted), _) => self.successes_in_a_row >= wanted,
            (None, None) => success,
            (None, Some(_)) => false,
        };
        if enough {
            return Some(self.as_last());
        }
        let all_done = count.is_some_and(|count| self.count() >= count);
        match (all_done, consecutive_successes, &self.last_success) {
            (false, _, _) => None,
            (true, Some(wanted), _) => Some(self.not_enough(wanted)),
            (true, None, Some(outcome)) => Some(self.answered(outcome.clone())),
            // No success at all is no success, whatever the limits bear.
            (true, None, None) => Some(self.as_last()),
        }
    }

    /// The time is up: the last measurement decides.
    pub(crate) fn deadline(self) -> Ending {
        match &self.last {
            None => Ending::Failed {
                failure: Failure::new(FailureKind::TimedOut, "there was no measurement before the deadline"),
            },
            Some(Err(failure)) => Ending::Failed {
                failure: Failure::new(
                    FailureKind::TimedOut,
                    format!("the deadline passed after {}, last: {}", self.told(), failure.message),
                ),
            },
            Some(Ok(outcome)) => match outcome.answer {
                Answer::Fail | Answer::Inconclusive => self.answered(outcome.clone()),
                Answer::Pass | Answer::Warn | Answer::Done => {
                    self.not_enough(self.policy.consecutive_successes.unwrap_or(1))
                }
            },
        }
    }

    /// Counts a measurement; says whether it is a success.
    fn tally(&mut self, measurement: &Measurement) -> bool {
        let mut success = false;
        let mut error = false;
        match measurement {
            Ok(outcome) => match outcome.answer {
                Answer::Pass | Answer::Warn | Answer::Done => {
                    self.counts.successes += 1;
                    self.last_success = Some(outcome.clone());
                    success = true;
                }
                Answer::Fail => self.counts.failures += 1,
                Answer::Inconclusive => self.counts.inconclusive += 1,
            },
            Err(_) => {
                self.counts.errors += 1;
                error = true;
            }
        }
        self.successes_in_a_row = if success { self.successes_in_a_row + 1 } else { 0 };
        self.errors_in_a_row = if error { self.errors_in_a_row + 1 } else { 0 };
        success
    }

    fn as_last(&self) -> Ending {
        match &self.last {
            Some(Ok(outcome)) => self.answered(outcome.clone()),
            Some(Err(failure)) if self.errors_in_a_row > 1 => {
                let message = format!("{} (asked {} times in a row)", failure.message, self.errors_in_a_row);
                Ending::Failed { failure: Failure::new(failure.kind, message) }
            }
            Some(Err(failure)) => Ending::Failed { failure: failure.clone() },
            None => unreachable!("only asked after a measurement"),
        }
    }

    fn not_enough(&self, wanted: u32) -> Ending {
        let last = match &self.last {
            Some(Ok(outcome)) => outcome.clone(),
            Some(Err(failure)) => Outcome::new(Answer::Fail, failure.message.clone()),
            None => Outcome::new(Answer::Fail, "nothing"),
        };
        let summary = format!(
            "{} in a row of {wanted} wanted, after {}; last: {}",
            self.successes_in_a_row,
            self.told(),
            last.summary
        );
        self.answered(Outcome { answer: Answer::Fail, summary, ..last })
    }

    fn told(&self) -> String {
        match self.count() {
            1 => "1 measurement".to_owned(),
            count => format!("{count} measurements"),
        }
    }

    fn answered(&self, outcome: Outcome) -> Ending {
        Ending::Answered { outcome: Outcome { measurements: Some(self.counts), ..outcome } }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use runner_journal::Ending;
    use runner_model::{Answer, Failure, FailureKind, Measurements, Outcome, Poll};

    use super::{Measurement, Polling};

    const POLICY: Poll = Poll {
        initial_delay: Duration::ZERO,
        interval: Duration::from_secs(5),
        count: None,
        consecutive_successes: None,
        failure_limit: Some(0),
        inconclusive_limit: Some(0),
        error_limit: Some(4),
        deadline: None,
    };

    /// `p`ass, `w`arn, `f`ail, `i`nconclusive, `e`rror.
    fn measurement(sign: char) -> Measurement {
        let answer = match sign {
            'p' => Answer::Pass,
            'w' => Answer::Warn,
            'f' => Answer::Fail,
            'i' => Answer::Inconclusive,
            _ => return Err(Failure::new(FailureKind::Unavailable, "no route")),
        };
        Ok(Outcome::new(answer, sign))
    }

    fn told(ending: Option<Ending>) -> String {
        match ending {
            None => "goes on".to_owned(),
            Some(Ending::Answered { outcome }) => format!("{:?}: {}", outcome.answer, outcome.summary),
            Some(Ending::Failed { failure }) => format!("{}: {}", failure.kind.as_str(), failure.message),
            Some(Ending::Aborted { .. }) => unreachable!("measurements abort nothing"),
        }
    }

    /// After how many of these measurements there is an ending, and which.
    fn polled(policy: &Poll, signs: &str) -> (usize, String) {
        let mut polling = Polling::new(policy);
        for (place, sign) in (1..).zip(signs.chars()) {
            if let Some(ending) = polling.measured(measurement(sign)) {
                return (place, told(Some(ending)));
            }
        }
        (signs.len(), told(None))
    }

    fn at_deadline(policy: &Poll, signs: &str) -> String {
        let mut polling = Polling::new(policy);
        for sign in signs.chars() {
            assert_eq!(polling.measured(measurement(sign)), None);
        }
        told(Some(polling.deadline()))
    }

    fn ends(after: usize, with: &str) -> (usize, String) {
        (after, with.to_owned())
    }

    #[test]
    fn one_success_is_enough_if_nothing_else_is_said() {
        assert_eq!(polled(&POLICY, "p"), ends(1, "Pass: p"));
        assert_eq!(polled(&POLICY, "eeeew"), ends(5, "Warn: w"));
    }

    #[test]
    fn more_than_the_limit_decides_at_once() {
        assert_eq!(polled(&POLICY, "f"), ends(1, "Fail: f"));
        assert_eq!(polled(&POLICY, "i"), ends(1, "Inconclusive: i"));
        assert_eq!(polled(&POLICY, "eeeee"), ends(5, "unavailable: no route (asked 5 times in a row)"));
        let patient = Poll { failure_limit: Some(2), ..POLICY };
        assert_eq!(polled(&patient, "fff"), ends(3, "Fail: f"));
        let any = Poll { failure_limit: None, inconclusive_limit: None, error_limit: None, ..POLICY };
        assert_eq!(polled(&any, "ffffiiiieeeeeeee"), ends(16, "goes on"));
    }

    #[test]
    fn only_errors_in_a_row_count() {
        let policy = Poll { count: Some(9), error_limit: Some(1), ..POLICY };
        assert_eq!(polled(&policy, "epepepepp"), ends(9, "Pass: p"));
        assert_eq!(polled(&policy, "epee"), ends(4, "unavailable: no route (asked 2 times in a row)"));
    }

    #[test]
    fn successes_in_a_row_decide_and_the_last_says_whether_it_is_a_warning() {
        let policy = Poll { consecutive_successes: Some(3), failure_limit: Some(1), ..POLICY };
        assert_eq!(polled(&policy, "ppfppw"), ends(6, "Warn: w"));
        assert_eq!(polled(&policy, "ppfpwp"), ends(6, "Pass: p"));
    }

    #[test]
    fn when_all_measurements_are_done_what_was_not_reached_is_a_no() {
        let policy =
            Poll { count: Some(4), consecutive_successes: Some(3), failure_limit: Some(4), ..POLICY };
        assert_eq!(
            polled(&policy, "ppfp"),
            ends(4, "Fail: 1 in a row of 3 wanted, after 4 measurements; last: p")
        );
        let policy = Poll { count: Some(3), failure_limit: Some(4), ..POLICY };
        assert_eq!(polled(&policy, "pwf"), ends(3, "Warn: w"));
    }

    #[test]
    fn no_success_at_all_is_never_one() {
        let policy = Poll {
            count: Some(2),
            failure_limit: None,
            inconclusive_limit: None,
            error_limit: None,
            ..POLICY
        };
        assert_eq!(polled(&policy, "ee"), ends(2, "unavailable: no route (asked 2 times in a row)"));
        assert_eq!(polled(&policy, "ei"), ends(2, "Inconclusive: i"));
        assert_eq!(polled(&policy, "ef"), ends(2, "Fail: f"));
    }

    #[test]
    fn at_the_deadline_the_last_measurement_decides() {
        let policy = Poll {
            consecutive_successes: Some(3),
            failure_limit: None,
            inconclusive_limit: None,
            error_limit: None,
            ..POLICY
        };
        assert_eq!(at_deadline(&policy, ""), "timed-out: there was no measurement before the deadline");
        assert_eq!(
            at_deadline(&policy, "pe"),
            "timed-out: the deadline passed after 2 measurements, last: no route"
        );
        assert_eq!(at_deadline(&policy, "pf"), "Fail: f");
        assert_eq!(at_deadline(&policy, "pi"), "Inconclusive: i");
        assert_eq!(at_deadline(&policy, "pp"), "Fail: 2 in a row of 3 wanted, after 2 measurements; last: p");
    }

    #[test]
    fn an_answer_says_how_often_was_asked() {
        let mut polling = Polling::new(&Poll { count: Some(4), failure_limit: Some(1), ..POLICY });
        let endings: Vec<Option<Ending>> =
            "pfep".chars().map(|sign| polling.measured(measurement(sign))).collect();
        let measurements = Some(Measurements { successes: 2, failures: 1, inconclusive: 0, errors: 1 });
        let outcome = Outcome { measurements, ..Outcome::new(Answer::Pass, "p") };
        assert_eq!(endings, [None, None, None, Some(Ending::Answered { outcome })]);
    }
}
