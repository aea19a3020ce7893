//! Secrets as handles: the host puts the bytes where they are needed.

use std::fmt;
use std::rc::Rc;

use super::backend;
use crate::Failure;

/// A secret that this step may use, from [`Host::secret`](crate::Host::secret).
///
/// It goes into a header through [`HttpRequest::bearer`](super::HttpRequest::bearer) or
/// [`HttpRequest::secret_header`](super::HttpRequest::secret_header), and into a container's variables, without the
/// plugin ever seeing it.
#[derive(Clone)]
pub struct Secret {
    name: String,
    pub(crate) handle: Rc<backend::SecretHandle>,
}

impl Secret {
    pub(super) fn new(name: &str, handle: backend::SecretHandle) -> Self {
        Self { name: name.to_owned(), handle: Rc::new(handle) }
    }

    /// The name it has in the pipeline.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// HMAC-SHA-256 of `data` with the secret as key, for signing messages.
    #[must_use]
    pub fn hmac_sha256(&self, data: &[u8]) -> Vec<u8> {
        self.handle.hmac_sha256(data)
    }

    /// The secret itself. Shows in the component's imports as `reveal`; needs `reveal: true` on the secret in
    /// the grants.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Denied`](crate::FailureKind::Denied) without that grant.
    pub fn reveal(&self) -> Result<String, Failure> {
        self.handle
            .reveal()
            .map_err(|error| Failure::of_call(format_args!("reveal secret `{}`", self.name), error))
    }
}

/// Within a run a name stands for one secret.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({:?})", self.name)
    }
}
