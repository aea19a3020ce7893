//! Filling in a template.
//!
//! The language is that of Jinja, as far as MiniJinja has it. What is not defined is an error, with its line. Every
//! value is escaped for the channel when it is put in; `bold`, `code` and `link(url)` make what the channel knows of it.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Error, ErrorKind, Value};
use runner_plugin::Failure;
use runner_template::{Bounded, LastLineBreak, environment, problem, weigh};
use serde::Serialize;

use crate::Markup;
use crate::link::check_url;

/// Longest template, in bytes.
const LONGEST: usize = 16 * 1024;
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
    weigh(template, LONGEST)
        .map_err(|problem| Failure::invalid_config(format!("`{name}`: {problem}; nothing was sent")))?;
    let mut out = Bounded::new(LONGEST_TEXT);
    render(template, values, markup, &mut out).map_err(|error| {
        Failure::invalid_config(format!("{}; nothing was sent", problem(name, template, &error)))
    })?;
    String::from_utf8(out.into_bytes())
        .map_err(|_| Failure::internal(format!("`{name}` became something that is not UTF-8")))
}

fn render(template: &str, values: &impl Serialize, markup: Markup, out: &mut Bounded) -> Result<(), Error> {
    let mut environment = environment(FUEL, LastLineBreak::Dropped)?;
    environment.set_auto_escape_callback(|_| AutoEscape::None);
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
