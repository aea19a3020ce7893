//! Times that name a moment and no other.
//!
//! `2026-03-01T12:00:00` is 12 o'clock somewhere. A gate that took it for UTC would pass and fail at the wrong
//! hour, so it is refused, and what is missing is said.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

/// Reads an RFC 3339 time, e.g. `2026-03-01T12:00:00Z` or `2026-03-01 12:00:00.5+01:00`.
///
/// # Errors
///
/// Why it names no moment, as the end of a sentence that begins with what was read: `has no zone …`.
///
/// ```
/// use runner_evidence::moment;
///
/// assert_eq!(moment::parse("2026-03-01T13:00:00+01:00"), moment::parse("2026-03-01T12:00:00Z"));
/// assert_eq!(
///     moment::parse("2026-03-01T12:00:00").unwrap_err(),
///     "has no zone; write `2026-03-01T12:00:00Z` or an offset like `+02:00`",
/// );
/// ```
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    text.parse::<Timestamp>().map_err(|_| {
        if text.parse::<DateTime>().is_ok() && !is_date(text) {
            format!("has no zone; write `{text}Z` or an offset like `+02:00`")
        } else if is_date(text) {
            format!("is a day, not a moment; write `{text}T00:00:00Z` or the time you mean")
        } else {
            "is not a time like `2026-03-01T12:00:00Z`".to_owned()
        }
    })
}

fn is_date(text: &str) -> bool {
    text.len() == "2026-03-01".len() && text.parse::<Date>().is_ok()
}

/// The moment that a host's clock shows.
///
/// # Errors
///
/// [`Internal`](runner_plugin::FailureKind::Internal) for a clock beyond the year 9999.
pub fn of_clock(since_1970: Duration) -> Result<Timestamp, runner_plugin::Failure> {
    Timestamp::UNIX_EPOCH
        .checked_add(since_1970)
        .map_err(|_| runner_plugin::Failure::internal("the host's clock shows no year that can be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_moment_is_refused_with_its_reason() {
        let reasons =
            ["2026-03-01 12:00:00,5", "2026-03-01", "yesterday", "", "1767225600", "2026-02-30T12:00:00Z"]
                .map(|text| parse(text).unwrap_err());

        assert_eq!(
            reasons,
            [
                "has no zone; write `2026-03-01 12:00:00,5Z` or an offset like `+02:00`",
                "is a day, not a moment; write `2026-03-01T00:00:00Z` or the time you mean",
                "is not a time like `2026-03-01T12:00:00Z`",
                "is not a time like `2026-03-01T12:00:00Z`",
                "is not a time like `2026-03-01T12:00:00Z`",
                "is not a time like `2026-03-01T12:00:00Z`",
            ],
        );
    }

    #[test]
    fn the_clock_of_the_host_is_a_moment() {
        assert_eq!(of_clock(Duration::from_secs(1)).unwrap(), parse("1970-01-01T00:00:01Z").unwrap());
        assert!(of_clock(Duration::from_secs(1 << 40)).is_err());
    }
}
