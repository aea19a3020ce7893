//! Docker: verbs on named things of one engine.
//!
//! A grant lists verbs, and names of what they are done to. It is asked before anything is sent: what is refused never
//! reaches the engine. What the engine answers is filtered by the same grant, so that a list holds nothing that could not
//! be asked for by name. What another run has created is not there, unless a rule without `*` names it.
//!
//! ```text
//! guest -> Context: count, ask the grant, label -> Engine -> Session: one connection per request, all gone with the call
//! ```
//!
//! What no grant can give: mounts of `/`, `/proc`, `/sys`, `/etc`, the engine's data and the runner's own state; the
//! variables of a container. What a grant can give only together with the operator's policy stands in [`Privilege`].

#[cfg(feature = "host")]
mod denied;
#[cfg(feature = "host")]
mod engine;
#[cfg(feature = "host")]
mod facts;
mod grant;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
mod ignore;
mod mount;
#[cfg(feature = "host")]
mod output;
mod port;
mod privilege;
mod reference;
#[cfg(feature = "host")]
mod spec;
#[cfg(test)]
mod tests;
mod verb;

#[cfg(feature = "host")]
pub use engine::{Engine, Places};
pub use grant::{DockerGrant, Mounts, NamePattern, Wanted};
#[cfg(feature = "host")]
pub use host::Container;
pub use mount::{MountPath, MountRoot, Reach};
pub use port::PortRule;
pub use privilege::Privilege;
pub use reference::{ImagePattern, Reference};
pub use verb::{Family, Verb, VerbRule};

/// What was probably meant: the end of a sentence, or nothing.
fn similar<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known.into_iter().map(|name| (strsim::damerau_levenshtein(wrong, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= (wrong.chars().count() / 5).max(1) => {
            format!("; did you mean `{name}`?")
        }
        Some(_) | None => String::new(),
    }
}
