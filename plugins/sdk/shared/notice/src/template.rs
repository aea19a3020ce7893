//! Filling in a template.
//!
//! The language is that of Jinja, as far as MiniJinja has it. What is not defined is an error, with its line. Every
//! value is escaped for the channel when it is put in; `bold`, `code` and `link(url)` make what the channel knows of it.

use std::fmt::Write as _;
use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use minijinja::{filters, tests};
use runner_plugin::Failure;
use runner_plugin::text::shortened;
use serde::Serialize;

use crate::link::check_url;
use crate::{Markup, bounds};

/// Longest text that is made of a template, in bytes; channels take far less.
const LONGEST_TEXT: usize = 1024 * 1024;
/// Instructions of one template: some ten for each value that is put in.
const FUEL: u64 = 1_000_000;

/// Fills `values` into `template`; `name` says in errors which one it is.
///
/// # Errors
///
/// `invalid-config` with the line: the template cannot be read, names what there is not, or never ends.
pub(crate) fn fill(
    name: &str,
    template: &str,
    values: &impl Serialize,
    markup: Markup,
) -> Result<String, Failure> {
    bounds::check(template)
        .map_err(|problem| Failure::invalid_config(format!("`{name}`: {problem}; nothing was sent")))?;
    let mut out = Bounded(Vec::new());
    render(template, values, markup, &mut out).map_err(|error| {
        let line = error.line().unwrap_or(1);
        let text = template.lines().nth(line - 1).unwrap_or_default().trim();
        Failure::invalid_config(format!(
            "`{name}`, line {line}: {}, in `{}`; nothing was sent",
            reason(&error),
            shortened(text)
        ))
    })?;
    String::from_utf8(out.0)
        .map_err(|_| Failure::internal(format!("`{name}` became something that is not UTF-8")))
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

fn render(template: &str, values: &impl Serialize, markup: Markup, out: &mut Bounded) -> Result<(), Error> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    few(&mut environment);
    environment.set_formatter(move |out, _, value| {
        if value.is_none() {
            return Ok(());
        }
        let text = value.to_string();
        out.write_str(&if value.is_safe() { text } else { markup.escape(&text) }).map_err(Error::from)
    });
    environment
        .add_filter("bold", move |text: &Value| Value::from_safe_string(markup.bold(&text.to_string())));
    environment
        .add_filter("code", move |text: &Value| Value::from_safe_string(markup.code(&text.to_string())));
    environment.add_filter("link", move |text: &Value, url: &Value| {
        let url = url.to_string();
        check_url(&url).map_err(|problem| Error::new(ErrorKind::InvalidOperation, problem))?;
        Ok(Value::from_safe_string(markup.link(&text.to_string(), &url)))
    });
    environment.template_from_str(template)?.render_captured_to(Value::from(Serde(values)), out)?;
    Ok(())
}

/// What is useful in a message. All that MiniJinja has would make a plugin a quarter larger, and `safe` would undo what
/// escaping is for: markup of one's own stands in the template itself.
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

/// Takes text until it is too much.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_TEXT {
            return Err(io::Error::other("the text becomes longer than 1 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
