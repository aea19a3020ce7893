//! Docker: verbs on named things of one engine.

mod grant;

pub use grant::DockerGrant;
