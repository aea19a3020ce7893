//! Software bills of materials: what a release is made of, the same for both formats.
//!
//! [`Bill::read`] takes CycloneDX JSON (1.2 to 1.6) or SPDX JSON (2.2, 2.3), told by what stands in it. Only what the
//! gates ask for is taken over. Nothing is filled in: a field that says "no assertion" is absent.
//!
//! Never here: whether a bill is good, or a licence allowed.

mod component;
mod cyclonedx;
mod field;
mod spdx;

use runner_plugin::document::{self, Format};
use runner_plugin::{Failure, Host};

pub use component::{Component, Hash, Names};

/// A bill of materials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bill {
    /// `CycloneDX 1.5`, `SPDX 2.3`.
    pub format: String,
    /// When it was made, as it is written.
    pub created: Option<String>,
    /// Whether it says who or what made it.
    pub has_author: bool,
    /// What it is the bill of.
    pub primary: Option<Component>,
    /// What that is made of.
    pub components: Vec<Component>,
}

impl Bill {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Those of [`Files::read_to_string`](runner_plugin::host::Files::read_to_string), and
    /// [`InvalidInput`](runner_plugin::FailureKind::InvalidInput) when it is not JSON, or no bill that is understood.
    pub fn read(host: &Host, path: &str) -> Result<Self, Failure> {
        let text = host.files().read_to_string(path)?;
        if text.trim_start().starts_with('<') {
            let message =
                format!("read `{path}`: it is XML; only the JSON form of CycloneDX and SPDX is read");
            return Err(Failure::invalid_input(message));
        }
        let value =
            document::json(&text).map_err(|problem| document::unreadable(path, Format::Json, &problem))?;
        let root = field::Field::root(&value);
        let bill = if root.get("bomFormat").is_some() {
            cyclonedx::read(&root)
        } else if root.get("spdxVersion").is_some() {
            spdx::read(&root)
        } else if root.get("@context").is_some() {
            Err("it looks like SPDX 3, which is not read; write SPDX 2.3 or CycloneDX".to_owned())
        } else {
            Err("it is neither CycloneDX (`bomFormat`) nor SPDX (`spdxVersion`)".to_owned())
        };
        bill.map_err(|why| Failure::invalid_input(format!("read `{path}`: {why}")))
    }
}

#[cfg(test)]
mod tests;
