//! The operator's policy file.

use std::{fs, path::Path};

use runner_capabilities::Policy;

use crate::error::CommandError;

/// Reads the policy, or takes the one that sets no ceiling if none is named.
///
/// # Errors
///
/// A file that cannot be read or is not in order stops everything.
pub(crate) fn read(path: Option<&Path>) -> Result<Policy, CommandError> {
    let Some(path) = path else { return Ok(Policy::unrestricted()) };
    let bytes = fs::read(path).map_err(|source| CommandError::Read { path: path.to_owned(), source })?;
    Ok(runner_pipeline::parse_policy(&path.to_string_lossy(), &bytes)?)
}
