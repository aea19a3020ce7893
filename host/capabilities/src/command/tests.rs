//! What a `command` grant covers, and what it says to the others.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CommandGrant, Place, Wanted};
use crate::{Capability, Policy, Refusal, Requested, Rule, RuleKind, admit};

fn grant(rules: Value) -> CommandGrant {
    CommandGrant::parse(&rules).unwrap()
}

/// Why a grant cannot be read: pointer and message of each problem.
fn problems(rules: &Value) -> Vec<(String, String)> {
    let errors = CommandGrant::parse(rules).unwrap_err();
    errors.into_iter().map(|error| (error.pointer, error.message)).collect()
}

fn args(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Whether a command without variables is covered.
fn covers(grant: &CommandGrant, program: &str, words: &[&str]) -> bool {
    let args = args(words);
    grant.covers(&Wanted { program, args: &args, variables: &[], directory: None }).is_ok()
}

#[test]
fn each_argument_has_its_pattern() {
    let grant = grant(json!([{ "program": "kubectl", "args": ["rollout", "status", "*", "--timeout=*"] }]));
    assert!(covers(&grant, "kubectl", &["rollout", "status", "api", "--timeout=60s"]));
    for words in [
        &["rollout", "status", "api"][..],
        &["rollout", "status", "api", "--timeout=60s", "-w"],
        &["rollout", "restart", "api", "--timeout=60s"],
        &["rollout", "status", "api", "--wait"],
        &["ROLLOUT", "status", "api", "--timeout=60s"],
        &[],
    ] {
        assert!(!covers(&grant, "kubectl", words), "{words:?}");
    }
    assert!(!covers(&grant, "/usr/bin/kubectl", &["rollout", "status", "api", "--timeout=60s"]));
}

#[test]
fn no_args_means_no_arguments() {
    let grant = grant(json!([{ "program": "true" }, { "program": "false", "args": [] }]));
    assert!(covers(&grant, "true", &[]) && covers(&grant, "false", &[]));
    assert!(!covers(&grant, "true", &[""]));
}

#[test]
fn the_last_double_star_is_any_number_of_arguments() {
    let grant = grant(json!([{ "program": "lint", "args": ["--check", "**"] }]));
    for words in [&["--check"][..], &["--check", "a"], &["--check", "a", "-x", ""]] {
        assert!(covers(&grant, "lint", words), "{words:?}");
    }
    assert!(!covers(&grant, "lint", &[]) && !covers(&grant, "lint", &["a", "--check"]));
}

/// `ssh *` must not become `ssh -oProxyCommand=…`.
#[test]
fn a_star_at_the_start_never_stands_for_an_option() {
    let grant = grant(json!([{ "program": "ssh", "args": ["*"] }, { "program": "tool", "args": ["-*"] }]));
    assert!(covers(&grant, "ssh", &["api-1"]) && covers(&grant, "tool", &["-v"]));
    for option in ["-oProxyCommand=x", "--", "-"] {
        assert!(!covers(&grant, "ssh", &[option]), "{option}");
    }
}

#[test]
fn variables_and_directories_are_named() {
    let grant = grant(json!([{ "program": "make", "env": ["STAGE", "TOKEN"], "directory": "deploy/" }]));
    let covers = |variables: &[&str], directory| {
        grant.covers(&Wanted { program: "make", args: &[], variables, directory }).is_ok()
    };
    assert!(covers(&["TOKEN"], Some("deploy")) && covers(&[], Some("deploy/a")));
    for (variables, directory) in [
        (&["LD_PRELOAD"][..], Some("deploy")),
        (&[], None),
        (&[], Some(".")),
        (&[], Some("deploy/../src")),
        (&[], Some("/deploy")),
        (&[], Some("deployed")),
    ] {
        assert!(!covers(variables, directory), "{variables:?} {directory:?}");
    }
}

#[test]
fn a_refusal_says_why_and_what_to_paste() {
    let rules = json!([
        { "program": "kubectl", "args": ["get", "*"], "env": ["KUBECONFIG"], "on": "target", "directory": "a/" },
    ]);
    let refusal = |grant: &CommandGrant, program: &str, words: &[&str], variables: &[&str], directory| {
        let args = args(words);
        *grant.covers(&Wanted { program, args: &args, variables, directory }).unwrap_err()
    };
    let refused = |request: &str, message: &str, grant: Option<&str>| Refusal {
        capability: Capability::Command,
        request: request.to_owned(),
        message: message.to_owned(),
        grant: grant.map(str::to_owned),
    };
    let some = grant(rules);
    let nothing = CommandGrant::default();
    let found = [
        refusal(&nothing, "kubectl", &["get", "my pods"], &[], None),
        refusal(&some, "helm", &[], &["A"], Some("b c")),
        refusal(&some, "kubectl", &["delete", "\n\"x"], &[], None),
        refusal(&some, "kubectl", &["get", "pods"], &[], None),
        refusal(&some, "kubectl", &["get", "pods"], &["A"], Some("a")),
        refusal(&some, "deploy/run.sh", &[], &[], None),
        refusal(&some, "kubectl", &["get", "*", "*"], &[], None),
    ];
    let line = "`kubectl get * on target in a/ with KUBECONFIG`";
    assert_eq!(
        found,
        [
            refused(
                r#"run kubectl get "my pods""#,
                "this step is granted no commands at all",
                Some(r#"command: [{ program: kubectl, args: ["get", "my pods"] }]"#)
            ),
            refused(
                r#"run helm in "b c" with A"#,
                "none of its command rules names this program",
                Some(r#"command: [{ program: helm, env: [A], directory: "b c" }]"#)
            ),
            refused(
                r#"run kubectl delete "\n\"x""#,
                &format!("none of its rules for this program covers these arguments: {line}"),
                Some(r#"command: [{ program: kubectl, args: ["delete", "\n\"x"] }]"#)
            ),
            refused(
                "run kubectl get pods",
                &format!("none of its rules for these arguments has this `directory`: {line}"),
                Some(r#"command: [{ program: kubectl, args: ["get", "pods"] }]"#)
            ),
            refused(
                "run kubectl get pods in a with A",
                &format!("none of its rules for these arguments has all these variables in `env`: {line}"),
                Some(r#"command: [{ program: kubectl, args: ["get", "pods"], env: [A], directory: "a" }]"#)
            ),
            refused("run deploy/run.sh", "a program is an absolute path, or a name", None),
            refused(
                "run kubectl get * *",
                &format!("none of its rules for this program covers these arguments: {line}"),
                None
            ),
        ]
    );
}

#[test]
fn mistakes_are_named_with_their_places() {
    assert_eq!(problems(&json!("sh")), [(String::new(), "expected a list of programs".to_owned())]);
    let rules = json!([
        "ls",
        { "args": [] },
        { "program": "./run.sh" },
        { "program": "/opt/../bin/sh" },
        { "program": "/opt/*/run" },
        { "program": "-c" },
        { "program": "a", "args": "x", "env": ["PATH"], "on": "vps", "directory": "../x", "shell": true },
        { "program": "a", "args": ["**", "x"], "env": ["A=B"] },
        { "program": "a", "args": [7] },
    ]);
    let expected = [
        ("/0", "`\"ls\"` does not say what may be run"),
        ("/1", "it names no `program`"),
        ("/2/program", "`\"./run.sh\"` does not name a program"),
        ("/3/program", "`\"/opt/../bin/sh\"` does not name a program"),
        ("/4/program", "`/opt/*/run`: a program has no `*`, each is named in full"),
        ("/5/program", "`\"-c\"` does not name a program"),
        ("/6/shell", "unknown key `shell`"),
        ("/6/args", "expected a list, found `\"x\"`"),
        ("/6/env/0", "`PATH` is always the runner's own"),
        ("/6/on", "\"vps\" is not `host` or `target`"),
        ("/6/directory", "`../x`: a path holds no `..`"),
        ("/7/args/0", "`**` stands for all further arguments, so only at the end"),
        ("/7/env/0", "`A=B` is not the name of a variable"),
        ("/8/args/0", "expected a text, found `7`"),
    ];
    assert_eq!(problems(&rules), expected.map(|(place, text)| (place.to_owned(), text.to_owned())));
}

#[test]
fn a_grant_reads_back_from_a_journal_and_is_checked_there_too() {
    let block = json!({ "command": [
        { "program": "kubectl", "args": ["get", "*"] },
        { "program": "/opt/tools/lint", "args": ["--check", "**"], "env": ["K"], "on": "target", "directory": "d/" },
    ] });
    let requested = Requested::parse(&block).unwrap();
    let written = serde_json::to_value(&requested).unwrap();
    assert_eq!(written, block);
    assert_eq!(serde_json::from_value::<Requested>(written).unwrap(), requested);
    assert_eq!(
        requested.each_rule(),
        ["kubectl get *", "/opt/tools/lint --check ** on target in d/ with K"]
            .map(|rule| Rule { grant: RuleKind::Command, rule: rule.to_owned() })
    );
    assert_eq!(
        requested.command.rules().map(super::CommandRule::place).collect::<Vec<_>>(),
        [Place::Host, Place::Target]
    );
    let altered = json!({ "command": [{ "program": "../sh" }] });
    assert_eq!(
        serde_json::from_value::<Requested>(altered).unwrap_err().to_string(),
        "`\"../sh\"` does not name a program"
    );
}

#[test]
fn a_policy_is_a_ceiling_for_commands() {
    let policy = Policy::parse(&json!({
        "version": 1,
        "grants": { "command": [{ "program": "kubectl", "args": ["get", "**"], "env": ["A"], "directory": "./" }] },
    }))
    .unwrap();
    let within = json!({ "command": [
        { "program": "kubectl", "args": ["get", "pods", "-w"] },
        { "program": "kubectl", "args": ["get", "*", "**"], "env": ["A"], "directory": "a/" },
    ] });
    let within = Requested::parse(&within).unwrap();
    assert_eq!(admit(within.clone(), &policy).unwrap().rules(), &within);
    let beyond = json!({ "command": [
        { "program": "kubectl", "args": ["**"] },
        { "program": "kubectl", "args": ["get"], "env": ["B"] },
        { "program": "kubectl", "args": ["get"], "on": "target" },
        { "program": "helm" },
    ] });
    let refused = |request: &str| Refusal {
        capability: Capability::Command,
        request: format!("command `{request}`"),
        message: "the operator's policy does not allow it".to_owned(),
        grant: None,
    };
    assert_eq!(
        admit(Requested::parse(&beyond).unwrap(), &policy),
        Err(vec![
            refused("kubectl **"),
            refused("kubectl get with B"),
            refused("kubectl get on target"),
            refused("helm"),
        ])
    );
}

#[test]
fn an_interpreter_with_a_free_argument_is_open_ended() {
    let open = |program: &str, args: Value| {
        let grant = grant(json!([{ "program": program, "args": args }]));
        grant.rules().all(super::CommandRule::is_open_ended)
    };
    assert!(open("sh", json!(["-c", "*"])));
    assert!(open("/usr/bin/python3.11", json!(["**"])));
    assert!(open("env", json!(["A=*", "true"])));
    assert!(!open("sh", json!(["-c", "date"])));
    assert!(!open("kubectl", json!(["**"])));
}

/// A rule over a small alphabet, so that rules and commands meet.
fn any_rule() -> impl Strategy<Value = Value> {
    let arg = "[-*a]{0,3}".prop_filter("only at the end", |arg| arg != "**");
    let directory = prop_oneof![Just(Value::Null), Just(json!("./")), Just(json!("a/")), Just(json!("a/*"))];
    (proptest::collection::vec(arg, 0..3), any::<bool>(), proptest::bool::ANY, directory).prop_map(
        |(mut args, rest, variable, directory)| {
            if rest {
                args.push("**".to_owned());
            }
            let mut rule = json!({ "program": "p", "args": args });
            if variable {
                rule["env"] = json!(["V"]);
            }
            if !directory.is_null() {
                rule["directory"] = directory;
            }
            rule
        },
    )
}

proptest! {
    /// What a step is granted within the ceiling never reaches beyond it.
    #[test]
    fn what_is_within_another_grant_covers_nothing_more(
        wide in any_rule(),
        narrow in any_rule(),
        words in proptest::collection::vec("[-a]{0,3}", 0..4),
        variable in any::<bool>(),
        directory in prop_oneof![Just(None), Just(Some("a")), Just(Some("a/b")), Just(Some("."))],
    ) {
        let (wide, narrow) = (grant(json!([wide])), grant(json!([narrow])));
        let variables: &[&str] = if variable { &["V"] } else { &[] };
        let wanted = Wanted { program: "p", args: &words, variables, directory };
        if wide.beyond(&narrow).is_empty() && narrow.covers(&wanted).is_ok() {
            prop_assert!(wide.covers(&wanted).is_ok(), "{wanted:?}");
        }
    }

    /// What is offered for pasting can be read, and covers what was refused and no other number of arguments.
    #[test]
    fn the_grant_to_paste_covers_what_was_refused(words in proptest::collection::vec(any::<String>(), 0..4)) {
        let wanted = Wanted { program: "p", args: &words, variables: &["V"], directory: Some("a/b") };
        let refusal = CommandGrant::default().covers(&wanted).unwrap_err();
        let free = words.iter().any(|word| word.contains('*'));
        prop_assert_eq!(refusal.grant.is_none(), free);
        if !free && !words.iter().any(|word| word.contains('\0')) {
            // The keys in the order in which a grant is offered, as JSON.
            let text = refusal.grant.unwrap();
            let json = text.replacen("command: [{ program: p", r#"[{ "program": "p""#, 1)
                .replacen(", args: [", r#", "args": ["#, 1)
                .replacen(", env: [V]", r#", "env": ["V"]"#, 1)
                .replacen(", directory: ", r#", "directory": "#, 1);
            let pasted = grant(serde_json::from_str(&json).unwrap());
            prop_assert!(pasted.covers(&wanted).is_ok());
        }
    }
}
