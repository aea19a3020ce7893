//! When a line was written.

use jiff::{SignedDuration, Timestamp};
use runner_evidence::moment;
use runner_plugin::text::shortened;
use runner_plugin::{Failure, Host};
use schemars::JsonSchema;
use serde::Deserialize;

/// How far into a line its time is looked for.
const WITHIN: usize = 256;

/// From when on lines are looked at, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Written {
    /// Milliseconds since 1970.
    Milliseconds(u64),
    /// A time with its offset, how long ago, or `start`.
    Text(#[schemars(length(min = 1))] String),
}

/// A beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// This moment.
    Moment(Timestamp),
    /// The start of the container's last run.
    Start,
}

impl Written {
    /// Understands `since`.
    pub(crate) fn read(&self, host: &Host) -> Result<Beginning, Failure> {
        let invalid = |why: String| Failure::invalid_config(format!("`since`: {why}"));
        let text = match self {
            Self::Milliseconds(ms) => {
                let moment = i64::try_from(*ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
                let moment = moment.ok_or_else(|| invalid(format!("{ms} ms are after all calendars")))?;
                return Ok(Beginning::Moment(moment));
            }
            Self::Text(text) if text == "start" => return Ok(Beginning::Start),
            Self::Text(text) => text,
        };
        match (text.parse::<SignedDuration>(), moment::parse(text)) {
            (_, Ok(moment)) => Ok(Beginning::Moment(moment)),
            (Ok(ago), Err(_)) => {
                let now = moment::of_clock(host.clock().now())?;
                let moment = now.checked_sub(ago.abs());
                moment
                    .map(Beginning::Moment)
                    .map_err(|_| invalid(format!("`{text}` ago is before all calendars")))
            }
            (Err(_), Err(why)) => Err(invalid(format!("`{text}` {why}, and no length like `15m`"))),
        }
    }
}

/// From when on lines of files are looked at.
#[derive(Debug)]
pub(crate) struct Since<'c> {
    from: Timestamp,
    offset: Option<&'c str>,
}

impl<'c> Since<'c> {
    /// Lines from a moment on; `offset` is that of times without one.
    pub(crate) fn new(from: Timestamp, offset: Option<&'c str>) -> Result<Self, Failure> {
        if let Some(offset) = offset {
            moment::parse(&format!("2026-01-01T00:00:00{offset}")).map_err(|_| {
                Failure::invalid_config(format!(
                    "`assume_offset`: `{offset}` is no offset like `+02:00` or `Z`"
                ))
            })?;
        }
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
