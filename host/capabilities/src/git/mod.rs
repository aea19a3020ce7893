//! Git: verbs on named repositories.

mod grant;

pub use grant::{GitGrant, GitRule};
