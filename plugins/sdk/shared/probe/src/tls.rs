//! TLS over a connection that is there.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Address;

/// TLS with a certificate that has to be good for the server's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The name that the certificate has to be good for. Without it: the host of `address`.
    pub server_name: Option<String>,
}

impl Tls {
    /// The name that the certificate has to be good for.
    #[must_use]
    pub fn name<'a>(&'a self, address: &'a Address) -> &'a str {
        self.server_name.as_deref().unwrap_or(&address.host)
    }
}
