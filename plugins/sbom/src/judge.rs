//! What is missing in a bill.

use jiff::Timestamp;
use runner_bill::{Bill, Component};
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Finding, Findings};

use crate::{Config, Part};

/// How far the clocks of two machines may be apart.
const SKEW_SECONDS: i64 = 300;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Everything that is missing, the document first.
pub(crate) fn findings(config: &Config, bill: &Bill, now: Timestamp) -> Findings {
    let mut findings = Findings::new();
    let mut add = |finding: Finding, help: &str| findings.push(finding.in_file(&config.file).help(help));

    if bill.components.len() < config.min_components {
        let have = counted(bill.components.len(), "component", "components");
        let message = format!("the bill has {have}, and {} are the least", config.min_components);
        add(Finding::error("too-few-components", message), "make it from what is shipped, after the build");
    }
    primary(config, bill.primary.as_ref()).into_iter().for_each(|finding| {
        add(finding, "make the bill from this release, and say so to the tool that makes it");
    });
    match bill.created.as_deref() {
        None => add(
            Finding::error("no-timestamp", "the bill does not say when it was made"),
            "let the tool write it",
        ),
        Some(created) => {
            if let Some(finding) = age(config, created, now) {
                add(finding, "make the bill again");
            }
        }
    }
    if config.require_author && !bill.has_author {
        let finding = Finding::error("no-author", "the bill does not say who or what made it");
        add(finding, "let the tool write its name into it");
    }

    let mut used = vec![false; config.except.len()];
    for component in &bill.components {
        for part in &config.require {
            let Some((rule, message, help)) = missing(*part, component) else { continue };
            let except = config.except.iter().position(|except| {
                except.component.mean(component)
                    && except.parts.as_ref().is_none_or(|parts| parts.contains(part))
            });
            match except {
                Some(index) => used[index] = true,
                None => add(Finding::error(rule, message), help),
            }
        }
    }
    for (except, _) in config.except.iter().zip(used).filter(|(_, used)| !used) {
        let name = except.component.as_str();
        let message = format!("`except` names `{name}` ({}), which lacks nothing", except.reason);
        add(Finding::warning("unused-except", message), "take it out");
    }
    findings
}

fn primary(config: &Config, primary: Option<&Component>) -> Vec<Finding> {
    let (name, version) = (&config.primary.name, &config.primary.version);
    if name.is_none() && version.is_none() {
        return Vec::new();
    }
    let Some(primary) = primary else {
        return vec![Finding::error("no-primary", "the bill does not say what it is of")];
    };
    let differs = |what: &str, wanted: &str, is: &str| {
        let message = format!("the bill is of {what} `{}`, not `{wanted}`", shortened(is));
        Finding::error("other-primary", message)
    };
    let name = name.as_ref().filter(|wanted| **wanted != primary.name);
    let name = name.map(|wanted| differs("the component", wanted, &primary.name));
    let is = primary.version.as_deref().unwrap_or_default();
    let version =
        version.as_ref().filter(|wanted| *wanted != is).map(|wanted| differs("version", wanted, is));
    name.into_iter().chain(version).collect()
}

fn age(config: &Config, created: &str, now: Timestamp) -> Option<Finding> {
    let moment = match runner_evidence::moment::parse(created) {
        Ok(moment) => moment,
        Err(why) => {
            let message = format!("the time at which the bill was made, `{}`, {why}", shortened(created));
            return Some(Finding::error("invalid-timestamp", message));
        }
    };
    let seconds = now.as_second() - moment.as_second();
    if seconds < -SKEW_SECONDS {
        let message = format!("the bill was made at `{created}`, which is still to come");
        return Some(Finding::error("future-timestamp", message));
    }
    let most = config.max_age_days?;
    (seconds > i64::from(most) * DAY_SECONDS).then(|| {
        let most = counted(most as usize, "day", "days");
        Finding::error("old-bill", format!("the bill was made at `{created}`, more than {most} ago"))
    })
}

/// The rule that a component breaks by lacking something, and how it is said.
fn missing(part: Part, component: &Component) -> Option<(&'static str, String, &'static str)> {
    let label = shortened(&component.label());
    let lacks = |rule, what: &str| {
        Some((rule, format!("`{label}` has no {what}"), "let the tool that makes the bill add it"))
    };
    match part {
        Part::Version if component.version.is_none() => lacks("no-version", "version"),
        Part::Purl => match &component.purl {
            None => lacks("no-purl", "package URL"),
            Some(purl) if !is_purl(purl) => {
                let message = format!("the package URL of `{label}` is none: `{}`", shortened(purl));
                Some(("invalid-purl", message, "write it as in `pkg:cargo/serde@1.0.228`"))
            }
            Some(_) => None,
        },
        Part::Hash if component.hashes.is_empty() => lacks("no-hash", "hash"),
        Part::Hash if !component.hashes.iter().any(runner_bill::Hash::is_strong) => {
            let names: Vec<&str> = component.hashes.iter().map(|hash| hash.algorithm.as_str()).collect();
            let message =
                format!("`{label}` has no hash that is worth one, only {}", shortened(&names.join(", ")));
            Some(("weak-hash", message, "let the tool write SHA-256"))
        }
        Part::Supplier if component.supplier.is_none() => lacks("no-supplier", "supplier"),
        Part::License if component.licences.is_empty() => lacks("no-license", "licence"),
        Part::Version | Part::Hash | Part::Supplier | Part::License => None,
    }
}

/// `pkg:type/name…`
fn is_purl(purl: &str) -> bool {
    let rest = purl.strip_prefix("pkg:").map(|rest| rest.trim_start_matches('/'));
    rest.and_then(|rest| rest.split_once('/')).is_some_and(|(kind, name)| {
        let sign = |sign: char| sign.is_ascii_alphanumeric() || ".+-".contains(sign);
        kind.starts_with(|sign: char| sign.is_ascii_alphabetic())
            && kind.chars().all(sign)
            && !name.trim_start_matches('@').is_empty()
            && !name.contains(char::is_whitespace)
    })
}
