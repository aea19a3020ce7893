//! The simple commands in a shell text: words with the line they stand on, split at `;`, `&&`, `|` and the like.
//!
//! Not a shell: nothing is expanded or run, and `if` or `for` are words like any other. It is enough to find the
//! commands that install something.

use runner_images::Instruction;

/// A word of a command, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) line: u32,
    pub(crate) text: String,
}

pub(crate) type Command = Vec<Word>;

/// The commands of a `RUN`, in the shell form, the exec form, or a here-document.
pub(crate) fn commands(instruction: &Instruction) -> Vec<Command> {
    let arguments = instruction.arguments();
    let (_, words) = instruction.options();
    if words.first().is_some_and(|word| word.starts_with('['))
        && let Some(start) = arguments.find('[')
        && let Ok(words) = serde_json::from_str::<Vec<String>>(&arguments[start..])
    {
        let line = instruction.line;
        return with_inner(vec![words.into_iter().map(|text| Word { line, text }).collect()]);
    }
    let mut splitter = Splitter::default();
    for fragment in &instruction.fragments {
        splitter.line(fragment.line, &fragment.text);
    }
    splitter.end_command();
    // Each line of a here-document ends its command, unless it is continued.
    for fragment in &instruction.here_documents {
        let (text, continued) = match fragment.text.trim_end().strip_suffix('\\') {
            Some(text) => (text, true),
            None => (fragment.text.as_str(), false),
        };
        splitter.line(fragment.line, text);
        if !continued {
            splitter.end_line();
        }
    }
    splitter.end_command();
    with_inner(splitter.commands)
}

/// Adds the commands in `sh -c "…"`, one level deep.
fn with_inner(commands: Vec<Command>) -> Vec<Command> {
    let inner: Vec<Command> = commands
        .iter()
        .filter_map(|command| {
            let shell = command.iter().position(|word| {
                let name = word.text.rsplit('/').next().unwrap_or_default();
                matches!(name, "sh" | "bash" | "ash" | "dash")
            })?;
            let script = command[shell..].iter().skip_while(|word| !is_script_option(&word.text)).nth(1)?;
            let mut splitter = Splitter::default();
            splitter.line(script.line, &script.text);
            splitter.end_command();
            Some(splitter.commands)
        })
        .flatten()
        .collect();
    commands.into_iter().chain(inner).collect()
}

/// `-c`, also among others as in `-exc`.
fn is_script_option(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|letters| !letters.starts_with('-') && letters.ends_with('c'))
}

#[derive(Default)]
struct Splitter {
    commands: Vec<Command>,
    command: Command,
    word: Option<Word>,
    quote: Option<char>,
}

impl Splitter {
    fn line(&mut self, line: u32, text: &str) {
        let mut signs = text.chars().peekable();
        while let Some(sign) = signs.next() {
            match (self.quote, sign) {
                (Some(open), _) if open == sign => self.quote = None,
                (None, '\'' | '"') => {
                    self.quote = Some(sign);
                    self.word(line);
                }
                (None | Some('"'), '\\') => {
                    if let Some(next) = signs.next() {
                        self.push(line, next);
                    }
                }
                (Some(_), _) => self.push(line, sign),
                (None, '#') if self.word.is_none() => break,
                (None, ';' | '&' | '|' | '(' | ')' | '`') => self.end_command(),
                (None, _) if sign.is_whitespace() => self.end_word(),
                (None, _) => self.push(line, sign),
            }
        }
        // The end of a line that is continued separates words, unless a quote is open.
        if self.quote.is_none() {
            self.end_word();
        } else {
            self.push(line, ' ');
        }
    }

    fn word(&mut self, line: u32) -> &mut Word {
        self.word.get_or_insert_with(|| Word { line, text: String::new() })
    }

    fn push(&mut self, line: u32, sign: char) {
        self.word(line).text.push(sign);
    }

    fn end_word(&mut self) {
        self.command.extend(self.word.take());
    }

    fn end_line(&mut self) {
        if self.quote.is_none() {
            self.end_command();
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        if !self.command.is_empty() {
            self.commands.push(std::mem::take(&mut self.command));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use runner_images::Dockerfile;

    use super::*;

    fn split(run: &str) -> Vec<Vec<(u32, String)>> {
        let file = Dockerfile::parse(&format!("FROM a\n{run}\n"), &BTreeMap::new());
        let commands = commands(&file.stages[0].instructions[0]);
        commands
            .into_iter()
            .map(|command| command.into_iter().map(|word| (word.line, word.text)).collect())
            .collect()
    }

    fn texts(run: &str) -> Vec<String> {
        let join = |command: Vec<(u32, String)>| {
            command.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("|")
        };
        split(run).into_iter().map(join).collect()
    }

    #[test]
    fn commands_end_at_operators_and_words_at_blanks() {
        assert_eq!(
            texts("RUN set -ex; a 'b c' \"d\\\"e\" && f\\ g || (h | i) # j"),
            ["set|-ex", "a|b c|d\"e", "f g", "h", "i"]
        );
    }

    #[test]
    fn words_know_their_line() {
        let word = |line, text: &str| (line, text.to_owned());

        assert_eq!(
            split("RUN a \\\n  # comment\n  b \\\n  && c"),
            [vec![word(2, "a"), word(4, "b")], vec![word(5, "c")]]
        );
    }

    #[test]
    fn every_form_of_run_is_read() {
        assert_eq!(texts(r#"RUN ["apt-get", "install", "x y"]"#), ["apt-get|install|x y"]);
        assert_eq!(texts("RUN <<EOF\na b\nc \\\n d\nEOF"), ["<<EOF", "a|b", "c|d"]);
        assert_eq!(texts("RUN --mount=type=cache,target=/x a"), ["--mount=type=cache,target=/x|a"]);
        assert_eq!(texts("RUN bash -exc 'a; b'"), ["bash|-exc|a; b", "a", "b"]);
    }
}
