//! Any bytes as a pipeline: read and checked without a panic, and never refused without a reason.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use runner_capabilities::Policy;
use runner_pipeline::{MainFile, PluginFacts, PluginIndex, PluginProblem};

/// No plugin is found; everything else is checked all the same.
struct NoPlugins;

impl PluginIndex for NoPlugins {
    fn facts(&self, _: &str) -> Result<Arc<PluginFacts>, PluginProblem> {
        Err(PluginProblem { message: "no such file".to_owned(), notes: Vec::new(), help: None })
    }
}

fuzz_target!(|bytes: &[u8]| {
    let main = MainFile { name: "fuzz.yaml", bytes, file: "/fuzz/fuzz.yaml", directory: "/fuzz" };
    // An include leads back to the same text: a circle must be found.
    let read = |_: &str| Ok(bytes.to_vec());
    let problems = match runner_pipeline::parse(main, &read) {
        Ok(authored) => {
            runner_pipeline::check(runner_pipeline::resolve(authored, &NoPlugins), &Policy::default()).err()
        }
        Err(problems) => Some(problems),
    };
    if let Some(problems) = problems {
        assert!(!problems.diagnostics.is_empty(), "a refusal without a reason");
    }
});
