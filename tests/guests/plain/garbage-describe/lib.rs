//! A gate that traps when it is asked to describe itself. Written without the SDK, which would not let it.

wit_bindgen::generate!({ path: "../../../../wit", world: "gate-plugin", generate_all });

use exports::runner::plugin::gate::{Decision, Evaluation, Guest};
use runner::plugin::types::{Failure, Manifest, Request};

struct GarbageDescribe;

impl Guest for GarbageDescribe {
    fn describe() -> Manifest {
        panic!("nothing to say")
    }

    fn evaluate(_: Request) -> Result<Evaluation, Failure> {
        let (findings, outputs) = (Vec::new(), Vec::new());
        Ok(Evaluation { decision: Decision::Pass, summary: String::new(), findings, outputs })
    }
}

export!(GarbageDescribe);
