//! What filesystem grants cover, and what they refuse.

use proptest::prelude::*;
use serde_json::json;

use super::{Access, FilesystemGrant, PathPattern};
use crate::{Capability, Refusal, Rule, RuleKind};

fn read(patterns: &[&str]) -> FilesystemGrant {
    FilesystemGrant::parse(&json!({ "read": patterns })).unwrap()
}

fn refusal(request: &str, message: &str, grant: Option<&str>) -> Box<Refusal> {
    Box::new(Refusal {
        capability: Capability::Files,
        request: request.to_owned(),
        message: message.to_owned(),
        grant: grant.map(str::to_owned),
    })
}

#[test]
fn a_pattern_covers_what_it_says_and_nothing_beside_it() {
    let table = [
        ("requirements.txt", "requirements.txt", true),
        ("requirements.txt", "./requirements.txt", true),
        ("requirements.txt", ".//requirements.txt", true),
        ("requirements.txt", "requirements.txt.bak", false),
        ("requirements.txt", "sub/requirements.txt", false),
        ("docker", "docker/Dockerfile", false),
        ("docker/", "docker", true),
        ("docker/", "docker/a/b/c", true),
        ("docker/", "docker-compose.yaml", false),
        ("docker/", "a/docker/x", false),
        ("./", "anything/at/all", true),
        (".", "x", true),
        ("src/*.py", "src/a.py", true),
        ("src/*.py", "src/sub/a.py", false),
        ("src/*.py", "src/a.pyc", false),
        ("src/**/*.py", "src/a.py", true),
        ("src/**/*.py", "src/x/y/z.py", true),
        ("src/**/*.py", "srcs/a.py", false),
        ("**/secret.txt", "a/b/secret.txt", true),
        ("**", "a/b", true),
        ("*", "a/b", false),
        ("a*/", "abc/x", true),
        ("a/**/b/**/c", "a/x/b/y/b/z/c", true),
        ("a/**/b/**/c", "a/x/c", false),
    ];
    let found =
        table.map(|(pattern, path, _)| (pattern, path, read(&[pattern]).covers(Access::Read, path).is_ok()));
    assert_eq!(found, table);
}

#[test]
fn a_path_that_tries_to_leave_is_no_path() {
    let all = read(&["./"]);
    let outside = "paths are relative to the pipeline's directory";
    let table = [
        ("../x", "a path holds no `..`"),
        ("a/../../x", "a path holds no `..`"),
        ("a/..", "a path holds no `..`"),
        ("/etc/passwd", outside),
        ("//etc/passwd", outside),
        ("a\\b", "a path holds no `\\` and no NUL"),
    ];
    for (path, message) in table {
        let shown = path.replace('\\', "\\\\");
        assert_eq!(all.covers(Access::Read, path), Err(refusal(&format!("read {shown}"), message, None)));
    }
    let long = "a/".repeat(2049);
    assert_eq!(all.covers(Access::Read, &long).unwrap_err().message, "a path has at most 4096 bytes");
}

#[test]
fn what_may_be_written_may_be_read_and_not_the_other_way_round() {
    let grant = FilesystemGrant::parse(&json!({ "read": ["in/"], "write": ["out/"] })).unwrap();
    let rule = |kind, rule: &str| Ok(Rule { grant: kind, rule: rule.to_owned() });
    assert_eq!(grant.covers(Access::Read, "in/a"), rule(RuleKind::Read, "in/"));
    assert_eq!(grant.covers(Access::Read, "out/a"), rule(RuleKind::Write, "out/"));
    assert_eq!(grant.covers(Access::Write, "out/a"), rule(RuleKind::Write, "out/"));
    assert_eq!(
        grant.covers(Access::Write, "in/a"),
        Err(refusal("write in/a", "it is granted for reading only", Some("filesystem: { write: [in/a] }")))
    );
    assert_eq!(
        grant.covers(Access::Write, "b"),
        Err(refusal("write b", "none of its `write` rules covers this", Some("filesystem: { write: [b] }")))
    );
    assert_eq!(
        grant.covers(Access::Read, "b\n"),
        Err(refusal(
            "read b\\n",
            "none of its filesystem rules covers this",
            Some("filesystem: { read: [\"b\\n\"] }")
        ))
    );
    assert_eq!(
        FilesystemGrant::default().covers(Access::Read, "b"),
        Err(refusal("read b", "this step is granted no files at all", Some("filesystem: { read: [b] }")))
    );
}

#[test]
fn a_block_with_mistakes_names_each() {
    let errors =
        FilesystemGrant::parse(&json!({ "read": ["/etc", 7, ""], "write": "x", "execute": [] })).unwrap_err();
    let found: Vec<(&str, &str)> =
        errors.iter().map(|error| (error.pointer.as_str(), error.message.as_str())).collect();
    assert_eq!(
        found,
        [
            ("/read/0", "`/etc`: paths are relative to the pipeline's directory"),
            ("/read/1", "expected a path, found `7`"),
            ("/read/2", "an empty path; write `./` for everything below the pipeline's directory"),
            ("/write", "expected a list of paths"),
            ("/execute", "unknown key `execute`"),
        ]
    );
}

#[test]
fn a_narrower_grant_stays_within_and_a_wider_one_does_not() {
    let within = [
        ("docker/", "docker/a"),
        ("docker/", "docker/sub/"),
        ("./", "x/"),
        ("src/**", "src/a/"),
        ("src/**/*.py", "src/a/*.py"),
        ("*", "a*"),
    ];
    for (wide, narrow) in within {
        assert_eq!(read(&[wide]).beyond(&read(&[narrow])), [], "{wide} / {narrow}");
        assert_ne!(read(&[narrow]).beyond(&read(&[wide])), [], "{narrow} / {wide}");
    }
    let beyond = [("docker", "docker/"), ("src/*", "src/**"), ("src/*", "src/a/"), ("a", "b")];
    for (wide, narrow) in beyond {
        assert_ne!(read(&[wide]).beyond(&read(&[narrow])), [], "{wide} / {narrow}");
    }
    let writing = FilesystemGrant::parse(&json!({ "write": ["a"] })).unwrap();
    let found: Vec<String> = read(&["a"]).beyond(&writing).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["writing `a`"]);
    assert_eq!(writing.beyond(&read(&["a"])), []);
}

#[test]
fn a_hostile_path_costs_no_more_than_its_length() {
    let grant = read(&["**/a/**/a/**/a/**/a/**/b"]);
    assert!(grant.covers(Access::Read, &"a/".repeat(2000)).is_err());
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_pattern(text in "[ab*./]{1,8}") {
        if let Ok(pattern) = text.parse::<PathPattern>() {
            prop_assert_eq!(pattern.to_string().parse::<PathPattern>(), Ok(pattern));
        }
    }

    #[test]
    fn a_pattern_within_another_covers_nothing_more(
        wide in "(\\*\\*|[ab*])(/(\\*\\*|[ab*])){0,2}/?",
        narrow in "(\\*\\*|[ab*])(/(\\*\\*|[ab*])){0,2}/?",
        path in "[ab](/[ab]){0,3}",
    ) {
        let (wide, narrow) = (read(&[&wide]), read(&[&narrow]));
        if wide.beyond(&narrow).is_empty() && narrow.covers(Access::Read, &path).is_ok() {
            prop_assert!(wide.covers(Access::Read, &path).is_ok());
        }
    }

    #[test]
    fn no_path_makes_the_reader_panic(pattern in "\\PC{0,20}", path in "\\PC{0,20}") {
        if let Ok(pattern) = pattern.parse::<PathPattern>() {
            let grant = FilesystemGrant { read: vec![pattern], write: Vec::new() };
            drop(grant.covers(Access::Read, &path));
        }
    }
}
