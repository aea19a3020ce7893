//! What a `.dockerignore` leaves out of a build.
//!
//! Lines are read as `docker build` reads them: the last line that fits a path or a directory above it decides, `!` takes
//! back, `*` stays within one name, `**` stands for any number of names.

use regex_lite::Regex;

use super::engine::Trouble;

/// The lines of a `.dockerignore`.
#[derive(Debug, Default)]
pub(super) struct Ignore(Vec<Line>);

#[derive(Debug)]
struct Line {
    pattern: Regex,
    /// Whether it takes back what earlier lines left out.
    back: bool,
}

impl Ignore {
    /// Reads a `.dockerignore`.
    pub(super) fn parse(text: &str) -> Result<Self, Trouble> {
        let mut lines = Vec::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (back, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let pattern = clean(pattern);
            if pattern.is_empty() {
                if back {
                    return Err(wrong(index, "a `!` alone takes nothing back"));
                }
                continue;
            }
            let pattern = expression(&pattern).map_err(|why| wrong(index, &why))?;
            lines.push(Line { pattern, back });
        }
        Ok(Self(lines))
    }

    /// Whether `path` (relative, with `/`) is left out.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        let mut out = false;
        for line in &self.0 {
            let above = path.match_indices('/').map(|(at, _)| &path[..at]);
            if above.chain([path]).any(|path| line.pattern.is_match(path)) {
                out = !line.back;
            }
        }
        out
    }

    /// Whether some line takes back: then a directory that is left out may still hold what is not.
    pub(super) fn takes_back(&self) -> bool {
        self.0.iter().any(|line| line.back)
    }
}

fn wrong(index: usize, why: &str) -> Trouble {
    Trouble::invalid(format!("`.dockerignore` line {}: {why}", index + 1))
}

/// Without `.`, `..` that lead nowhere, double and outer slashes.
fn clean(pattern: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in pattern.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    names.join("/")
}

fn expression(pattern: &str) -> Result<Regex, String> {
    let mut text = String::from("^");
    let mut signs = pattern.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '*' if signs.peek() == Some(&'*') => {
                while signs.next_if_eq(&'*').is_some() {}
                let slash = signs.next_if_eq(&'/').is_some();
                // At the end it is everything, also without a slash.
                text.push_str(if signs.peek().is_none() && !slash { ".*" } else { "(.*/)?" });
            }
            '*' => text.push_str("[^/]*"),
            '?' => text.push_str("[^/]"),
            '\\' => match signs.next() {
                Some(literal) => text.push_str(&regex_lite::escape(&literal.to_string())),
                None => return Err(format!("`{pattern}` ends with a `\\` that stands before nothing")),
            },
            '[' => {
                text.push('[');
                if signs.next_if_eq(&'^').is_some() {
                    text.push('^');
                }
                loop {
                    match signs.next() {
                        Some(']') => break,
                        Some('-') => text.push('-'),
                        Some('\\') => {
                            let literal = signs.next().unwrap_or('\\');
                            text.push_str(&regex_lite::escape(&literal.to_string()));
                        }
                        Some(sign) => text.push_str(&regex_lite::escape(&sign.to_string())),
                        None => return Err(format!("`{pattern}` has a `[` without its `]`")),
                    }
                }
                text.push(']');
            }
            sign => text.push_str(&regex_lite::escape(&sign.to_string())),
        }
    }
    text.push('$');
    Regex::new(&text).map_err(|_| format!("`{pattern}` is not a pattern"))
}

#[cfg(test)]
mod tests {
    use super::Ignore;
    use crate::{docker::engine::Trouble, host::Problem};

    fn left_out<'a>(ignore: &str, paths: &[&'a str]) -> Vec<&'a str> {
        let ignore = Ignore::parse(ignore).unwrap();
        paths.iter().copied().filter(|path| ignore.leaves_out(path)).collect()
    }

    #[test]
    fn names_and_what_is_below_them() {
        let paths = ["target", "target/a/b", "src/target", "targets", "a.md", "docs/a.md"];
        assert_eq!(left_out("target", &paths), ["target", "target/a/b"]);
        assert_eq!(left_out("/target/", &paths), ["target", "target/a/b"]);
        assert_eq!(left_out("# target\n\n ./target \n", &paths), ["target", "target/a/b"]);
        assert_eq!(left_out("*.md", &paths), ["a.md"]);
        assert_eq!(left_out("**/*.md", &paths), ["a.md", "docs/a.md"]);
        assert_eq!(left_out("**/target", &paths), ["target", "target/a/b", "src/target"]);
        assert_eq!(left_out("*/target", &paths), ["src/target"]);
        assert_eq!(left_out("docs/**", &paths), ["docs/a.md"]);
        assert_eq!(left_out("**", &paths), paths);
    }

    #[test]
    fn the_last_line_that_fits_decides() {
        let paths = ["a.md", "README.md", "docs/x", "docs/keep"];
        assert_eq!(left_out("*.md\n!README.md", &paths), ["a.md"]);
        assert_eq!(left_out("!README.md\n*.md", &paths), ["a.md", "README.md"]);
        assert_eq!(left_out("docs\n!docs/keep", &paths), ["docs/x"]);
        assert_eq!(left_out("*\n!docs", &paths), ["a.md", "README.md"]);
    }

    #[test]
    fn signs_that_mean_something_else_elsewhere() {
        let paths = ["a.b", "axb", "a+b", "(x)", "b1", "b2", "bx", "*"];
        assert_eq!(left_out("a.b", &paths), ["a.b"]);
        assert_eq!(left_out("a+b\n(x)", &paths), ["a+b", "(x)"]);
        assert_eq!(left_out("b[0-9]", &paths), ["b1", "b2"]);
        assert_eq!(left_out("b[^0-9]", &paths), ["bx"]);
        assert_eq!(left_out("a?b", &paths), ["a.b", "axb", "a+b"]);
        assert_eq!(left_out(r"\*", &paths), ["*"]);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_an_error_with_its_place() {
        let error = |text: &str| Ignore::parse(text).unwrap_err();
        let invalid = |text: &str| Trouble::Host(Problem::Invalid(text.to_owned()));
        assert_eq!(error("a\n!"), invalid("`.dockerignore` line 2: a `!` alone takes nothing back"));
        assert_eq!(error("a["), invalid("`.dockerignore` line 1: `a[` has a `[` without its `]`"));
        assert_eq!(
            error("a\\"),
            invalid("`.dockerignore` line 1: `a\\` ends with a `\\` that stands before nothing")
        );
    }
}
