//! What is said.

use runner_plugin::{Event, Failure, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fact::Facts;
use crate::link::{Link, check_url};
use crate::style::Style;
use crate::{Markup, cut, template};

/// What is said: a style or a template, facts to put in, and links.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Message {
    /// For whom it is written.
    pub style: Style,
    /// A text of your own in place of the style's: a Jinja template over `run`, `pipeline`, `event`, `status`,
    /// `severity`, `step`, `summary`, `steps` (each with `id`, `state`, `result`, `summary`), `fields` and `links`. What it
    /// names must be there. Values are escaped for the channel; the filters `bold`, `code` and `link(url)` work on every
    /// channel.
    #[schemars(length(min = 1, max = 16384))]
    pub template: Option<String>,
    /// The line above the text, a template too. Without it: the style's.
    #[schemars(length(min = 1, max = 1024))]
    pub title: Option<String>,
    /// Facts to put in, such as `version`, `classification` and `risk`.
    pub fields: Facts,
    /// Where to read on.
    #[schemars(length(max = 6))]
    pub links: Vec<Link>,
}

/// How a channel shows a message.
#[derive(Debug, Clone, Copy)]
pub struct Channel {
    /// Its signs.
    pub markup: Markup,
    /// Longest title, in characters.
    pub title: usize,
    /// Longest text, in characters.
    pub text: usize,
    /// Where links stand.
    pub links: Links,
}

/// Where links stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// In the text, below it.
    Below,
    /// In a place of their own, which the notifier fills.
    Apart,
}

/// A message as a channel takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// One line, without any markup. Escape it where markup has a meaning.
    pub title: String,
    /// The text, in the channel's markup.
    pub text: String,
    /// Where to read on; part of the text already if the channel has its links there.
    pub links: Vec<Link>,
}

/// All that a template can name.
#[derive(Serialize)]
struct Values<'a> {
    run: &'a str,
    pipeline: &'a str,
    event: &'a str,
    status: &'a str,
    severity: &'a str,
    step: Option<&'a str>,
    summary: &'a str,
    steps: Value,
    fields: &'a Facts,
    links: &'a [Link],
}

impl Message {
    /// Fills the message in for a channel.
    ///
    /// # Errors
    ///
    /// `invalid-config`: a template cannot be filled in, a field is missing that the style shows, or the text is empty.
    pub fn write(&self, request: &Request, event: &Event, channel: Channel) -> Result<Written, Failure> {
        if self.template.is_none() || self.title.is_none() {
            self.style.check(&self.fields)?;
        }
        for link in &self.links {
            check_url(&link.url).map_err(|problem| {
                Failure::invalid_config(format!("`message.links`: {problem}; nothing was sent"))
            })?;
        }
        let values = Values {
            run: &request.run_id,
            pipeline: &event.pipeline,
            event: &event.name,
            status: &event.status,
            severity: &event.severity,
            step: event.step.as_deref(),
            summary: &event.summary,
            steps: event.details()?.get("steps").cloned().unwrap_or_else(|| Value::Array(Vec::new())),
            fields: &self.fields,
            links: &self.links,
        };
        let title = self.title.as_deref().unwrap_or(self.style.title());
        let title = template::fill("message.title", title, &values, Markup::Plain)?;
        let text = self.template.as_deref().unwrap_or(self.style.template());
        let text = template::fill("message.template", text, &values, channel.markup)?;
        Ok(Written {
            title: cut::line(&one_line(&title)?, channel.title),
            text: self.fitted(text.trim(), request, channel)?,
            links: self.links.clone(),
        })
    }

    fn fitted(&self, text: &str, request: &Request, channel: Channel) -> Result<String, Failure> {
        if text.is_empty() {
            return Err(Failure::invalid_config("`message.template` makes an empty text; nothing was sent"));
        }
        let links: Vec<String> = match channel.links {
            Links::Below => {
                self.links.iter().map(|link| channel.markup.link(&link.title, &link.url)).collect()
            }
            Links::Apart => Vec::new(),
        };
        let links = if links.is_empty() { String::new() } else { format!("\n\n{}", links.join("\n")) };
        let room = channel.text.saturating_sub(links.chars().count());
        if room < channel.text / 2 {
            return Err(Failure::invalid_config(format!(
                "`message.links` take more than half of the {} characters that a message may have; nothing was sent",
                channel.text
            )));
        }
        Ok(cut::text(text, room, &request.run_id) + &links)
    }
}

/// Words with one space between them, whatever stood there.
fn one_line(title: &str) -> Result<String, Failure> {
    let words: Vec<&str> = title.split_whitespace().collect();
    if words.is_empty() {
        return Err(Failure::invalid_config("`message.title` makes an empty line; nothing was sent"));
    }
    Ok(words.join(" "))
}
