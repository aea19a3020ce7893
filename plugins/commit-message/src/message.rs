//! A message as Git sees it.

/// What `git commit --verbose` writes above the difference.
const SCISSORS: &str = "# ------------------------ >8 ------------------------";

/// What Git writes itself.
const GENERATED: [&str; 6] = [
    "Merge branch ",
    "Merge branches ",
    "Merge tag ",
    "Merge remote-tracking branch ",
    "Merge pull request ",
    "Revert \"",
];

/// A text without the lines that Git takes out, which stay as blank lines so that the others keep their numbers.
pub(crate) fn without_comments(text: &str) -> String {
    let lines = text.lines().take_while(|line| *line != SCISSORS);
    let lines: Vec<&str> = lines.map(|line| if line.starts_with('#') { "" } else { line }).collect();
    lines.join("\n")
}

/// A message and the numbers of its lines.
#[derive(Debug)]
pub(crate) struct Message<'t> {
    text: &'t str,
    lines: Vec<(u32, &'t str)>,
}

impl<'t> Message<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let all: Vec<(u32, &str)> = (1..).zip(text.lines()).collect();
        let first = all.iter().position(|(_, line)| !line.trim().is_empty()).unwrap_or(all.len());
        Self { text: text.trim(), lines: all[first..].to_vec() }
    }

    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    /// The first line that is not blank; empty if there is none.
    pub(crate) fn summary(&self) -> &'t str {
        self.lines.first().map_or("", |(_, line)| line.trim_end())
    }

    pub(crate) fn first_line(&self) -> Option<u32> {
        self.lines.first().map(|(number, _)| *number)
    }

    /// The line after the summary, unless it is blank or not there.
    pub(crate) fn line_that_should_be_blank(&self) -> Option<u32> {
        self.lines.get(1).filter(|(_, line)| !line.trim().is_empty()).map(|(number, _)| *number)
    }

    /// The lines after the summary that are not blank.
    pub(crate) fn body(&self) -> impl Iterator<Item = (u32, &'t str)> {
        self.lines.iter().skip(1).filter(|(_, line)| !line.trim().is_empty()).copied()
    }

    pub(crate) fn is_generated(&self) -> bool {
        GENERATED.iter().any(|beginning| self.summary().starts_with(beginning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_takes_out_does_not_count() {
        let text = without_comments(&format!("\n# Please enter\nFix: a\n\nbody #1\n{SCISSORS}\ndiff\n"));
        let message = Message::new(&text);

        assert_eq!((message.summary(), message.first_line()), ("Fix: a", Some(3)));
        assert_eq!(message.body().collect::<Vec<_>>(), [(5, "body #1")]);
        assert_eq!(message.text(), "Fix: a\n\nbody #1");
    }

    #[test]
    fn a_message_of_blanks_is_empty() {
        let message = Message::new(" \n\t\n");

        assert_eq!((message.summary(), message.first_line(), message.text()), ("", None, ""));
    }
}
