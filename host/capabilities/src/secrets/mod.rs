//! Secrets as handles: the host puts the bytes where they are needed.
//!
//! A guest never sees a secret unless its grant says `reveal: true` *and* it imports `runner:plugin/reveal`.

mod grant;

pub use grant::{SecretGrant, SecretsGrant};
