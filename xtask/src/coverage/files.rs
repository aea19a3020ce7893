//! Which files speak of requirements, and for what.

use std::fs;
use std::path::Path;

use super::scan::{self, Found};
use super::table::Id;
use crate::failure::Failure;

/// Where ids are looked for.
const FOLDERS: [&str; 5] = ["examples", "host", "plugins", "tests", "xtask"];

/// What cargo builds, what tests have printed, and the sources of this command, which speak of ids without meaning them.
const PASSED_OVER: [&str; 3] = ["target", "snapshots", "xtask/src/coverage"];

/// What people write.
const ENDINGS: [&str; 9] = ["rs", "yaml", "yml", "json", "toml", "wit", "sh", "md", "txt"];

/// What a mention is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    Test,
    Example,
    /// Prose, or a comment in the code: it covers nothing.
    Nothing,
}

/// Ids, or what only looks like one, at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// Relative to the checkout.
    pub(super) file: String,
    /// 1-based.
    pub(super) line: usize,
    pub(super) worth: Worth,
    pub(super) what: Result<Vec<Id>, String>,
}

/// Every mention below `root`, in the order of files and lines.
pub(super) fn mentions(root: &Path) -> Result<Vec<Mention>, Failure> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(root, folder, &mut files)?;
    }
    files.sort();
    let mut mentions = Vec::new();
    for file in files {
        let bytes = fs::read(root.join(&file))
            .map_err(|error| Failure::problem(format!("read `{file}`: {error}")))?;
        mentions.extend(of(&file, &String::from_utf8_lossy(&bytes)));
    }
    Ok(mentions)
}

/// Adds the files of a folder, by their names relative to the checkout. Links are not followed.
fn collect(root: &Path, folder: &str, files: &mut Vec<String>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::problem(format!("read the folder `{folder}`: {error}"));
    for entry in fs::read_dir(root.join(folder)).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{folder}/{name}");
        if PASSED_OVER.contains(&name.as_str()) || PASSED_OVER.contains(&path.as_str()) {
            continue;
        }
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            collect(root, &path, files)?;
        } else if kind.is_file() && name.rsplit_once('.').is_some_and(|(_, end)| ENDINGS.contains(&end)) {
            files.push(path);
        }
    }
    Ok(())
}

/// The mentions in one file.
fn of(file: &str, text: &str) -> Vec<Mention> {
    let mention = |worth| move |Found { line, what }| Mention { file: file.to_owned(), line, worth, what };
    if !file.ends_with(".rs") {
        return scan::text(text).into_iter().map(mention(worth_of_text(file))).collect();
    }
    let tests_begin = tests_begin(file, text);
    let worth = |found: &Found| {
        let is_test = tests_begin.is_some_and(|first| found.line >= first);
        if is_test { Worth::Test } else { Worth::Nothing }
    };
    scan::rust(text).into_iter().map(|found| mention(worth(&found))(found)).collect()
}

/// What an example is made of shows something; what its README says about it does not. Pipelines of tests are tests.
fn worth_of_text(file: &str) -> Worth {
    let is_prose = file.ends_with(".md");
    match file.split('/').next() {
        Some("examples") if !is_prose => Worth::Example,
        Some("tests") if !is_prose => Worth::Test,
        Some(_) | None => Worth::Nothing,
    }
}

/// The first line of Rust source that is a test's.
fn tests_begin(file: &str, text: &str) -> Option<usize> {
    let mut folders = file.split('/').rev();
    let name = folders.next().unwrap_or_default().trim_end_matches(".rs");
    let is_test = name == "tests" || name.ends_with("_tests") || folders.any(|folder| folder == "tests");
    // The guests of the tests only do as they are told.
    let is_guest = file.starts_with("tests/guests/");
    if is_test && !is_guest {
        return Some(1);
    }
    text.lines().position(|line| line.trim() == "#[cfg(test)]").map(|line| line + 1).filter(|_| !is_guest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn worth(file: &str, text: &str) -> Vec<(usize, Worth)> {
        of(file, text).into_iter().map(|mention| (mention.line, mention.worth)).collect()
    }

    #[test]
    fn tests_and_examples_count_and_prose_does_not() {
        let table = [
            ("tests/run/poll.rs", "/// 003-52\n", Worth::Test),
            ("tests/pipelines/poll.yaml", "a: 1 # 003-52\n", Worth::Test),
            ("host/journal/src/file_tests.rs", "// 003-52\n", Worth::Test),
            ("host/pipeline/src/check/tests/kinds.rs", "// 003-52\n", Worth::Test),
            ("plugins/caddy/tests/real_caddy.rs", "// 003-52\n", Worth::Test),
            ("plugins/caddy/src/tests.rs", "/// 003-52\n", Worth::Test),
            ("examples/quickstart/pipeline.yaml", "# 003-52\n", Worth::Example),
            ("plugins/caddy/src/tests.rs", "//! 003-52\n", Worth::Test),
            ("plugins/caddy/src/lib.rs", "//! 003-52\n", Worth::Nothing),
            ("tests/guests/plain/gate/lib.rs", "// 003-52\n", Worth::Nothing),
            ("tests/README.md", "003-52\n", Worth::Nothing),
            ("examples/quickstart/README.md", "003-52\n", Worth::Nothing),
            ("plugins/caddy/README.md", "003-52\n", Worth::Nothing),
            ("plugins/caddy/src/lib.rs", "/// 003-52\n", Worth::Nothing),
        ];
        for (file, text, expected) in table {
            assert_eq!(worth(file, text), [(1, expected)], "{file}");
        }
        assert_eq!(
            worth("host/cli/src/args.rs", "// 003-52\n#[cfg(test)]\nmod tests {\n    // 003-53\n}\n"),
            [(1, Worth::Nothing), (4, Worth::Test)]
        );
    }

    #[test]
    fn files_are_found_in_order_and_what_is_built_is_passed_over() {
        let scratch = Scratch::new("coverage-files").unwrap();
        let root = scratch.path();
        for (path, text) in [
            ("tests/b.rs", "// 003-02\n"),
            ("tests/a.rs", "// 003-01\n// 003-5\n"),
            ("tests/snapshots/a.rs", "// 003-03\n"),
            ("examples/x/target/a.rs", "// 003-03\n"),
            ("host/a.bin", "003-03\n"),
            ("plugins/a.md", "\u{fffd}003-03\n"),
            ("xtask/src/coverage/scan.rs", "// 003-03\n"),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let told: Vec<String> = mentions(root)
            .unwrap()
            .into_iter()
            .map(|mention| format!("{}:{} {:?}", mention.file, mention.line, mention.what))
            .collect();
        assert_eq!(
            told,
            [
                "plugins/a.md:1 Ok([Id { document: 3, row: 3 }])",
                "tests/a.rs:1 Ok([Id { document: 3, row: 1 }])",
                "tests/a.rs:2 Err(\"003-5\")",
                "tests/b.rs:1 Ok([Id { document: 3, row: 2 }])",
            ]
        );
    }
}
