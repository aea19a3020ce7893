//! Grants, limits and policy as a whole.

use proptest::prelude::*;
use serde_json::json;

use crate::{
    Capability, GrantError, GrantSet, Limits, Policy, Refusal, Requested, RequestedLimits, admit,
    filesystem::Access,
};

fn texts(errors: &[GrantError]) -> Vec<(&str, &str)> {
    errors.iter().map(|error| (error.pointer.as_str(), error.message.as_str())).collect()
}

#[test]
fn absent_means_deny() {
    let nothing = Requested::parse(&json!({})).unwrap();
    assert!(nothing.is_empty());
    let served: Vec<Capability> =
        Capability::ALL.into_iter().filter(|capability| nothing.serves(*capability)).collect();
    assert_eq!(served, [Capability::Log, Capability::Clock]);
}

#[test]
fn each_grant_serves_its_own_capability_only() {
    let table = [
        (json!({ "network": ["GET https://a.test/*"] }), Capability::Http),
        (json!({ "network": ["tcp://a.test:1"] }), Capability::Tcp),
        (json!({ "filesystem": { "read": ["a"] } }), Capability::Files),
        (json!({ "secrets": ["a"] }), Capability::Secrets),
    ];
    for (block, expected) in table {
        let grants = Requested::parse(&block).unwrap();
        let served: Vec<Capability> =
            Capability::ALL.into_iter().filter(|capability| grants.serves(*capability)).collect();
        assert_eq!(served, [Capability::Log, Capability::Clock, expected]);
    }
    let revealed = Requested::parse(&json!({ "secrets": [{ "name": "a", "reveal": true }] })).unwrap();
    assert!(revealed.serves(Capability::Secrets) && revealed.serves(Capability::Reveal));
}

#[test]
fn a_block_with_mistakes_names_each_with_its_place() {
    let block = json!({
        "network": ["https://a.test/", 7],
        "docker": { "verbs": ["container.go"] },
        "filesytem": {},
        "a/b": 1,
        "env": ["LANG", "1X", "A*"],
        "secrets": ["a", { "name": "b", "revael": true }, { "name": "" }, 3],
    });
    let errors = Requested::parse(&block).unwrap_err();
    assert_eq!(
        texts(&errors),
        [
            (
                "/network/0",
                "`https://a.test/` names no method: write `GET https://a.test/`, or `* https://a.test/` for all methods"
            ),
            ("/network/1", "expected a rule as text, found `7`"),
            ("/docker/verbs/0", "there is no verb `container.go`"),
            ("/filesytem", "unknown capability `filesytem`"),
            ("/a~1b", "unknown capability `a/b`"),
            ("/env/1", "`\"1X\"` is not the name of a variable"),
            ("/env/2", "`\"A*\"` is not the name of a variable"),
            ("/secrets/1", "`{\"name\":\"b\",\"revael\":true}` does not name a secret"),
            ("/secrets/2", "`{\"name\":\"\"}` does not name a secret"),
            ("/secrets/3", "`3` does not name a secret"),
        ]
    );
}

#[test]
fn what_was_asked_for_reads_back_from_a_journal() {
    let grants = Requested::parse(&json!({
        "network": ["GET https://a.test/*", "tcp://b:1 private"],
        "filesystem": { "read": ["a", "b/"], "write": ["c/**/d"] },
        "env": ["LANG"],
        "secrets": ["a", { "name": "b", "reveal": true }],
    }))
    .unwrap();
    let text = serde_json::to_string(&grants).unwrap();
    assert_eq!(serde_json::from_str::<Requested>(&text).unwrap(), grants);
}

#[test]
fn a_handle_is_not_the_bytes() {
    let handle = Requested::parse(&json!({ "secrets": ["token"] })).unwrap();
    let bytes = Requested::parse(&json!({ "secrets": [{ "name": "token", "reveal": true }] })).unwrap();
    assert!(
        handle.secrets.covers("token") && !handle.secrets.reveals("token") && !handle.secrets.covers("other")
    );
    assert_eq!(texts(&handle.beyond(&bytes)), [("/secrets/0", "the bytes of secret `token`")]);
    assert_eq!(bytes.beyond(&handle), []);
}

#[test]
fn without_a_policy_everything_asked_for_is_admitted() {
    let asked = Requested::parse(&json!({ "env": ["LANG"] })).unwrap();
    let granted = admit(asked.clone(), &Policy::unrestricted()).unwrap();
    assert_eq!(granted.rules(), &asked);
}

#[test]
fn a_policy_is_a_ceiling_for_every_kind_of_grant() {
    let policy = Policy::parse(&json!({
        "version": 1,
        "grants": { "network": ["GET https://*.a.test/*"], "filesystem": { "read": ["in/"] }, "env": ["LANG"] },
    }))
    .unwrap();
    let within = Requested::parse(&json!({
        "network": ["GET https://x.a.test/y"], "filesystem": { "read": ["in/a"] }, "env": ["LANG"],
    }))
    .unwrap();
    assert_eq!(admit(within.clone(), &policy).unwrap().rules(), &within);

    let beyond = Requested::parse(&json!({
        "network": ["POST https://x.a.test/y"], "filesystem": { "write": ["in/a"] }, "secrets": ["token"],
    }))
    .unwrap();
    let refused = |capability, request: &str| Refusal {
        capability,
        request: request.to_owned(),
        message: "the operator's policy does not allow it".to_owned(),
        grant: None,
    };
    assert_eq!(
        admit(beyond, &policy),
        Err(vec![
            refused(Capability::Http, "network rule `POST https://x.a.test/y`"),
            refused(Capability::Files, "writing `in/a`"),
            refused(Capability::Secrets, "secret `token`"),
        ])
    );
}

#[test]
fn a_refusal_names_the_capability_that_was_asked_for() {
    let policy = Policy::parse(&json!({ "version": 1, "grants": { "secrets": ["token"] } })).unwrap();
    let beyond = Requested::parse(&json!({
        "network": ["GET http://a.test/", "tcp://a.test:1"],
        "filesystem": { "read": ["a"], "write": ["b"] },
        "env": ["LANG"],
        "secrets": ["token", { "name": "token", "reveal": true }, "other"],
    }))
    .unwrap();
    let refused: Vec<(Capability, String)> = admit(beyond, &policy)
        .unwrap_err()
        .into_iter()
        .map(|refusal| (refusal.capability, refusal.request))
        .collect();
    let table = [
        (Capability::Http, "network rule `GET http://a.test/`"),
        (Capability::Tcp, "network rule `tcp://a.test:1`"),
        (Capability::Files, "reading `a`"),
        (Capability::Files, "writing `b`"),
        (Capability::Env, "variable `LANG`"),
        (Capability::Reveal, "the bytes of secret `token`"),
        (Capability::Secrets, "secret `other`"),
    ];
    assert_eq!(refused, table.map(|(capability, request)| (capability, request.to_owned())));
}

/// The variables of the environment come through WASI; there is no interface of ours by that name.
#[test]
fn the_environment_is_no_interface_of_ours() {
    assert_eq!(Capability::from_interface("environment"), None);
    let others: Vec<Capability> =
        Capability::ALL.into_iter().filter(|capability| *capability != Capability::Env).collect();
    let found: Vec<Capability> =
        others.iter().filter_map(|capability| Capability::from_interface(capability.interface())).collect();
    assert_eq!(found, others);
}

#[test]
fn a_policy_with_a_mistake_is_no_policy() {
    let file = json!({ "grants": { "netwrok": [] }, "limits": { "memory": "lots" }, "deny": [] });
    let problems = Policy::parse(&file).unwrap_err().problems;
    assert_eq!(
        texts(&problems),
        [
            ("/grants/netwrok", "unknown capability `netwrok`"),
            ("/limits/memory", "expected a size such as `512KiB` or `64MiB`, found `\"lots\"`"),
            ("/deny", "unknown key `deny`"),
            ("/version", "a policy starts with `version: 1`"),
        ]
    );
    assert!(Policy::parse(&json!([])).is_err());
}

#[test]
fn limits_are_what_was_asked_for_or_the_default_and_never_above_the_policy() {
    let asked = RequestedLimits::parse(&json!({ "memory": "1GiB", "time": "1m30s", "calls": 5 })).unwrap();
    let expected = Limits { memory: 1 << 30, time_ms: 90_000, calls: 5, ..Limits::default() };
    assert_eq!(asked.resolve(&Policy::unrestricted()), expected);

    let policy =
        Policy::parse(&json!({ "version": 1, "limits": { "memory": "32MiB", "fuel": 1000, "time": "1h" } }));
    assert_eq!(asked.resolve(&policy.unwrap()), Limits { memory: 32 << 20, fuel: Some(1000), ..expected });
}

#[test]
fn limits_that_are_no_limits_are_refused() {
    let block = json!({
        "memory": 0, "time": "10", "fuel": -1, "output": "1MB", "calls": 1.5, "disk": "1GiB",
    });
    let errors = RequestedLimits::parse(&block).unwrap_err();
    assert_eq!(
        texts(&errors),
        [
            ("/memory", "expected a size such as `512KiB` or `64MiB`, found `0`"),
            ("/time", "expected a duration such as `10s`, found `10`"),
            ("/fuel", "expected a whole number above 0, found `-1`"),
            ("/output", "expected a size such as `512KiB` or `64MiB`, found `\"1MB\"`"),
            ("/calls", "expected a whole number above 0, found `1.5`"),
            ("/disk", "unknown limit `disk`; known: memory, time, fuel, output, calls"),
        ]
    );
    let huge = json!({ "memory": "99999999999GiB", "time": "999999d" });
    assert_eq!(RequestedLimits::parse(&huge).unwrap_err().len(), 2);
}

/// What rules may say: little, so that some cover others.
const WORDS: [&str; 6] = [
    "GET http://a.test/x",
    "GET http://a.test/*",
    "* http://a.test/*",
    "GET,POST http://*.a.test/x",
    "tcp://a.test:1",
    "tcp://10.0.0.1:1",
];
const PATHS: [&str; 5] = ["a", "a/", "a/b", "a/*.txt", "b"];

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(of), 0..3)
}

fn block() -> impl Strategy<Value = Requested> {
    (
        some(&WORDS),
        some(&PATHS),
        some(&PATHS),
        some(&["LANG", "HOME"]),
        some(&["token", "other"]),
        any::<bool>(),
    )
        .prop_map(|(network, read, write, env, secrets, reveal)| {
            let secrets: Vec<_> =
                secrets.into_iter().map(|name| json!({ "name": name, "reveal": reveal })).collect();
            let filesystem = json!({ "read": read, "write": write });
            let block =
                json!({ "network": network, "filesystem": filesystem, "env": env, "secrets": secrets });
            Requested::parse(&block).unwrap()
        })
}

/// Everything that is let through, of what can be asked here.
fn allowed(rules: &Requested) -> Vec<String> {
    let methods = ["GET", "POST", "DELETE"];
    let urls = ["http://a.test/x", "http://a.test/y", "http://b.a.test/x", "http://a.test:81/x"];
    let asked = methods.iter().flat_map(|method| urls.map(|url| (*method, url)));
    let mut allowed: Vec<String> = asked
        .filter(|(method, url)| rules.network.covers_http(method, &url.parse().unwrap()).is_ok())
        .map(|(method, url)| format!("{method} {url}"))
        .collect();
    let hosts = [("a.test", 1), ("a.test", 2), ("10.0.0.1", 1)];
    allowed.extend(
        hosts
            .iter()
            .filter(|(host, port)| rules.network.covers_tcp(host, *port).is_ok())
            .map(|at| format!("{at:?}")),
    );
    let paths = ["a", "a/b", "a/c.txt", "b", "c"];
    allowed.extend(
        paths
            .iter()
            .filter(|path| rules.filesystem.covers(Access::Read, path).is_ok())
            .map(|path| format!("read {path}")),
    );
    allowed.extend(
        paths
            .iter()
            .filter(|path| rules.filesystem.covers(Access::Write, path).is_ok())
            .map(|path| format!("write {path}")),
    );
    allowed.extend(
        ["LANG", "HOME"].iter().filter(|name| rules.env.covers(name)).map(|name| format!("see {name}")),
    );
    for name in ["token", "other"] {
        allowed.extend(rules.secrets.covers(name).then(|| format!("use {name}")));
        allowed.extend(rules.secrets.reveals(name).then(|| format!("reveal {name}")));
    }
    allowed
}

proptest! {
    /// Whatever is put in: what comes out of narrowing allows nothing that was not allowed before.
    #[test]
    fn narrowing_only_takes_away((granted, fewer) in (block(), block())) {
        let set = admit(granted.clone(), &Policy::unrestricted()).unwrap();
        match set.narrow(fewer.clone()) {
            Ok(narrowed) => {
                prop_assert_eq!(narrowed.rules(), &fewer);
                let before = allowed(&granted);
                let added: Vec<String> =
                    allowed(&fewer).into_iter().filter(|request| !before.contains(request)).collect();
                prop_assert_eq!(added, Vec::<String>::new());
            }
            Err(beyond) => prop_assert_eq!(beyond, granted.beyond(&fewer)),
        }
        prop_assert_eq!(set.narrow(granted.clone()).unwrap(), set.clone());
        prop_assert_eq!(set.narrow(Requested::default()).unwrap(), GrantSet::none());
    }
}
