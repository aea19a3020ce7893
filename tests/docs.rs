//! What the documents say is what the code does.

use std::fs;

use crate::harness::{Project, root};

fn document(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the first table under `heading`, as cells.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let section = text.split(heading).nth(1).unwrap_or_else(|| panic!("no heading {heading}"));
    section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[test]
fn the_readme_lists_the_exit_codes_of_the_program() {
    let listed: Vec<(String, String)> = table(&document("README.md"), "## Exit codes")
        .into_iter()
        .map(|cells| (cells[0].clone(), cells[1].clone()))
        .collect();
    let real: Vec<(String, String)> = runner_model::ExitCode::ALL
        .iter()
        .map(|code| (code.code().to_string(), code.meaning().to_owned()))
        .collect();
    assert_eq!(listed, real);
}

#[test]
fn the_readme_names_every_command() {
    let readme = document("README.md");
    let help = Project::new().runner(&["--help"]).stdout;
    let commands = help
        .split("Commands:")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .expect("a list of commands");
    let missing: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && !readme.contains(*name))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn the_reference_and_the_schema_know_the_same_keys() {
    let text = document("docs/pipeline.md");
    let schema: serde_json::Value =
        serde_json::from_str(&Project::new().runner(&["schema"]).stdout).expect("the schema is JSON");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().expect("properties").keys().cloned().collect();
        keys.sort();
        keys
    };
    let documented = |heading: &str| -> Vec<String> {
        let mut keys: Vec<String> = table(&text, heading)
            .iter()
            .flat_map(|cells| {
                cells[0].split(", ").map(|key| key.trim_matches('`').to_owned()).collect::<Vec<_>>()
            })
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(documented("## Top level"), keys(&schema["properties"]));
    assert_eq!(documented("## Steps"), keys(&schema["$defs"]["step"]["properties"]));
}

#[test]
fn every_item_of_the_contract_is_documented() {
    let mut bare = Vec::new();
    for file in ["types.wit", "kinds.wit", "capabilities.wit", "worlds.wit"] {
        let text = document(&format!("wit/{file}"));
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let opens = ["interface ", "record ", "enum ", "variant ", "resource ", "world "];
            let item = opens.iter().any(|word| line.starts_with(word) && line.ends_with('{'))
                || line.contains(": func(")
                || (line.ends_with(',') && !line.starts_with("///") && !line.starts_with("use "));
            if item && !lines[index - 1].starts_with("///") {
                bare.push(format!("{file}:{}: {line}", index + 1));
            }
        }
    }
    assert_eq!(bare, Vec::<String>::new());
}
