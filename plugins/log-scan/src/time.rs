//! When a line was written.

use jiff::{SignedDuration, Timestamp};
use runner_evidence::moment;
use runner_plugin::text::shortened;
use runner_plugin::{Failure, Host};

/// How far into a line its time is looked for.
const WITHIN: usize = 256;

/// From when on lines are looked at.
#[derive(Debug)]
pub(crate) struct Since<'c> {
    from: Timestamp,
    offset: Option<&'c str>,
}

impl<'c> Since<'c> {
    /// Understands `since`: a moment, or how long ago.
    pub(crate) fn new(since: &str, offset: Option<&'c str>, host: &Host) -> Result<Self, Failure> {
        if let Some(offset) = offset {
            moment::parse(&format!("2026-01-01T00:00:00{offset}")).map_err(|_| {
                Failure::invalid_config(format!(
                    "`assume_offset`: `{offset}` is no offset like `+02:00` or `Z`"
                ))
            })?;
        }
        let from = match (since.parse::<SignedDuration>(), moment::parse(since)) {
            (_, Ok(from)) => from,
            (Ok(ago), Err(_)) => {
                let now = moment::of_clock(host.clock().now())?;
                now.checked_sub(ago.abs()).map_err(|_| {
                    Failure::invalid_config(format!("`since`: `{since}` ago is before all calendars"))
                })?
            }
            (Err(_), Err(why)) => {
                return Err(Failure::invalid_config(format!(
                    "`since`: `{since}` {why}, and no length like `15m`"
                )));
            }
        };
        Ok(Self { from, offset })
    }

    /// Whether a line is late enough. `None` if it does not say when it was written.
    ///
    /// The error says why the time of a line names no moment.
    pub(crate) fn holds(&self, line: &str) -> Result<Option<bool>, String> {
        let Some(found) = find(line) else { return Ok(None) };
        let text = match (found.zone.as_str(), self.offset) {
            ("", Some(offset)) => format!("{}{offset}", found.wall),
            (zone, _) => format!("{}{zone}", found.wall),
        };
        moment::parse(&text)
            .map(|time| Some(time >= self.from))
            .map_err(|why| format!("`{}` {why}; `assume_offset` says what is meant", shortened(&text)))
    }
}

/// A time as it stands in a line.
struct Found {
    /// `2026-03-01T12:00:00.123`.
    wall: String,
    /// `Z`, `+02:00`, or nothing.
    zone: String,
}

/// Finds the first `2026-03-01T12:00:00`, with a space or a `T`, in a line.
fn find(line: &str) -> Option<Found> {
    let line = line.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |window: &[u8]| {
        window.iter().zip(shape).all(|(sign, wanted)| match wanted {
            b'd' => sign.is_ascii_digit(),
            b'T' => matches!(sign, b'T' | b't' | b' '),
            _ => sign == wanted,
        })
    };
    let start = line[..line.len().min(WITHIN)].windows(shape.len()).position(fits)?;
    let (wall, rest) = line[start..].split_at(shape.len());
    let mut wall = String::from_utf8_lossy(wall).replace([' ', 't'], "T");
    let mut rest = rest;
    // Python's `logging` writes a comma before the milliseconds.
    if let [b'.' | b',', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|sign| sign.is_ascii_digit()).count();
        if digits > 0 {
            wall.push('.');
            // Nanoseconds are the finest that a moment knows.
            wall.push_str(&String::from_utf8_lossy(&fraction[..digits.min(9)]));
            rest = &fraction[digits..];
        }
    }
    Some(Found { wall, zone: zone(rest) })
}

/// `Z`, `+02:00` or `+0200` at the start of a text, also after a space.
fn zone(rest: &[u8]) -> String {
    let rest = rest
        .strip_prefix(b" ")
        .filter(|rest| rest.starts_with(b"+") || rest.starts_with(b"-"))
        .unwrap_or(rest);
    match rest {
        [b'Z' | b'z', ..] => "Z".to_owned(),
        [sign @ (b'+' | b'-'), a, b, b':', c, d, ..] | [sign @ (b'+' | b'-'), a, b, c, d, ..]
            if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()) =>
        {
            [*sign, *a, *b, b':', *c, *d].iter().map(|&byte| char::from(byte)).collect()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<String> {
        find(line).map(|found| format!("{} {}", found.wall, found.zone))
    }

    #[test]
    fn the_time_of_a_line_is_found_in_the_usual_shapes() {
        assert_eq!(
            [
                found("2026-03-01T12:00:00Z it runs"),
                found("[2026-03-01 12:00:00,123] INFO it runs"),
                found(r#"{"level":"info","ts":"2026-03-01T12:00:00.123456789123+02:00"}"#),
                found("app | 2026-03-01 12:00:00 +0200 it runs"),
                found("2026-03-01 12:00:00 - INFO"),
                found("it runs since 2026"),
            ],
            [
                Some("2026-03-01T12:00:00 Z".to_owned()),
                Some("2026-03-01T12:00:00.123 ".to_owned()),
                Some("2026-03-01T12:00:00.123456789 +02:00".to_owned()),
                Some("2026-03-01T12:00:00 +02:00".to_owned()),
                Some("2026-03-01T12:00:00 ".to_owned()),
                None,
            ],
        );
    }
}
