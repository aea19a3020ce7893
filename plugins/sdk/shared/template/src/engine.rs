//! The engine, set up for plugins.

use std::fmt::Write as _;
use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, UndefinedBehavior};
use minijinja::{filters, tests};
use runner_plugin::text::shortened;

/// What becomes of the line break at the end of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastLineBreak {
    /// It is left out: messages have none.
    Dropped,
    /// It is kept: files end with one.
    Kept,
}

/// An engine for which everything undefined is an error, and which stops after `fuel` instructions.
///
/// # Errors
///
/// None in fact: the syntax is a fixed one.
pub fn environment(fuel: u64, end: LastLineBreak) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(fuel));
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(end == LastLineBreak::Kept);
    environment.set_syntax(syntax.build()?);
    few(&mut environment);
    Ok(environment)
}

/// What texts need. All that MiniJinja has would make a plugin a quarter larger, and `safe` would undo what escaping is
/// for: markup of one's own stands in the template itself.
fn few(environment: &mut Environment<'_>) {
    environment.add_filter("default", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("items", filters::items);
    environment.add_filter("join", filters::join);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("none", tests::is_none);
    environment.add_test("undefined", tests::is_undefined);
}

/// What is wrong with a template, where, and what stands there; `name` says which one it is.
#[must_use]
pub fn problem(name: &str, template: &str, error: &Error) -> String {
    let line = error.line().unwrap_or(1);
    let text = template.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
    format!("`{name}`, line {line}: {}, in `{}`", reason(error), shortened(text))
}

/// What went wrong, in the words of whoever went wrong first.
fn reason(error: &Error) -> String {
    let mut reason = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    if let Some(source) = std::error::Error::source(error) {
        let _ = write!(reason, " ({source})");
    }
    reason
}

/// Takes text until it is too much.
#[derive(Debug)]
pub struct Bounded {
    bytes: Vec<u8>,
    longest: usize,
}

impl Bounded {
    /// Nothing yet, and at most `longest` bytes.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self { bytes: Vec::new(), longest }
    }

    /// What was taken.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.longest {
            let longest = self.longest / (1024 * 1024);
            return Err(io::Error::other(format!("the text becomes longer than {longest} MiB")));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
