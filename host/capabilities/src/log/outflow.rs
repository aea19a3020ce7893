//! Lines on their way out of a sandbox, in the order in which they were written.
//!
//! A plugin may write a secret in pieces: over two lines, over two calls, with control characters in between. So secrets
//! are looked for in all that is seen of the log as one text without line breaks; what of a secret stands in a line is
//! replaced in that line. A line at whose end a secret may have begun is held back until the next lines tell, or the call
//! ends. The end of a line that is but the first sign of a secret is let go: it tells nothing, and nearly every line
//! would wait.
//!
//! ```text
//! marked lines -> seen (let go, at most `reach` bytes | held) -> masks -> finished lines
//! ```

use std::{collections::VecDeque, ops::Range};

use super::{GAP, Level, Line, finished};
use crate::secrets::{Redactor, join, masked};

/// The shortest beginning of a secret that is held back.
const SHORTEST_HELD: usize = 2;

/// The lines of one plugin call.
#[derive(Default)]
pub(crate) struct Outflow {
    /// What is seen of the lines that were let go last, and of those that are held.
    text: Vec<u8>,
    /// How much of `text` is let go.
    gone: usize,
    /// Where secrets stand in `text`: in order, apart from each other.
    secrets: Vec<Range<usize>>,
    held: VecDeque<Held>,
}

struct Held {
    level: Level,
    marked: String,
    /// Where the line ends in `text`.
    end: usize,
}

impl Outflow {
    /// Takes a line and gives those that can be shown now.
    pub(crate) fn push(&mut self, level: Level, marked: String, redactor: &Redactor) -> Vec<Line> {
        let before = self.text.len();
        self.text.extend(marked.bytes().filter(|byte| *byte != GAP as u8));
        self.held.push_back(Held { level, marked, end: self.text.len() });
        if self.text.len() > before {
            let from = before.saturating_sub(redactor.reach());
            let found = redactor.places(&self.text[from..]);
            self.secrets.extend(found.into_iter().map(|place| place.start + from..place.end + from));
            join(&mut self.secrets);
        }
        let open = Some(redactor.open_end(&self.text)).filter(|open| *open >= SHORTEST_HELD).unwrap_or(0);
        let lines = self.release(if open == 0 { usize::MAX } else { self.text.len() - open });
        self.forget(redactor.reach());
        lines
    }

    /// The lines that are still held: nothing follows.
    pub(crate) fn finish(&mut self) -> Vec<Line> {
        self.release(usize::MAX)
    }

    /// Lets lines go that end at `most` or before.
    fn release(&mut self, most: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(Held { level, marked, end }) = self.held.pop_front_if(|held| held.end <= most) {
            let text = finished(&masked(&marked, &self.secrets, self.gone));
            lines.push(Line { level, text });
            self.gone = end;
        }
        lines
    }

    /// Drops what no secret can reach back to.
    fn forget(&mut self, reach: usize) {
        let over = self.gone.saturating_sub(reach);
        // Moving the rest costs as much as it is long, so it has to be worth it.
        if over < 4096 && over * 2 < self.text.len() {
            return;
        }
        drop(self.text.drain(..over));
        self.gone -= over;
        self.held.iter_mut().for_each(|held| held.end -= over);
        self.secrets.retain(|place| place.end > over);
        for place in &mut self.secrets {
            *place = place.start.saturating_sub(over)..place.end - over;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outflow;
    use crate::{
        log::{Level, marked_lines},
        secrets::Redactor,
    };

    /// What each text lets go, and what is left at the end.
    fn flow(secrets: &[&str], texts: &[&str]) -> (Vec<Vec<String>>, Vec<String>) {
        let redactor = Redactor::new(secrets.iter().map(|secret| secret.as_bytes()));
        let mut outflow = Outflow::default();
        let shown =
            |lines: Vec<crate::log::Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        let released = texts
            .iter()
            .map(|text| {
                let lines = marked_lines(text);
                shown(lines.flat_map(|line| outflow.push(Level::Info, line, &redactor)).collect())
            })
            .collect();
        (released, shown(outflow.finish()))
    }

    /// All that came out, line by line.
    fn lines(secrets: &[&str], texts: &[&str]) -> Vec<String> {
        let (released, rest) = flow(secrets, texts);
        released.into_iter().flatten().chain(rest).collect()
    }

    #[test]
    fn a_secret_in_pieces_is_replaced_in_every_line_it_stands_in() {
        let secret = &["correct-horse-battery"];
        let table: [(&[&str], &[&str]); 7] = [
            (&["is correct-horse", "-battery ok"], &["is ***", "*** ok"]),
            (&["is correct\n-horse\n-battery ok"], &["is ***", "***", "*** ok"]),
            (&["is correct-horse", "", "\u{1b}[1m", "-battery"], &["is ***", "", "", "***"]),
            (&["is correct\t-horse\r-bat\u{0}tery ok"], &["is *** ok"]),
            (&["Y29ycmVjdC1ob3JzZS", "1iYXR0ZXJ5"], &["***", "***"]),
            (&["correct-horse", "and no battery"], &["correct-horse", "and no battery"]),
            (&["correct-horse-batteryco", "rrect-horse-battery"], &["***", "***"]),
        ];
        for (texts, expected) in table {
            assert_eq!(lines(secret, texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn only_a_line_at_whose_end_a_secret_may_begin_is_held_back() {
        let texts = ["one", "two hunt", "", "er", "x", "three h", "four hunter"];
        let (released, rest) = flow(&["hunter2-hunter2"], &texts);
        let expected: [&[&str]; 7] =
            [&["one"], &[], &[], &[], &["two hunt", "", "er", "x"], &["three h"], &[]];
        assert_eq!(
            (released, rest),
            (expected.map(|lines| lines.to_vec()).map(own).into(), own(vec!["four hunter"]))
        );
    }

    fn own(lines: Vec<&str>) -> Vec<String> {
        lines.into_iter().map(str::to_owned).collect()
    }

    /// Only the first sign of a secret is ever let go.
    #[test]
    fn a_secret_written_sign_by_sign_is_replaced_but_for_its_first_sign() {
        let signs: Vec<String> = "hunter2-hunter2".chars().map(String::from).collect();
        let signs: Vec<&str> = signs.iter().map(String::as_str).collect();
        let expected: Vec<&str> = std::iter::once("h").chain([MASK; 14]).collect();
        assert_eq!(lines(&["hunter2-hunter2"], &signs), expected);
    }

    const MASK: &str = crate::secrets::MASK;

    #[test]
    fn long_logs_are_forgotten_behind_what_a_secret_can_reach() {
        let redactor = Redactor::new([b"correct-horse-battery".as_slice()]);
        let mut outflow = Outflow::default();
        for number in 0..10_000 {
            let shown = outflow.push(Level::Info, format!("line {number} of many"), &redactor);
            assert_eq!(shown.len(), 1);
            assert!(outflow.text.len() < 8 * 1024, "{}", outflow.text.len());
        }
        let mut shown = outflow.push(Level::Info, "it is correct-hor".to_owned(), &redactor);
        shown.extend(outflow.push(Level::Info, "se-battery".to_owned(), &redactor));
        let shown: Vec<&str> = shown.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(shown, ["it is ***", "***"]);
    }
}
