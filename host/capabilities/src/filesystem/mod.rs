//! Files below the pipeline's directory.
//!
//! The grant decides on the path as written; the operating system decides on the path as it is: every file is opened
//! through a `cap-std` directory, which does not follow a link out of it.

mod grant;

pub use grant::{Access, FilesystemGrant, PathPattern};
