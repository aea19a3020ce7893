//! What must never depend on what, held against `cargo metadata` and the source text.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// For each crate of ours, the crates of ours that it may use. ARCHITECTURE.md says why.
const ARROWS: [(&str, &[&str]); 9] = [
    ("runner-capabilities", &[]),
    ("runner-expression", &[]),
    ("runner-model", &["runner-capabilities", "runner-expression"]),
    ("runner-journal", &["runner-capabilities", "runner-expression", "runner-model"]),
    ("runner-pipeline", &["runner-capabilities", "runner-expression", "runner-model"]),
    ("runner-engine", &["runner-capabilities", "runner-expression", "runner-journal", "runner-model"]),
    ("runner-wasm", &["runner-capabilities", "runner-engine", "runner-journal", "runner-model"]),
    ("runner-report", &["runner-capabilities", "runner-journal", "runner-model"]),
    (
        "runner-cli",
        &[
            "runner-capabilities",
            "runner-engine",
            "runner-journal",
            "runner-model",
            "runner-pipeline",
            "runner-report",
            "runner-wasm",
        ],
    ),
];

/// Crates from outside that only these crates of ours may name.
const KEEPERS: [(&str, &[&str]); 10] = [
    ("wasmtime", &["runner-capabilities", "runner-wasm"]),
    ("wasmtime-wasi", &["runner-capabilities", "runner-wasm"]),
    ("wasmtime-wasi-http", &["runner-capabilities", "runner-wasm"]),
    ("bollard", &["runner-capabilities"]),
    ("hyper", &["runner-capabilities"]),
    ("cap-std", &["runner-capabilities"]),
    ("git2", &["runner-capabilities"]),
    ("cel", &["runner-expression"]),
    ("saphyr-parser", &["runner-pipeline"]),
    ("clap", &["runner-cli"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Crate name to the crates that its non-test code names.
///
/// Read from JSON by hand: the crate made for that would turn on features of `serde` and `semver` that have all of
/// wasmtime built a second time.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo metadata writes JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let all = list(&package["dependencies"]);
            // The kind of an ordinary dependency is null; the others are `dev` and `build`.
            (name(package), all.iter().filter(|one| one["kind"].is_null()).map(name).collect())
        })
        .collect()
}

#[test]
fn the_arrows_between_crates_are_the_documented_ones() {
    let dependencies = dependencies();
    let mut forbidden = Vec::new();
    for (name, allowed) in ARROWS {
        for used in dependencies[name].iter().filter(|used| used.starts_with("runner-")) {
            if !allowed.contains(&used.as_str()) {
                forbidden.push(format!("{name} -> {used}"));
            }
        }
    }
    assert_eq!(forbidden, Vec::<String>::new());
}

#[test]
fn crates_from_outside_stay_with_their_keepers() {
    let mut forbidden = Vec::new();
    for (name, named) in dependencies().iter().filter(|(name, _)| ARROWS.iter().any(|(ours, _)| ours == name))
    {
        for (outside, keepers) in KEEPERS {
            if named.contains(outside) && !keepers.contains(&name.as_str()) {
                forbidden.push(format!("{name} -> {outside}"));
            }
        }
    }
    assert_eq!(forbidden, Vec::<String>::new());
}

/// Plugins share the SDK and the libraries beside it; they use neither the host nor each other.
#[test]
fn plugins_use_nothing_of_the_host() {
    let dependencies = dependencies();
    let plugins: BTreeSet<&String> =
        dependencies.keys().filter(|name| root().join("plugins").join(name).is_dir()).collect();
    let shared = folders("plugins/sdk/shared").into_iter().map(|folder| format!("runner-{folder}"));
    let inside: BTreeSet<String> = plugins
        .iter()
        .map(|name| (*name).clone())
        .chain(shared)
        .chain(["runner-plugin".to_owned()])
        .collect();
    assert!(plugins.len() >= 40 && inside.iter().all(|name| dependencies.contains_key(name)), "{inside:?}");
    let host = |name: &String| ARROWS.iter().any(|(ours, _)| ours == name);
    let forbidden: Vec<String> = inside
        .iter()
        .flat_map(|name| dependencies[name].iter().map(move |used| (name, used)))
        .filter(|(_, used)| host(used) || plugins.contains(used))
        .map(|(name, used)| format!("{name} -> {used}"))
        .collect();
    assert_eq!(forbidden, Vec::<String>::new());
}

fn folders(below: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(below)).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn one_file_opens_sockets_for_guests_one_for_engines_and_one_resolves_names() {
    let sockets = ["TcpStream::connect", "TcpSocket", "UdpSocket", "UnixStream", "TcpListener"];
    assert_eq!(
        files_with(&sockets),
        ["host/capabilities/src/docker/engine/wire.rs", "host/capabilities/src/network/dialer.rs"]
    );
    assert_eq!(files_with(&["lookup_host", "to_socket_addrs"]), ["host/capabilities/src/network/resolve.rs"]);
}

/// What a guest may run, the two that reach another machine through `ssh`, and the runner itself once more.
#[test]
fn four_files_start_programs() {
    let mut starting = files_with(&["Command::new("]);
    starting.retain(|file| file.contains("/src/") && !file.ends_with("/testing.rs"));
    assert_eq!(
        starting,
        [
            "host/capabilities/src/command/process.rs",
            "host/capabilities/src/docker/engine/wire.rs",
            "host/capabilities/src/git/ssh.rs",
            "host/cli/src/compiler.rs",
        ]
    );
}

/// The environment is read in one file, the wall clock in one other.
#[test]
fn one_file_reads_the_environment_and_one_the_clock() {
    assert_eq!(
        files_with(&["env::var(", "env::vars(", "env::var_os(", "env::vars_os("]),
        ["host/cli/src/environment.rs"]
    );
    assert_eq!(files_with(&["SystemTime::now"]), ["host/cli/src/clock.rs"]);
}

/// The files of the host whose code outside comments and tests holds one of `words`.
fn files_with(words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("host")];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).expect("a folder of the host").map(|entry| entry.expect("an entry"))
        {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "tests" && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test_file(&path) {
                let text = fs::read_to_string(&path).expect("source text");
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let hit = code
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .any(|line| words.iter().any(|word| line.contains(word)));
                if hit {
                    let relative = path.strip_prefix(root()).expect("below the root");
                    found.push(relative.to_string_lossy().into_owned());
                }
            }
        }
    }
    found.sort();
    found
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"))
}
