//! Made from `wit/`: the types of all capabilities, shared by every kind of plugin.

#![expect(missing_docs, reason = "generated from wit/, where the documentation stands")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "capabilities",
    imports: {
        "runner:plugin/http": async | trappable,
        "runner:plugin/tcp": async | trappable,
        "runner:plugin/files": async | trappable,
        "runner:plugin/clock.sleep": async | trappable,
        "runner:plugin/docker": async | trappable,
        "runner:plugin/git": async | trappable,
        "runner:plugin/command": async | trappable,
        default: trappable,
    },
    with: {
        "runner:plugin/secrets.secret": crate::secrets::Secret,
        "runner:plugin/docker.container": crate::docker::Container,
        "runner:plugin/tcp.connection": crate::network::Connection,
        "runner:plugin/git.repository": crate::git::Repository,
    },
    require_store_data_send: true,
});
