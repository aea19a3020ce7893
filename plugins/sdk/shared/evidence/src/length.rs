//! How long something takes, as people write it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A length of time, written as everywhere in a pipeline: `250ms`, `10s`, `1m30s`, `30d`.
///
/// ```
/// use std::time::Duration;
/// use runner_evidence::Length;
///
/// let length: Length = serde_json::from_str(r#""1m30s""#).unwrap();
/// assert_eq!((length.duration(), length.to_string()), (Duration::from_secs(90), "1m30s".to_owned()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Length(Duration);

/// Largest first, with their milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Length {
    /// A length of so many milliseconds.
    #[must_use]
    pub const fn of_ms(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    /// The length.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Its milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whole seconds of it, or its milliseconds if it is shorter than ten seconds: for messages.
    #[must_use]
    pub fn rounded(self) -> Self {
        let ms = self.ms();
        Self::of_ms(if ms < 10_000 { ms } else { ms / 1_000 * 1_000 })
    }

    /// Whole numbers with units, largest first, each unit once.
    fn parse(text: &str) -> Option<Self> {
        let (mut rest, mut total, mut units) = (text, None, UNITS.iter());
        while !rest.is_empty() {
            let digits = rest.find(|sign: char| !sign.is_ascii_digit())?;
            let number: u64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let end = rest.find(|sign: char| sign.is_ascii_digit()).unwrap_or(rest.len());
            // Units that were passed over do not come again.
            let (_, unit) = units.find(|(name, _)| *name == &rest[..end])?;
            total = Some(total.unwrap_or(0_u64).checked_add(number.checked_mul(*unit)?)?);
            rest = &rest[end..];
        }
        total.map(Self::of_ms)
    }
}

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
            .ok_or_else(|| format!("`{text}` is no length of time; write `250ms`, `10s`, `1m30s` or `30d`"))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.ms();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in UNITS {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time: `250ms`, `10s`, `1m30s`, `30d`.",
            "type": "string",
            "pattern": "^(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?$",
            "minLength": 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_shown_as_they_are_written() {
        let lengths = ["0s", "1ms", "250ms", "10s", "1m30s", "2h", "1d12h", "1h1ms"];

        assert_eq!(lengths.map(|text| Length::parse(text).unwrap().to_string()), lengths);
    }

    #[test]
    fn everything_else_is_refused() {
        let texts =
            ["", "10", "s", "1.5s", "-1s", "1s1m", "1s1s", "10 s", "1w", "9999999999999999999d", "1S"];

        assert_eq!(texts.map(Length::parse), [None; 11]);
        assert_eq!(
            Length::try_from("soon".to_owned()),
            Err("`soon` is no length of time; write `250ms`, `10s`, `1m30s` or `30d`".to_owned())
        );
    }

    #[test]
    fn long_ones_are_rounded_to_seconds() {
        assert_eq!(
            [9_999, 10_999, 3_600_001].map(|ms| Length::of_ms(ms).rounded().to_string()),
            ["9s999ms", "10s", "1h"]
        );
    }
}
