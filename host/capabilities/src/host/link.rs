//! Puts capabilities into a linker.

use wasmtime::{
    Result,
    component::{HasSelf, Linker},
};
use wasmtime_wasi::WasiView;
use wasmtime_wasi_http::WasiHttpView;

use super::{
    Context,
    bindings::runner::plugin::{clock, command, docker, files, git, http, log, reveal, secrets, tcp},
    denied::{Denied, Denying},
    wasi_opens,
};
use crate::Capability;

/// A store's data that holds a [`Context`].
pub trait HasContext: Send + 'static {
    /// The context.
    fn context(&mut self) -> &mut Context;
}

/// Links `capability`: the real one if it is `granted`, else one that answers `denied`.
///
/// # Errors
///
/// It is linked already.
pub fn link<T: HasContext>(linker: &mut Linker<T>, capability: Capability, granted: bool) -> Result<()> {
    match (capability, granted) {
        // Nobody needs a grant for these two.
        (Capability::Log, _) => log::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Clock, _) => clock::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Http, true) => http::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Http, false) => http::add_to_linker::<T, Denying>(linker, denied),
        (Capability::Tcp, true) => tcp::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Tcp, false) => tcp::add_to_linker::<T, Denying>(linker, denied),
        (Capability::Files, true) => files::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Files, false) => files::add_to_linker::<T, Denying>(linker, denied),
        (Capability::Docker, true) => docker::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Docker, false) => docker::add_to_linker::<T, Denying>(linker, denied),
        (Capability::Git, true) => git::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Git, false) => git::add_to_linker::<T, Denying>(linker, denied),
        (Capability::Command, true) => command::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Command, false) => command::add_to_linker::<T, Denying>(linker, denied),
        // WASI gives it, and only to those that import it.
        (Capability::Env, _) => Ok(()),
        (Capability::Secrets, true) => secrets::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Secrets, false) => secrets::add_to_linker::<T, Denying>(linker, denied),
        (Capability::Reveal, true) => reveal::add_to_linker::<T, HasSelf<Context>>(linker, T::context),
        (Capability::Reveal, false) => reveal::add_to_linker::<T, Denying>(linker, denied),
    }
}

fn denied<T: HasContext>(data: &mut T) -> Denied<'_> {
    Denied(data.context())
}

/// Links all of WASI 0.2, for components that import any of it; `T` passes on the views of its [`Context`]. What is not
/// granted is there and inert: no directory, no variable, no address that may be connected to.
///
/// # Errors
///
/// It is linked already.
pub fn link_wasi<T: HasContext + WasiView + WasiHttpView>(linker: &mut Linker<T>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasi_opens::link(linker)
}
