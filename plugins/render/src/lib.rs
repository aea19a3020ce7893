//! Action: makes files of templates.
//!
//! All templates are filled in before the first file is written, and a value that is not there is an error, with its line:
//! a half-made configuration is never seen. Files are replaced as a whole. `capture` keeps what was there, `restore` brings
//! it back byte for byte, and removes what was not there before.
//!
//! Never here: values from anywhere else than the step's `with`.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Error, ErrorKind, Value};
use runner_kept::Kept;
use runner_plugin::text::counted;
use runner_plugin::{Action, Applied, Failure, Host, Request};
use runner_template::{Bounded, LastLineBreak, environment, problem, weigh};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

/// Longest template, in bytes.
const LONGEST: usize = 256 * 1024;
/// Longest file that is made of one.
const LONGEST_FILE: usize = 1024 * 1024;
/// Instructions of one template: some ten for each value that is put in.
const FUEL: u64 = 5_000_000;

/// Which templates become which files, and with which values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The files to make.
    #[schemars(length(min = 1))]
    files: Vec<Rendered>,
    /// What the templates may name.
    #[serde(default)]
    values: Map<String, serde_json::Value>,
}

/// A file to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rendered {
    /// The template.
    #[schemars(length(min = 1))]
    template: String,
    /// The file that it becomes. Its directory must exist.
    #[schemars(length(min = 1))]
    to: String,
}

/// What was at one path.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Before {
    path: String,
    was: Kept,
}

impl Config {
    /// Every file with its new content; all of them, or none.
    fn fill(&self, host: &Host) -> Result<Vec<(&str, Vec<u8>)>, Failure> {
        for (index, Rendered { to, .. }) in self.files.iter().enumerate() {
            if self.files[..index].iter().any(|earlier| earlier.to == *to) {
                return Err(Failure::invalid_config(format!("`{to}` is made twice; nothing was written")));
            }
        }
        let made = self.files.iter().map(|Rendered { template, to }| {
            let text = host.files().read_to_string(template)?;
            fill(template, &text, &self.values).map(|bytes| (to.as_str(), bytes))
        });
        made.collect()
    }
}

/// Fills `values` into a template; `name` says in errors which one it is.
fn fill(name: &str, template: &str, values: &Map<String, serde_json::Value>) -> Result<Vec<u8>, Failure> {
    weigh(template, LONGEST)
        .map_err(|problem| Failure::invalid_input(format!("`{name}`: {problem}; nothing was written")))?;
    let mut out = Bounded::new(LONGEST_FILE);
    render(template, values, &mut out).map_err(|error| {
        Failure::invalid_input(format!("{}; nothing was written", problem(name, template, &error)))
    })?;
    Ok(out.into_bytes())
}

fn render(template: &str, values: &Map<String, serde_json::Value>, out: &mut Bounded) -> Result<(), Error> {
    let mut environment = environment(FUEL, LastLineBreak::Kept)?;
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(|out, _, value| {
        if value.is_none() {
            let help = "a null is put in; give it a value, or write `|default('', true)`";
            return Err(Error::new(ErrorKind::InvalidOperation, help));
        }
        out.write_str(&value.to_string()).map_err(Error::from)
    });
    environment.add_filter("json", |value: &Value| {
        serde_json::to_string(value)
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
    });
    environment.template_from_str(template)?.render_captured_to(Value::from(Serde(values)), out)?;
    Ok(())
}

/// Makes files of templates.
pub struct Render;

impl Action for Render {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["files"];

    fn capture(config: Config, _: &Request, host: &Host) -> Result<String, Failure> {
        // What cannot be made is known before anything is kept.
        let made = config.fill(host)?;
        let before = made.iter().map(|(to, _)| {
            let path = (*to).to_owned();
            Kept::look(host, to).map(|was| Before { path, was })
        });
        runner_kept::snapshot(&before.collect::<Result<Vec<_>, _>>()?)
    }

    fn apply(config: Config, _: &str, _: &Request, host: &Host) -> Result<Applied, Failure> {
        let made = config.fill(host)?;
        for (to, content) in &made {
            host.files().write(to, content)?;
        }
        let paths: Vec<&str> = made.iter().map(|(to, _)| *to).collect();
        let summary = match paths.as_slice() {
            [one] => format!("made `{one}`"),
            several => format!("made {}", counted(several.len(), "file", "files")),
        };
        Ok(Applied::new(summary).output("files", paths))
    }

    fn restore(_: Config, snapshot: &str, _: &Request, host: &Host) -> Result<(), Failure> {
        let before: Vec<Before> = runner_kept::read(snapshot)?;
        for Before { path, was } in &before {
            was.bring_back(host, path)?;
        }
        Ok(())
    }
}

runner_plugin::export_action!(Render);

#[cfg(test)]
mod tests;
