//! `requirements.txt`, as `pip` reads it.
//!
//! Text becomes logical lines (a `\` at the end joins the next one, `#` starts a comment), a logical line
//! becomes an [`Entry`]. Whether a [`Pin`] is good enough is judged apart, when it is known whether hashes
//! are wanted.

use std::collections::BTreeMap;
use std::fmt;

use runner_plugin::Finding;
use runner_plugin::text::shortened;

/// The name of a package as the index compares it: lower case, and `-`, `_`, `.` are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn new(written: &str) -> Self {
        let mut name = String::with_capacity(written.len());
        for sign in written.trim().chars() {
            match sign {
                '-' | '_' | '.' if name.ends_with('-') => {}
                '-' | '_' | '.' => name.push('-'),
                sign => name.extend(sign.to_lowercase()),
            }
        }
        Self(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a logical line says.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// A package.
    Package(Pin),
    /// Another requirements file to read.
    Include { path: String, line: u32 },
    /// Every package must have a hash.
    RequireHashes,
    /// Something that must not stand here, or cannot be understood.
    Problem(Finding),
}

/// A package and how far its version is settled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pin {
    pub(crate) name: Name,
    pub(crate) version: Version,
    /// Whether an environment marker decides if it is installed at all.
    pub(crate) conditional: bool,
    pub(crate) hashes: Vec<String>,
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// How far a version is settled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Version {
    /// `==1.2.3`.
    Exact(String),
    /// No version at all.
    Any,
    /// Anything else, as written.
    Loose(String),
}

impl Pin {
    /// What is wrong with it.
    pub(crate) fn findings(&self, require_hashes: bool) -> Vec<Finding> {
        let name = &self.name;
        let mut findings = Vec::new();
        match &self.version {
            Version::Exact(_) => {}
            Version::Any => findings.push(
                self.finding("unpinned-dependency", format!("`{name}` has no version"))
                    .help(format!("write `{name}==<version>`")),
            ),
            Version::Loose(written) => findings.push(
                self.finding(
                    "loose-version",
                    format!("`{name}{}` leaves the version open", shortened(written)),
                )
                .help(format!("write `{name}==<version>`")),
            ),
        }
        if self.hashes.is_empty() && require_hashes {
            findings.push(
                self.finding("missing-hash", format!("`{name}` has no hash"))
                    .help("`pip-compile --generate-hashes` or `pip hash` makes them"),
            );
        }
        for hash in self.hashes.iter().filter(|hash| !is_hash(hash)) {
            findings.push(
                self.finding(
                    "invalid-hash",
                    format!("`{name}` has a hash that is none: `{}`", shortened(hash)),
                )
                .help("write `--hash=sha256:<64 hexadecimal digits>`"),
            );
        }
        findings
    }

    fn finding(&self, rule: &str, message: String) -> Finding {
        Finding::error(rule, message).in_file(&self.file).at_line(self.line)
    }
}

/// Packages that are pinned to two versions, both unconditionally.
pub(crate) fn conflicts(pins: &[Pin]) -> Vec<Finding> {
    let mut first: BTreeMap<&Name, (&Pin, &str)> = BTreeMap::new();
    let mut findings = Vec::new();
    for pin in pins.iter().filter(|pin| !pin.conditional) {
        let Version::Exact(version) = &pin.version else { continue };
        match first.get(&pin.name) {
            None => {
                first.insert(&pin.name, (pin, version));
            }
            Some((_, before)) if same_version(before, version) => {}
            Some((before, other)) => {
                let place = format!("`{}` line {}", before.file, before.line);
                let message = format!("`{}` is pinned to {version} here and to {other} in {place}", pin.name);
                findings.push(pin.finding("conflicting-versions", message).help("keep one of them"));
            }
        }
    }
    findings
}

/// Reads a requirements file.
pub(crate) fn parse(file: &str, text: &str) -> Vec<Entry> {
    logical_lines(text).into_iter().filter_map(|(line, text)| entry(file, line, &text)).collect()
}

/// Lines joined at `\`, without comments and blank lines, each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut joined = String::new();
    let mut start = 1;
    for (number, line) in (1..).zip(text.lines()) {
        if joined.is_empty() {
            start = number;
        }
        // As `pip` does it: a comment line ends a continuation, and a `\` in a comment joins nothing.
        let is_comment = line.trim_start().starts_with('#');
        match line.strip_suffix('\\') {
            Some(before) if !is_comment => {
                joined.push_str(before);
                joined.push(' ');
                continue;
            }
            _ if is_comment => {}
            _ => joined.push_str(line),
        }
        lines.push((start, std::mem::take(&mut joined)));
    }
    lines.push((start, joined));
    lines
        .into_iter()
        .map(|(number, line)| (number, single_spaced(without_comment(&line))))
        .filter(|(_, line)| !line.is_empty())
        .collect()
}

/// Continued lines are indented with whatever their author likes.
fn single_spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A `#` starts a comment at the start of a line or after a space; in a URL it is a fragment.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, sign) in line.char_indices() {
        if sign == '#' && before.is_whitespace() {
            return &line[..at];
        }
        before = sign;
    }
    line
}

fn entry(file: &str, line: u32, text: &str) -> Option<Entry> {
    if text.starts_with('-') {
        return option(file, line, text);
    }
    Some(package(file, line, text).map_or_else(Entry::Problem, Entry::Package))
}

/// Options that change nothing about what a name and a version mean, or only where packages come from.
const HARMLESS: [&str; 14] = [
    "-i",
    "--index-url",
    "--extra-index-url",
    "--no-index",
    "-f",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--prefer-binary",
    "--trusted-host",
    "--use-feature",
    "-c",
    "--constraint",
    "--no-deps",
];

/// An option line. Constraint files install nothing, so they pin nothing either.
fn option(file: &str, line: u32, text: &str) -> Option<Entry> {
    let end = text.find(|sign: char| sign.is_whitespace() || sign == '=').unwrap_or(text.len());
    let (name, value) = (&text[..end], text[end..].trim_start_matches('=').trim());
    let problem = |rule: &str, message: &str, help: &str| {
        Some(Entry::Problem(Finding::error(rule, message).in_file(file).at_line(line).help(help)))
    };
    match name {
        "-r" | "--requirement" if !value.is_empty() => Some(Entry::Include { path: value.to_owned(), line }),
        "-e" | "--editable" => problem(
            "editable-dependency",
            "an editable requirement is whatever lies in its directory at the time",
            "build the package, and pin its version",
        ),
        "--require-hashes" => Some(Entry::RequireHashes),
        "--pre" => problem(
            "loose-version",
            "`--pre` lets versions in that are not released",
            "pin each version with `==` and take `--pre` out",
        ),
        name if HARMLESS.contains(&name) => None,
        // `-rother.txt` is allowed as well.
        name if name.starts_with("-r") && name.len() > 2 => {
            Some(Entry::Include { path: text[2..].trim().to_owned(), line })
        }
        _ => problem(
            "unreadable-line",
            "this is not an option of a requirements file",
            "correct or remove the line",
        ),
    }
}

fn package(file: &str, line: u32, text: &str) -> Result<Pin, Finding> {
    let problem = |rule: &str, message: String, help: &str| {
        Err(Finding::error(rule, message).in_file(file).at_line(line).help(help))
    };
    let (requirement, hashes) = split_hashes(text);
    let (requirement, marker) = match requirement.split_once(';') {
        Some((requirement, marker)) => (requirement.trim(), Some(marker)),
        None => (requirement.trim(), None),
    };
    let end = requirement
        .find(|sign: char| !(sign.is_ascii_alphanumeric() || "-_.".contains(sign)))
        .unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
    let rest = rest.trim_start();
    if is_location(requirement) || rest.starts_with('@') {
        let what =
            if rest.starts_with('@') { format!("`{name}` comes") } else { "a package comes".to_owned() };
        return problem(
            "url-dependency",
            format!("{what} from a URL or path, which can change"),
            "publish the package to an index, and pin its version with `==`",
        );
    }
    let Some(specifiers) = without_extras(rest).filter(|_| is_name(name)) else {
        return problem(
            "unreadable-line",
            "this is not a requirement".to_owned(),
            "write `<name>==<version>`, one on a line",
        );
    };
    let specifiers =
        specifiers.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(specifiers).trim();
    let Some(version) = version(specifiers) else {
        return problem(
            "unreadable-line",
            format!("what follows `{name}` is not a version"),
            "write `<name>==<version>`, one on a line",
        );
    };
    Ok(Pin {
        name: Name::new(name),
        version,
        conditional: marker.is_some(),
        hashes,
        file: file.to_owned(),
        line,
    })
}

fn is_name(name: &str) -> bool {
    let edge = |sign: Option<char>| sign.is_some_and(|sign| sign.is_ascii_alphanumeric());
    edge(name.chars().next()) && edge(name.chars().next_back())
}

fn is_location(requirement: &str) -> bool {
    let plain = requirement.split(['[', '=', '<', '>', '~', '!', ' ']).next().unwrap_or_default();
    plain.contains("://") || plain.contains('/') || plain.ends_with(".whl") || plain.ends_with(".tar.gz")
}

/// Takes `[extra, other]` away. `None` if the bracket is not closed.
fn without_extras(rest: &str) -> Option<&str> {
    match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']').map(|(_, after)| after.trim()),
        None => Some(rest.trim()),
    }
}

fn version(specifiers: &str) -> Option<Version> {
    if specifiers.is_empty() {
        return Some(Version::Any);
    }
    if !specifiers.starts_with(['=', '<', '>', '~', '!']) {
        return None;
    }
    let exact = specifiers.strip_prefix("==").map(str::trim).filter(|version| is_exact(version));
    Some(
        exact.map_or_else(
            || Version::Loose(specifiers.to_owned()),
            |version| Version::Exact(version.to_owned()),
        ),
    )
}

/// Neither a wildcard, nor `===`, nor a second specifier.
fn is_exact(version: &str) -> bool {
    version.chars().all(|sign| sign.is_ascii_alphanumeric() || ".-_+!".contains(sign))
        && version.starts_with(|sign: char| sign.is_ascii_digit() || sign == 'v')
}

/// Takes the `--hash=…` options of a requirement apart.
fn split_hashes(text: &str) -> (&str, Vec<String>) {
    let Some((requirement, options)) = text.split_once(" --") else { return (text, Vec::new()) };
    let hashes = format!("--{options}")
        .split("--hash")
        .skip(1)
        .filter_map(|option| {
            option.trim_start_matches(['=', ' ']).split_whitespace().next().map(str::to_owned)
        })
        .collect();
    (requirement, hashes)
}

fn is_hash(hash: &str) -> bool {
    let Some((algorithm, digest)) = hash.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    digest.len() == length && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether two versions are the same to the index: `1.0` is `1.0.0`, `v1.0-RC1` is `1.0rc1`.
pub(crate) fn same_version(one: &str, other: &str) -> bool {
    canonical(one) == canonical(other)
}

fn canonical(version: &str) -> String {
    let version = version.trim().to_ascii_lowercase();
    let version = version.strip_prefix('v').unwrap_or(&version);
    let end = version.find(|sign: char| !(sign.is_ascii_digit() || sign == '.')).unwrap_or(version.len());
    let (release, rest) = version.split_at(end);
    let mut numbers: Vec<&str> = release.trim_end_matches('.').split('.').collect();
    while numbers.len() > 1 && numbers.last().is_some_and(|last| last.bytes().all(|byte| byte == b'0')) {
        numbers.pop();
    }
    // `1.0.post1` and `1.0-post1` are `1.0post1`; what follows `+` is compared as it is.
    let (rest, local) = rest.split_once('+').unwrap_or((rest, ""));
    let rest: String = rest.chars().filter(|sign| !"-_.".contains(*sign)).collect();
    format!("{}{rest}+{local}", numbers.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(text: &str) -> Entry {
        parse("r.txt", text).pop().unwrap()
    }

    fn pin(name: &str, version: Version) -> Pin {
        Pin {
            name: Name::new(name),
            version,
            conditional: false,
            hashes: vec![],
            file: "r.txt".into(),
            line: 1,
        }
    }

    #[test]
    fn names_are_compared_as_the_index_does() {
        assert_eq!(Name::new("Typing__Extensions"), Name::new("typing.extensions"));
        assert_eq!(Name::new("a-._b").to_string(), "a-b");
    }

    #[test]
    fn an_exact_version_may_be_written_in_several_ways() {
        let flask = Entry::Package(pin("flask", Version::Exact("3.0.3".into())));

        assert_eq!(pinned("flask==3.0.3"), flask);
        assert_eq!(pinned("  Flask == 3.0.3  # web"), flask);
        assert_eq!(pinned("flask (==3.0.3)"), flask);
        assert_eq!(pinned("flask[async, dotenv]==3.0.3"), flask);
    }

    #[test]
    fn a_marker_makes_a_requirement_conditional() {
        let expected = Pin { conditional: true, ..pin("uvloop", Version::Exact("0.21.0".into())) };

        assert_eq!(
            pinned("uvloop==0.21.0; sys_platform != 'win32' and python_version >= '3.8'"),
            Entry::Package(expected)
        );
    }

    #[test]
    fn hashes_follow_on_continued_lines() {
        let text = "click==8.1.7 \\\n    --hash=sha256:aa \\\r\n\t--hash=sha256:bb\nflask==3.0.3\n";

        assert_eq!(
            parse("r.txt", text),
            [
                Entry::Package(Pin {
                    hashes: vec!["sha256:aa".into(), "sha256:bb".into()],
                    ..pin("click", Version::Exact("8.1.7".into()))
                }),
                Entry::Package(Pin { line: 4, ..pin("flask", Version::Exact("3.0.3".into())) }),
            ],
        );
    }

    #[test]
    fn everything_else_is_loose() {
        let mut written =
            vec![">=2.0", "~=2.0", "!=2.0", "<3", "==2.*", "===2.0", "==2.0,!=2.1", "==", "==latest"];

        written.retain(|written| {
            let loose = Entry::Package(pin("flask", Version::Loose((*written).to_owned())));
            pinned(&format!("flask{written}")) != loose
        });

        assert_eq!(written, [""; 0]);
        assert_eq!(pinned("flask"), Entry::Package(pin("flask", Version::Any)));
    }

    #[test]
    fn versions_are_compared_as_the_index_does() {
        assert!(same_version("1.0", "1.0.0"));
        assert!(same_version("v1.0-RC1", "1.0rc1"));
        assert!(same_version("1.0.post1", "1.0-post1"));
        assert!(!same_version("1.0", "1.0.1"));
        assert!(!same_version("10", "1"));
        assert!(!same_version("2.3.0+cpu", "2.3.0+cu118"));
    }

    #[test]
    fn a_comment_line_ends_a_continuation() {
        let names: Vec<Entry> = parse("r.txt", "flask==1 \\\n# note \\\nclick==2\n");

        assert_eq!(
            names,
            [
                Entry::Package(pin("flask", Version::Exact("1".into()))),
                Entry::Package(Pin { line: 3, ..pin("click", Version::Exact("2".into())) }),
            ],
        );
    }
}
