//! Deployments on a real Docker Engine, with real repositories, a real registry and a real Caddy. Whoever lacks one of these
//! leaves them out with `--skip real_docker`, as `cargo xtask test` does.

mod actions;
mod engine;
mod gates;
mod l9;
mod registry;
mod scene;
mod shell;
mod two_backends;
mod worlds;
