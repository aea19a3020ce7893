//! A directory with a component and a pipeline of so many steps.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// How wide a graph is; every step needs two of the layer before.
const WIDTH: usize = 100;

/// The gate that is measured: a real guest in Rust with serde, asked nothing and answering "pass".
pub(crate) fn component() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("target/guests/gate_answer.wasm");
    if !path.is_file() {
        eprintln!("building the test guests first");
        let built = Command::new(env!("CARGO"))
            .current_dir(&root)
            .args(["xtask", "plugins", "--guests"])
            // Cargo sets these for benchmarks, and the chores are another build.
            .env_remove("CARGO_TARGET_DIR")
            .status();
        assert!(built.unwrap().success(), "`cargo xtask plugins --guests` failed");
    }
    fs::read(path).unwrap()
}

/// A directory that is gone when this is dropped.
pub(crate) struct Project(tempfile::TempDir);

impl Project {
    /// With `gate.wasm` and a `pipeline.yaml` of so many steps.
    pub(crate) fn new(component: &[u8], steps: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("gate.wasm"), component).unwrap();
        fs::write(directory.path().join("pipeline.yaml"), pipeline(steps)).unwrap();
        Self(directory)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes away what the runs have left, so that none finds a fuller directory than the one before.
    pub(crate) fn forget_runs(&self) {
        drop(fs::remove_dir_all(self.path(".runner")));
    }
}

/// Layers of [`WIDTH`] steps. One step is one step.
fn pipeline(steps: usize) -> String {
    let mut text =
        "version: 1\nname: speed\nplugins:\n  gate: { source: 'file:gate.wasm' }\nsteps:\n".to_owned();
    for step in 0..steps {
        write!(text, "  s{step}: {{ uses: gate").unwrap();
        if step >= WIDTH {
            let (layer, place) = (step / WIDTH - 1, step % WIDTH);
            let (first, second) = (layer * WIDTH + place, layer * WIDTH + (place + 1) % WIDTH);
            write!(text, ", needs: [s{first}, s{second}]").unwrap();
        }
        text.push_str(" }\n");
    }
    text
}

/// The same graph for `make`, with a process for each step.
pub(crate) fn makefile(steps: usize) -> String {
    let mut text = format!("all:{}\n", (0..steps).map(|step| format!(" s{step}")).collect::<String>());
    for step in 0..steps {
        write!(text, "s{step}:").unwrap();
        if step >= WIDTH {
            let (layer, place) = (step / WIDTH - 1, step % WIDTH);
            write!(text, " s{} s{}", layer * WIDTH + place, layer * WIDTH + (place + 1) % WIDTH).unwrap();
        }
        text.push_str("\n\t@/bin/true\n");
    }
    text
}
