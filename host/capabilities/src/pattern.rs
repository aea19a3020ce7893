//! Text patterns in which `*` stands for any run of characters.

/// Whether `pattern` matches all of `text`.
///
/// A `*` in `text` is an ordinary character that only a `*` of the pattern can match. Given another *pattern* as
/// `text`, the answer is therefore sound for "everything it matches is matched by `pattern` too".
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        // The leftmost match leaves the most for the pieces that follow.
        let Some(found) = rest.find(piece) else {
            return false;
        };
        rest = &rest[found + piece.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::matches;

    /// The same question answered without cleverness, for comparison.
    fn reference(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', tail)) => (0..=text.len()).any(|skip| reference(tail, &text[skip..])),
            Some((sign, tail)) => text.first() == Some(sign) && reference(tail, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_slow_reference(pattern in "[ab*]{0,7}", text in "[ab*]{0,9}") {
            prop_assert_eq!(matches(&pattern, &text), reference(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn a_covered_pattern_matches_nothing_more(wide in "[ab*]{0,5}", narrow in "[ab*]{0,5}", text in "[ab]{0,7}") {
            if matches(&wide, &narrow) && matches(&narrow, &text) {
                prop_assert!(matches(&wide, &text), "{wide} covers {narrow} but not {text}");
            }
        }
    }
}
