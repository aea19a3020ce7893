//! One line: what is wrong with it.

use jiff::Timestamp;
use runner_evidence::moment;
use runner_plugin::text::shortened;
use serde_json::{Map, Value};

use crate::{Config, LineFormat, TimeFormat, logfmt};

/// Deepest nesting of a JSON line. Deeper is nothing that a log needs, and the stack of a plugin is small.
const MAX_DEPTH: usize = 32;

/// Rule and text of everything that is wrong with a line.
pub(crate) fn problems(config: &Config, line: &str) -> Vec<(&'static str, String)> {
    let parsed = match config.format {
        LineFormat::Json => json(line),
        LineFormat::Logfmt => logfmt::parse(line).map_err(|why| format!("the line is not logfmt: {why}")),
    };
    let fields = match parsed {
        Ok(fields) => fields,
        Err(why) => return vec![("unstructured-line", why)],
    };
    let missing = config
        .required
        .iter()
        .filter(|key| field(&fields, key).is_none_or(Value::is_null))
        .map(|key| ("missing-key", format!("there is no `{key}`")));
    let time = config.timestamp_key.iter().filter_map(|key| {
        let why = match field(&fields, key) {
            None | Some(Value::Null) => return Some(("missing-timestamp", format!("there is no `{key}`"))),
            Some(value) => not_a_time(config.timestamp_format, value)?,
        };
        Some(("invalid-timestamp", format!("`{key}` {why}")))
    });
    let level = config.level_key.iter().filter_map(|key| match field(&fields, key) {
        None | Some(Value::Null) => Some(("missing-level", format!("there is no `{key}`"))),
        Some(Value::String(level)) if config.levels.iter().any(|known| known.eq_ignore_ascii_case(level)) => {
            None
        }
        Some(value) => Some((
            "unknown-level",
            format!("`{key}` is {}, which is no level", shortened(&value.to_string())),
        )),
    });
    time.chain(level).chain(missing).collect()
}

fn json(line: &str) -> Result<Map<String, Value>, String> {
    if depth(line) > MAX_DEPTH {
        return Err(format!("the line is nested deeper than {MAX_DEPTH} levels"));
    }
    match serde_json::from_str(line) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("the line is JSON, and not an object".to_owned()),
        Err(error) => {
            Err(format!("the line is not JSON: {error}").replace(" at line 1 column ", " at column "))
        }
    }
}

/// How many brackets are open at most. Those inside of texts count as well: never too few.
fn depth(line: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in line.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// A field by its name, or by a path of names with `.` between them.
fn field<'f>(fields: &'f Map<String, Value>, key: &str) -> Option<&'f Value> {
    fields.get(key).or_else(|| {
        let (first, rest) = key.split_once('.')?;
        field(fields.get(first)?.as_object()?, rest)
    })
}

/// Why a value is no moment, as the end of a sentence. `None` if it is one.
fn not_a_time(format: TimeFormat, value: &Value) -> Option<String> {
    let seconds = match format {
        TimeFormat::Rfc3339 => {
            return match value {
                Value::String(text) => moment::parse(text).err(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    Some("is not a text; see `timestamp_format`".to_owned())
                }
            };
        }
        TimeFormat::UnixSeconds => number(value),
        TimeFormat::UnixMilliseconds => number(value).map(|number| number / 1e3),
    };
    let Some(seconds) = seconds else { return Some("is not a number; see `timestamp_format`".to_owned()) };
    // A number that is milliseconds where seconds are meant lies thousands of years ahead.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what does not fit becomes the nearest, which is no year either"
    )]
    let fits = Timestamp::from_second(seconds as i64).is_ok_and(|time| time < far_ahead());
    (!fits || seconds < 0.0).then(|| "is a number far from our time; see `timestamp_format`".to_owned())
}

/// The year 3000.
fn far_ahead() -> Timestamp {
    Timestamp::constant(32_503_680_000, 0)
}

/// A number, in logfmt written as text.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
