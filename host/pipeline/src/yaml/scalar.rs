//! Plain scalars by the core schema of YAML 1.2 (chapter 10.3).

use serde_json::Number;

/// What a plain scalar stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that a JSON number can hold without loss.
    Number(Number),
    /// Anything else.
    Text,
}

/// A number that has no JSON counterpart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Digits would be lost.
    TooLarge,
    /// `.inf` or `.nan`.
    NotFinite,
}

/// Says what the plain scalar `text` is.
pub(super) fn resolve(text: &str) -> Result<Scalar, Unfit> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Scalar::Null),
        "true" | "True" | "TRUE" => return Ok(Scalar::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Scalar::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(Unfit::NotFinite),
        _ => {}
    }
    if let Some(digits) = text.strip_prefix("0x").filter(|digits| all(digits, |b| b.is_ascii_hexdigit())) {
        return u64::from_str_radix(digits, 16)
            .map(|n| Scalar::Number(n.into()))
            .map_err(|_| Unfit::TooLarge);
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|digits| all(digits, |b| matches!(b, b'0'..=b'7'))) {
        return u64::from_str_radix(digits, 8).map(|n| Scalar::Number(n.into())).map_err(|_| Unfit::TooLarge);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(Unfit::NotFinite);
    }
    if all(unsigned, |b| b.is_ascii_digit()) {
        let plain = text.strip_prefix('+').unwrap_or(text);
        let number =
            plain.parse::<u64>().map(Number::from).or_else(|_| plain.parse::<i64>().map(Number::from));
        return number.map(Scalar::Number).map_err(|_| Unfit::TooLarge);
    }
    if is_float(unsigned) {
        let number = text.parse::<f64>().ok().and_then(Number::from_f64);
        return number.map(Scalar::Number).ok_or(Unfit::TooLarge);
    }
    Ok(Scalar::Text)
}

fn all(text: &str, wanted: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(wanted)
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        all(text, |b| b.is_ascii_digit())
    });
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Number;

    use super::{Scalar, Unfit, resolve};

    fn number(value: impl Into<Number>) -> Result<Scalar, Unfit> {
        Ok(Scalar::Number(value.into()))
    }

    fn float(value: f64) -> Result<Scalar, Unfit> {
        number(Number::from_f64(value).unwrap())
    }

    #[test]
    fn words_of_older_yaml_are_text() {
        let words = [
            "no", "yes", "on", "off", "y", "n", "No", "YES", "tRue", "nULL", "1_000", "0b1", "12:30", "0x",
            "0o8", "+", ".", "1e", "e1",
        ];
        assert_eq!(words.map(resolve), words.map(|_| Ok(Scalar::Text)));
    }

    #[test]
    fn numbers_are_those_of_the_core_schema() {
        assert_eq!(
            ["0", "-7", "+7", "007", "0x1F", "0o17", "18446744073709551615", "-9223372036854775808"]
                .map(resolve),
            [
                number(0),
                number(-7),
                number(7),
                number(7),
                number(31),
                number(15),
                number(u64::MAX),
                number(i64::MIN)
            ]
        );
        assert_eq!(
            ["1.5", "-.5", "3.", "1e3", "2.5E-1"].map(resolve),
            [float(1.5), float(-0.5), float(3.0), float(1000.0), float(0.25)]
        );
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_refused() {
        assert_eq!(
            ["18446744073709551616", "-9223372036854775809", "1e999", ".inf", "-.INF", ".nan"].map(resolve),
            [
                Err(Unfit::TooLarge),
                Err(Unfit::TooLarge),
                Err(Unfit::TooLarge),
                Err(Unfit::NotFinite),
                Err(Unfit::NotFinite),
                Err(Unfit::NotFinite)
            ]
        );
    }

    proptest! {
        #[test]
        fn printed_whole_numbers_read_back(value: i64) {
            prop_assert_eq!(resolve(&value.to_string()), number(value));
        }

        #[test]
        fn printed_fractions_read_back(value in -1e300_f64..1e300) {
            let printed = Number::from_f64(value).unwrap().to_string();
            prop_assert_eq!(resolve(&printed), float(value));
        }
    }
}
