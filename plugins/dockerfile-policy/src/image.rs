//! What the finished image is like: its health check and its user; and what is fetched into any stage.

use runner_images::{Instruction, Stage, fill_in};
use runner_plugin::text::shortened;
use serde_json::{Value, json};

use crate::{Problem, Rule};

/// What the file says about the finished image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    /// The timing of the health check, defaults filled in; null without one.
    pub(crate) healthcheck: Value,
    /// The user; null if the file names none.
    pub(crate) user: Value,
}

/// Looks at a stage and the stages it is built on, nearest first.
pub(crate) fn facts(lineage: &[&Stage]) -> (Facts, Vec<Problem>) {
    let mut problems = Vec::new();
    let line = lineage.first().map_or(1, |stage| stage.line);

    let healthcheck = match last(lineage, "HEALTHCHECK") {
        Some((_, check)) if is_none(check) => {
            problems
                .push(no_healthcheck(check.line, "the health check is switched off by `HEALTHCHECK NONE`"));
            Value::Null
        }
        Some((_, check)) => match timing(check) {
            Ok(timing) => timing,
            Err(message) => {
                let help =
                    "`--interval=30s --timeout=30s --start-period=0s --start-interval=5s --retries=3 CMD …`";
                problems.push(Problem { rule: Rule::InvalidHealthcheck, line: check.line, message, help });
                Value::Null
            }
        },
        None => {
            problems.push(no_healthcheck(line, "the image has no health check"));
            Value::Null
        }
    };

    let user = match last(lineage, "USER") {
        Some((stage, user)) => {
            let written = user.arguments();
            let name = fill_in(&written, None, &|name| stage.variables.get(name).cloned()).text;
            problems.extend(root(&name, user.line));
            Value::from(name)
        }
        None => {
            let message = "the image runs as root: it names no `USER`".to_owned();
            problems.push(Problem { rule: Rule::RootUser, line, message, help: USER_HELP });
            Value::Null
        }
    };
    (Facts { healthcheck, user }, problems)
}

const USER_HELP: &str = "end the stage with `USER <name or number>` of somebody else";

fn no_healthcheck(line: u32, message: &str) -> Problem {
    let help = "add `HEALTHCHECK CMD …` to the stage that becomes the image";
    Problem { rule: Rule::NoHealthcheck, line, message: message.to_owned(), help }
}

/// The instruction that counts: the last one of the nearest stage that has it.
fn last<'s>(lineage: &[&'s Stage], keyword: &str) -> Option<(&'s Stage, &'s Instruction)> {
    lineage.iter().find_map(|stage| {
        let found = stage.instructions.iter().rfind(|instruction| instruction.keyword == keyword)?;
        Some((*stage, found))
    })
}

fn is_none(check: &Instruction) -> bool {
    check.arguments().eq_ignore_ascii_case("none")
}

/// Why a user is root, or cannot be told.
fn root(name: &str, line: u32) -> Option<Problem> {
    let user = name.split(':').next().unwrap_or_default().trim_matches(['"', '\'']);
    let shown = shortened(name);
    let message = if user.contains('$') {
        format!("which user `{shown}` is cannot be told from the file")
    } else if user.is_empty() {
        "`USER` names nobody".to_owned()
    } else if user == "root" || user.parse::<u64>() == Ok(0) {
        format!("the image runs as root (`USER {shown}`)")
    } else {
        return None;
    };
    Some(Problem { rule: Rule::RootUser, line, message, help: USER_HELP })
}

/// The timing of a health check in milliseconds, with the builder's defaults.
fn timing(check: &Instruction) -> Result<Value, String> {
    let (options, words) = check.options();
    let mut timing = json!({
        "interval_ms": 30_000, "timeout_ms": 30_000, "start_period_ms": 0, "start_interval_ms": 5_000, "retries": 3,
    });
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((&option, ""));
        let refused =
            || format!("`{}` is no option of a health check that can be understood", shortened(&option));
        let (key, number) = match name {
            "--interval" => ("interval_ms", milliseconds(value)),
            "--timeout" => ("timeout_ms", milliseconds(value)),
            "--start-period" => ("start_period_ms", milliseconds(value)),
            "--start-interval" => ("start_interval_ms", milliseconds(value)),
            "--retries" => ("retries", value.parse().ok().filter(|retries| *retries > 0)),
            _ => return Err(refused()),
        };
        timing[key] = number.ok_or_else(refused)?.into();
    }
    match words.first() {
        Some(word) if word.eq_ignore_ascii_case("cmd") && words.len() > 1 => Ok(timing),
        Some(_) | None => Err("a health check is `CMD` and a command, or `NONE`".to_owned()),
    }
}

/// A duration as the builder writes it: `1m30s`, `500ms`.
fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit_end =
            rest[digits..].find(|sign: char| sign.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let factor = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

/// Every `ADD` of something that is fetched and may be another thing tomorrow.
pub(crate) fn remote_adds(stage: &Stage) -> Vec<Problem> {
    let mut problems = Vec::new();
    for instruction in stage.instructions.iter().filter(|instruction| instruction.keyword == "ADD") {
        let (options, mut words) = instruction.options();
        if options.iter().any(|option| option.starts_with("--checksum=sha256:")) {
            continue;
        }
        let arguments = words.join(" ");
        if let Ok(exec) = serde_json::from_str::<Vec<String>>(&arguments) {
            words = exec;
        }
        words.pop();
        for source in words {
            let filled = fill_in(&source, None, &|name| stage.variables.get(name).cloned()).text;
            let lower = filled.trim_matches(['"', '\'']).to_ascii_lowercase();
            let remote = ["http://", "https://", "ftp://", "git://", "ssh://", "git@"];
            if remote.iter().any(|scheme| lower.starts_with(scheme)) {
                problems.push(Problem {
                    rule: Rule::RemoteAdd,
                    line: instruction.line,
                    message: format!(
                        "`ADD` fetches `{}` without a checksum",
                        shortened(&without_user(&filled))
                    ),
                    help: "write `ADD --checksum=sha256:…`, or put the file beside the Dockerfile",
                });
            }
        }
    }
    problems
}

/// A URL without the password it may hold.
fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.find('@')) {
        (Some((scheme, rest)), Some(_)) => {
            let authority = rest.find('/').unwrap_or(rest.len());
            match rest[..authority].rfind('@') {
                Some(at) => format!("{scheme}://…{}", &rest[at..]),
                None => url.to_owned(),
            }
        }
        (_, _) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_the_builder() {
        assert_eq!(
            ["30s", "1m30s", "500ms", "1h", "", "30", "s", "1d", "99999999999999999999s"].map(milliseconds),
            [Some(30_000), Some(90_000), Some(500), Some(3_600_000), None, None, None, None, None]
        );
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        assert_eq!(without_user("https://ada:secret@example.com/a@b"), "https://…@example.com/a@b");
        assert_eq!(without_user("https://example.com/a@b"), "https://example.com/a@b");
    }
}
