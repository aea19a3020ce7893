//! Tracebacks of Python: many lines that are one event.
//!
//! ```text
//! app | Traceback (most recent call last):     the first line; what stands before it stands before the others
//! app |   File "main.py", line 3, in <module>  frames, indented
//! app | ValueError: no such mode                the exception: the first line that is not indented
//! app |
//! app | During handling of the above exception, another exception occurred:
//! app |
//! app | Traceback (most recent call last):      the same event goes on
//! ```

const FIRST_LINE: &str = "Traceback (most recent call last):";

/// Between the tracebacks of exceptions that caused one another.
const LINKS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

/// What a line is to the traceback before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A traceback begins here.
    First,
    /// The traceback goes on.
    Next,
    /// No part of it, and the end of it if there was one.
    Outside,
}

/// Where in a traceback we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Frames,
    AfterException,
    AfterLink,
}

/// Follows tracebacks from line to line.
#[derive(Debug, Default)]
pub(crate) struct Tracebacks {
    open: Option<(Place, String)>,
}

impl Tracebacks {
    /// Looks at the next line.
    pub(crate) fn see(&mut self, line: &str) -> Part {
        let was_linked = matches!(&self.open, Some((Place::AfterLink, _)));
        if let Some(at) = line.find(FIRST_LINE) {
            self.open = Some((Place::Frames, line[..at].to_owned()));
            return if was_linked { Part::Next } else { Part::First };
        }
        let Some((place, prefix)) = &mut self.open else { return Part::Outside };
        let rest = line.strip_prefix(prefix.as_str()).unwrap_or(line);
        let next = match *place {
            Place::Frames if rest.starts_with([' ', '\t']) => Some(Place::Frames),
            Place::Frames => Some(Place::AfterException),
            Place::AfterException if LINKS.contains(&rest.trim()) => Some(Place::AfterLink),
            Place::AfterException | Place::AfterLink
                if rest.trim().is_empty() || line.trim() == prefix.trim() =>
            {
                Some(*place)
            }
            Place::AfterException | Place::AfterLink => None,
        };
        match next {
            Some(next) => {
                *place = next;
                Part::Next
            }
            None => {
                self.open = None;
                Part::Outside
            }
        }
    }

    /// The exception, if this line, which was just seen, is the one that names it.
    pub(crate) fn exception<'l>(&self, line: &'l str) -> Option<&'l str> {
        let (Place::AfterException, prefix) = self.open.as_ref()? else { return None };
        let rest = line.strip_prefix(prefix.as_str()).unwrap_or(line).trim();
        (!rest.is_empty() && line.trim() != prefix.trim()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(Part, Option<&str>)> {
        let mut tracebacks = Tracebacks::default();
        text.lines().map(|line| (tracebacks.see(line), tracebacks.exception(line))).collect()
    }

    #[test]
    fn a_traceback_ends_after_its_exception() {
        assert_eq!(
            parts(
                "start\nTraceback (most recent call last):\n  File \"a\"\n    code\nValueError: no\nrunning\n"
            ),
            [
                (Part::Outside, None),
                (Part::First, None),
                (Part::Next, None),
                (Part::Next, None),
                (Part::Next, Some("ValueError: no")),
                (Part::Outside, None),
            ],
        );
    }

    #[test]
    fn exceptions_that_caused_one_another_are_one_event() {
        assert_eq!(
            parts(&format!(
                "{FIRST_LINE}\nKeyError: 1\n\n{}\n\n{FIRST_LINE}\nValueError: 2\n{FIRST_LINE}\n",
                LINKS[0]
            )),
            [
                (Part::First, None),
                (Part::Next, Some("KeyError: 1")),
                (Part::Next, None),
                (Part::Next, None),
                (Part::Next, None),
                (Part::Next, None),
                (Part::Next, Some("ValueError: 2")),
                (Part::First, None),
            ],
        );
    }

    #[test]
    fn what_stands_before_the_first_line_may_stand_before_the_others() {
        assert_eq!(
            parts(
                "app | Traceback (most recent call last):\napp |   File \"a\"\napp | OSError\napp | running\n"
            ),
            [(Part::First, None), (Part::Next, None), (Part::Next, Some("OSError")), (Part::Outside, None)],
        );
    }
}
