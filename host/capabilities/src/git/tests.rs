//! What the grants say, what they cover, and what they do not.

use proptest::{prelude::*, sample::subsequence};
use serde_json::{Value, json};

use super::{GitGrant, GitRequest, Location, RemoteUrl, Verb};
use crate::{Capability, Refusal};

fn grant(value: Value) -> GitGrant {
    GitGrant::parse(&value).unwrap()
}

/// Each problem as `pointer: message (help)`.
fn wrong(value: Value) -> Vec<String> {
    let errors = GitGrant::parse(&value).unwrap_err();
    errors
        .into_iter()
        .map(|error| {
            let help = error.help.map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{}: {}{help}", error.pointer, error.message)
        })
        .collect()
}

fn at(text: &str) -> Location {
    match text.parse::<RemoteUrl>().unwrap() {
        RemoteUrl::Ssh(address) => Location::Ssh(address),
        RemoteUrl::Web(url) => Location::Web(url),
        RemoteUrl::Path(path) => {
            let below = path.strip_prefix("/pipeline/").map(str::to_owned);
            Location::Directory { path, below }
        }
    }
}

fn covers(
    grant: &GitGrant,
    repository: &str,
    verb: Verb,
    remote: Option<&str>,
    reference: Option<&str>,
) -> bool {
    let remote = remote.map(at);
    grant.covers(&GitRequest { repository, verb, remote: remote.as_ref(), reference }).is_ok()
}

#[test]
fn words_are_about_the_repository_the_pipeline_is_in() {
    let grant = grant(json!(["status", "refs"]));
    let allowed: Vec<Verb> = Verb::ALL
        .into_iter()
        .filter(|verb| covers(&grant, ".", *verb, Some("/srv/a"), Some("refs/tags/a")))
        .collect();
    assert_eq!(allowed, [Verb::Status, Verb::Refs]);
    assert!(!covers(&grant, "server", Verb::Status, None, None));
    assert!(grant.covers_any("server").is_err() && grant.covers_any(".").is_ok());
}

#[test]
fn rules_are_named_as_their_author_wrote_them() {
    let value = json!(["status", {
        "repository": "./server/", "verbs": ["fetch", "checkout", "push"],
        "remotes": ["/srv/git/*"], "refs": ["refs/tags/v*"],
    }]);
    let names: Vec<String> = grant(value).each_rule().map(|rule| rule.rule).collect();
    assert_eq!(
        names,
        [
            "status",
            "{ repository: server, verbs: [fetch], remotes: [/srv/git/*] }",
            "{ repository: server, verbs: [checkout] }",
            "{ repository: server, verbs: [push], remotes: [/srv/git/*], refs: [refs/tags/v*] }",
        ]
    );
}

#[test]
fn what_is_wrong_in_a_grant_is_said_with_its_place() {
    assert_eq!(wrong(json!(["statsu"])), ["/0: unknown verb `statsu` (did you mean `status`?)"]);
    assert_eq!(
        wrong(json!([{ "repo": "server", "verbs": ["refs", "merge"] }])),
        [
            "/0/repo: unknown key `repo` (did you mean `repository`?)",
            "/0/verbs/1: unknown verb `merge` (known: status, refs, objects, verify, tag, checkout, remote, fetch, push)",
        ]
    );
    assert_eq!(
        wrong(json!(["push"])),
        [
            "/0: `push` needs `remotes` (for example `{ verbs: [fetch], remotes: [\"https://github.com/acme/*\"] }`)",
            "/0: `push` needs `refs` (for example `{ verbs: [tag], refs: [\"refs/tags/v*\"] }`)",
        ]
    );
    assert_eq!(
        wrong(json!([{ "verbs": ["status"], "remotes": ["/srv/a"], "refs": ["refs/tags/*"] }])),
        ["/0/remotes: none of the verbs looks at `remotes`", "/0/refs: none of the verbs looks at `refs`"]
    );
    assert_eq!(
        wrong(json!([{ "repository": "../other", "verbs": ["tag"], "refs": ["v*"] }])),
        [
            "/0/repository: the path of a repository holds no `..`",
            "/0/refs/0: `v*` is not a reference in full (for example `refs/heads/main` or `refs/tags/v*`)",
        ]
    );
    assert!(wrong(json!([{ "verbs": [] }]))[0].starts_with("/0: no `verbs`: this would allow nothing"));
    assert!(wrong(json!({ "verbs": ["status"] }))[0].starts_with(": expected a list of verbs or of maps"));
}

#[test]
fn a_remote_pattern_is_one_address_or_more_and_never_anything() {
    let pattern = |text: &str| wrong(json!([{ "verbs": ["remote"], "remotes": [text] }]))[0].clone();
    assert_eq!(pattern("*"), "/0/remotes/0: `*` is not the address of a remote");
    assert_eq!(
        pattern("/srv/../etc/*"),
        "/0/remotes/0: `/srv/../etc/*` holds empty names, `.` or `..`: a path has one spelling"
    );
    assert_eq!(
        pattern("http://git.example.com/*"),
        "/0/remotes/0: `http://git.example.com/*` is plain HTTP, which is only for this machine itself; use `https`"
    );
    assert_eq!(
        pattern("https://token@github.com/acme/*"),
        "/0/remotes/0: `https://token@github.com/acme/*` holds `?` or `@`: the address of a repository has neither"
    );
    assert_eq!(
        pattern("git://github.com/acme/*"),
        "/0/remotes/0: `git://github.com/acme/*` is not the address of a remote"
    );
    assert_eq!(
        pattern("ssh://-oProxyCommand=x/a"),
        "/0/remotes/0: `ssh://-oProxyCommand=x/a` has a host that is not a name or an address"
    );
}

#[test]
fn the_url_of_a_remote_is_taken_only_in_its_plain_form() {
    let why = |text: &str| text.parse::<RemoteUrl>().unwrap_err();
    assert_eq!(
        why("https://user:hunter2@example.com/a"),
        "its URL holds a name or password; take them out, and give the step a secret to log in with"
    );
    assert_eq!(
        why("ext::sh -c id"),
        "`ext::sh -c id` is neither a path nor `https`, `ssh` or `file`; nothing else is offered"
    );
    assert_eq!(
        why("git://h/a"),
        "`git://h/a` is neither a path nor `https`, `ssh` or `file`; nothing else is offered"
    );
    assert_eq!(
        why("ssh://-oProxyCommand=id/a"),
        "`ssh://-oProxyCommand=id/a` has a host that is not a name or an address"
    );
    assert_eq!(why("ssh://h/a/../b"), "`ssh://h/a/../b` has a path with empty names, `.` or `..`");
    assert_eq!(why("git@h:-upload"), "`git@h:-upload` has a path with `%`, `\\`, `~`, or a `-` at its start");
    assert_eq!(why("ssh://h:0/a"), "`ssh://h:0/a` has a port that is none");
    assert_eq!(
        why("http://example.com/a"),
        "`http://example.com/a` is plain HTTP, which is only for this machine itself; use `https`"
    );
    assert_eq!(why("https://example.com/a?x=1"), "`https://example.com/a?x=1` is not `https://host/path`");
    let shown = |text: &str| at(text).to_string();
    assert_eq!(shown("git@Example.com:acme/app.git"), "git@example.com:acme/app.git");
    assert_eq!(shown("git@example.com:/srv/app.git"), "ssh://git@example.com/srv/app.git");
    assert_eq!(shown("ssh://[::1]:2222/srv/app.git"), "ssh://[::1]:2222/srv/app.git");
}

#[test]
fn remotes_are_covered_by_where_they_lead() {
    let grant = grant(json!([{
        "verbs": ["fetch"],
        "remotes": ["/srv/git/*", "./remote.git", "https://github.com/acme/*", "ssh://git@host/srv/*", "git@host:acme/*"],
    }]));
    let fetch = |remote: &str| covers(&grant, ".", Verb::Fetch, Some(remote), None);
    let allowed = [
        "/srv/git/app.git",
        "/pipeline/remote.git",
        "https://github.com/acme/app.git",
        "ssh://git@host/srv/app.git",
        "git@host:/srv/app.git",
        "git@host:acme/app.git",
    ];
    assert_eq!(allowed.map(fetch), [true; 6]);
    let denied = [
        "/srv/other/app.git",
        "/remote.git",
        "https://github.com/other/app.git",
        "https://github.com/acme/..%2fother",
        "https://github.com.evil.example/acme/app.git",
        "https://github.com:8443/acme/app.git",
        "ssh://root@host/srv/app.git",
        "ssh://host/srv/app.git",
        "ssh://git@host:2222/srv/app.git",
        "ssh://git@other/srv/app.git",
        "git@host:srv/app.git",
        "ssh://git@host/acme/app.git",
    ];
    assert_eq!(denied.map(fetch), [false; 12]);
    assert!(
        !covers(&grant, ".", Verb::Fetch, None, None)
            && !covers(&grant, ".", Verb::Push, Some("/srv/git/a"), Some("refs/heads/a"))
    );
}

#[test]
fn references_bound_what_is_written() {
    let grant = grant(
        json!([{ "verbs": ["tag", "push"], "remotes": ["/srv/a"], "refs": ["refs/tags/v*", "refs/heads/main"] }]),
    );
    let tag = |name: &str| covers(&grant, ".", Verb::Tag, None, Some(name));
    assert_eq!(["refs/tags/v1", "refs/tags/x", "refs/heads/main2"].map(tag), [true, false, false]);
    let push = |remote: &str, name: &str| covers(&grant, ".", Verb::Push, Some(remote), Some(name));
    assert!(push("/srv/a", "refs/heads/main"));
    assert!(!push("/srv/b", "refs/heads/main") && !push("/srv/a", "refs/heads/other"));
    assert!(!covers(&grant, ".", Verb::Push, Some("/srv/a"), None));
}

#[test]
fn a_refusal_carries_the_grant_that_would_have_allowed_it() {
    let refusal =
        |grant: &GitGrant, repository: &str, verb, remote: Option<&str>, reference: Option<&str>| {
            let remote = remote.map(at);
            *grant.covers(&GitRequest { repository, verb, remote: remote.as_ref(), reference }).unwrap_err()
        };
    assert_eq!(
        refusal(&GitGrant::default(), ".", Verb::Status, None, None),
        Refusal {
            capability: Capability::Git,
            request: "status in `.`".to_owned(),
            message: "this step is granted no repository at all".to_owned(),
            grant: Some("git: [status]".to_owned()),
        }
    );
    let some = grant(
        json!([{ "repository": "server", "verbs": ["push"], "remotes": ["/srv/a"], "refs": ["refs/tags/*"] }]),
    );
    let message = |repository: &str, verb, remote: Option<&str>, reference: Option<&str>| {
        refusal(&some, repository, verb, remote, reference).message
    };
    assert_eq!(message(".", Verb::Refs, None, None), "none of its git rules is about `.`");
    assert_eq!(message("server", Verb::Refs, None, None), "its git rules for `server` do not hold `refs`");
    assert_eq!(
        message("server", Verb::Push, Some("/srv/b"), Some("refs/tags/a")),
        "none of its `remotes` for `push` covers this"
    );
    let main = refusal(&some, "server", Verb::Push, Some("/srv/a"), Some("refs/heads/main"));
    assert_eq!(
        (main.request.as_str(), main.message.as_str()),
        ("push `refs/heads/main` in `server`, remote `/srv/a`", "none of its `refs` for `push` covers this")
    );
    let paste = main.grant.unwrap();
    assert_eq!(
        paste,
        r#"git: [{ repository: server, verbs: [push], remotes: ["/srv/a"], refs: ["refs/heads/main"] }]"#
    );
    let pasted = grant(
        json!([{ "repository": "server", "verbs": ["push"], "remotes": ["/srv/a"], "refs": ["refs/heads/main"] }]),
    );
    assert!(covers(&pasted, "server", Verb::Push, Some("/srv/a"), Some("refs/heads/main")));
}

#[test]
fn a_grant_survives_being_written_down() {
    let value = json!(["status", { "repository": "server", "verbs": ["push"], "remotes": ["https://Git.example.com/a*  private".replace("  ", " ")], "refs": ["refs/tags/v*"] }]);
    let grant = grant(value.clone());
    assert_eq!(serde_json::to_value(&grant).unwrap(), value);
    assert_eq!(serde_json::from_value::<GitGrant>(value).unwrap(), grant);
}

#[test]
fn a_step_may_only_narrow() {
    let wide =
        grant(json!(["status", { "verbs": ["push"], "remotes": ["/srv/*"], "refs": ["refs/tags/*"] }]));
    let within =
        grant(json!([{ "verbs": ["push", "status"], "remotes": ["/srv/a"], "refs": ["refs/tags/v*"] }]));
    assert_eq!(wide.beyond(&within), []);
    let beyond = |value: Value| -> Vec<String> {
        wide.beyond(&grant(value))
            .into_iter()
            .map(|error| format!("{}: {}", error.pointer, error.message))
            .collect()
    };
    assert_eq!(beyond(json!(["status", "refs"])), ["/1: git: `refs` in `.`, as far as this goes"]);
    assert_eq!(
        beyond(json!([{ "verbs": ["push"], "remotes": ["/srv/a", "/etc/a"], "refs": ["refs/tags/v*"] }])),
        ["/0: git: `push` in `.`, as far as this goes"]
    );
}

const REMOTES: [&str; 6] =
    ["/srv/*", "/srv/a*", "/srv/a", "git@host:*", "https://example.com/a*", "https://example.com/*"];
const REFS: [&str; 4] = ["refs/tags/*", "refs/tags/v*", "refs/heads/main", "refs/*"];
const GOALS: [&str; 6] =
    ["/srv/a", "/srv/ab", "/etc/a", "git@host:a", "https://example.com/a", "https://example.com/b"];
const WRITTEN: [&str; 4] = ["refs/tags/v1", "refs/tags/a", "refs/heads/main", "refs/heads/x"];

/// Grants of two rules over few words, so that many of them overlap.
fn grants() -> impl Strategy<Value = GitGrant> {
    let rule = (
        prop_oneof![Just("."), Just("server")],
        subsequence(vec!["status", "tag", "fetch", "push"], 1..=4),
        subsequence(REMOTES.to_vec(), 1..=3),
        subsequence(REFS.to_vec(), 1..=2),
    );
    prop::collection::vec(rule, 1..=2).prop_map(|rules| {
        let rules: Vec<Value> = rules
            .into_iter()
            .map(|(repository, verbs, remotes, refs)| {
                let mut map = json!({ "repository": repository, "verbs": verbs });
                if verbs.iter().any(|verb| matches!(*verb, "fetch" | "push")) {
                    map["remotes"] = json!(remotes);
                }
                if verbs.iter().any(|verb| matches!(*verb, "tag" | "push")) {
                    map["refs"] = json!(refs);
                }
                map
            })
            .collect();
        grant(Value::Array(rules))
    })
}

proptest! {
    #[test]
    fn what_is_within_a_grant_covers_nothing_more(wide in grants(), narrow in grants()) {
        let within = wide.beyond(&narrow).is_empty();
        for repository in [".", "server"] {
            for verb in Verb::ALL {
                for goal in GOALS {
                    for written in WRITTEN {
                        let asks = |grant: &GitGrant| covers(grant, repository, verb, Some(goal), Some(written));
                        prop_assert!(!within || !asks(&narrow) || asks(&wide), "{verb} {goal} {written}");
                    }
                }
            }
        }
        prop_assert!(wide.beyond(&wide).is_empty());
    }
}
