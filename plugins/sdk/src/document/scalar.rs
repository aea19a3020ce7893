//! Plain scalars of YAML by the core schema of version 1.2 (chapter 10.3).

use serde_json::{Number, Value};

/// What a plain scalar stands for; `None` for a number that JSON cannot hold without loss.
pub(super) fn resolve(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return None,
        _ => {}
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        let digits = text
            .strip_prefix(prefix)
            .filter(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)));
        if let Some(digits) = digits {
            return u64::from_str_radix(digits, radix).ok().map(Value::from);
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return None;
    }
    // Beside digits a number has only these, and `inf` and `nan` of Rust's own are no numbers of YAML.
    let numeric = unsigned.starts_with(|sign: char| sign.is_ascii_digit() || sign == '.')
        && unsigned.contains(|sign: char| sign.is_ascii_digit())
        && unsigned.chars().all(|sign| sign.is_ascii_digit() || "+-.eE".contains(sign));
    if !numeric {
        return Some(Value::from(text));
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return plain.parse::<u64>().map(Value::from).or_else(|_| plain.parse::<i64>().map(Value::from)).ok();
    }
    match plain.parse::<f64>() {
        Ok(number) => Number::from_f64(number).map(Value::Number),
        Err(_) => Some(Value::from(text)),
    }
}
