//! A gate whose answers break the contract. Written without the SDK, which would not let it.
//!
//! Its config is `{ "answer": … }`: `json` (an output that is no JSON), `undeclared` (an output that the manifest does not
//! name), `name` (an output whose name is none), `twice` (an output that is there twice), `escapes` (terminal escapes and
//! newlines in all texts), `huge` (8 MiB of outputs). Any other is an honest pass.

wit_bindgen::generate!({ path: "../../../../wit", world: "gate-plugin", generate_all });

use exports::runner::plugin::gate::{Decision, Evaluation, Guest};
use runner::plugin::log;
use runner::plugin::types::{Failure, Finding, Manifest, Output, Request, Severity};

struct GarbageAnswer;

impl Guest for GarbageAnswer {
    fn describe() -> Manifest {
        Manifest {
            name: "garbage-answer".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "answers that break the contract".to_owned(),
            config_schema: r#"{"type":"object","properties":{"answer":{"type":"string"}}}"#.to_owned(),
            outputs: vec!["value".to_owned()],
        }
    }

    fn evaluate(request: Request) -> Result<Evaluation, Failure> {
        let asked = |answer: &str| request.config.contains(&format!("\"{answer}\""));
        let output = |name: &str, json: &str| Output { name: name.to_owned(), json: json.to_owned() };
        let outputs = if asked("json") {
            vec![output("value", "{\"open\":")]
        } else if asked("undeclared") {
            vec![output("surprise", "1")]
        } else if asked("name") {
            vec![output("Not A Name\n", "1")]
        } else if asked("twice") {
            vec![output("value", "1"), output("value", "2")]
        } else if asked("huge") {
            vec![output("value", &format!("\"{}\"", "x".repeat(8 * 1024 * 1024)))]
        } else {
            Vec::new()
        };
        let text =
            if asked("escapes") { "\u{1b}[2J\u{1b}]0;title\u{7}gone\r\nline two\u{9b}31m" } else { "fine" };
        log::write(log::Level::Info, text);
        let finding = Finding {
            severity: Severity::Note,
            rule: text.to_owned(),
            message: text.to_owned(),
            file: Some(text.to_owned()),
            line: Some(0),
            column: Some(u32::MAX),
            help: Some(text.to_owned()),
        };
        let findings = if asked("escapes") { vec![finding] } else { Vec::new() };
        Ok(Evaluation { decision: Decision::Pass, summary: text.to_owned(), findings, outputs })
    }
}

export!(GarbageAnswer);
