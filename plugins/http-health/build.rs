//! Gives the component a stack of 1 MiB instead of 64 KiB.
//!
//! CEL parses, evaluates and drops its trees by recursion, some KiB for each level. The longest expression that is let
//! through (`MOST_SIGNS` in `runner-cel`) has to fit, or it would end in a trap instead of an answer.

#[expect(clippy::disallowed_methods, reason = "this is how cargo tells a build script what it builds for")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "wasm32") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=1048576");
    }
}
