//! Where a version is written.

use runner_plugin::document::{self, Format};
use runner_plugin::{Failure, Host};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A version, or the file it is written in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Source {
    /// The version itself.
    Text(String),
    /// The file it is written in.
    File(Place),
}

/// A file, or a place in it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum VersionFile {
    /// A file whose name says where the version is written.
    Path(String),
    /// A place in a file.
    Place(Place),
}

/// A place in a file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: String,
    /// A JSON pointer to the version. Without it: where files of this name have it.
    #[schemars(regex(pattern = "^(/.*)?$"))]
    pub(crate) at: Option<String>,
}

impl VersionFile {
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Path(file) => Place { file: file.clone(), at: None },
            Self::Place(place) => place.clone(),
        }
    }
}

/// A version as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// The line, if only one holds the text.
    pub(crate) line: Option<u32>,
}

impl Place {
    /// Reads the version. The inner error is a "no": the file can be read, and has none.
    pub(crate) fn read(&self, host: &Host) -> Result<Result<Written, String>, Failure> {
        let text = host.files().read_to_string(&self.file)?;
        let found = match Format::of_path(&self.file) {
            Some(format) => {
                let value = document::parse(format, &text)
                    .map_err(|problem| document::unreadable(&self.file, format, &problem))?;
                self.find(&value)
            }
            None if self.at.is_some() => {
                return Err(Failure::invalid_config(format!(
                    "`at` needs a document, and the name `{}` is of none",
                    self.file
                )));
            }
            None => match text.trim() {
                "" => Err("the file is empty".to_owned()),
                version => Ok(version.to_owned()),
            },
        };
        Ok(found.map(|version| Written { line: only_line(&text, &version), text: version }))
    }

    fn find(&self, document: &Value) -> Result<String, String> {
        let pointers = match &self.at {
            Some(at) => vec![at.as_str()],
            None => usual_places(&self.file).to_vec(),
        };
        let found = pointers.iter().find_map(|pointer| document.pointer(pointer));
        match found.or_else(|| self.at.is_none().then_some(document)) {
            Some(Value::String(version)) => Ok(version.clone()),
            Some(value) => numbers(value).ok_or_else(|| self.no_version(&pointers)),
            None => Err(self.no_version(&pointers)),
        }
    }

    fn no_version(&self, pointers: &[&str]) -> String {
        format!("there is no version at `{}`", pointers.join("` or `"))
    }
}

/// Where files of this name have their version.
fn usual_places(path: &str) -> &'static [&'static str] {
    match path.rsplit('/').next().unwrap_or(path) {
        "Cargo.toml" => &["/package/version", "/workspace/package/version"],
        "pyproject.toml" => &["/project/version", "/tool/poetry/version"],
        _ => &["/version"],
    }
}

/// A version as three numbers: `{ major: 1, minor: 2, patch: 3 }`.
fn numbers(value: &Value) -> Option<String> {
    let number = |name: &str| value.get(name)?.as_u64();
    Some(format!("{}.{}.{}", number("major")?, number("minor")?, number("patch")?))
}

/// The only line that holds a text. With two it could be either, and a wrong place is worse than none.
fn only_line(text: &str, version: &str) -> Option<u32> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| line.contains(version)).map(|(line, _)| line);
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}
