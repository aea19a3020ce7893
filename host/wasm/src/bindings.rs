//! Made from `wit/`: how to call each kind. The capabilities' types are those of `runner-capabilities`.

/// One module for each kind.
macro_rules! kind {
    ($module:ident, $world:literal) => {
        pub(crate) mod $module {
            wasmtime::component::bindgen!({
                path: "../../wit",
                world: $world,
                exports: { default: async },
                with: { "runner:plugin": runner_capabilities::host::bindings::runner::plugin },
                require_store_data_send: true,
            });
        }
    };
}

kind!(gate, "gate-plugin");
kind!(health_check, "health-check-plugin");
kind!(notifier, "notifier-plugin");
kind!(proxy_switch, "proxy-switch-plugin");
kind!(action, "action-plugin");
