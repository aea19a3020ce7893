//! Commands: named programs with named arguments, without a shell.
//!
//! The grant decides on program, arguments, variables and directory as they were asked for, and says on which machine they
//! run. Then the program is looked for where the system has programs, the directory is resolved below the pipeline's and
//! judged again, and `process` starts it. On a target the same goes through the
//! system's `ssh`, with every word quoted for the shell on the other side, and variables on its input: no command line
//! holds one.
//!
//! Never here: a shell on this machine, or a program that the pipeline's directory holds.

#[cfg(feature = "host")]
mod denied;
mod grant;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
#[cfg(test)]
mod host_tests;
#[cfg(feature = "host")]
pub(crate) mod process;
#[cfg(feature = "host")]
mod remote;
#[cfg(test)]
mod tests;
mod words;

pub use grant::{CommandGrant, CommandRule, Place, Wanted};
#[cfg(feature = "host")]
pub use host::Programs;
#[cfg(feature = "host")]
pub use process::end_all;
