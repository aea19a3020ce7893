//! Durations as people write them: `250ms`, `10s`, `1m30s`, `2h`, `1d`.

use std::{fmt::Write as _, time::Duration};

use runner_capabilities::duration_ms;

/// Text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write for example `250ms`, `10s`, `1m30s` or `2h`")]
pub struct DurationError(String);

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration: whole numbers with units, largest first, each unit once. `0s` is a duration.
///
/// # Errors
///
/// Anything else, and whatever is longer than a year.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    match duration_ms(text) {
        Some(total) if total <= 366 * 86_400_000 => Ok(Duration::from_millis(total)),
        Some(_) | None => Err(DurationError(text.to_owned())),
    }
}

/// Writes a duration so that [`parse_duration`] reads the same milliseconds back.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{format_duration, parse_duration};

    #[test]
    fn durations_read_as_written() {
        let table = ["0s", "1ms", "250ms", "10s", "1m30s", "2h", "1d12h", "1h1ms"];
        assert_eq!(table.map(|text| format_duration(parse_duration(text).unwrap())), table);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in
            ["", "10", "s", "1.5s", "-1s", "1s1m", "1s1s", "10 s", "1w", "400d", "99999999999999999999s"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
