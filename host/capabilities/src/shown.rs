//! What a guest or an author has written, for people.

/// Longest part of it that is shown.
const MOST: usize = 200;

/// `text` as far as it is worth showing, without control characters.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(MOST).flat_map(char::escape_debug).collect()
}
