//! `retry` and `poll`.

use runner_model::{Backoff, Diagnostic, FailureKind, Poll, Retry, RetryOn};

use super::fields::{Fields, Keys, wrong_type};
use crate::{
    problems::suggestion,
    yaml::{Content, Entry},
};

/// More attempts than this are a mistake, not patience.
const MAX_ATTEMPTS: u32 = 1_000;

pub(crate) const RETRY: Keys =
    Keys { of: "`retry`", known: &["attempts", "delay", "backoff", "max_delay", "on"], later: &[] };

pub(crate) const POLL: Keys = Keys {
    of: "`poll`",
    known: &[
        "initial_delay",
        "interval",
        "count",
        "consecutive_successes",
        "failure_limit",
        "inconclusive_limit",
        "error_limit",
        "deadline",
    ],
    later: &[],
};

/// Reads `retry`; what it does not say is as in [`Retry::default`].
pub(super) fn retry(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<Retry> {
    let fields = Fields::open(&entry.value, &RETRY, found)?;
    let default = Retry::default();
    Some(Retry {
        attempts: fields.count("attempts", 1, MAX_ATTEMPTS, found).unwrap_or(default.attempts),
        delay: fields.duration("delay", found).unwrap_or(default.delay),
        backoff: fields.get("backoff").and_then(|entry| backoff(entry, found)).unwrap_or(default.backoff),
        max_delay: fields.duration("max_delay", found).unwrap_or(default.max_delay),
        on: if fields.get("on").is_some() { retry_on(&fields, found) } else { default.on },
    })
}

fn backoff(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<Backoff> {
    let factor = match &entry.value.content {
        Content::Number(number) => number.as_f64().filter(|factor| (1.0..=100.0).contains(factor)),
        Content::Null | Content::Bool(_) | Content::Text(_) | Content::List(_) | Content::Map(_) => None,
    };
    if factor.is_none() {
        found.push(
            wrong_type(entry, "a number from 1 to 100")
                .help("1 keeps the wait the same, 2 doubles it each time"),
        );
    }
    factor.map(Backoff)
}

fn retry_on(fields: &Fields<'_>, found: &mut Vec<Diagnostic>) -> Vec<RetryOn> {
    let mut on = Vec::new();
    for word in fields.texts("on", found) {
        let kinds = FailureKind::ALL.into_iter();
        let meant = match word.value.as_str() {
            "error" => Some(RetryOn::Error),
            "failure" => Some(RetryOn::Failure),
            other => kinds.clone().find(|kind| kind.as_str() == other).map(RetryOn::Kind),
        };
        match meant {
            Some(meant) => on.push(meant),
            None => {
                let known = ["error", "failure"].into_iter().chain(kinds.map(FailureKind::as_str));
                let help = suggestion(&word.value, known, "words", found);
                found.push(
                    Diagnostic::error(
                        "wrong-value",
                        format!("`{}` is nothing that could be tried again", word.value),
                    )
                    .at(word.span, "")
                    .help(help),
                );
            }
        }
    }
    on
}

/// Reads `poll`; what it does not say is as documented at [`Poll`].
pub(super) fn poll(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<Poll> {
    let fields = Fields::open(&entry.value, &POLL, found)?;
    let poll = Poll {
        initial_delay: fields.duration("initial_delay", found).unwrap_or_default(),
        interval: fields.positive_duration("interval", found).unwrap_or(std::time::Duration::from_secs(5)),
        count: fields.count("count", 1, 1_000_000, found),
        consecutive_successes: fields.count("consecutive_successes", 1, 1_000_000, found),
        failure_limit: limit(&fields, "failure_limit", 0, found),
        inconclusive_limit: limit(&fields, "inconclusive_limit", 0, found),
        error_limit: limit(&fields, "error_limit", 4, found),
        deadline: fields.positive_duration("deadline", found),
    };
    if let (Some(count), Some(wanted)) = (poll.count, poll.consecutive_successes)
        && wanted > count
    {
        found.push(
            Diagnostic::error(
                "wrong-value",
                format!("{wanted} successes in a row cannot come out of {count} measurements"),
            )
            .at(entry.key_span, "")
            .help("raise `count`, or lower `consecutive_successes`"),
        );
    }
    Some(poll)
}

/// A number of bad measurements that is borne: `-1` is any number (`None`), absent is `default`.
fn limit(fields: &Fields<'_>, key: &'static str, default: u32, found: &mut Vec<Diagnostic>) -> Option<u32> {
    let Some(entry) = fields.get(key) else { return Some(default) };
    let number = match &entry.value.content {
        Content::Number(number) => number.as_i64(),
        Content::Null | Content::Bool(_) | Content::Text(_) | Content::List(_) | Content::Map(_) => None,
    };
    match number {
        Some(-1) => None,
        Some(number) if (0..=1_000_000).contains(&number) => u32::try_from(number).ok(),
        Some(_) | None => {
            found.push(wrong_type(entry, "a whole number from 0 to 1000000, or -1 for any number"));
            Some(default)
        }
    }
}
