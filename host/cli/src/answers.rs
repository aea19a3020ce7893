//! Answers to approvals, as files in the run's directory.
//!
//! `runner approve` writes `approvals/<step>.json` once, by a hard link that fails if the file is there; the runner that
//! waits (or the one that resumes) looks for it. A file works on every file system, across users and crashes, and needs
//! nobody to listen.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use runner_journal::Decision;
use serde_json::{Value, json};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) decision: Decision,
    pub(crate) by: String,
    pub(crate) reason: String,
}

/// Why an answer was not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    /// Somebody was first.
    #[error("it has been answered already")]
    AlreadyAnswered,
    /// The file system says no.
    #[error("the answer cannot be written")]
    Io(#[from] io::Error),
}

/// Records the answer to `step` of the run in `directory`. The first answer stands.
///
/// # Errors
///
/// [`AnswerError::AlreadyAnswered`]: the earlier answer stands. [`AnswerError::Io`]: nothing was recorded.
pub(crate) fn write(directory: &Path, step: &str, answer: &Answer) -> Result<(), AnswerError> {
    let path = path_of(directory, step);
    let folder = directory.join("approvals");
    fs::create_dir_all(&folder)?;
    let draft = folder.join(format!(".{}.{}", file_name(step), std::process::id()));
    let text = json!({
        "decision": if answer.decision == Decision::Approved { "approved" } else { "rejected" },
        "by": answer.by,
        "reason": answer.reason,
    });
    fs::write(&draft, text.to_string())?;
    let linked = fs::hard_link(&draft, &path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(AnswerError::AlreadyAnswered),
        other => Ok(other?),
    }
}

/// The answer to `step`, if there is one. A file that is no answer is none: an approval is never guessed.
pub(crate) fn read(directory: &Path, step: &str) -> Option<Answer> {
    let text = fs::read(path_of(directory, step)).ok()?;
    let value: Value = serde_json::from_slice(&text).ok()?;
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let decision = match field("decision")? {
        "approved" => Decision::Approved,
        "rejected" => Decision::Rejected,
        _ => return None,
    };
    Some(Answer { decision, by: field("by")?.to_owned(), reason: field("reason")?.to_owned() })
}

fn path_of(directory: &Path, step: &str) -> PathBuf {
    directory.join("approvals").join(format!("{}.json", file_name(step)))
}

/// Step ids hold letters, digits, `-`, `_`; matrix values may hold anything.
fn file_name(step: &str) -> String {
    step.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02x}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use runner_journal::Decision;

    use super::{Answer, AnswerError, read, write};

    fn answer(decision: Decision, reason: &str) -> Answer {
        Answer { decision, by: "ada@example".to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn the_first_answer_stands() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(read(run.path(), "go-live"), None);
        write(run.path(), "go-live", &answer(Decision::Rejected, "freeze")).unwrap();
        let second = write(run.path(), "go-live", &answer(Decision::Approved, "hurry"));
        assert!(matches!(second, Err(AnswerError::AlreadyAnswered)));
        assert_eq!(read(run.path(), "go-live"), Some(answer(Decision::Rejected, "freeze")));
    }

    #[test]
    fn a_matrix_step_has_an_answer_of_its_own() {
        let run = tempfile::tempdir().unwrap();
        write(run.path(), "ask[../eu]", &answer(Decision::Approved, "")).unwrap();
        assert_eq!(read(run.path(), "ask[../eu]"), Some(answer(Decision::Approved, "")));
        assert_eq!(read(run.path(), "ask[../us]"), None);
    }

    #[test]
    fn a_file_that_is_no_answer_decides_nothing() {
        let run = tempfile::tempdir().unwrap();
        std::fs::create_dir(run.path().join("approvals")).unwrap();
        for text in ["", "{}", r#"{"decision":"approve","by":"x","reason":""}"#, r#"{"decision":true}"#] {
            std::fs::write(run.path().join("approvals/go.json"), text).unwrap();
            assert_eq!(read(run.path(), "go"), None, "{text}");
        }
    }
}
