//! Grants as tables; calls against an engine that is made up; calls against a real one.

#[cfg(feature = "host")]
mod calls;
#[cfg(feature = "host")]
mod denials;
#[cfg(feature = "host")]
mod fake;
mod grants;
#[cfg(feature = "host")]
mod reached;
#[cfg(feature = "host")]
mod real;
#[cfg(feature = "host")]
mod rehearsal;
