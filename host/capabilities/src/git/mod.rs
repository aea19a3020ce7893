//! Git: verbs on repositories below the pipeline's directory.
//!
//! The grant names a repository and verbs; verbs that go to a remote are bounded by where the remote's URL leads, and
//! verbs that write references by their names. The host side opens a repository only after looking at what it is made of
//! (`place`): nothing in it may lead out of the directory it is in, and its configuration may include no other file. No
//! hook, filter, credential helper or program that a configuration names is ever run; the configuration of the machine and
//! of its users is not read.
//!
//! ```text
//! guest -> grant: verb? -> place: is it as it should be? -> grant: this remote, this reference? -> libgit2
//!                                             path -> libgit2's own      ssh -> the system's client      https -> the one dialer
//! ```
//!
//! Why `git2` 0.21 (libgit2 1.9): compared with `gix` 0.90, which is pure Rust and has status, references, objects, tags
//! and fetch over files, ssh and https, but no push at all, and would bring 79 more crates. libgit2 does all that is needed here, runs no programs by
//! itself, and lets the host bring its own connections. Built without its `https` and `ssh` features there is no OpenSSL and no libssh2 in
//! the tree.
//!
//! Never here: force of any kind, submodules' remotes, anything outside of `refs/` of one repository.

#[cfg(feature = "host")]
mod call;
#[cfg(feature = "host")]
mod denied;
mod grant;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
#[cfg(test)]
mod host_tests;
#[cfg(feature = "host")]
#[cfg(test)]
mod hostile_tests;
#[cfg(feature = "host")]
mod library;
mod location;
#[cfg(feature = "host")]
mod place;
#[cfg(feature = "host")]
mod read;
#[cfg(feature = "host")]
mod signers;
#[cfg(feature = "host")]
mod ssh;
#[cfg(feature = "host")]
#[cfg(test)]
mod ssh_tests;
#[cfg(feature = "host")]
mod status;
#[cfg(feature = "host")]
mod subtransport;
#[cfg(feature = "host")]
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(feature = "host")]
mod transfer;
#[cfg(feature = "host")]
#[cfg(test)]
mod transfer_tests;
#[cfg(feature = "host")]
mod verify;
#[cfg(feature = "host")]
#[cfg(test)]
mod verify_tests;
#[cfg(feature = "host")]
mod web;
#[cfg(feature = "host")]
#[cfg(test)]
mod web_tests;
#[cfg(feature = "host")]
mod write;

pub use grant::{GitGrant, GitRequest, GitRule, Verb};
#[cfg(feature = "host")]
pub use host::Repository;
#[cfg(feature = "host")]
pub(crate) use host::SSH;
pub use location::{Location, RemotePattern, RemoteUrl, SshAddress};
