//! The values of the inputs, and the event.

use std::collections::BTreeMap;

use runner_model::Diagnostic;
use serde_json::{Map, Value};

use super::usage;
use crate::{
    authored::Input,
    problems::{listed, suggestion},
};

/// The value of every input: as given, else its default, else null.
pub(super) fn settle(
    declared: &[Input],
    given: &BTreeMap<String, String>,
    found: &mut Vec<Diagnostic>,
) -> Map<String, Value> {
    for name in given.keys().filter(|name| !declared.iter().any(|input| input.name.value == **name)) {
        let known = declared.iter().map(|input| input.name.value.as_str());
        let help = suggestion(name, known, "inputs", found);
        found.push(
            usage("unknown-input", format!("`--input {name}=…`: the pipeline has no input `{name}`"))
                .help(help),
        );
    }
    let mut values = Map::new();
    for input in declared {
        let name = &input.name.value;
        let value = match given.get(name) {
            Some(text) => match input.takes.read(text) {
                Some(value) => value,
                None => {
                    found.push(
                        usage("wrong-input", format!("`{text}` is not a value for the input `{name}`"))
                            .at(input.name.span, "declared here")
                            .help(format!("`--input {name}=…` takes {}", input.takes.expected())),
                    );
                    continue;
                }
            },
            None if input.required => {
                found.push(
                    usage("missing-input", format!("the input `{name}` is required"))
                        .at(input.name.span, "declared here")
                        .help(format!("add `--input {name}=…`: it takes {}", input.takes.expected())),
                );
                continue;
            }
            None => input.default.clone().unwrap_or(Value::Null),
        };
        values.insert(name.clone(), value);
    }
    values
}

/// What set the run off.
pub(super) fn event(
    declared: &[String],
    chosen: Option<&str>,
    found: &mut Vec<Diagnostic>,
) -> Map<String, Value> {
    const MANUAL: &str = "manual";
    let known = |name: &str| {
        if declared.is_empty() { name == MANUAL } else { declared.iter().any(|event| event == name) }
    };
    let name = chosen.unwrap_or(MANUAL);
    if !known(name) {
        let declared =
            if declared.is_empty() { vec![MANUAL] } else { declared.iter().map(String::as_str).collect() };
        let message = match chosen {
            Some(name) => format!("`--event {name}`: the pipeline is not set off by `{name}`"),
            None => "the pipeline is not meant to be started by hand".to_owned(),
        };
        found.push(
            usage("unknown-event", message).help(format!("`--event NAME` with one of {}", listed(declared))),
        );
    }
    Map::from_iter([("name".to_owned(), Value::from(name))])
}
