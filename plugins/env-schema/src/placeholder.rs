//! Values that were meant to be replaced.

/// What is taken for a placeholder anywhere in a value, in lower case: also as the password of a DSN.
const PARTS: [&str; 7] =
    ["changeme", "change_me", "change-me", "replaceme", "replace_me", "replace-me", "insert_your_"];

/// What is taken for a placeholder if it is the whole value, in lower case.
const WHOLE: [&str; 6] = ["todo", "fixme", "tbd", "placeholder", "<*>", "your_*"];

/// The patterns of a step, on top of the known ones.
pub(crate) struct Placeholders {
    patterns: Vec<Vec<char>>,
}

impl Placeholders {
    pub(crate) fn new(more: &[String]) -> Self {
        let known = WHOLE.iter().map(|&pattern| pattern.to_owned());
        let patterns = known.chain(more.iter().map(|pattern| pattern.to_lowercase()));
        Self { patterns: patterns.map(|pattern| pattern.chars().collect()).collect() }
    }

    /// Whether a value is a placeholder, or has one in it.
    pub(crate) fn contain(&self, value: &str) -> bool {
        let value = value.trim().to_lowercase();
        let signs: Vec<char> = value.chars().collect();
        PARTS.iter().any(|part| value.contains(part))
            || has_your_something_here(&value)
            || is_filler(&value)
            || self.patterns.iter().any(|pattern| matches(pattern, &signs))
    }
}

/// `YOUR_KEY_HERE`, `your-password-here`, with whatever stands around it.
fn has_your_something_here(value: &str) -> bool {
    value.match_indices("your").any(|(at, _)| {
        let word = value[at..]
            .split(|sign: char| !(sign.is_alphanumeric() || sign == '_' || sign == '-'))
            .next()
            .unwrap_or_default();
        word.ends_with("_here") || word.ends_with("-here")
    })
}

/// `xxx`, `XXXX-XXXX`: three or more, and nothing else.
fn is_filler(value: &str) -> bool {
    value.starts_with("xxx") && value.chars().all(|sign| matches!(sign, 'x' | '-' | '_' | '.'))
}

/// Compares with `*` for any text and `?` for any character. Linear in practice: only the last `*` is tried again.
fn matches(pattern: &[char], value: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < value.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&sign) if sign == '?' || sign == value[read] => {
                at += 1;
                read += 1;
            }
            Some(_) | None => {
                let Some((star_at, from)) = star else { return false };
                star = Some((star_at, from + 1));
                at = star_at + 1;
                read = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|&sign| sign == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 003-40: the placeholders of the documents, and their relatives.
    #[test]
    fn placeholders_are_recognised() {
        let placeholders = Placeholders::new(&[]);
        let mut values = vec![
            "YOUR_KEY_HERE",
            "YOUR_PASSWORD_HERE",
            "sk-your-api-key-here",
            "postgresql://l9:YOUR_PASSWORD_HERE@db:5432/l9",
            "your_openai_key",
            "<token>",
            "CHANGEME",
            "change-me-please",
            "xxxx-xxxx",
            "TODO",
        ];

        values.retain(|value| !placeholders.contain(value));

        assert_eq!(values, [""; 0]);
    }

    #[test]
    fn real_values_are_not_taken_for_placeholders() {
        let placeholders = Placeholders::new(&[]);
        let mut values =
            vec!["https://yourcompany.com/", "xx", "a<b>c", "todos", "there", "you are here", "x-y"];

        values.retain(|value| placeholders.contain(value));

        assert_eq!(values, [""; 0]);
    }

    #[test]
    fn a_step_may_add_patterns() {
        let placeholders = Placeholders::new(&["dev-*-key".to_owned(), "1234?".to_owned()]);

        assert!(placeholders.contain("DEV-openai-KEY"));
        assert!(placeholders.contain("12345"));
        assert!(!placeholders.contain("123456"));
        assert!(!placeholders.contain("dev-key"));
    }

    #[test]
    fn a_pattern_with_many_stars_ends_soon() {
        let pattern: Vec<char> = "*a".repeat(20).chars().chain("b".chars()).collect();
        let value: Vec<char> = "a".repeat(2000).chars().collect();

        assert!(!matches(&pattern, &value));
    }
}
