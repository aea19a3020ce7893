//! Proving to the receiver who has sent a message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runner_notice::hexadecimal;
use runner_plugin::{Failure, Host};
use schemars::JsonSchema;
use serde::Deserialize;

/// Signs the body with HMAC-SHA-256.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sign {
    /// Name of the secret that is the key. The plugin never sees its value.
    secret: String,
    /// What is signed, and where the signature stands.
    #[serde(default)]
    scheme: Scheme,
    /// Name of the header, for the scheme `body`. Without it: `x-runner-signature`.
    header: Option<String>,
}

/// What is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Scheme {
    /// The body; the header becomes `sha256=` and hexadecimal digits. As GitHub does it, with
    /// `header: x-hub-signature-256`.
    #[default]
    Body,
    /// Message id, time and body, as Standard Webhooks has it: `webhook-id`, `webhook-timestamp`, `webhook-signature`. A
    /// message that somebody has caught and sends again later is known by its time.
    StandardWebhooks,
}

impl Sign {
    /// The headers that prove it. `id` is the same for each attempt.
    ///
    /// # Errors
    ///
    /// `denied` when the step may not use the secret; `invalid-config` for a header that the scheme does not have.
    pub(crate) fn headers(
        &self,
        body: &str,
        id: &str,
        host: &Host,
    ) -> Result<Vec<(String, String)>, Failure> {
        let secret = host.secret(&self.secret)?;
        match self.scheme {
            Scheme::Body => {
                let name = self.header.as_deref().unwrap_or("x-runner-signature");
                let signature = hexadecimal(&secret.hmac_sha256(body.as_bytes()));
                Ok(vec![(name.to_owned(), format!("sha256={signature}"))])
            }
            Scheme::StandardWebhooks => {
                if self.header.is_some() {
                    return Err(Failure::invalid_config(
                        "`sign.header` is for the scheme `body`; `standard-webhooks` names its headers itself, nothing was sent",
                    ));
                }
                // The parts are joined by dots, so the id must have none to mean one thing only.
                let id = id.replace('.', "_");
                let time = host.clock().now().as_secs();
                let signature = STANDARD.encode(secret.hmac_sha256(format!("{id}.{time}.{body}").as_bytes()));
                Ok(vec![
                    ("webhook-id".to_owned(), id),
                    ("webhook-timestamp".to_owned(), time.to_string()),
                    ("webhook-signature".to_owned(), format!("v1,{signature}")),
                ])
            }
        }
    }
}
