//! One call of a plugin: wasmtime alone, and through all layers of ours.

use std::{path::PathBuf, sync::Arc, time::Duration};

use criterion::Criterion;
use runner_capabilities::Policy;
use runner_engine::ports::{BoxFuture, Call, CallReport, Clock, Mode, Operation, StepRunner as _};
use runner_model::{Plan, RunId, StepIndex};
use runner_pipeline::{Given, MainFile};
use runner_wasm::{Host, HostOptions, Loader};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{project::Project, raw::Raw};

#[path = "../../src/plugins.rs"]
mod plugins;

/// So many steps that instances come from the pool.
const MANY: usize = 100;

struct Monotonic(std::time::Instant);

impl Clock for Monotonic {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or_default()
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or_default()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

pub(crate) fn measure(criterion: &mut Criterion, component: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, pooled, steps) in [("on demand", false, 1), ("pooled", true, MANY)] {
        let mut group = criterion.benchmark_group(format!("call {name}"));
        let raw = Raw::new(component, pooled);
        group.bench_function("wasmtime", |bencher| {
            bencher.iter(|| runtime.block_on(raw.call("{}")));
        });
        let host = host(&Project::new(component, steps));
        group.bench_function("runner", |bencher| {
            bencher.iter(|| assert!(call(&runtime, &host).result.is_ok()));
        });
        group.finish();
    }
}

fn call(runtime: &Runtime, host: &Host) -> CallReport {
    let call = Call {
        run: RunId::from_parts(0, 0),
        step: StepIndex(0),
        attempt: 1,
        assignment: None,
        operation: Operation::Observe,
        config: json!({}),
        time: Duration::from_secs(60),
        mode: Mode::Real,
    };
    runtime.block_on(host.call(call, Arc::new(|_| {})))
}

/// The straight line of `exec` up to the loaded plan.
fn host(project: &Project) -> Host {
    // The loader waits on a runtime of its own; the one that is measured has one thread.
    let runtime = Runtime::new().unwrap();
    let loader = {
        let _inside = runtime.enter();
        Loader::new(None, Arc::new(Monotonic(std::time::Instant::now()))).unwrap()
    };
    let plan = plan(project, &loader, &runtime);
    runtime
        .block_on(Host::load(&loader, &plan, HostOptions::default()))
        .map_err(|errors| format!("{errors:?}"))
        .unwrap()
}

fn plan(project: &Project, loader: &Loader, runtime: &Runtime) -> Plan {
    let file = project.path("pipeline.yaml");
    let directory: PathBuf = file.parent().unwrap().to_owned();
    let bytes = std::fs::read(&file).unwrap();
    let main = MainFile {
        name: "pipeline.yaml",
        bytes: &bytes,
        file: &file.to_string_lossy(),
        directory: &directory.to_string_lossy(),
    };
    let index = plugins::Plugins::new(directory.clone(), loader.clone(), runtime.handle().clone());
    let authored = runner_pipeline::parse(main, &|path| Err(format!("no {path}"))).unwrap();
    let granted =
        runner_pipeline::check(runner_pipeline::resolve(authored, &index), &Policy::unrestricted()).unwrap();
    runner_pipeline::plan(granted, &Given::default()).unwrap().plan
}
