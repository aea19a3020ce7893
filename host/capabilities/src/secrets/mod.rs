//! Secrets as handles: the host puts the bytes where they are needed.
//!
//! A guest never sees a secret unless its grant says `reveal: true` *and* it imports `runner:plugin/reveal`. What a server
//! sends back of a secret that it was sent is masked before the guest reads it, and whatever leaves the sandbox goes
//! through the [`Redactor`].

#[cfg(feature = "host")]
mod forms;
mod grant;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
#[cfg(test)]
mod host_tests;
#[cfg(feature = "host")]
mod redactor;

pub use grant::{SecretGrant, SecretsGrant};
#[cfg(feature = "host")]
pub(crate) use host::refused;
#[cfg(feature = "host")]
pub use host::{Secret, SecretBytes};
#[cfg(feature = "host")]
pub use redactor::{MASK, Redactor, SHORTEST_SECRET};
#[cfg(feature = "host")]
pub(crate) use redactor::{join, masked};
