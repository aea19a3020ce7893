//! Files below the pipeline's directory.
//!
//! The grant decides on the path as written; then the path is resolved inside a `cap-std` directory, which no link leads
//! out of, and the grant decides again on where it leads. Nothing but a regular file is ever opened, so that a FIFO or a
//! device cannot hold the call up.
//!
//! A WASI guest gets the same grants as preopened directories: a granted directory under its own path, and single
//! granted files as bounded copies in a private directory that is its `.` (read only). Patterns with a `*` and single
//! files for writing cannot be said in WASI: such a guest needs a directory granted.

mod grant;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
#[cfg(test)]
mod host_tests;
#[cfg(feature = "host")]
mod stage;
#[cfg(test)]
mod tests;
#[cfg(feature = "host")]
mod tree;
#[cfg(feature = "host")]
mod walk;

pub use grant::{Access, FilesystemGrant, PathPattern};
#[cfg(feature = "host")]
pub(crate) use stage::Preopens;
#[cfg(feature = "host")]
pub use tree::Tree;
#[cfg(feature = "host")]
pub(crate) use walk::{Enter, Found, FoundKind, joined};
