//! Looks at what a plugin returned before anybody else does.
//!
//! An answer that breaks the contract is no answer. One that keeps it is cleaned: text becomes single lines without control
//! characters, and secrets are taken out of every string, outputs included. A snapshot is the plugin's own and is not
//! touched; if a secret stands in it, the call fails, since snapshots are kept on disk.

use runner_capabilities::{
    host::bindings::runner::plugin::types,
    log::shorten,
    secrets::{MASK, Redactor},
};
use runner_engine::ports::{Reply, Snapshot};
use runner_model::{Answer, Check, Failure, FailureKind, Finding, FindingSeverity, Outcome, Upstream};
use serde_json::{Map, Value, json};

use crate::kind::{Raw, RawAnswer};

/// Most findings that are kept; the rest is counted.
const MAX_FINDINGS: usize = 10_000;
/// Most parts of a health check.
const MAX_CHECKS: usize = 1_000;
/// Most places that traffic goes to.
const MAX_UPSTREAMS: usize = 1_000;
/// Longest snapshot, as `wit/kinds.wit` says.
const MAX_SNAPSHOT: usize = 64 * 1024;
/// Longest line beside a step.
const MAX_SUMMARY: usize = 1024;
/// Longest message of a finding or a part.
const MAX_MESSAGE: usize = 4096;
/// Longest name of a rule or a part.
const MAX_NAME: usize = 200;

/// What an answer is held against.
pub(crate) struct Judge<'a> {
    /// Knows the secrets.
    pub(crate) redactor: &'a Redactor,
    /// The outputs that the manifest declares.
    pub(crate) outputs: &'a [String],
    /// Bytes left of the `output` limit.
    pub(crate) room: u64,
}

impl Judge<'_> {
    /// The answer as it may leave.
    pub(crate) fn reply(&self, raw: Raw) -> Result<Reply, Failure> {
        match raw {
            Raw::Restored => Ok(Reply::Restored),
            Raw::Captured(text) => self.snapshot(text).map(Reply::Captured),
            Raw::Answered(raw) => self.outcome(raw).map(Reply::Outcome),
            Raw::Observed { upstreams, revision } => self.observed(&upstreams, &revision).map(Reply::Outcome),
        }
    }

    /// Where traffic goes, as outputs that every proxy switch has whatever it declares.
    fn observed(&self, upstreams: &[Upstream], revision: &str) -> Result<Outcome, Failure> {
        // What an address takes even without text.
        let size: usize = upstreams.iter().map(|upstream| 16 + upstream.address.len()).sum();
        self.fits(size + revision.len())?;
        if upstreams.len() > MAX_UPSTREAMS {
            return Err(bad(format!("it names {} upstreams, more than {MAX_UPSTREAMS}", upstreams.len())));
        }
        let line = |text: &str| self.line(text, MAX_NAME);
        let upstreams: Vec<Value> = upstreams
            .iter()
            .map(|upstream| json!({ "address": line(&upstream.address), "weight": upstream.weight }))
            .collect();
        let mut outcome = Outcome::new(Answer::Pass, "the proxy answered");
        outcome.outputs.insert("upstreams".to_owned(), Value::Array(upstreams));
        outcome.outputs.insert("revision".to_owned(), line(revision).into());
        Ok(outcome)
    }

    /// The plugin's own failure as it may leave.
    pub(crate) fn failure(&self, failure: &types::Failure) -> Failure {
        let kind = match failure.kind {
            types::FailureKind::InvalidConfig => FailureKind::InvalidConfig,
            types::FailureKind::InvalidInput => FailureKind::InvalidInput,
            types::FailureKind::Denied => FailureKind::Denied,
            types::FailureKind::Unavailable => FailureKind::Unavailable,
            types::FailureKind::TimedOut => FailureKind::TimedOut,
            types::FailureKind::BudgetExceeded => FailureKind::BudgetExceeded,
            types::FailureKind::Internal => FailureKind::Internal,
        };
        Failure::new(kind, self.line(&failure.message, MAX_MESSAGE))
    }

    fn snapshot(&self, text: String) -> Result<Snapshot, Failure> {
        self.fits(text.len())?;
        if text.len() > MAX_SNAPSHOT {
            return Err(bad(format!("its snapshot has {} bytes, more than {MAX_SNAPSHOT}", text.len())));
        }
        if self.redactor.finds(&text) {
            return Err(bad("a secret stands in its snapshot, which would be kept on disk".to_owned()));
        }
        Ok(Snapshot(text))
    }

    fn outcome(&self, raw: RawAnswer) -> Result<Outcome, Failure> {
        self.fits(size(&raw))?;
        if raw.checks.len() > MAX_CHECKS {
            return Err(bad(format!("it reports {} parts, more than {MAX_CHECKS}", raw.checks.len())));
        }
        if let Some(score) = raw.score.filter(|score| !(0.0..=1.0).contains(score)) {
            return Err(bad(format!("its score {score} is not between 0 and 1")));
        }
        let outputs = self.outputs(raw.outputs)?;
        let dropped = raw.findings.len().saturating_sub(MAX_FINDINGS);
        let mut findings: Vec<Finding> =
            raw.findings.into_iter().take(MAX_FINDINGS).map(|finding| self.finding(finding)).collect();
        if dropped > 0 {
            findings.push(Finding {
                severity: FindingSeverity::Note,
                rule: "more-findings".to_owned(),
                message: format!("{dropped} more findings are not shown"),
                file: None,
                line: None,
                column: None,
                help: None,
            });
        }
        Ok(Outcome {
            answer: raw.answer,
            summary: self.line(&raw.summary, MAX_SUMMARY),
            findings,
            checks: raw
                .checks
                .into_iter()
                .map(|check| Check {
                    name: self.line(&check.name, MAX_NAME),
                    answer: check.answer,
                    message: self.line(&check.message, MAX_MESSAGE),
                })
                .collect(),
            score: raw.score,
            outputs,
            measurements: None,
        })
    }

    fn outputs(&self, raw: Vec<types::Output>) -> Result<Map<String, Value>, Failure> {
        let mut outputs = Map::new();
        for output in raw {
            let shown = self.line(&output.name, MAX_NAME);
            if !self.outputs.contains(&output.name) {
                return Err(bad(format!("it sets the output `{shown}`, which it does not declare")));
            }
            let value: Value = serde_json::from_str(&output.json)
                .map_err(|error| bad(format!("its output `{shown}` is not JSON: {error}")))?;
            if outputs.insert(output.name, self.value(value)).is_some() {
                return Err(bad(format!("it sets the output `{shown}` twice")));
            }
        }
        Ok(outputs)
    }

    fn finding(&self, finding: types::Finding) -> Finding {
        let line = |text: &str| self.line(text, MAX_MESSAGE);
        Finding {
            severity: match finding.severity {
                types::Severity::Error => FindingSeverity::Error,
                types::Severity::Warning => FindingSeverity::Warning,
                types::Severity::Note => FindingSeverity::Note,
            },
            rule: self.line(&finding.rule, MAX_NAME),
            message: line(&finding.message),
            file: finding.file.as_deref().map(line),
            // Both count from 1; a plugin that says 0 does not know.
            line: finding.line.filter(|line| *line > 0),
            column: finding.column.filter(|column| *column > 0),
            help: finding.help.as_deref().map(line),
        }
    }

    /// A value with the secrets taken out of its strings, keys and numbers. Control characters stay: it is data, not text to show.
    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.redactor.redact(&text).into_owned()),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(entries) => Value::Object(
                entries
                    .into_iter()
                    .map(|(key, item)| (self.redactor.redact(&key).into_owned(), self.value(item)))
                    .collect(),
            ),
            // A secret of digits can stand in a number.
            Value::Number(number) if self.redactor.finds(&number.to_string()) => {
                Value::String(MASK.to_owned())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    fn line(&self, text: &str, most: usize) -> String {
        let mut line = self.redactor.redact_line(text);
        shorten(&mut line, most);
        line
    }

    fn fits(&self, size: usize) -> Result<(), Failure> {
        if size as u64 <= self.room {
            return Ok(());
        }
        let message = format!("output: the answer has {size} bytes, and {} are left of the limit", self.room);
        Err(Failure::new(FailureKind::BudgetExceeded, message))
    }
}

fn bad(message: String) -> Failure {
    Failure::new(FailureKind::BadAnswer, message)
}

/// Bytes of all the text in an answer.
fn size(raw: &RawAnswer) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let findings: usize = raw
        .findings
        .iter()
        // What a finding takes even without text.
        .map(|finding| {
            32 + finding.rule.len()
                + finding.message.len()
                + optional(&finding.file)
                + optional(&finding.help)
        })
        .sum();
    let checks: usize = raw.checks.iter().map(|check| 16 + check.name.len() + check.message.len()).sum();
    let outputs: usize = raw.outputs.iter().map(|output| output.name.len() + output.json.len()).sum();
    raw.summary.len() + findings + checks + outputs
}

#[cfg(test)]
mod tests {
    use runner_capabilities::{host::bindings::runner::plugin::types, secrets::Redactor};
    use runner_engine::ports::{Reply, Snapshot};
    use runner_model::{Answer, Check, Failure, FailureKind, Finding, FindingSeverity, Outcome, Upstream};
    use serde_json::json;

    use super::Judge;
    use crate::kind::{Raw, RawAnswer, RawCheck};

    fn judged(raw: Raw, room: u64) -> Result<Reply, Failure> {
        let redactor = Redactor::new([b"hunter2".as_slice()]);
        let outputs = ["status".to_owned(), "body".to_owned()];
        Judge { redactor: &redactor, outputs: &outputs, room }.reply(raw)
    }

    fn raw() -> RawAnswer {
        RawAnswer {
            answer: Answer::Warn,
            summary: "all\u{1b}[2J well, hunter2\n::stop".to_owned(),
            findings: vec![types::Finding {
                severity: types::Severity::Warning,
                rule: "unpinned".to_owned(),
                message: "hunter2 is \u{202e}not pinned".to_owned(),
                file: Some("requirements.txt".to_owned()),
                line: Some(3),
                column: Some(0),
                help: None,
            }],
            checks: vec![RawCheck { name: "a".to_owned(), answer: Answer::Pass, message: "::b".to_owned() }],
            score: Some(0.5),
            outputs: vec![
                types::Output { name: "status".to_owned(), json: "200".to_owned() },
                types::Output { name: "body".to_owned(), json: r#"{"hunter2":["x hunter2"]}"#.to_owned() },
            ],
        }
    }

    fn bad(message: &str) -> Result<Reply, Failure> {
        Err(Failure::new(FailureKind::BadAnswer, message))
    }

    #[test]
    fn an_answer_leaves_clean_and_without_secrets() {
        let expected = Outcome {
            answer: Answer::Warn,
            summary: "all well, *** ::stop".to_owned(),
            findings: vec![Finding {
                severity: FindingSeverity::Warning,
                rule: "unpinned".to_owned(),
                message: "*** is not pinned".to_owned(),
                file: Some("requirements.txt".to_owned()),
                line: Some(3),
                column: None,
                help: None,
            }],
            checks: vec![Check { name: "a".to_owned(), answer: Answer::Pass, message: ": :b".to_owned() }],
            score: Some(0.5),
            outputs: json!({ "status": 200, "body": { "***": ["x ***"] } }).as_object().unwrap().clone(),
            measurements: None,
        };
        assert_eq!(judged(Raw::Answered(raw()), 10_000), Ok(Reply::Outcome(expected)));
    }

    #[test]
    fn what_a_proxy_says_leaves_clean_and_without_secrets() {
        let upstream = |address: &str| Upstream { address: address.to_owned(), weight: 2 };
        let observed = |upstreams: Vec<Upstream>, room| {
            judged(Raw::Observed { upstreams, revision: "hunter2\u{1b}[2J".to_owned() }, room)
        };
        let mut expected = Outcome::new(Answer::Pass, "the proxy answered");
        let outputs = json!({ "upstreams": [{ "address": "127.0.0.1:1", "weight": 2 }], "revision": "***" });
        expected.outputs = outputs.as_object().unwrap().clone();
        assert_eq!(observed(vec![upstream("127.0.0.1\u{1b}[2J:1")], 10_000), Ok(Reply::Outcome(expected)));
        assert_eq!(
            observed(vec![upstream("a:1"); 1_001], 100_000),
            bad("it names 1001 upstreams, more than 1000")
        );
        let message = "output: the answer has 36 bytes, and 30 are left of the limit";
        assert_eq!(
            observed(vec![upstream("127.0.0.1")], 30),
            Err(Failure::new(FailureKind::BudgetExceeded, message))
        );
    }

    #[test]
    fn an_answer_that_breaks_the_contract_is_no_answer() {
        let output = |name: &str, json: &str| types::Output { name: name.to_owned(), json: json.to_owned() };
        let table = [
            (vec![output("other", "1")], "it sets the output `other`, which it does not declare"),
            (
                vec![output("status", "{")],
                "its output `status` is not JSON: EOF while parsing an object at line 1 column 1",
            ),
            (vec![output("status", "1"), output("status", "2")], "it sets the output `status` twice"),
        ];
        for (outputs, message) in table {
            assert_eq!(judged(Raw::Answered(RawAnswer { outputs, ..raw() }), 10_000), bad(message));
        }
        for (score, message) in
            [(7.0, "its score 7 is not between 0 and 1"), (f64::NAN, "its score NaN is not between 0 and 1")]
        {
            assert_eq!(
                judged(Raw::Answered(RawAnswer { score: Some(score), ..raw() }), 10_000),
                bad(message)
            );
        }
    }

    #[test]
    fn an_answer_beyond_the_output_limit_is_refused_as_a_whole() {
        let message = "output: the answer has 166 bytes, and 100 are left of the limit";
        assert_eq!(
            judged(Raw::Answered(raw()), 100),
            Err(Failure::new(FailureKind::BudgetExceeded, message))
        );
    }

    #[test]
    fn a_snapshot_is_kept_as_it_is_or_not_at_all() {
        assert_eq!(
            judged(Raw::Captured("a\u{1b}\n::b".to_owned()), 10_000),
            Ok(Reply::Captured(Snapshot("a\u{1b}\n::b".to_owned())))
        );
        assert_eq!(
            judged(Raw::Captured("token aHVudGVyMg==".to_owned()), 10_000),
            bad("a secret stands in its snapshot, which would be kept on disk")
        );
        assert_eq!(
            judged(Raw::Captured("x".repeat(65_537)), 100_000),
            bad("its snapshot has 65537 bytes, more than 65536")
        );
    }

    #[test]
    fn findings_beyond_the_limit_are_counted() {
        let finding = raw().findings.remove(0);
        let findings = vec![finding; 10_003];
        let Ok(Reply::Outcome(outcome)) = judged(Raw::Answered(RawAnswer { findings, ..raw() }), 10_000_000)
        else {
            panic!("an answer with many findings is an answer")
        };
        assert_eq!(outcome.findings.len(), 10_001);
        assert_eq!(outcome.findings[10_000].message, "3 more findings are not shown");
    }
}
