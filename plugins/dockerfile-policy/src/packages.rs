//! Packages of the system that are installed without a version.

use runner_images::{Stage, fill_in};
use runner_plugin::text::shortened;

use crate::shell::{Command, Word, commands};
use crate::{Problem, Rule};

/// A program that installs packages, and how a version is written for it.
struct Installer {
    names: &'static [&'static str],
    /// The words that make it install.
    verbs: &'static [&'static str],
    /// Options that take the next word as their value.
    valued: &'static [&'static str],
    pinned: fn(&str) -> bool,
    help: &'static str,
}

const INSTALLERS: [Installer; 4] = [
    Installer {
        names: &["apt-get", "apt", "aptitude"],
        verbs: &["install"],
        valued: &["-t", "--target-release", "-o", "--option", "-c", "--config-file"],
        pinned: has_equals_version,
        help: "write `<package>=<version>`; `apt-cache policy <package>` shows the versions",
    },
    Installer {
        names: &["apk"],
        verbs: &["add"],
        valued: &["-t", "--virtual", "-X", "--repository", "-p", "--root"],
        pinned: |word| {
            let version =
                word.split_once("~=").or_else(|| word.split_once('=')).or_else(|| word.split_once('~'));
            version.is_some_and(|(name, version)| !name.ends_with(['<', '>']) && is_version(version))
        },
        help: "write `<package>=<version>`; `apk policy <package>` shows the versions",
    },
    Installer {
        names: &["dnf", "yum", "microdnf", "tdnf"],
        verbs: &["install"],
        valued: &[
            "-c",
            "--config",
            "--releasever",
            "--repo",
            "--repoid",
            "--enablerepo",
            "--disablerepo",
            "-x",
        ],
        // Names have hyphens too; a version begins with a digit.
        pinned: |word| {
            let mut parts = word.split('-').skip(1);
            parts.any(|part| part.starts_with(|sign: char| sign.is_ascii_digit() || sign == '$'))
        },
        help: "write `<package>-<version>`; `dnf list --showduplicates <package>` shows the versions",
    },
    Installer {
        names: &["zypper"],
        verbs: &["install", "in"],
        valued: &["-r", "--repo", "-t", "--type"],
        pinned: has_equals_version,
        help: "write `<package>=<version>`; `zypper search --details <package>` shows the versions",
    },
];

/// What may stand before the name of a program.
const BEFORE: [&str; 15] = [
    "sudo",
    "env",
    "exec",
    "command",
    "time",
    "nice",
    "xargs",
    "then",
    "do",
    "else",
    "!",
    "{",
    "if",
    "while",
    "eatmydata",
];

/// Every package that a stage installs without a version.
pub(crate) fn unpinned(stage: &Stage) -> Vec<Problem> {
    let mut problems = Vec::new();
    for instruction in &stage.instructions {
        let text = instruction.arguments();
        let is_trigger = instruction.keyword == "ONBUILD"
            && text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("RUN "));
        if instruction.keyword == "RUN" || is_trigger {
            for command in commands(instruction) {
                problems.extend(of_command(&command, stage));
            }
        }
    }
    problems
}

fn of_command(command: &Command, stage: &Stage) -> Vec<Problem> {
    let program = command.iter().position(|word| {
        let text = word.text.as_str();
        let is_assignment = text
            .split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_'));
        let is_before = BEFORE.contains(&text) || text.eq_ignore_ascii_case("run");
        !(text.starts_with('-') || text.starts_with("<<") || is_assignment || is_before)
    });
    let Some((program, arguments)) = program.and_then(|program| command[program..].split_first()) else {
        return Vec::new();
    };
    let name = program.text.rsplit('/').next().unwrap_or_default();
    let Some(installer) = INSTALLERS.iter().find(|installer| installer.names.contains(&name)) else {
        return Vec::new();
    };
    let Some(packages) = packages(installer, arguments) else { return Vec::new() };
    packages.into_iter().filter_map(|word| of_package(name, installer, word, stage)).collect()
}

/// The words that name packages; `None` if the program does not install.
fn packages<'c>(installer: &Installer, arguments: &'c [Word]) -> Option<Vec<&'c Word>> {
    let mut words = Vec::new();
    let mut installs = false;
    let mut arguments = arguments.iter();
    while let Some(word) = arguments.next() {
        let text = word.text.as_str();
        if installer.valued.contains(&text) {
            arguments.next();
        } else if text.starts_with(['>', '<']) || (text.ends_with(['>', '<']) && text.len() <= 2) {
            // `> /dev/null`; `2>` and its file.
            if text.ends_with(['>', '<']) {
                arguments.next();
            }
        } else if text.starts_with('-') || text.starts_with("2>") || text == "}" {
        } else if installs {
            words.push(word);
        } else if installer.verbs.contains(&text) {
            installs = true;
        } else {
            return None;
        }
    }
    installs.then_some(words)
}

fn of_package(program: &str, installer: &Installer, word: &Word, stage: &Stage) -> Option<Problem> {
    let value = |name: &str| stage.variables.get(name).cloned();
    let filled = fill_in(&word.text, None, &value);
    let problem =
        |message: String, help| Some(Problem { rule: Rule::UnpinnedPackage, line: word.line, message, help });
    // A variable may hold several names, each of which has to be pinned.
    for name in filled.text.split_whitespace() {
        let shown = shortened(name);
        let is_file = name.contains('/') && (name.starts_with(['/', '.']) || name.contains("://"));
        if is_file || (installer.pinned)(name) {
            continue;
        }
        if name.contains('$') {
            let message = format!("what `{program}` installs as `{shown}` cannot be told from the file");
            return problem(message, "give the variable a default, or name the packages");
        }
        return problem(format!("`{program}` installs `{shown}` without a version"), installer.help);
    }
    None
}

fn has_equals_version(word: &str) -> bool {
    word.split_once('=').is_some_and(|(_, version)| is_version(version))
}

/// Something that is no `*` alone.
fn is_version(version: &str) -> bool {
    !version.trim_matches('*').is_empty()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use runner_images::Dockerfile;

    use super::*;

    fn problems(lines: &str) -> Vec<String> {
        let file = Dockerfile::parse(&format!("FROM a\n{lines}\n"), &BTreeMap::new());
        assert_eq!(file.problems, []);
        let problems = unpinned(&file.stages[0]);
        problems.into_iter().map(|problem| format!("{} {}", problem.line, problem.message)).collect()
    }

    #[test]
    fn packages_with_versions_are_pinned() {
        for run in [
            "apt-get update && apt-get install -y --no-install-recommends curl=7.88.1-10+deb12u8 ca-certificates=2023*",
            "apt-get -o Dpkg::Use-Pty=0 install -t bookworm-backports git=1:2.39 > /dev/null 2>&1",
            "apk add --no-cache --virtual .build gcc=13.2.1 'musl-dev~=1.2' make~4.4",
            "dnf install -y --setopt=a=b httpd-tools-2.4.57 && dnf clean all",
            "zypper --non-interactive in curl=8.0",
            "apt-get install ./local.deb /tmp/other.deb",
            "apt-get remove curl; apk del gcc; echo apt-get install curl; apt-get install",
            "VERSION=1 apt-get install curl=$VERSION",
        ] {
            assert_eq!(problems(&format!("RUN {run}")), [""; 0], "{run}");
        }
    }

    #[test]
    fn packages_without_versions_are_named_with_their_line() {
        assert_eq!(
            problems(
                "RUN apt-get update \\\n && DEBIAN_FRONTEND=noninteractive apt-get install -y \\\n  curl \\\n  git=1 \\\n  jq"
            ),
            ["4 `apt-get` installs `curl` without a version", "6 `apt-get` installs `jq` without a version"]
        );
    }

    #[test]
    fn no_way_to_install_is_missed() {
        for (run, program) in [
            ("/usr/bin/apt-get install curl", "apt-get"),
            ("sudo apt install -y curl", "apt"),
            ("if true; then apk add curl; fi", "apk"),
            ("[\"apt-get\", \"install\", \"curl\"]", "apt-get"),
            ("sh -c 'apt-get update && apt-get install curl'", "apt-get"),
            ("--mount=type=cache,target=/var/cache/apt apt-get install curl", "apt-get"),
            ("yum install -y curl", "yum"),
            ("apk add 'curl'", "apk"),
            ("apt-get install curl=", "apt-get"),
            ("apt-get install curl=*", "apt-get"),
            ("apt-get install curl/bookworm", "apt-get"),
            ("apk add 'curl>=8'", "apk"),
            ("{ apt-get install curl; }", "apt-get"),
        ] {
            let found = problems(&format!("RUN {run}"));
            assert_eq!(found.len(), 1, "{run}: {found:?}");
            assert!(found[0].starts_with(&format!("2 `{program}` installs `curl")), "{found:?}");
        }
        assert_eq!(
            problems("RUN <<EOF\napt-get update\napt-get install -y curl\nEOF"),
            ["4 `apt-get` installs `curl` without a version"]
        );
        assert_eq!(
            problems("ONBUILD RUN apt-get install curl"),
            ["2 `apt-get` installs `curl` without a version"]
        );
    }

    #[test]
    fn variables_are_filled_in_or_cannot_be_told() {
        assert_eq!(
            problems("ARG TOOLS=\"curl=7 jq\"\nRUN apk add $TOOLS"),
            ["3 `apk` installs `jq` without a version"]
        );
        assert_eq!(
            problems("RUN apk add $TOOLS"),
            ["2 what `apk` installs as `$TOOLS` cannot be told from the file"]
        );
    }
}
