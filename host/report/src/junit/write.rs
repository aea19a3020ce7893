//! Test cases to XML.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};
use runner_model::Plan;

use super::case::{Case, End, Is, Trouble};
use crate::{
    Granted, Style,
    run::Run,
    terminal::summary::summary,
    text::{clean, utc},
};

type Xml = Writer<Vec<u8>>;

pub(super) fn document<G: Granted>(plan: &Plan<G>, run: &Run, cases: &[Case]) -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let sums = sums(plan, run, cases);
    let started = run.id.and_then(|_| utc(run.started_ms));
    let mut suite = sums.clone();
    suite.extend(started.map(|started| ("timestamp", started)));
    xml.create_element("testsuites").with_attributes(borrowed(&sums)).write_inner_content(|xml| {
        xml.create_element("testsuite").with_attributes(borrowed(&suite)).write_inner_content(|xml| {
            properties(xml, plan, run)?;
            cases.iter().try_for_each(|one| case(xml, one))?;
            output(xml, &verdict(plan, run))
        })?;
        Ok(())
    })?;
    let mut text = String::from_utf8(xml.into_inner())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    text.push('\n');
    Ok(text)
}

fn borrowed<'a>(attributes: &'a [(&'static str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    attributes.iter().map(|(name, value)| (*name, value.as_str()))
}

fn sums<G>(plan: &Plan<G>, run: &Run, cases: &[Case]) -> Vec<(&'static str, String)> {
    let count = |wanted: fn(&End) -> bool| cases.iter().filter(|case| wanted(&case.end)).count().to_string();
    vec![
        ("name", clean(&plan.header.name).into_owned()),
        ("tests", cases.len().to_string()),
        (
            "failures",
            count(|end| match end {
                End::Troubled(trouble) => trouble.is == Is::Failure,
                End::Passed | End::Skipped(_) => false,
            }),
        ),
        (
            "errors",
            count(|end| match end {
                End::Troubled(trouble) => trouble.is == Is::Error,
                End::Passed | End::Skipped(_) => false,
            }),
        ),
        (
            "skipped",
            count(|end| match end {
                End::Skipped(_) => true,
                End::Passed | End::Troubled(_) => false,
            }),
        ),
        ("time", seconds(run.elapsed_ms())),
    ]
}

fn properties<G>(xml: &mut Xml, plan: &Plan<G>, run: &Run) -> io::Result<()> {
    let header = &plan.header;
    let mut all: Vec<(String, String)> = [
        ("run", run.id.map(|id| id.to_string()).unwrap_or_default()),
        ("runner", run.runner.clone()),
        ("status", run.status().to_owned()),
        ("exit", run.verdict.as_ref().map(|verdict| verdict.exit().code().to_string()).unwrap_or_default()),
        ("pipeline.file", header.file.clone()),
        ("pipeline.digest", header.digest.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    all.extend(
        header.plugins.iter().map(|plugin| (format!("plugin.{}", plugin.alias), plugin.digest.to_string())),
    );
    all.extend(header.inputs.iter().map(|(name, value)| {
        (format!("input.{name}"), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }));
    xml.create_element("properties").write_inner_content(|xml| {
        for (name, value) in all.iter().filter(|(_, value)| !value.is_empty()) {
            let attributes = [("name", clean(name)), ("value", clean(value))];
            xml.create_element("property").with_attributes(attributes).write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

fn case(xml: &mut Xml, case: &Case) -> io::Result<()> {
    let mut attributes = vec![
        ("classname", case.class.clone()),
        ("name", case.name.clone()),
        ("time", seconds(case.elapsed_ms)),
        ("file", clean(&case.place.file.to_string_lossy()).into_owned()),
    ];
    attributes.extend(case.place.line.map(|line| ("line", line.to_string())));
    let element = xml.create_element("testcase").with_attributes(borrowed(&attributes));
    if case.end == End::Passed && case.earlier.is_empty() && case.output.is_empty() {
        element.write_empty()?;
        return Ok(());
    }
    let (failure_again, error_again) = match &case.end {
        End::Passed | End::Skipped(_) => ("flakyFailure", "flakyError"),
        End::Troubled(_) => ("rerunFailure", "rerunError"),
    };
    // In the order of Surefire's schema: each sort of trouble together, the attempt that counts before the others.
    element.write_inner_content(|xml| {
        if let End::Troubled(found @ Trouble { is: Is::Failure, .. }) = &case.end {
            trouble(xml, "failure", found)?;
        }
        attempts(xml, failure_again, case, Is::Failure)?;
        if let End::Skipped(why) = &case.end {
            xml.create_element("skipped").with_attribute(("message", why.as_str())).write_empty()?;
        }
        if let End::Troubled(found @ Trouble { is: Is::Error, .. }) = &case.end {
            trouble(xml, "error", found)?;
        }
        attempts(xml, error_again, case, Is::Error)?;
        output(xml, &case.output)
    })?;
    Ok(())
}

fn trouble(xml: &mut Xml, name: &'static str, trouble: &Trouble) -> io::Result<()> {
    let attributes = [("message", trouble.message.as_str()), ("type", trouble.kind)];
    let element = xml.create_element(name).with_attributes(attributes);
    if trouble.body.is_empty() {
        element.write_empty()?;
    } else {
        element.write_text_content(BytesText::new(&trouble.body))?;
    }
    Ok(())
}

/// The earlier attempts of one sort. Readers look for their text in a `stackTrace`, and want one.
fn attempts(xml: &mut Xml, name: &'static str, case: &Case, is: Is) -> io::Result<()> {
    for (number, found) in case.earlier.iter().filter(|(_, found)| found.is == is) {
        let message = format!("attempt {number}: {}", found.message);
        let attributes = [("message", message.as_str()), ("type", found.kind)];
        xml.create_element(name).with_attributes(attributes).write_inner_content(|xml| {
            xml.create_element("stackTrace").write_text_content(BytesText::new(&found.body))?;
            Ok(())
        })?;
    }
    Ok(())
}

fn output(xml: &mut Xml, text: &str) -> io::Result<()> {
    if !text.is_empty() {
        xml.create_element("system-out").write_text_content(BytesText::new(text))?;
    }
    Ok(())
}

fn verdict<G: Granted>(plan: &Plan<G>, run: &Run) -> String {
    if run.verdict.is_some() {
        summary(plan, run, None, &Style::PLAIN)
    } else {
        "running: no verdict yet\n".to_owned()
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}
