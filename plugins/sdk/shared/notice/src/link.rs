//! Links below a message, and addresses that may stand in one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where to read on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What is shown.
    #[schemars(length(min = 1, max = 80))]
    pub title: String,
    /// An `http` or `https` address.
    #[schemars(length(max = 2000))]
    pub url: String,
}

/// Refuses what is no address, or would not stay in its link.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let known = url.starts_with("https://") || url.starts_with("http://");
    let odd = |sign: char| sign.is_whitespace() || sign.is_control() || "<>|\"\\^`{}".contains(sign);
    if !known || url.contains(odd) {
        return Err(format!("`{url}` is no `http` or `https` address of a link"));
    }
    Ok(())
}
