//! `$NAME`, `${NAME}`, `${NAME:-default}` and their relatives, as Dockerfiles and compose files write them.

/// Defaults inside defaults: nobody writes more.
const MAX_DEPTH: usize = 8;

/// Longest text in braces that is looked through. Without an end, each `${` would be sought through all that follows.
const MAX_LENGTH: usize = 1024;

/// A text with its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filled {
    /// The text. What has no value stands there as `$NAME` or `${NAME}`.
    pub text: String,
    /// Names of the variables without a value, in the order in which they stand.
    pub missing: Vec<String>,
}

/// Fills in variables.
///
/// Without a colon (`${X-default}`) only a variable that is not there takes the default; with one also a variable that
/// is empty. `${X:+text}` is `text` if there is a value. `${X:?message}` has no default. `escape` says what stands for a
/// `$` that begins no variable: `$$` in compose files.
pub fn fill_in(text: &str, escape: Option<&str>, value: &dyn Fn(&str) -> Option<String>) -> Filled {
    let mut filled = Filled::default();
    fill(text, escape, value, 0, &mut filled);
    filled
}

fn fill(
    text: &str,
    escape: Option<&str>,
    value: &dyn Fn(&str) -> Option<String>,
    depth: usize,
    filled: &mut Filled,
) {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        filled.text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = escape.and_then(|escape| rest.strip_prefix(escape)) {
            filled.text.push('$');
            rest = after;
            continue;
        }
        let Some((whole, name, operation)) = variable(rest) else {
            filled.text.push('$');
            rest = &rest[1..];
            continue;
        };
        rest = &rest[whole.len()..];
        let known = value(name);
        let set = known.as_ref().is_some_and(|value| !operation.starts_with(':') || !value.is_empty());
        let (sign, other) = match operation.strip_prefix(':').unwrap_or(operation).split_at_checked(1) {
            Some((sign, other)) if depth < MAX_DEPTH => (sign, other),
            Some(_) | None => ("", ""),
        };
        match (sign, known) {
            ("+", _) if set => fill(other, escape, value, depth + 1, filled),
            ("+", _) => {}
            (_, Some(known)) if set => filled.text.push_str(&known),
            ("-", _) => fill(other, escape, value, depth + 1, filled),
            (_, _) => {
                // Without its message, which may hold signs that mean something where the text is used.
                let braces = whole.starts_with("${");
                filled.text.push_str(&if braces { format!("${{{name}}}") } else { format!("${name}") });
                filled.missing.push(name.to_owned());
            }
        }
    }
    filled.text.push_str(rest);
}

/// The variable that a text begins with: as it is written, its name, and what stands after the name in braces.
fn variable(text: &str) -> Option<(&str, &str, &str)> {
    let name_of = |text: &str| {
        let end =
            text.find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_')).unwrap_or(text.len());
        if text.starts_with(|sign: char| sign.is_ascii_digit()) { 0 } else { end }
    };
    let after = text.strip_prefix('$')?;
    let Some(inner) = after.strip_prefix('{') else {
        let end = name_of(after);
        return (end > 0).then(|| (&text[..=end], &after[..end], ""));
    };
    let mut open = 1_usize;
    let (end, _) = inner.char_indices().take(MAX_LENGTH).find(|(_, sign)| {
        open = match sign {
            '{' => open + 1,
            '}' => open - 1,
            _ => open,
        };
        open == 0
    })?;
    let name = name_of(&inner[..end]);
    (name > 0).then(|| (&text[..end + 3], &inner[..name], &inner[name..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> (String, Vec<String>) {
        let value = |name: &str| match name {
            "TAG" => Some("3.12".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let Filled { text, missing } = fill_in(text, Some("$$"), &value);
        (text, missing)
    }

    fn whole(text: &str) -> (String, Vec<String>) {
        (text.to_owned(), vec![])
    }

    #[test]
    fn values_and_defaults_are_filled_in() {
        assert_eq!(filled("a:$TAG-x ${TAG}"), whole("a:3.12-x 3.12"));
        assert_eq!(filled("${NO:-a}${NO-b}${EMPTY:-c}[${EMPTY-d}]"), whole("abc[]"));
        assert_eq!(filled("${TAG:+yes}${NO:+no}${EMPTY:+no}${EMPTY+set}"), whole("yesset"));
        assert_eq!(filled("${NO:-${ALSO:-${TAG}}}"), whole("3.12"));
        assert_eq!(filled("$${TAG} costs 5$ or $5"), whole("${TAG} costs 5$ or $5"));
    }

    #[test]
    fn what_has_no_value_stays_and_is_named() {
        assert_eq!(
            filled("a:$NO/${NONE:?say which}"),
            ("a:$NO/${NONE}".to_owned(), vec!["NO".to_owned(), "NONE".to_owned()])
        );
        assert_eq!(filled("${TAG"), whole("${TAG"));
        assert_eq!(filled("${EMPTY:?needed}").1, ["EMPTY"]);
    }

    #[test]
    fn defaults_inside_defaults_are_bounded() {
        let nested = |depth: usize| format!("{}x{}", "${A:-".repeat(depth), "}".repeat(depth));
        let open = "${".repeat(5_000);

        assert_eq!(filled(&nested(7)), whole("x"));
        assert_eq!(filled(&nested(100)).1, ["A"]);
        assert_eq!(filled(&open), whole(&open));
    }
}
