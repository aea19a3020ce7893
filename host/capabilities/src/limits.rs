//! How much a plugin call may use. Not a capability, but it stands beside every one of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{GrantError, Policy};

/// The limits of one plugin call. [`Limits::default`] holds for a step that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory, over all memories of the component together. Default 64 MiB.
    pub memory: u64,
    /// Milliseconds of wall time for one call, host calls included. Default 30 s.
    pub time_ms: u64,
    /// Units of fuel (about one per Wasm instruction). Default: not counted, since `time` bounds a loop as well
    /// and counting makes code a fifth slower.
    pub fuel: Option<u64>,
    /// Bytes of answer and log together. Default 1 MiB.
    pub output: u64,
    /// Host calls. Default 10,000.
    pub calls: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20, time_ms: 30_000, fuel: None, output: 1 << 20, calls: 10_000 }
    }
}

/// A `limits` block as written: each key may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestedLimits {
    /// See [`Limits::memory`].
    pub memory: Option<u64>,
    /// See [`Limits::time_ms`].
    pub time_ms: Option<u64>,
    /// See [`Limits::fuel`].
    pub fuel: Option<u64>,
    /// See [`Limits::output`].
    pub output: Option<u64>,
    /// See [`Limits::calls`].
    pub calls: Option<u64>,
}

/// A limit that cannot be read.
pub type LimitError = GrantError;

impl RequestedLimits {
    /// Reads a `limits` block: `{ memory: 32MiB, time: 5s, fuel: 1000000, output: 64KiB, calls: 100 }`.
    ///
    /// # Errors
    ///
    /// Every problem of the block, each with its place; unknown keys are problems.
    pub fn parse(block: &Value) -> Result<Self, Vec<LimitError>> {
        let Value::Object(keys) = block else {
            return Err(vec![
                GrantError::new("", "`limits` must be a map")
                    .help("for example `limits: { memory: 32MiB, time: 5s }`"),
            ]);
        };
        let mut limits = Self::default();
        let mut errors = Vec::new();
        for (key, value) in keys {
            let pointer = format!("/{key}");
            let outcome = match key.as_str() {
                "memory" => parse_bytes(value).map(|bytes| limits.memory = Some(bytes)),
                "time" => parse_milliseconds(value).map(|ms| limits.time_ms = Some(ms)),
                "fuel" => parse_count(value).map(|fuel| limits.fuel = Some(fuel)),
                "output" => parse_bytes(value).map(|bytes| limits.output = Some(bytes)),
                "calls" => parse_count(value).map(|calls| limits.calls = Some(calls)),
                other => Err(format!("unknown limit `{other}`; known: memory, time, fuel, output, calls")),
            };
            if let Err(message) = outcome {
                errors.push(GrantError::new(pointer, message));
            }
        }
        if errors.is_empty() { Ok(limits) } else { Err(errors) }
    }

    /// What `self` says, and where it is silent what `outer` says.
    #[must_use]
    pub fn or(self, outer: Self) -> Self {
        Self {
            memory: self.memory.or(outer.memory),
            time_ms: self.time_ms.or(outer.time_ms),
            fuel: self.fuel.or(outer.fuel),
            output: self.output.or(outer.output),
            calls: self.calls.or(outer.calls),
        }
    }

    /// The limits of a step: what was asked for, or the default, and never more than the policy allows.
    #[must_use]
    pub fn resolve(self, policy: &Policy) -> Limits {
        let default = Limits::default();
        let asked = Limits {
            memory: self.memory.unwrap_or(default.memory),
            time_ms: self.time_ms.unwrap_or(default.time_ms),
            fuel: self.fuel.or(default.fuel),
            output: self.output.unwrap_or(default.output),
            calls: self.calls.unwrap_or(default.calls),
        };
        policy.cap(asked)
    }
}

fn parse_count(value: &Value) -> Result<u64, String> {
    match value.as_u64() {
        Some(count) if count > 0 => Ok(count),
        Some(_) | None => Err(format!("expected a whole number above 0, found `{value}`")),
    }
}

/// Bytes: a whole number, or a number with `B`, `KiB`, `MiB` or `GiB`.
fn parse_bytes(value: &Value) -> Result<u64, String> {
    let wrong = || format!("expected a size such as `512KiB` or `64MiB`, found `{value}`");
    let Value::String(text) = value else {
        return parse_count(value).map_err(|_| wrong());
    };
    let split = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_shl(shift).filter(|bytes| bytes >> shift == number && *bytes > 0).ok_or_else(wrong)
}

/// A duration as the pipeline writes it: `250ms`, `10s`, `1m30s`, `2h`.
fn parse_milliseconds(value: &Value) -> Result<u64, String> {
    let text = value.as_str().ok_or_else(|| format!("expected a duration such as `10s`, found `{value}`"))?;
    // A limit of no time, or of more than a year, is a slip of the pen.
    duration_ms(text)
        .filter(|total| (1..=31_536_000_000).contains(total))
        .ok_or_else(|| format!("expected a duration such as `10s`, found `{text}`"))
}

/// Milliseconds of a duration text: whole numbers with units, largest first, each unit once. `None` for anything else.
///
/// The one reader of durations; what calls it sets its own bounds.
#[must_use]
pub fn duration_ms(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = None;
    let mut largest = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_length = rest.find(|sign: char| sign.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..unit_length] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        if unit >= largest {
            return None;
        }
        largest = unit;
        total = Some(total.unwrap_or(0_u64).checked_add(number.checked_mul(unit)?)?);
        rest = &rest[unit_length..];
    }
    total
}
