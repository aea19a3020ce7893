//! The component around a plugin: what the engine calls, turned into what the plugin's trait says, and back.
//!
//! Built on wasm32 only. The `export_*!` macros name the types of this module; nothing else should.

mod convert;

use std::marker::PhantomData;
use std::sync::Once;

use crate::host::{Host, Level};
use crate::{Failure, Manifest, Request};
use capabilities::runner::plugin::types;

/// Bindings to everything a component may import.
pub mod capabilities {
    #![allow(unsafe_code, missing_docs, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit", world: "capabilities", generate_all });
}

/// Bindings to one kind: they share the types of [`capabilities`].
macro_rules! bindings {
    ($kind:ident, $world:literal, $interface:literal) => {
        pub mod $kind {
            #![allow(unsafe_code, missing_docs, reason = "generated")]
            wit_bindgen::generate!({
                path: "../../wit",
                world: $world,
                with: {
                    "runner:plugin/types@0.1.0": crate::component::capabilities::runner::plugin::types,
                    "runner:plugin/log@0.1.0": crate::component::capabilities::runner::plugin::log,
                    "runner:plugin/clock@0.1.0": crate::component::capabilities::runner::plugin::clock,
                    "runner:plugin/secrets@0.1.0": crate::component::capabilities::runner::plugin::secrets,
                    "runner:plugin/reveal@0.1.0": crate::component::capabilities::runner::plugin::reveal,
                    "runner:plugin/http@0.1.0": crate::component::capabilities::runner::plugin::http,
                    "runner:plugin/tcp@0.1.0": crate::component::capabilities::runner::plugin::tcp,
                    "runner:plugin/files@0.1.0": crate::component::capabilities::runner::plugin::files,
                    "runner:plugin/docker@0.1.0": crate::component::capabilities::runner::plugin::docker,
                    "runner:plugin/git@0.1.0": crate::component::capabilities::runner::plugin::git,
                    "runner:plugin/command@0.1.0": crate::component::capabilities::runner::plugin::command,
                    $interface: generate,
                },
                pub_export_macro: true,
            });
        }
    };
}

bindings!(gate, "gate-plugin", "runner:plugin/gate@0.1.0");
bindings!(health_check, "health-check-plugin", "runner:plugin/health-check@0.1.0");
bindings!(notifier, "notifier-plugin", "runner:plugin/notifier@0.1.0");
bindings!(proxy_switch, "proxy-switch-plugin", "runner:plugin/proxy-switch@0.1.0");
bindings!(action, "action-plugin", "runner:plugin/action@0.1.0");

/// The plugin of this component. Implemented by the `export_*!` macros.
pub trait Exported {
    /// The type that does the work.
    type Plugin;

    /// What it says about itself.
    fn manifest() -> Manifest;
}

/// What the engine calls.
#[derive(Debug)]
pub struct Component<E>(PhantomData<E>);

impl<E: Exported> Component<E> {
    fn describe() -> types::Manifest {
        log_panics();
        E::manifest().into()
    }

    /// Calls the plugin with what the host has sent.
    fn call<C, A>(
        request: types::Request,
        plugin: impl FnOnce(C, &Request, &Host) -> Result<A, Failure>,
    ) -> Result<A, types::Failure>
    where
        C: serde::de::DeserializeOwned,
    {
        log_panics();
        let types::Request { run_id, step_id, attempt, config } = request;
        let request = Request { run_id, step_id, attempt };
        crate::manifest::config(&config)
            .and_then(|config| plugin(config, &request, &Host::of_component()))
            .map_err(types::Failure::from)
    }
}

/// A panic traps, and a trap has no text: the log is the only place for one.
fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            Host::of_component().log().write(Level::Error, panic.to_string())
        }));
    });
}
