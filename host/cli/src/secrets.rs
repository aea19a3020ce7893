//! Reads the bytes of a pipeline's secrets. They go to the sandbox and nowhere else.
//!
//! What a plugin says has its secrets replaced. What a pipeline says cannot: its plan is kept on disk, and a step has to
//! get its `with` as it was written. So a run whose plan holds a secret in plain does not start.

use std::{collections::BTreeMap, fs, path::Path};

use runner_capabilities::secrets::{Redactor, SHORTEST_SECRET};
use runner_model::{Plan, PlanHeader, SecretName, SecretOrigin, SecretSource};
use serde_json::Value;

use crate::error::{CommandError, plural};

/// Longest secret: a certificate chain with its key fits.
const MAX_BYTES: u64 = 64 * 1024;

/// A secret of so many bytes is looked for inside of values; a shorter one only as a value of its own, since it may be part
/// of any word.
const TELLING: usize = 8;

/// The bytes of all secrets that `header` names.
///
/// # Errors
///
/// The first secret that is not there, or too short to be kept out of logs. Nothing was started.
pub(crate) fn read(
    header: &PlanHeader,
    variables: &BTreeMap<String, String>,
) -> Result<BTreeMap<SecretName, Vec<u8>>, CommandError> {
    header
        .secrets
        .iter()
        .map(|(name, source)| {
            read_one(header, source, variables)
                .map(|bytes| (name.clone(), bytes))
                .map_err(|reason| CommandError::Secret { name: name.to_string(), reason })
        })
        .collect()
}

/// Knows those secrets of `header` that are there, for commands that only show.
pub(crate) fn redactor(header: &PlanHeader, variables: &BTreeMap<String, String>) -> Redactor {
    let found: Vec<Vec<u8>> =
        header.secrets.values().filter_map(|source| read_one(header, source, variables).ok()).collect();
    Redactor::new(found.iter().map(Vec::as_slice))
}

/// Makes sure that no secret stands in what is kept of `plan`.
///
/// # Errors
///
/// The first secret that does. Nothing was started.
pub(crate) fn keep_out(plan: &Plan, secrets: &BTreeMap<SecretName, Vec<u8>>) -> Result<(), CommandError> {
    for (name, bytes) in secrets {
        let redactor = Redactor::new([bytes.as_slice()]);
        let stands_in = |text: &str| match bytes.len() {
            0..TELLING => text.as_bytes() == bytes,
            _ => redactor.finds(text),
        };
        if let Some(place) = place_of(plan, &stands_in) {
            return Err(CommandError::SecretExposed { name: name.to_string(), place });
        }
    }
    Ok(())
}

/// The first place in `plan` with a value in which a secret stands.
fn place_of(plan: &Plan, stands_in: &dyn Fn(&str) -> bool) -> Option<String> {
    let header = &plan.header;
    let input = header.inputs.iter().find(|(_, value)| holds(value, stands_in));
    let env = header.env.iter().find(|(_, value)| stands_in(value));
    let first = input
        .map(|(name, _)| format!("the input `{name}`"))
        .or_else(|| env.map(|(name, _)| format!("the pipeline's variable `{name}`")));
    first.or_else(|| {
        plan.steps.iter().find_map(|step| {
            let id = &step.id;
            let env = step.env.iter().find(|(_, value)| stands_in(value));
            if holds(step.with.source(), stands_in) {
                Some(format!("the `with` of step `{id}`"))
            } else {
                env.map(|(name, _)| format!("the variable `{name}` of step `{id}`"))
            }
        })
    })
}

fn holds(value: &Value, stands_in: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => stands_in(text),
        Value::Number(number) => stands_in(&number.to_string()),
        Value::Array(items) => items.iter().any(|item| holds(item, stands_in)),
        Value::Object(entries) => entries.iter().any(|(key, item)| stands_in(key) || holds(item, stands_in)),
        Value::Null | Value::Bool(_) => false,
    }
}

fn read_one(
    header: &PlanHeader,
    source: &SecretSource,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<u8>, String> {
    let bytes = match &source.from {
        SecretOrigin::Env(variable) => match variables.get(variable) {
            Some(value) if !value.is_empty() => value.clone().into_bytes(),
            Some(_) => return Err(format!("the variable `{variable}` is empty")),
            None => return Err(format!("the variable `{variable}` is not set")),
        },
        SecretOrigin::File(path) => read_file(&Path::new(&header.directory).join(path))?,
    };
    match bytes.len() {
        0..SHORTEST_SECRET => Err(format!(
            "it has {}, and what has fewer than {SHORTEST_SECRET} cannot be kept out of logs: it would be found all over \
             ordinary text",
            plural(bytes.len(), "byte", "bytes")
        )),
        _ => Ok(bytes),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let metadata =
        fs::metadata(path).map_err(|error| format!("the file `{shown}` cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("`{shown}` is not a file"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(format!("the file `{shown}` is larger than {MAX_BYTES} bytes"));
    }
    let mut bytes = fs::read(path).map_err(|error| format!("the file `{shown}` cannot be read: {error}"))?;
    // Editors and `echo` end a file with a newline that is not part of the secret.
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() { Err(format!("the file `{shown}` is empty")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::read_file;

    #[test]
    fn one_trailing_newline_is_not_part_of_a_secret() {
        let directory = tempfile::tempdir().unwrap();
        let cases: [(&str, &[u8]); 4] = [("s", b"s"), ("s\n", b"s"), ("s\r\n", b"s"), ("s\n\n", b"s\n")];
        for (written, read) in cases {
            let path = directory.path().join("secret");
            std::fs::write(&path, written).unwrap();
            assert_eq!(read_file(&path).as_deref(), Ok(read));
        }
    }

    #[test]
    fn an_empty_file_is_no_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(read_file(&path), Err(format!("the file `{}` is empty", path.display())));
    }
}
