//! What was found, and the rules by which.

use std::collections::HashMap;

use runner_journal::Ending;
use runner_model::{Answer, Digest, Finding, FindingSeverity, Outcome, Plan, Step};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{MOST_RESULTS, location};
use crate::{
    place::Place,
    run::{Run, StepRun},
    text::{clean, clean_lines, cut},
    words,
};

/// Descriptions are shown up to this length.
const DESCRIPTION: usize = 1_000;

/// Results and rules.
pub(super) struct Found {
    pub(super) results: Vec<Value>,
    pub(super) rules: Vec<Value>,
    /// How many results there would be more.
    pub(super) left_out: usize,
}

/// One result, before its rule has a number.
struct Draft {
    rule: Rule,
    level: Level,
    message: String,
    place: Place,
    step: String,
    result: Option<&'static str>,
}

/// A rule, told apart by its id.
struct Rule {
    id: String,
    description: String,
    help: Option<String>,
}

/// From the least to the most serious.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Note,
    Warning,
    Error,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    const fn of_finding(severity: FindingSeverity) -> Self {
        match severity {
            FindingSeverity::Error => Self::Error,
            FindingSeverity::Warning => Self::Warning,
            FindingSeverity::Note => Self::Note,
        }
    }

    /// What an answer weighs; nothing for a yes.
    const fn of_answer(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Fail => Some(Self::Error),
            Answer::Warn | Answer::Inconclusive => Some(Self::Warning),
            Answer::Pass | Answer::Done => None,
        }
    }
}

/// Everything that the last answers of the steps hold.
pub(super) fn of<G>(plan: &Plan<G>, run: &Run, base: Option<&Url>) -> Found {
    let mut drafts: Vec<Draft> =
        plan.steps.iter().zip(&run.steps).flat_map(|(step, ran)| of_step(plan, step, ran)).collect();
    let left_out = drafts.len().saturating_sub(MOST_RESULTS);
    if left_out > 0 {
        // The sort is stable: the order of the plan stays within a level.
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.level));
        drafts.truncate(MOST_RESULTS);
    }
    let mut rules = Rules::default();
    let mut seen: HashMap<String, u32> = HashMap::new();
    let results = drafts
        .into_iter()
        .map(|draft| {
            let location = location(&draft.place, base);
            let uri = location["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap_or_default();
            let fingerprint = fingerprint(&mut seen, &draft, uri);
            let mut fingerprints = json!({ "runnerFinding/v1": fingerprint });
            if draft.place.line.is_none() {
                // There is no line that an upload could make one of.
                fingerprints["primaryLocationLineHash"] = json!(fingerprint);
            }
            json!({
                "ruleId": draft.rule.id,
                "level": draft.level.as_str(),
                "message": { "text": draft.message },
                "locations": [location],
                "partialFingerprints": fingerprints,
                "properties": { "step": draft.step, "result": draft.result },
                "ruleIndex": rules.index(draft.rule, draft.level),
            })
        })
        .collect();
    Found { results, rules: rules.into_json(), left_out }
}

fn of_step<G>(plan: &Plan<G>, step: &Step<G>, ran: &StepRun) -> Vec<Draft> {
    let Some(Ending::Answered { outcome }) = ran.ending() else { return Vec::new() };
    let owner =
        plan.plugin(step).map_or_else(|| words::kind(plan, step), |plugin| plugin.alias.as_str()).to_owned();
    let kind = words::kind(plan, step);
    let here = Place::of_step(&plan.header, step);
    let draft = |rule, level, message, place| Draft {
        rule,
        level,
        message,
        place,
        step: clean(step.id.as_str()).into_owned(),
        result: ran.result().map(runner_model::StepResult::as_str),
    };
    let answer = || Rule {
        id: owner.clone(),
        description: format!("The answer of the {kind} `{owner}` itself."),
        help: None,
    };

    let mut drafts: Vec<Draft> = Vec::new();
    if let Some(level) = Level::of_answer(outcome.answer)
        && !outcome.findings.iter().any(|finding| Level::of_finding(finding.severity) >= level)
    {
        drafts.push(draft(answer(), level, answer_text(outcome), here.clone()));
    }
    for finding in &outcome.findings {
        let name = clean(&finding.rule);
        let rule = if name.is_empty() {
            answer()
        } else {
            Rule {
                id: format!("{owner}/{name}"),
                description: format!("`{name}`, as the {kind} `{owner}` calls it."),
                help: finding.help.as_deref().map(clean_lines),
            }
        };
        let place = Place::of_finding(finding).unwrap_or_else(|| here.clone());
        drafts.push(draft(rule, Level::of_finding(finding.severity), finding_text(finding), place));
    }
    drafts
}

fn finding_text(finding: &Finding) -> String {
    let message = clean_lines(&finding.message);
    let message = if message.is_empty() { clean(&finding.rule).into_owned() } else { message };
    match finding.help.as_deref().map(clean_lines).filter(|help| !help.is_empty()) {
        Some(help) => format!("{message}\nhelp: {help}"),
        None if message.is_empty() => "no message".to_owned(),
        None => message,
    }
}

fn answer_text(outcome: &Outcome) -> String {
    let summary = clean(&outcome.summary);
    let mut text = if summary.is_empty() {
        format!("the answer is `{}`", words::answer(outcome.answer))
    } else {
        summary.into_owned()
    };
    for check in outcome.checks.iter().filter(|check| Level::of_answer(check.answer).is_some()) {
        text.push('\n');
        text.push_str(&words::check(check));
    }
    text
}

/// The same for the same finding in every run, wherever in its file it has moved to: what follows the colon tells equal
/// ones apart.
fn fingerprint(seen: &mut HashMap<String, u32>, draft: &Draft, uri: &str) -> String {
    let mut hash = Sha256::new();
    for part in [draft.rule.id.as_str(), uri, draft.message.as_str()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let digest = Digest::from_sha256(&hash.finalize().into());
    let digest = digest.hex()[..16].to_owned();
    let count = seen.entry(digest.clone()).or_default();
    *count += 1;
    format!("{digest}:{count}")
}

/// The rules so far, in the order in which they were met.
#[derive(Default)]
struct Rules {
    rules: Vec<(Rule, Level)>,
    places: HashMap<String, usize>,
}

impl Rules {
    /// The number of a rule. Of several results it takes the highest level and the first help.
    fn index(&mut self, rule: Rule, level: Level) -> usize {
        if let Some(&index) = self.places.get(&rule.id)
            && let Some((known, highest)) = self.rules.get_mut(index)
        {
            *highest = level.max(*highest);
            known.help = known.help.take().or(rule.help);
            return index;
        }
        self.places.insert(rule.id.clone(), self.rules.len());
        self.rules.push((rule, level));
        self.rules.len() - 1
    }

    fn into_json(self) -> Vec<Value> {
        let json = |(rule, level): (Rule, Level)| {
            let description = cut(&rule.description, DESCRIPTION).into_owned();
            let help = rule.help.filter(|help| !help.is_empty());
            json!({
                "id": rule.id,
                "shortDescription": { "text": description },
                "fullDescription": { "text": description },
                "help": { "text": help.unwrap_or_else(|| "The plugin says no more about it.".to_owned()) },
                "defaultConfiguration": { "level": level.as_str() },
            })
        };
        self.rules.into_iter().map(json).collect()
    }
}
