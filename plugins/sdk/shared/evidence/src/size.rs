//! Sizes as people write them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A number of bytes, written `300KB`, `1.5MiB` or as a number.
///
/// ```
/// use runner_evidence::Size;
///
/// let size: Size = serde_json::from_str(r#""1.5MiB""#).unwrap();
/// assert_eq!((size.bytes(), size.to_string()), (1_572_864, "1.572864 MB".to_owned()));
/// assert_eq!(size.in_mebibytes(), "1.5 MiB");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

/// Longest first, so that `KB` is not taken for `B`.
const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl Size {
    /// So many bytes.
    #[must_use]
    pub fn of(bytes: u64) -> Self {
        Self(bytes)
    }

    /// How many bytes it is.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// As memory is written: `200 MiB`, rounded up to a tenth so that what is beyond a limit never looks like it.
    #[must_use]
    pub fn in_mebibytes(self) -> String {
        let tenths = (u128::from(self.0) * 10).div_ceil(1 << 20);
        match (tenths / 10, tenths % 10) {
            (whole, 0) => format!("{whole} MiB"),
            (whole, tenth) => format!("{whole}.{tenth} MiB"),
        }
    }

    /// `300KB`, `1.5 MiB`, `12B`.
    fn parse(text: &str) -> Option<Self> {
        let (number, factor) =
            UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return None;
        }
        let parts = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
        let part = fraction.parse::<u64>().ok()?.checked_mul(factor)? / parts;
        whole.checked_add(part).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = match self.0 {
            0..1_000 => return write!(f, "{} B", self.0),
            1_000..1_000_000 => ("KB", 1_000),
            1_000_000..1_000_000_000 => ("MB", 1_000_000),
            1_000_000_000.. => ("GB", 1_000_000_000),
        };
        // Exactly: a file that has one byte too many must not look as if it had none.
        let (whole, rest) = (self.0 / factor, self.0 % factor);
        let width = factor.ilog10() as usize;
        let fraction = format!("{rest:0width$}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole} {unit}"),
            fraction => write!(f, "{whole}.{fraction} {unit}"),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bytes(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Bytes(bytes) => Ok(Self(bytes)),
            Written::Text(text) => Self::parse(&text).ok_or_else(|| {
                de::Error::custom(format!(
                    "`{text}` is no size; write `300KB`, `1.5MiB` or a number of bytes"
                ))
            }),
        }
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of bytes, or a text such as `300KB` or `1.5MiB`.",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,6})? ?([KMG]i?)?B$" },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_exactly() {
        assert_eq!(
            ["300KB", "1.5 MiB", "12B", "0B", "1GiB", "2GB", "0.1KB"].map(Size::parse),
            [300_000, 1_572_864, 12, 0, 1 << 30, 2_000_000_000, 100].map(|bytes| Some(Size(bytes)))
        );
        assert_eq!(
            [
                "",
                "KB",
                "-1KB",
                "1.KB",
                ".5KB",
                "1e3KB",
                "1kb",
                "1",
                "99999999999999999999GB",
                "1.1234567MB",
                "NaNB"
            ]
            .map(Size::parse),
            [None; 11]
        );
    }

    #[test]
    fn sizes_are_shown_to_the_byte() {
        assert_eq!(
            [0, 999, 1_000, 300_001, 1_572_864, 2_000_000_000].map(|bytes| Size(bytes).to_string()),
            ["0 B", "999 B", "1 KB", "300.001 KB", "1.572864 MB", "2 GB"]
        );
    }

    #[test]
    fn memory_beyond_a_limit_never_looks_like_the_limit() {
        let limit = 200 << 20;

        assert_eq!(
            [0, 1, limit, limit + 1, limit + (1 << 19), u64::MAX].map(|bytes| Size(bytes).in_mebibytes()),
            ["0 MiB", "0.1 MiB", "200 MiB", "200.1 MiB", "200.5 MiB", "17592186044416 MiB"]
        );
    }
}
