//! Gate: what documents say is as asserted.
//!
//! Documents (JSON, YAML, TOML) are read once and have names. An assertion is either an expression in CEL that sees
//! every document under its name, or a short form: a place in one document, and what has to be there.
//!
//! An assertion that does not hold is a "no". One that cannot be answered (a key that is not there, a value of another
//! type, an expression that is neither true nor false) makes the gate a failure, whatever the others say.
//! `expression` is CEL, `place` the short form; both are pure.

mod expression;
mod place;

use std::collections::BTreeMap;

use runner_evidence::Bounds;
use runner_plugin::document::{self, Format};
use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use expression::Expression;

/// Which documents, and what has to be true of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The documents by the names that assertions know them by: `[a-z_][a-z0-9_]*`.
    #[schemars(
        length(min = 1),
        extend("minProperties" = 1, "propertyNames" = { "pattern": "^[a-z_][a-z0-9_]*$" })
    )]
    documents: BTreeMap<String, Source>,
    /// What has to be true. All are looked at.
    #[schemars(length(min = 1))]
    assert: Vec<Assertion>,
}

/// Where a document stands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Source {
    /// A file whose name tells the format.
    Path(String),
    /// A file whose name does not.
    File(NamedFormat),
}

/// A file and its format.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NamedFormat {
    /// The file.
    file: String,
    /// How it is written.
    format: Format,
}

/// Something that has to be true: either `that`, or `in`, `at` and one of `equals`, `is`, `count` and `exists`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Assertion {
    /// What people know it by.
    #[schemars(length(min = 1))]
    name: String,
    /// What to tell people when it is not so. Without it: the assertion itself.
    message: Option<String>,
    /// What it means when it is not so.
    #[serde(default)]
    severity: Level,
    /// An expression in CEL that is true or false. Documents are known by their names.
    #[schemars(length(min = 1))]
    that: Option<String>,
    /// Short form: name of the document. Not needed if there is only one.
    #[serde(rename = "in")]
    document: Option<String>,
    /// Short form: a place in the document, as JSON pointer. The empty text is the whole document.
    #[schemars(regex(pattern = "^(/.*)?$"))]
    at: Option<String>,
    /// Short form: the value that has to be there. Numbers are equal by value.
    #[serde(default, deserialize_with = "present")]
    equals: Option<Value>,
    /// Short form: the number that is there has to keep these bounds.
    is: Option<Bounds>,
    /// Short form: the number of elements of the list, keys of the object or characters of the text that is there.
    count: Option<Bounds>,
    /// Short form: whether anything is there at all, `null` included.
    exists: Option<bool>,
}

/// `equals: null` is a value too.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What it means when an assertion does not hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Level {
    /// The gate says no.
    #[default]
    Error,
    /// People are told.
    Warning,
    /// It is noted.
    Note,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warning => Self::Warning,
            Level::Note => Self::Note,
        }
    }
}

/// A document that has been read.
#[derive(Debug)]
struct Document {
    path: String,
    value: Value,
}

type Documents = BTreeMap<String, Document>;

/// The gate.
#[derive(Debug)]
pub struct JsonAssert;

impl Gate for JsonAssert {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["assertions", "failed"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let questions = config
            .assert
            .iter()
            .map(|assertion| assertion.question(&config))
            .collect::<Result<Vec<_>, _>>()?;
        let documents = config.read(host)?;
        let mut findings = Findings::new();
        let mut unanswered = Vec::new();
        for (assertion, question) in config.assert.iter().zip(&questions) {
            match question.ask(&documents) {
                Ok(None) => {}
                Ok(Some(broken)) => findings.push(assertion.finding(broken, &documents, question)),
                Err(failure) => unanswered.push((assertion, failure)),
            }
        }
        let mut unanswered = unanswered.into_iter();
        if let Some((assertion, failure)) = unanswered.next() {
            // The failure is all that is reported; what the others have answered helps to understand it.
            findings.into_vec().iter().for_each(|finding| host.log().warn(&finding.message));
            let more = match unanswered.count() {
                0 => String::new(),
                more => format!("; {more} more without an answer"),
            };
            return Err(Failure {
                message: format!("`{}`: {}{more}", assertion.name, failure.message),
                ..failure
            });
        }
        let (all, failed) = (config.assert.len(), findings.count());
        let assertions = counted(all, "assertion", "assertions");
        let summary = match failed {
            0 => format!("{assertions} hold{}", if all == 1 { "s" } else { "" }),
            failed => {
                format!("{failed} of {assertions} {} not hold", if failed == 1 { "does" } else { "do" })
            }
        };
        Ok(Evaluation::judge(findings.into_vec(), summary).output("assertions", all).output("failed", failed))
    }
}

/// What an assertion asks.
#[derive(Debug)]
enum Question<'c> {
    That(Expression),
    Place { document: &'c str, pointer: &'c str, expected: place::Expected<'c> },
}

/// Why an assertion does not hold.
#[derive(Debug)]
struct Broken(String);

impl Config {
    fn read(&self, host: &Host) -> Result<Documents, Failure> {
        let read = |(name, source): (&String, &Source)| {
            let (path, format) = match source {
                Source::Path(path) => (path, None),
                Source::File(NamedFormat { file, format }) => (file, Some(*format)),
            };
            let value = document::read(&host.files(), path, format)?;
            Ok((name.clone(), Document { path: path.clone(), value }))
        };
        self.documents.iter().map(read).collect()
    }
}

impl Assertion {
    /// Says what a schema cannot.
    fn question<'c>(&'c self, config: &'c Config) -> Result<Question<'c>, Failure> {
        let refused = |problem: String| Failure::invalid_config(format!("`{}`: {problem}", self.name));
        let mut expected = Vec::new();
        expected.extend(self.equals.as_ref().map(place::Expected::Equals));
        expected.extend(self.is.as_ref().map(place::Expected::Number));
        expected.extend(self.count.as_ref().map(place::Expected::Count));
        expected.extend(self.exists.map(place::Expected::Exists));
        for (key, bounds) in [("`is`", &self.is), ("`count`", &self.count)] {
            if let Some(bounds) = bounds {
                bounds.check(key).map_err(|failure| refused(failure.message))?;
            }
        }
        match (&self.that, &self.at, &expected[..]) {
            (Some(that), None, []) if self.document.is_none() => {
                let expression = Expression::parse(that, config.documents.keys())
                    .map_err(|problem| refused(format!("`that`: {problem}")))?;
                Ok(Question::That(expression))
            }
            (None, Some(pointer), [expected]) => {
                let document = self.named(config).map_err(refused)?;
                Ok(Question::Place { document, pointer, expected: *expected })
            }
            _ => Err(refused(
                "an assertion needs either `that`, or `at` with one of `equals`, `is`, `count` and `exists`"
                    .to_owned(),
            )),
        }
    }

    /// The document that the short form is about.
    fn named<'c>(&'c self, config: &'c Config) -> Result<&'c str, String> {
        let mut names = config.documents.keys();
        match (&self.document, names.next(), names.next()) {
            (Some(name), ..) if config.documents.contains_key(name) => Ok(name),
            (Some(name), ..) => Err(format!("there is no document `{name}`")),
            (None, Some(only), None) => Ok(only),
            (None, ..) => Err("there are several documents, so `in` has to name one".to_owned()),
        }
    }

    fn finding(&self, broken: Broken, documents: &Documents, question: &Question<'_>) -> Finding {
        let why = match &self.message {
            Some(message) => format!("{message} ({})", broken.0),
            None => broken.0,
        };
        let finding = Finding::new(self.severity.into(), "assertion", format!("`{}`: {why}", self.name));
        let about = match question {
            Question::Place { document, .. } => documents.get(*document),
            Question::That(_) if documents.len() == 1 => documents.values().next(),
            Question::That(_) => None,
        };
        match about {
            Some(document) => finding.in_file(&document.path),
            None => finding,
        }
    }
}

impl Question<'_> {
    fn ask(&self, documents: &Documents) -> Result<Option<Broken>, Failure> {
        match self {
            Self::That(expression) => expression.ask(documents),
            Self::Place { document, pointer, expected } => {
                let Some(document) = documents.get(*document) else {
                    unreachable!("the name was looked up in the same map")
                };
                expected.ask(document, pointer)
            }
        }
    }
}

runner_plugin::export_gate!(JsonAssert);

#[cfg(test)]
mod tests;
