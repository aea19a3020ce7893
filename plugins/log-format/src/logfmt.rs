//! One line of logfmt: `level=info msg="it runs" retry`.
//!
//! Read here: the format is a dozen lines, and the readers on crates.io are unkept or take anything for a pair. A
//! text in quotes has the escapes of JSON and is read as such. A key alone means `true`.

use serde_json::{Map, Value};

/// Understands a line, or says what is wrong at which sign.
pub(crate) fn parse(line: &str) -> Result<Map<String, Value>, String> {
    let mut pairs = Map::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let column = line[..line.len() - rest.len()].chars().count() + 1;
        let end = rest.find([' ', '\t', '=', '"']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        if key.is_empty() || after.starts_with('"') {
            return Err(format!("at column {column} there is no key"));
        }
        let (value, after) = match after.strip_prefix('=') {
            None => (Value::Bool(true), after),
            Some(value) => {
                value_of(value).ok_or_else(|| format!("the value at column {column} has no end"))?
            }
        };
        if !after.is_empty() && !after.starts_with([' ', '\t']) {
            return Err(format!("after the value at column {column} there is no space"));
        }
        if pairs.insert(key.to_owned(), value).is_some() {
            return Err(format!("the key at column {column} stands there twice"));
        }
        rest = after.trim_start();
    }
    // Words without a single `=` are prose.
    if pairs.values().all(Value::is_boolean) { Err("there is no `key=value`".to_owned()) } else { Ok(pairs) }
}

/// The value at the start of a text, and what comes after it.
fn value_of(text: &str) -> Option<(Value, &str)> {
    if !text.starts_with('"') {
        let (value, after) = text.split_at(text.find([' ', '\t']).unwrap_or(text.len()));
        return Some((Value::from(value), after));
    }
    let mut escaped = false;
    let end = text.char_indices().skip(1).find_map(|(at, sign)| {
        let ends = sign == '"' && !escaped;
        escaped = sign == '\\' && !escaped;
        ends.then_some(at + 1)
    })?;
    let (quoted, after) = text.split_at(end);
    // What JSON does not understand (`"\x"`) is kept as it stands.
    let value = serde_json::from_str(quoted).unwrap_or_else(|_| Value::from(&quoted[1..end - 1]));
    Some((value, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pairs_are_read() {
        assert_eq!(
            parse(r#" level=info msg="it \"runs\" = ok" empty= path=C:\x retry esc="\x" "#)
                .map(Value::Object),
            Ok(json!({
                "level": "info",
                "msg": "it \"runs\" = ok",
                "empty": "",
                "path": r"C:\x",
                "retry": true,
                "esc": r"\x",
            })),
        );
    }

    #[test]
    fn what_is_no_line_of_pairs_is_refused() {
        assert_eq!(
            [
                r#"level=info msg="half"#,
                "=info",
                r#"a=1 "b""#,
                r#"a="b"c=1"#,
                "a=1 a=2",
                "it just runs",
                r#"a="\"#,
            ]
            .map(|line| parse(line).unwrap_err()),
            [
                "the value at column 12 has no end",
                "at column 1 there is no key",
                "at column 5 there is no key",
                "after the value at column 1 there is no space",
                "the key at column 5 stands there twice",
                "there is no `key=value`",
                "the value at column 1 has no end",
            ],
        );
    }
}
