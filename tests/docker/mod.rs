//! Deployments on a real Docker Engine. Whoever has none leaves them out with `--skip real_docker`, as `cargo xtask test` does.

mod gates;
mod shell;
