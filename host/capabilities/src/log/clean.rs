//! Makes text of a plugin fit to be shown: it must not move the cursor, hide what stands beside it, or talk to the CI
//! system that reads the output.

/// Longest line that is shown in full.
pub const MAX_LINE: usize = 8 * 1024;

/// What CI systems take for a command to themselves wherever it stands in a line: Azure, GitHub's old form, TeamCity.
const COMMANDS: [&str; 3] = ["##[", "##vso[", "##teamcity["];

/// Stands in a marked line where a line break or a tab was. No line that is shown holds one.
pub(crate) const GAP: char = '\0';

/// What is seen of a text at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A sign.
    Sign(char),
    /// A line break or a tab: nothing that is written, and it keeps what stands around it apart.
    Gap,
}

/// What is left of `text` on a screen, and where it stands in `text`: no control characters, no terminal escapes, no
/// direction marks.
pub(crate) fn seen(text: &str) -> impl Iterator<Item = (usize, Seen)> {
    let mut signs = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (place, sign) = signs.next()?;
            match sign {
                '\u{1b}' => skip_escape(&mut signs),
                '\u{9b}' => skip_control_sequence(&mut signs),
                '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => return Some((place, Seen::Gap)),
                _ if sign.is_control() || is_format(sign) => {}
                _ => return Some((place, Seen::Sign(sign))),
            }
        }
    })
}

/// `text` as one line in which gaps are still told from spaces, for [`finished`].
pub(crate) fn marked(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    line.extend(seen(text).map(|(_, seen)| match seen {
        Seen::Sign(sign) => sign,
        Seen::Gap => GAP,
    }));
    line
}

/// `text` as marked lines. Empty lines at the end are dropped.
pub(crate) fn marked_lines(text: &str) -> impl Iterator<Item = String> {
    text.trim_end().split(['\n', '\u{2028}', '\u{2029}']).map(marked)
}

/// A marked line as it is shown: gaps become spaces, CI commands are broken up, and it is not too long.
pub(crate) fn finished(marked: &str) -> String {
    let mut line = marked.replace(GAP, " ");
    while line.ends_with(' ') {
        line.pop();
    }
    shorten(&mut line, MAX_LINE);
    disarm(line)
}

/// `text` as one line: no control characters, no terminal escapes, no direction marks, no CI commands; line breaks become
/// spaces.
#[must_use]
pub fn clean_line(text: &str) -> String {
    finished(&marked(text))
}

/// Cuts `text` to at most `most` bytes and says how much is gone.
pub fn shorten(text: &mut String, most: usize) {
    if text.len() > most {
        let mut end = most;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let gone = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("… ({gone} bytes more)"));
    }
}

type Signs<'t> = std::iter::Peekable<std::str::CharIndices<'t>>;

/// After ESC: a control sequence, a string that ends with BEL or ESC `\`, or one sign more.
fn skip_escape(signs: &mut Signs<'_>) {
    match signs.next().map(|(_, sign)| sign) {
        Some('[') => skip_control_sequence(signs),
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some((_, sign)) = signs.next() {
                if sign == '\u{7}'
                    || sign == '\u{9c}'
                    || (sign == '\u{1b}' && signs.next_if(|(_, sign)| *sign == '\\').is_some())
                {
                    break;
                }
            }
        }
        // Intermediate signs, then a final one: `ESC ( B`.
        Some(' '..='/') => {
            let _ = signs.next();
        }
        Some(_) | None => {}
    }
}

/// Parameters up to the final sign; whatever cannot belong to one stays.
fn skip_control_sequence(signs: &mut Signs<'_>) {
    while signs.next_if(|(_, sign)| matches!(sign, ' '..='?')).is_some() {}
    let _ = signs.next_if(|(_, sign)| matches!(sign, '@'..='~'));
}

/// Invisible signs that reorder, hide or join what stands around them.
const fn is_format(sign: char) -> bool {
    matches!(
        sign,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Breaks up what a CI system would obey: a space stops it, and people can still read it.
fn disarm(mut line: String) -> String {
    let indent = line.len() - line.trim_start().len();
    if line[indent..].starts_with("::") {
        line.insert(indent + 1, ' ');
    }
    for command in COMMANDS {
        if line.contains(command) {
            line = line.replace(command, &format!("# {}", &command[1..]));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_LINE, Seen, clean_line, finished, marked_lines};

    #[test]
    fn what_would_do_something_is_taken_out() {
        let table = [
            ("plain ü text", "plain ü text"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[1;1Hgone", "gone"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}(Bplain", "plain"),
            ("over\rwritten", "over written"),
            ("a\tb\u{8}\u{0}c\u{7f}", "a bc"),
            ("two\nlines", "two lines"),
            ("abc\u{202e}fed", "abcfed"),
            ("ze\u{200b}ro", "zero"),
            ("trailing  ", "trailing"),
            ("unfinished \u{1b}[", "unfinished"),
            ("unfinished \u{1b}", "unfinished"),
        ];
        assert_eq!(table.map(|(text, _)| clean_line(text)), table.map(|(_, clean)| clean.to_owned()));
    }

    #[test]
    fn commands_to_ci_systems_are_broken_up() {
        let table = [
            ("::set-output name=x::y", ": :set-output name=x::y"),
            ("  ::error::x", "  : :error::x"),
            ("std::vector", "std::vector"),
            ("x ##[error]y", "x # #[error]y"),
            ("##vso[task.setvariable]", "# #vso[task.setvariable]"),
            ("##teamcity[x]", "# #teamcity[x]"),
            ("\u{1b}[0m::add-mask::x", ": :add-mask::x"),
            ("\u{200b}::add-mask::x", ": :add-mask::x"),
            ("## heading", "## heading"),
        ];
        assert_eq!(table.map(|(text, _)| clean_line(text)), table.map(|(_, clean)| clean.to_owned()));
    }

    #[test]
    fn a_text_becomes_its_lines() {
        let lines: Vec<String> =
            marked_lines("one\r\n::two\n\nthree\n\n").map(|line| finished(&line)).collect();
        assert_eq!(lines, ["one", ": :two", "", "three"]);
    }

    #[test]
    fn what_is_seen_says_where_it_stands() {
        let seen: Vec<_> = super::seen("a\u{1b}[1mü\tb\u{200b}").collect();
        assert_eq!(seen, [(0, Seen::Sign('a')), (5, Seen::Sign('ü')), (7, Seen::Gap), (8, Seen::Sign('b'))]);
    }

    #[test]
    fn a_long_line_is_cut_between_two_characters() {
        let line = clean_line(&"ü".repeat(MAX_LINE));
        assert_eq!(line, format!("{}… ({MAX_LINE} bytes more)", "ü".repeat(MAX_LINE / 2)));
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in "[\\x00-\\xff:#\\[\\x1b]{0,40}") {
            let line = clean_line(&text);
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(!line.trim_start().starts_with("::"), "{line:?}");
            prop_assert!(!line.contains("##["), "{line:?}");
        }
    }
}
