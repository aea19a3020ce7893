//! Texts that are longer than a channel takes.

/// Most characters that are taken away so as not to leave half an entity, escape or link behind.
const LONGEST_HALF: usize = 2_100;

/// `line` with at most `limit` characters, `…` being the last one where it was cut.
pub(crate) fn line(line: &str, limit: usize) -> String {
    match line.char_indices().nth(limit) {
        None => line.to_owned(),
        Some(_) => {
            let kept: String = line.chars().take(limit.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

/// `text` with at most `limit` characters. If it was cut, a last line says how much is missing and where the rest is.
///
/// It is cut between lines; a line that does not fit by itself is cut where no entity, escape or link is torn.
pub(crate) fn text(text: &str, limit: usize, run: &str) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let note = |missing: usize| format!("… {missing} more characters, cut here; run {run} has them");
    // The number of missing characters is never longer than that of all.
    let room = limit.saturating_sub(note(length).chars().count() + 1);
    let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
    let kept = match text[..end].rfind('\n') {
        // At least half of the room is used, or the text has no lines to speak of.
        Some(at) if at * 2 >= end => &text[..at],
        _ => whole(&text[..end]),
    };
    let kept = kept.trim_end();
    format!("{kept}\n{}", note(length - kept.chars().count()))
}

/// `text` without what was begun at its end and not finished.
fn whole(text: &str) -> &str {
    let from = text.char_indices().rev().nth(LONGEST_HALF).map_or(0, |(at, _)| at);
    let mut end = text.len();
    for (open, close) in [('<', '>'), ('[', ')'), ('&', ';')] {
        if let Some(at) = text[from..end].rfind(open).map(|at| from + at)
            && !text[at..end].contains(close)
            && (open != '&' || end - at < 8)
        {
            end = at;
        }
    }
    let backslashes = text[..end].bytes().rev().take_while(|&byte| byte == b'\\').count();
    &text[..end - backslashes % 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_a_sign_where_it_was_cut() {
        assert_eq!(line("größer", 6), "größer");
        assert_eq!(line("größere", 6), "größe…");
    }

    #[test]
    fn a_text_is_cut_between_lines_and_says_how_much_is_missing() {
        let long = format!("first line\nsecond line\n{}", "third ".repeat(20));

        assert_eq!(text(&long, 1000, "01J"), long);
        assert_eq!(
            text(&long, 80, "01J"),
            "first line\nsecond line\n… 121 more characters, cut here; run 01J has them",
        );
        assert!(text(&long, 80, "01J").chars().count() <= 80);
    }

    #[test]
    fn nothing_is_torn() {
        assert_eq!(whole("a &amp; b &am"), "a &amp; b ");
        assert_eq!(whole("a <https://example.com/|lin"), "a ");
        assert_eq!(whole(r"a \\\"), r"a \\");
        assert_eq!(whole("a [link](https://exam"), "a ");
        assert_eq!(whole("R&D is a team of nine"), "R&D is a team of nine");
    }
}
