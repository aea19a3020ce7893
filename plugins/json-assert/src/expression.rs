//! CEL over documents.

use runner_plugin::Failure;
use runner_plugin::text::shortened;
use serde_json::Value;

use crate::{Broken, Documents};

/// An expression that is true or false, with its text.
#[derive(Debug)]
pub(crate) struct Expression {
    source: String,
    read: runner_cel::Expression,
}

impl Expression {
    /// Reads an expression that may look at the documents `known`, or says what is wrong with it.
    pub(crate) fn parse<'k>(source: &str, known: impl Iterator<Item = &'k String>) -> Result<Self, String> {
        let known: Vec<&str> = known.map(String::as_str).collect();
        let read = runner_cel::Expression::parse(source, &known)?;
        Ok(Self { source: source.to_owned(), read })
    }

    /// Whether it is true.
    pub(crate) fn ask(&self, documents: &Documents) -> Result<Option<Broken>, Failure> {
        let variables: Vec<(&str, &Value)> =
            documents.iter().map(|(name, document)| (name.as_str(), &document.value)).collect();
        let shown = shortened(&self.source);
        match self.read.ask(&variables) {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Some(Broken(format!("`{shown}` is false")))),
            Err(problem) => Err(Failure::invalid_input(format!("`{shown}`: {problem}"))),
        }
    }
}
