//! Positions in characters to positions in bytes.

/// One byte offset for every so many characters: small, and near enough to walk the rest.
const STRIDE: usize = 64;

/// Finds bytes by character. Text that is only ASCII needs no table.
pub(super) struct Offsets<'a> {
    text: &'a str,
    every: Vec<usize>,
}

impl<'a> Offsets<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let every = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STRIDE).map(|(offset, _)| offset).collect()
        };
        Self { text, every }
    }

    /// The byte at which the character `index` begins; the end of the text if there are fewer.
    pub(super) fn byte(&self, index: usize) -> usize {
        if self.every.is_empty() {
            return index.min(self.text.len());
        }
        let Some(&start) = self.every.get(index / STRIDE) else { return self.text.len() };
        self.text[start..]
            .char_indices()
            .nth(index % STRIDE)
            .map_or(self.text.len(), |(offset, _)| start + offset)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Offsets;

    proptest! {
        #[test]
        fn a_character_is_found_at_its_byte(text in "[aé\u{1F600}]{0,300}") {
            let offsets = Offsets::new(&text);
            let found: Vec<usize> = (0..=text.chars().count()).map(|index| offsets.byte(index)).collect();
            let expected: Vec<usize> = text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
