//! Words for messages.

/// Longest text of somebody else that stands in a message of ours.
const SHOWN: usize = 80;

/// A text as it may stand in a message: its first 80 characters, with `…` where it was cut.
///
/// ```
/// assert_eq!(runner_plugin::text::shortened("connection refused"), "connection refused");
/// assert_eq!(runner_plugin::text::shortened(&"a".repeat(81)), format!("{}…", "a".repeat(80)));
/// ```
#[must_use]
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A number with the right form of what it counts.
///
/// ```
/// use runner_plugin::text::counted;
///
/// assert_eq!(counted(1, "dependency", "dependencies"), "1 dependency");
/// assert_eq!(counted(0, "dependency", "dependencies"), "0 dependencies");
/// ```
#[must_use]
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shortened(&"ä".repeat(81)), format!("{}…", "ä".repeat(80)));
        assert_eq!(shortened(&"ä".repeat(80)), "ä".repeat(80));
    }
}
