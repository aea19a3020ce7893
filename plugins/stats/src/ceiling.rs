//! Most memory: bytes, or a part of the limit.

use std::borrow::Cow;

use runner_evidence::Size;
use runner_plugin::host::Usage;
use runner_plugin::{Failure, Finding};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Most memory that a container may use.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) enum MemoryCeiling {
    /// So many bytes.
    Bytes(Size),
    /// So many hundredths of its limit.
    Percent(u8),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Size(Size),
    Text(String),
}

impl TryFrom<Written> for MemoryCeiling {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let text = match written {
            Written::Size(size) if size.bytes() > 0 => return Ok(Self::Bytes(size)),
            Written::Size(_) => "0".to_owned(),
            Written::Text(text) => text,
        };
        let percent = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<u8>().ok());
        match percent {
            Some(percent @ 1..=100) => Ok(Self::Percent(percent)),
            Some(_) | None => {
                Err(format!("`{text}` is no ceiling for memory; write `200MiB`, a number of bytes, or `80%`"))
            }
        }
    }
}

impl MemoryCeiling {
    /// Holds what is used against the ceiling.
    ///
    /// # Errors
    ///
    /// A part of a limit is wanted, and the engine names no limit.
    pub(crate) fn broken_by(self, usage: &Usage) -> Result<Option<Finding>, Failure> {
        let used = Size::of(usage.memory).in_mebibytes();
        let message = match self {
            Self::Bytes(most) if usage.memory > most.bytes() => {
                format!("it uses {used} of memory, at most {} is allowed", most.in_mebibytes())
            }
            Self::Bytes(_) => return Ok(None),
            Self::Percent(_) if usage.memory_limit == 0 => {
                return Err(Failure::unavailable(
                    "the engine names no limit for the memory, so there is no part of it; give `max_memory` as a size",
                ));
            }
            // In whole numbers: a byte beyond is beyond.
            Self::Percent(most)
                if u128::from(usage.memory) * 100 > u128::from(usage.memory_limit) * u128::from(most) =>
            {
                let limit = Size::of(usage.memory_limit).in_mebibytes();
                format!("it uses {used} of its {limit} of memory, at most {most} % is allowed")
            }
            Self::Percent(_) => return Ok(None),
        };
        Ok(Some(Finding::error("memory", message).help("does it leak, or does it need a higher limit?")))
    }
}

/// Memory in use in hundredths of the limit, to a tenth; `None` without a limit.
pub(crate) fn percent(usage: &Usage) -> Option<f64> {
    let tenths = (u128::from(usage.memory) * 1000).checked_div(u128::from(usage.memory_limit))?;
    u32::try_from(tenths).ok().map(|tenths| f64::from(tenths) / 10.0)
}

impl JsonSchema for MemoryCeiling {
    fn schema_name() -> Cow<'static, str> {
        "MemoryCeiling".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of bytes, a size such as `200MiB`, or a part of the limit such as `80%`.",
            "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": "^([0-9]+(\\.[0-9]{1,6})? ?([KMG]i?)?B|([1-9][0-9]?|100) ?%)$" },
            ],
        })
    }
}
