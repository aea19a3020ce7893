//! SARIF 2.1.0, result by result.
//!
//! Only the parts that say what was found and whether the tool can be believed are read. What stands in them has to have
//! its type; parts that no gate needs may be anything.

use runner_plugin::Failure;
use runner_plugin::text::shortened;
use runner_reading::Part;
use serde_json::Value;

/// Longest message that is passed on.
const LONGEST: usize = 400;

/// What one run of one tool says.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) tool: String,
    /// Why its results cannot be believed to be all.
    pub(crate) broken: Option<String>,
    /// `None` when the tool did not look for any: the standard's difference between none and an empty list.
    pub(crate) results: Option<Vec<Found>>,
}

/// One result that is a problem.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rule: String,
    pub(crate) message: String,
    pub(crate) level: Level,
    pub(crate) security: Option<f64>,
    pub(crate) place: Place,
    pub(crate) help: Option<String>,
    pub(crate) suppressed: bool,
    pub(crate) new: bool,
}

/// Where it is, as far as the tool says.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
}

/// How serious the tool takes it. Results of level `none` are no problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
    Note,
}

/// Reads all runs of one report.
pub(crate) fn runs(path: &str, log: &Value) -> Result<Vec<Run>, Failure> {
    let log = Part::whole(path, log);
    match log.text("version")? {
        Some("2.1.0") => {}
        Some(other) => {
            let other = shortened(other);
            return Err(log.refuse(&format!("it is SARIF {other}; only 2.1.0 is read")));
        }
        None => return Err(log.refuse("it has no `version`, so this is not SARIF")),
    }
    log.required_list("runs")?.into_iter().map(run).collect()
}

fn run(run: Part<'_>) -> Result<Run, Failure> {
    let tool = shortened(run.required("tool")?.required("driver")?.required_text("name")?);
    let results = run.get("results").is_some().then(|| {
        let results = run.list("results")?;
        let found = results.into_iter().filter_map(|result| found(&run, &result).transpose());
        found.collect::<Result<Vec<_>, Failure>>()
    });
    Ok(Run { tool, broken: broken(&run)?, results: results.transpose()? })
}

/// Why the results of a run cannot be believed to be all.
fn broken(run: &Part<'_>) -> Result<Option<String>, Failure> {
    for invocation in run.list("invocations")? {
        let notifications = [
            invocation.list("toolExecutionNotifications")?,
            invocation.list("toolConfigurationNotifications")?,
        ];
        for notification in notifications.into_iter().flatten() {
            if notification.text("level")? == Some("error") {
                let text = match notification.object("message")? {
                    Some(message) => message.text("text")?.unwrap_or_default().to_owned(),
                    None => String::new(),
                };
                return Ok(Some(one_line(&text)));
            }
        }
        if let Some(successful) = invocation.get("executionSuccessful") {
            match successful.value() {
                Value::Bool(true) => {}
                Value::Bool(false) => return Ok(Some("`executionSuccessful` is false".to_owned())),
                Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    return Err(successful.is_not("true or false"));
                }
            }
        }
    }
    Ok(None)
}

fn found(run: &Part<'_>, result: &Part<'_>) -> Result<Option<Found>, Failure> {
    let rule = rule(run, result)?;
    let Some(level) = level(result, rule.as_ref())? else { return Ok(None) };
    let id = match (result.text("ruleId")?, &rule) {
        (Some(id), _) => id.to_owned(),
        (None, Some(rule)) => rule.text("id")?.unwrap_or_default().to_owned(),
        (None, None) => String::new(),
    };
    let id = if id.is_empty() { "unnamed-rule".to_owned() } else { shortened(&id) };
    let suppressions = result.list("suppressions")?;
    let mut suppressed = false;
    for suppression in suppressions {
        // One that is under review, or was rejected, suppresses nothing.
        suppressed |= matches!(suppression.text("status")?, None | Some("accepted"));
    }
    Ok(Some(Found {
        message: message(result, rule.as_ref())?,
        rule: id,
        level,
        security: security(result, rule.as_ref())?,
        place: place(run, result)?,
        help: rule.as_ref().map(|rule| rule.text("helpUri")).transpose()?.flatten().map(one_line),
        suppressed,
        // Without a baseline everything is new.
        new: matches!(result.text("baselineState")?, None | Some("new")),
    }))
}

/// What the tool says about the rule of a result, if it does.
fn rule<'v>(run: &Part<'v>, result: &Part<'v>) -> Result<Option<Part<'v>>, Failure> {
    let reference = result.object("rule")?;
    let index = match (index_of(result, "ruleIndex")?, &reference) {
        (Some(index), _) => Some(index),
        (None, Some(reference)) => index_of(reference, "index")?,
        (None, None) => None,
    };
    let extension = match &reference {
        Some(reference) => match reference.object("toolComponent")? {
            Some(component) => index_of(&component, "index")?,
            None => None,
        },
        None => None,
    };
    let rules = match extension {
        Some(number) => format!("/tool/extensions/{number}/rules"),
        None => "/tool/driver/rules".to_owned(),
    };
    let Some(list) = run.pointer(&rules) else { return Ok(None) };
    let list = list.items()?;
    let id = match (result.text("ruleId")?, &reference) {
        (Some(id), _) => Some(id),
        (None, Some(reference)) => reference.text("id")?,
        (None, None) => None,
    };
    let by_index = index.and_then(|index| list.get(usize::try_from(index).ok()?));
    let by_id =
        || list.iter().find(|rule| id.is_some() && rule.value().get("id").and_then(Value::as_str) == id);
    Ok(by_index.or_else(by_id).filter(|rule| rule.value().is_object()).cloned())
}

/// The level of a result; `None` for one that is no problem.
fn level(result: &Part<'_>, rule: Option<&Part<'_>>) -> Result<Option<Level>, Failure> {
    if !matches!(result.text("kind")?, None | Some("fail")) {
        return Ok(None);
    }
    let of_rule = match rule.map(|rule| rule.object("defaultConfiguration")).transpose()?.flatten() {
        Some(configuration) => configuration.text("level")?,
        None => None,
    };
    match result.text("level")?.or(of_rule) {
        Some("error") => Ok(Some(Level::Error)),
        Some("warning") | None => Ok(Some(Level::Warning)),
        Some("note") => Ok(Some(Level::Note)),
        Some("none") => Ok(None),
        Some(other) => Err(result.refuse(&format!("`level` is `{}`, which SARIF has not", shortened(other)))),
    }
}

/// A score from 0 to 10 that some tools give a result or its rule, as text or number.
fn security(result: &Part<'_>, rule: Option<&Part<'_>>) -> Result<Option<f64>, Failure> {
    for part in [Some(result), rule].into_iter().flatten() {
        let properties = part.object("properties")?;
        let Some(stands) = properties.and_then(|properties| properties.get("security-severity")) else {
            continue;
        };
        let score = match stands.value() {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        return match score.filter(|score| (0.0..=10.0).contains(score)) {
            Some(score) => Ok(Some(score)),
            None => Err(stands.is_not("a number from 0 to 10")),
        };
    }
    Ok(None)
}

fn place(run: &Part<'_>, result: &Part<'_>) -> Result<Place, Failure> {
    let Some(location) = result.list("locations")?.into_iter().next() else {
        return Ok(Place::default());
    };
    let Some(physical) = location.object("physicalLocation")? else { return Ok(Place::default()) };
    let file = match physical.object("artifactLocation")? {
        Some(artifact) => match (artifact.text("uri")?, index_of(&artifact, "index")?) {
            (Some(uri), _) => Some(uri),
            (None, Some(index)) => {
                run.pointer(&format!("/artifacts/{index}/location/uri")).and_then(|uri| uri.value().as_str())
            }
            (None, None) => None,
        },
        None => None,
    };
    let (line, column) = match physical.object("region")? {
        Some(region) => (index_of(&region, "startLine")?, index_of(&region, "startColumn")?),
        None => (None, None),
    };
    let narrow = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    let file = file.map(|uri| one_line(uri.trim_start_matches("./")));
    Ok(Place { file, line: narrow(line), column: narrow(column) })
}

/// The message of a result. Some tools write it once, at the rule, with places for what differs.
fn message(result: &Part<'_>, rule: Option<&Part<'_>>) -> Result<String, Failure> {
    let Some(message) = result.object("message")? else { return Ok("no message".to_owned()) };
    if let Some(text) = message.text("text")?.or(message.text("markdown")?) {
        return Ok(one_line(text));
    }
    let Some(id) = message.text("id")? else { return Ok("no message".to_owned()) };
    let text = rule.and_then(|rule| rule.value().get("messageStrings")?.get(id)?.get("text")?.as_str());
    let Some(text) = text else { return Ok(one_line(id)) };
    let mut text = text.to_owned();
    for (number, argument) in message.texts("arguments")?.into_iter().enumerate() {
        text = text.replace(&format!("{{{number}}}"), &argument);
        text = cut(&text).to_owned();
    }
    Ok(one_line(&text))
}

fn one_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let cut = cut(line);
    if cut.len() < line.len() { format!("{cut}…") } else { line.to_owned() }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end])
}

/// A whole number. The standard writes -1 for none.
fn index_of(part: &Part<'_>, key: &str) -> Result<Option<u64>, Failure> {
    if part.get(key).is_some_and(|number| number.value().as_i64() == Some(-1)) {
        return Ok(None);
    }
    part.count(key)
}
