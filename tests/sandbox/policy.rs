//! A policy that cannot be understood stops everything: a rule that nobody enforces must not look like one.

use crate::harness::Project;

fn project() -> Project {
    let project = Project::with(
        "
version: 1
name: policy
plugins: { action: { source: guest:action_file, grants: { filesystem: { write: [world] } } } }
steps:
  change: { uses: action, with: { path: world, text: new } }
",
    );
    project.write("world", "old");
    project
}

#[test]
fn a_policy_with_anything_odd_in_it_starts_nothing() {
    let table: [(&str, &[u8]); 11] = [
        ("empty", b""),
        ("a list", b"- version: 1\n"),
        ("no version", b"grants: { filesystem: { write: [world] } }\n"),
        ("another version", b"version: 2\n"),
        ("unknown key", b"version: 1\nallow: { filesystem: { write: [world] } }\n"),
        ("unknown grant", b"version: 1\ngrants: { files: { write: [world] } }\n"),
        ("unknown access", b"version: 1\ngrants: { filesystem: { append: [world] } }\n"),
        ("unknown limit", b"version: 1\nlimits: { cpu: 1 }\n"),
        ("key twice", b"version: 1\ngrants: {}\ngrants: { filesystem: { write: [world] } }\n"),
        ("no text", b"version: 1\nname: \xff\xfe\n"),
        ("cut short", b"version: 1\ngrants: { filesystem: {"),
    ];
    for (name, policy) in table {
        let project = project();
        project.write("policy.yaml", policy);
        let run = project.exec(&["--policy", "policy.yaml"]);
        assert_eq!((run.code, project.read("world").as_str()), (7, "old"), "{name}: {}", run.stderr);
        assert!(!project.path(".runner").exists(), "{name}: nothing was started");
        insta::assert_snapshot!(name.replace(' ', "_"), run.all());
    }
}

/// The other side: the same pipeline under a policy that is in order.
#[test]
fn a_policy_that_is_in_order_lets_through_what_it_covers() {
    let project = project();
    project.write(
        "policy.yaml",
        "version: 1\ngrants: { filesystem: { write: [world] } }\nlimits: { time: 20s }\n",
    );
    let run = project.exec(&["--policy", "policy.yaml"]);
    assert_eq!((run.code, project.read("world").as_str()), (0, "new"), "{}", run.stderr);
}
