//! Commands: named programs with named arguments, without a shell.

mod grant;

pub use grant::{CommandGrant, CommandRule};
