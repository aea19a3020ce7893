//! Addresses that are secrets themselves.

use runner_plugin::{Failure, Host};

/// An address that lets whoever knows it post. The host can put a secret into a header and not into an address, so
/// the plugin has to see this one (`reveal: true`).
pub struct SecretUrl {
    name: String,
    url: String,
}

impl SecretUrl {
    /// Asks the host for it. Space and line ends around it are no part of it.
    ///
    /// # Errors
    ///
    /// `denied` when the step may not see it; `invalid-input` when it is no `http` or `https` address.
    pub fn reveal(name: &str, host: &Host) -> Result<Self, Failure> {
        let url = host.secret(name)?.reveal()?.trim().to_owned();
        let known = url.starts_with("https://") || url.starts_with("http://");
        if !known || url.contains(|sign: char| sign.is_whitespace() || sign.is_control()) {
            return Err(Failure::invalid_input(format!(
                "secret `{name}` is no `http` or `https` address; nothing was sent"
            )));
        }
        Ok(Self { name: name.to_owned(), url })
    }

    /// The address, for a request.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A failure that names the secret where the address stood.
    #[must_use]
    pub fn hide(&self, failure: Failure) -> Failure {
        let path = self.url.split(['?', '#']).next().unwrap_or(&self.url);
        let shown = format!("<secret `{}`>", self.name);
        let message = failure.message.replace(&self.url, &shown).replace(path, &shown);
        Failure { message, ..failure }
    }
}

impl std::fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretUrl({:?})", self.name)
    }
}
