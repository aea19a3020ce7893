//! JUnit XML, test by test.
//!
//! There is no one JUnit format: each tool writes its own. What they share is read here: `testsuites` and `testsuite`
//! inside each other, `testcase` with `failure`, `error` or `skipped` below it, and what the Maven plugins write for tests
//! that were run again (`flakyFailure`, `rerunFailure` and their sisters).

use runner_plugin::Failure;
use runner_plugin::text::shortened;
use runner_reading::xml::{Doctype, Element, Node, Xml};

use crate::tally::Tally;

/// One result of one test.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    /// What the tool calls it: class and name.
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    /// Whether it failed before it passed.
    pub(crate) flaky: bool,
    /// First line of what the tool says about the failure, shortened.
    pub(crate) message: String,
    pub(crate) seconds: Option<f64>,
    /// Where the test stands, or where its result stands in the report.
    pub(crate) file: String,
    pub(crate) line: Option<u32>,
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    Errored,
    Skipped,
}

/// A suite, once it has ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Suite {
    pub(crate) name: String,
    /// Line of the report.
    pub(crate) line: u32,
    /// What its attributes say.
    pub(crate) declared: Counts,
    /// What its tests say.
    pub(crate) seen: Counts,
    /// Tests in it that were not skipped.
    pub(crate) ran: u64,
}

/// Numbers of tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) tests: u64,
    pub(crate) failures: u64,
    pub(crate) errors: u64,
}

/// Reads one report into the tally.
pub(crate) fn read(path: &str, text: &str, tally: &mut Tally) -> Result<(), Failure> {
    let mut xml = Xml::new(path, text, Doctype::Refused);
    let root = xml.root(&["testsuites", "testsuite"], "a JUnit report")?;
    tally.report_begins(path);
    let mut suites = vec![suite(&root)?];
    while let Some(node) = xml.next_node()? {
        match node {
            Node::Start(element) if element.name == "testsuite" => suites.push(suite(&element)?),
            Node::Start(element) if element.name == "testcase" => {
                let in_suite = suites.last_mut().ok_or_else(|| element.refuse("stands in no suite"))?;
                let case = case(path, &in_suite.name, &element, &mut xml)?;
                in_suite.count(&case);
                tally.case(case);
            }
            // Properties and captured output: they may hold anything, also elements with names of ours.
            Node::Start(_) => skip(&mut xml)?,
            Node::End => {
                if let Some(ended) = suites.pop() {
                    let ended = tally.suite(ended);
                    if let Some(outer) = suites.last_mut() {
                        outer.add(&ended);
                    }
                }
            }
            Node::Text(_) => {}
        }
    }
    tally.report_ends();
    Ok(())
}

fn suite(element: &Element) -> Result<Suite, Failure> {
    let declared = Counts {
        tests: element.count("tests")?.unwrap_or_default(),
        failures: element.count("failures")?.unwrap_or_default(),
        errors: element.count("errors")?.unwrap_or_default(),
    };
    let name = element.attribute("name").unwrap_or_default().to_owned();
    Ok(Suite { name, line: element.line, declared, ..Suite::default() })
}

impl Suite {
    fn count(&mut self, case: &Case) {
        self.seen.tests += 1;
        self.seen.failures += u64::from(case.outcome == Outcome::Failed);
        self.seen.errors += u64::from(case.outcome == Outcome::Errored);
        self.ran += u64::from(case.outcome != Outcome::Skipped);
    }

    /// Counts a suite inside of this one.
    fn add(&mut self, inner: &Self) {
        self.seen.tests += inner.seen.tests;
        self.seen.failures += inner.seen.failures;
        self.seen.errors += inner.seen.errors;
        self.ran += inner.ran;
    }
}

/// Reads a test to its end.
fn case(path: &str, suite: &str, element: &Element, xml: &mut Xml<'_>) -> Result<Case, Failure> {
    let name = element.required("name")?;
    let name = match element.attribute("classname").filter(|class| !class.is_empty()) {
        Some(class) => format!("{class}::{name}"),
        None => name.to_owned(),
    };
    let (file, line) = place(path, suite, element)?;
    let mut case = Case {
        name,
        outcome: Outcome::Passed,
        flaky: false,
        message: String::new(),
        seconds: element.decimal("time")?,
        file,
        line,
    };
    if matches!(element.attribute("status"), Some("notrun" | "disabled" | "skipped")) {
        case.outcome = Outcome::Skipped;
    }
    let depth = xml.depth();
    while let Some(node) = xml.next_node()? {
        match node {
            Node::Start(inner) => {
                let outcome = match inner.name.as_str() {
                    "failure" => Some(Outcome::Failed),
                    "error" => Some(Outcome::Errored),
                    "skipped" => Some(Outcome::Skipped),
                    "flakyFailure" | "flakyError" => {
                        case.flaky = true;
                        None
                    }
                    _ => None,
                };
                let text = text_of(&inner, xml)?;
                if let Some(outcome) = outcome {
                    // A test with a failure and an error is shown with what came first, and is never a pass.
                    if matches!(case.outcome, Outcome::Passed | Outcome::Skipped) {
                        (case.outcome, case.message) = (outcome, text);
                    }
                }
            }
            Node::End if xml.depth() < depth => break,
            Node::End | Node::Text(_) => {}
        }
    }
    Ok(case)
}

/// Where a test stands: its own file and line if the tool says them, else the report's.
fn place(path: &str, suite: &str, element: &Element) -> Result<(String, Option<u32>), Failure> {
    let Some(file) = element.attribute("file").filter(|file| !file.is_empty()) else {
        return Ok((path.to_owned(), Some(element.line)));
    };
    let line = element.count("line")?.and_then(|line| u32::try_from(line).ok());
    // pytest counts lines from 0.
    let line = if suite == "pytest" { line.map(|line| line.saturating_add(1)) } else { line };
    Ok((file.to_owned(), line.filter(|line| *line > 0)))
}

/// Reads an element to its end: the first line of its message, or else of its text.
fn text_of(element: &Element, xml: &mut Xml<'_>) -> Result<String, Failure> {
    let mut text = element.attribute("message").unwrap_or_default().to_owned();
    let depth = xml.depth();
    while xml.depth() >= depth {
        match xml.next_node()? {
            Some(Node::Text(more)) if text.trim().is_empty() => text = more,
            Some(Node::Text(_) | Node::Start(_) | Node::End) => {}
            None => break,
        }
    }
    Ok(shortened(text.trim().lines().next().unwrap_or_default()))
}

/// Reads the element that has just begun to its end.
fn skip(xml: &mut Xml<'_>) -> Result<(), Failure> {
    let depth = xml.depth();
    while xml.depth() >= depth && xml.next_node()?.is_some() {}
    Ok(())
}
