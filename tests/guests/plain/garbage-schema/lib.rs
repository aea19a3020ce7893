//! A gate whose config schema is JSON and no schema. Written without the SDK, which would not let it.

wit_bindgen::generate!({ path: "../../../../wit", world: "gate-plugin", generate_all });

use exports::runner::plugin::gate::{Decision, Evaluation, Guest};
use runner::plugin::types::{Failure, Manifest, Request};

struct GarbageSchema;

impl Guest for GarbageSchema {
    fn describe() -> Manifest {
        Manifest {
            name: "garbage-schema".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "a schema that is none".to_owned(),
            config_schema: r#"{"type": 12}"#.to_owned(),
            outputs: Vec::new(),
        }
    }

    fn evaluate(_: Request) -> Result<Evaluation, Failure> {
        let (findings, outputs) = (Vec::new(), Vec::new());
        Ok(Evaluation { decision: Decision::Pass, summary: String::new(), findings, outputs })
    }
}

export!(GarbageSchema);
