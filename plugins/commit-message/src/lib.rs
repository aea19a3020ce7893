//! Gate: a commit message has the form that was agreed on.
//!
//! `message` takes a text apart as Git does (comments, scissors, summary and body) and `form` reads the summary, with
//! `git-conventional` where that is the form. Both are pure. This file compares.

mod form;
mod message;

use std::collections::BTreeSet;

use regex_lite::Regex;
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use form::Form;
use message::Message;

/// Which message, and what it has to look like.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A file with the message, as Git gives it to its `commit-msg` hook. Lines that begin with `#` do not count.
    file: Option<String>,
    /// The message itself. Exactly one of `file` and `message` is given.
    message: Option<String>,
    /// What the first line looks like.
    #[serde(default)]
    form: Form,
    /// The types that may stand before the colon. Without it any word, and for `conventional` the usual eleven.
    #[schemars(length(min = 1))]
    types: Option<BTreeSet<String>>,
    /// Most characters of the first line.
    #[serde(default = "default_summary")]
    #[schemars(range(min = 10, max = 1000))]
    max_summary: usize,
    /// Most characters of another line, as a warning. Lines without a blank (a URL) do not count.
    #[serde(default = "default_body")]
    #[schemars(range(min = 10, max = 10000))]
    max_body_line: usize,
    /// Whether the message has to name an issue.
    #[serde(default)]
    require_issue: bool,
    /// What an issue looks like: a regular expression.
    #[serde(default = "default_issue")]
    issue_pattern: String,
    /// Whether the message needs a body.
    #[serde(default)]
    require_body: bool,
    /// Whether the messages that Git itself writes (`Merge branch …`, `Revert "…"`) are all right as they are.
    #[serde(default = "yes")]
    allow_generated: bool,
}

fn default_summary() -> usize {
    50
}

fn default_body() -> usize {
    72
}

fn default_issue() -> String {
    "#[0-9]+|[A-Z][A-Z0-9]+-[0-9]+".to_owned()
}

fn yes() -> bool {
    true
}

/// The gate.
#[derive(Debug)]
pub struct CommitMessage;

impl Gate for CommitMessage {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["summary", "type", "scope", "breaking", "issues"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let issue = Regex::new(&config.issue_pattern)
            .map_err(|error| Failure::invalid_config(format!("`issue_pattern`: {error}")))?;
        let (text, file) = match (&config.file, &config.message) {
            (Some(path), None) => {
                (message::without_comments(&host.files().read_to_string(path)?), Some(path))
            }
            (None, Some(text)) => (text.clone(), None),
            (None, None) | (Some(_), Some(_)) => {
                return Err(Failure::invalid_config("give exactly one of `file` and `message`"));
            }
        };
        let message = Message::new(&text);
        let mut judge = Judge { file: file.map(String::as_str), findings: Findings::new() };
        let parts = judge.message(&config, &message, &issue);
        let summary = match judge.findings.count_of(Severity::Error) {
            0 => format!("`{}`", shortened(message.summary())),
            errors => format!("the commit message has {}", counted(errors, "problem", "problems")),
        };
        let issues: BTreeSet<&str> = issue.find_iter(&text).map(|found| found.as_str()).collect();
        let issues: Vec<&str> = issues.into_iter().collect();
        Ok(Evaluation::judge(judge.findings.into_vec(), summary)
            .output("summary", message.summary())
            .output("type", parts.kind)
            .output("scope", parts.scope)
            .output("breaking", parts.breaking)
            .output("issues", issues))
    }
}

struct Judge<'f> {
    file: Option<&'f str>,
    findings: Findings,
}

impl Judge<'_> {
    fn add(&mut self, finding: Finding, line: u32, help: &str) {
        let finding = finding.at_line(line).help(help);
        self.findings.push(match self.file {
            Some(file) => finding.in_file(file),
            None => finding,
        });
    }

    fn message(&mut self, config: &Config, message: &Message<'_>, issue: &Regex) -> form::Parts {
        let Some(first) = message.first_line() else {
            let finding = Finding::error("empty-message", "the message is empty");
            self.add(finding, 1, "say what the commit changes");
            return form::Parts::default();
        };
        let summary = message.summary();
        for prefix in ["fixup!", "squash!", "amend!"] {
            if summary.starts_with(prefix) {
                let message = format!("the commit is still to be put into another one (`{prefix}`)");
                self.add(
                    Finding::error("unfinished-commit", message),
                    first,
                    "run `git rebase --autosquash`",
                );
                return form::Parts::default();
            }
        }
        if config.allow_generated && message.is_generated() {
            return form::Parts::default();
        }
        let length = summary.chars().count();
        if length > config.max_summary {
            let most = config.max_summary;
            let text = format!("the first line has {length} characters, {} too many", length - most);
            self.add(Finding::error("long-summary", text), first, "say the rest in the body");
        }
        if let Some(second) = message.line_that_should_be_blank() {
            let finding = Finding::error("no-blank-line", "the second line is not blank");
            self.add(finding, second, "Git takes everything up to the first blank line for the summary");
        }
        if config.require_body && message.body().next().is_none() {
            let finding = Finding::error("no-body", "the message has no body");
            self.add(finding, first, "say why, after a blank line");
        }
        if config.require_issue && !issue.is_match(message.text()) {
            let finding = Finding::error("no-issue", "the message names no issue");
            self.add(finding, first, "add a line such as `References: #123`");
        }
        for (line, text) in message.body() {
            let length = text.chars().count();
            if length > config.max_body_line && text.trim().contains(char::is_whitespace) {
                let text =
                    format!("the line has {length} characters, {} too many", length - config.max_body_line);
                self.add(Finding::warning("long-line", text), line, "break the line");
            }
        }
        match config.form.parts(message.text(), summary, config.types.as_ref()) {
            Ok(parts) => parts,
            Err(problem) => {
                self.add(Finding::error(problem.rule, problem.message), first, &problem.help);
                form::Parts::default()
            }
        }
    }
}

runner_plugin::export_gate!(CommitMessage);

#[cfg(test)]
mod tests;
