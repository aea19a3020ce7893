//! What network rules cover, and what they refuse.

use proptest::prelude::*;
use serde_json::json;
use url::Url;

use super::{NetworkGrant, NetworkRule};
use crate::{Capability, Refusal};

fn grant(rules: &[&str]) -> NetworkGrant {
    NetworkGrant::parse(&json!(rules)).unwrap()
}

fn covers(rule: &str, method: &str, url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| grant(&[rule]).covers_http(method, &url).is_ok())
}

#[test]
fn a_rule_covers_its_own_spelling_and_every_spelling_of_the_same_thing() {
    let table = [
        ("GET https://example.com/health", "GET", "https://example.com/health"),
        ("GET https://example.com/health", "GET", "HTTPS://EXAMPLE.com:443/health"),
        ("GET https://example.com/health", "GET", "https://example.com./health"),
        ("GET https://example.com/health", "GET", "https://example.com/./x/../health"),
        ("GET https://EXAMPLE.com:443/health", "GET", "https://example.com/health"),
        ("GET https://bücher.example/x", "GET", "https://xn--bcher-kva.example/x"),
        ("GET http://127.0.0.1:8001/health", "GET", "http://2130706433:8001/health"),
        ("GET http://127.0.0.1/", "GET", "http://0x7f.1/"),
        ("GET http://127.0.0.1/", "GET", "http://0177.0.0.1/"),
        ("GET http://[::1]:8001/x", "GET", "http://[0:0:0:0:0:0:0:1]:8001/x"),
        ("GET,POST https://example.com/api/*", "POST", "https://example.com/api/v1/orders?page=2"),
        ("* https://example.com/*", "DELETE", "https://example.com/"),
        ("* https://*.example.com/*", "GET", "https://a.b.example.com/x"),
        ("GET https://example.com/x?id=*", "GET", "https://example.com/x?id=7"),
        ("GET https://example.com/*", "GET", "https://example.com/a%2fb;c//d"),
        ("GET https://example.com/a%2Fb", "GET", "https://example.com/a%2Fb"),
    ];
    for (rule, method, url) in table {
        assert!(covers(rule, method, url), "`{rule}` should cover {method} {url}");
    }
}

#[test]
fn a_rule_covers_nothing_else() {
    let table = [
        ("GET https://example.com/health", "POST", "https://example.com/health"),
        ("GET https://example.com/health", "get", "https://example.com/health"),
        ("GET https://example.com/health", "GET", "http://example.com/health"),
        ("GET https://example.com/health", "GET", "https://example.com:8443/health"),
        ("GET https://example.com/health", "GET", "https://example.com/health/"),
        ("GET https://example.com/health", "GET", "https://example.com/health?x=1"),
        ("GET https://example.com/health", "GET", "https://example.com/HEALTH"),
        ("GET https://example.com/*", "GET", "https://evil-example.com/"),
        ("GET https://example.com/*", "GET", "https://example.com.evil.org/"),
        ("GET https://example.com/*", "GET", "https://example.com@evil.org/"),
        ("GET https://example.com/*", "GET", "https://user:pass@example.com/"),
        ("GET https://*.example.com/*", "GET", "https://example.com/"),
        ("GET https://*.example.com/*", "GET", "https://evilexample.com/"),
        ("GET http://192.168.1.1/*", "GET", "http://192.168.1.1.evil.org/"),
        ("GET http://127.0.0.1/*", "GET", "http://[::ffff:127.0.0.1]/"),
        ("GET http://localhost/*", "GET", "http://127.0.0.1/"),
        ("GET https://example.com/api/*", "GET", "https://example.com/api/../admin"),
        ("GET https://example.com/api/*", "GET", "https://example.com/api/%2e%2e/admin"),
        ("GET https://example.com/api/*", "GET", "https://example.com/api/..%2fadmin"),
        ("GET https://example.com/api/*", "GET", "https://example.com/api/..%5Cadmin"),
        ("GET https://example.com/api/*", "GET", "https://example.com/api//admin"),
        ("GET https://example.com/api/*", "GET", "https://example.com/api/..;/admin"),
        ("tcp://example.com:443", "GET", "https://example.com/"),
    ];
    for (rule, method, url) in table {
        assert!(!covers(rule, method, url), "`{rule}` should not cover {method} {url}");
    }
}

#[test]
fn connections_are_covered_by_name_and_port() {
    let grant = grant(&["tcp://redis:6379", "tcp://[::1]:80", "GET https://example.com/*"]);
    let table = [
        ("redis", 6379, true),
        ("REDIS.", 6379, true),
        ("redis", 6380, false),
        ("redis.example.com", 6379, false),
        ("::1", 80, true),
        ("[::1]", 80, true),
        ("example.com", 443, false),
        ("", 6379, false),
        ("red is", 6379, false),
    ];
    let found = table.map(|(host, port, _)| (host, port, grant.covers_tcp(host, port).is_ok()));
    assert_eq!(found, table);
}

#[test]
fn a_name_must_be_called_private_to_lead_home() {
    let table = [
        (
            "GET http://app/x",
            "10.0.0.5",
            Err(
                "the name leads to 10.0.0.5, which is a private address; write `GET http://app/x private` to allow that",
            ),
        ),
        (
            "GET http://app/x",
            "127.0.0.1",
            Err(
                "the name leads to 127.0.0.1, which is this machine itself; write `GET http://app/x private` to allow that",
            ),
        ),
        ("GET http://app/x private", "10.0.0.5", Ok(())),
        ("GET http://app/x private", "::ffff:127.0.0.1", Ok(())),
        (
            "GET http://app/x private",
            "169.254.169.254",
            Err("169.254.169.254 is a cloud metadata service, which no rule can allow"),
        ),
        (
            "GET http://169.254.169.254/*",
            "169.254.169.254",
            Err("169.254.169.254 is a cloud metadata service, which no rule can allow"),
        ),
        ("GET http://10.0.0.5/x", "10.0.0.5", Ok(())),
        (
            "GET http://10.0.0.5/x",
            "10.0.0.6",
            Err(
                "the name leads to 10.0.0.6, which is a private address; write `GET http://10.0.0.5/x private` to allow that",
            ),
        ),
        ("tcp://localhost:6379", "127.0.0.1", Ok(())),
        ("tcp://localhost:6379", "::1", Ok(())),
        (
            "tcp://localhost:6379",
            "10.0.0.5",
            Err(
                "the name leads to 10.0.0.5, which is a private address; write `tcp://localhost:6379 private` to allow that",
            ),
        ),
        ("tcp://redis:6379", "1.1.1.1", Ok(())),
        ("tcp://redis:6379 private", "224.0.0.1", Err("224.0.0.1 is not an address to connect to")),
    ];
    for (rule, address, expected) in table {
        let rule: NetworkRule = rule.parse().unwrap();
        assert_eq!(
            rule.admits(address.parse().unwrap()),
            expected.map_err(str::to_owned),
            "{rule} {address}"
        );
    }
}

#[test]
fn rules_print_as_they_read() {
    let table = [
        ("GET https://Example.COM:443/x", "GET https://example.com/x"),
        ("GET  http://example.com:8080/a/../b", "GET http://example.com:8080/b"),
        ("* https://*.example.com/**", "* https://*.example.com/*"),
        ("tcp://Redis:6379  private", "tcp://redis:6379 private"),
        ("tcp://::1:80", "tcp://[::1]:80"),
        ("GET http://[::1]/x", "GET http://[::1]/x"),
        ("GET http://0x7f000001/x private", "GET http://127.0.0.1/x private"),
    ];
    assert_eq!(
        table.map(|(text, _)| text.parse::<NetworkRule>().unwrap().to_string()),
        table.map(|(_, shown)| shown)
    );
}

#[test]
fn what_is_not_a_rule_is_refused_with_a_reason() {
    let table = [
        (
            "https://example.com/",
            "`https://example.com/` names no method: write `GET https://example.com/`, or `* https://example.com/` for all methods",
        ),
        ("example.com", "`example.com` is not a rule"),
        ("", "`` is not a rule"),
        ("GET https://example.com/ public", "`GET https://example.com/ public` is not a rule"),
        (
            "get https://example.com/",
            "`get` is not a method; methods are in capitals, as in `GET` or `GET,POST`",
        ),
        (
            "GET,, https://example.com/",
            "`` is not a method; methods are in capitals, as in `GET` or `GET,POST`",
        ),
        ("GET ftp://example.com/", "`ftp://example.com/` must start with `http://` or `https://`"),
        (
            "GET https://example.com",
            "`https://example.com` names no path: write `https://example.com/*` for all of them",
        ),
        ("GET https://u:p@example.com/", "a rule holds no user info: use a secret header"),
        ("GET https://example.com:0/", "`0` is not a port (1 to 65535)"),
        ("GET https://example.com:99999/", "`99999` is not a port (1 to 65535)"),
        ("GET https://*/", "`*`: a `*` in a host stands only at its start, as in `*.example.com`"),
        ("GET https://*.com/", "`*.com` is too wide: name at least a domain, as in `*.example.com`"),
        (
            "GET https://a.*.com/",
            "`a.*.com`: a `*` in a host stands only at its start, as in `*.example.com`",
        ),
        ("GET https://exa mple.com/", "`GET https://exa mple.com/` is not a rule"),
        ("GET https://example.com/#top", "`/#top`: a rule holds no fragment, since none is ever sent"),
        (
            "GET https://example.com/a%2f*",
            "`/a%2f*`: servers read `//`, `;`, `\\` and encoded separators in more than one way; write such a path in full, without `*`",
        ),
        ("tcp://redis", "`tcp://redis` needs a port, as in `tcp://redis:6379`"),
        ("tcp://redis:x", "`x` is not a port (1 to 65535)"),
    ];
    for (text, reason) in table {
        assert_eq!(text.parse::<NetworkRule>(), Err(reason.to_owned()));
    }
}

#[test]
fn a_refusal_tells_the_operator_what_to_paste() {
    let url = Url::parse("https://hooks.example.com/services/T0?token=abc").unwrap();
    assert_eq!(
        grant(&[]).covers_http("POST", &url),
        Err(Box::new(Refusal {
            capability: Capability::Http,
            request: "POST https://hooks.example.com/services/T0?*".to_owned(),
            message: "this step is granted no network at all, so no HTTP requests".to_owned(),
            grant: Some(r#"network: ["POST https://hooks.example.com/services/T0?*"]"#.to_owned()),
        }))
    );
    assert_eq!(
        grant(&["tcp://redis:6379"]).covers_tcp("postgres", 5432),
        Err(Box::new(Refusal {
            capability: Capability::Tcp,
            request: "tcp://postgres:5432".to_owned(),
            message: "none of its network rules covers this: `tcp://redis:6379`".to_owned(),
            grant: Some(r#"network: ["tcp://postgres:5432"]"#.to_owned()),
        }))
    );
}

#[test]
fn a_narrower_grant_stays_within_and_a_wider_one_does_not() {
    let within = [
        ("* https://example.com/*", "GET https://example.com/health"),
        ("GET,POST https://example.com/*", "POST https://example.com/*"),
        ("GET https://*.example.com/*", "GET https://*.eu.example.com/x"),
        ("GET http://app/* private", "GET http://app/x"),
        ("GET http://10.0.0.5/*", "GET http://10.0.0.5/x private"),
    ];
    for (wide, narrow) in within {
        assert_eq!(grant(&[wide]).beyond(&grant(&[narrow])), [], "{wide} / {narrow}");
        let back = grant(&[narrow]).beyond(&grant(&[wide]));
        assert!(!back.is_empty() || wide.contains("10.0.0.5"), "{narrow} / {wide}");
    }
    let beyond = [
        ("GET https://example.com/*", "* https://example.com/*"),
        ("GET https://example.com/*", "GET http://example.com/*"),
        ("GET https://example.com/*", "GET https://example.com:8443/*"),
        ("GET https://*.example.com/*", "GET https://example.com/*"),
        ("GET http://app/*", "GET http://app/* private"),
        ("GET https://example.com/a*", "GET https://example.com/a%2fb"),
        ("tcp://redis:6379", "tcp://redis:6380"),
        ("tcp://example.com:443", "GET https://example.com/*"),
    ];
    for (wide, narrow) in beyond {
        let found: Vec<String> =
            grant(&[wide]).beyond(&grant(&[narrow])).iter().map(ToString::to_string).collect();
        assert_eq!(found, [format!("network rule `{}`", narrow.parse::<NetworkRule>().unwrap())]);
    }
}

prop_compose! {
    fn any_rule()(
        http in any::<bool>(),
        methods in prop_oneof!["GET", "POST", "GET,POST", "\\*"],
        scheme in prop_oneof!["http", "https"],
        host in prop_oneof!["a\\.test", "b\\.a\\.test", "\\*\\.a\\.test", "10\\.0\\.0\\.[12]", "localhost", "\\[::1\\]"],
        port in prop_oneof![Just(80_u16), Just(443), Just(8080)],
        path in "/[ab*/?]{0,5}",
        private in any::<bool>(),
    ) -> NetworkRule {
        let private = if private { " private" } else { "" };
        let text = if http {
            format!("{methods} {scheme}://{host}:{port}{path}{private}")
        } else {
            format!("tcp://{host}:{port}{private}")
        };
        // A `*` beside `//` is no rule; the exact path is.
        text.parse().or_else(|_| text.replace("//", "/").replace(":/", "://").parse()).unwrap_or_else(|_| {
            "GET http://a.test/*".parse().unwrap()
        })
    }
}

prop_compose! {
    fn any_request()(
        method in prop_oneof!["GET", "POST", "PUT"],
        scheme in prop_oneof!["http", "https"],
        host in prop_oneof!["a\\.test", "b\\.a\\.test", "c\\.b\\.a\\.test", "10\\.0\\.0\\.[12]", "localhost", "\\[::1\\]"],
        port in prop_oneof![Just(80_u16), Just(443), Just(8080)],
        path in "/[ab/?;]{0,5}",
    ) -> (String, Url) {
        (method, Url::parse(&format!("{scheme}://{host}:{port}{path}")).unwrap())
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_rule(rule in any_rule()) {
        prop_assert_eq!(rule.to_string().parse::<NetworkRule>(), Ok(rule.clone()));
        let json = serde_json::to_value(&rule).unwrap();
        prop_assert_eq!(serde_json::from_value::<NetworkRule>(json).unwrap(), rule);
    }

    #[test]
    fn a_rule_within_another_covers_nothing_more(
        wide in any_rule(),
        narrow in any_rule(),
        (method, url) in any_request(),
    ) {
        let (wide, narrow) = (NetworkGrant(vec![wide]), NetworkGrant(vec![narrow]));
        if wide.beyond(&narrow).is_empty() && narrow.covers_http(&method, &url).is_ok() {
            prop_assert!(wide.covers_http(&method, &url).is_ok());
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { unreachable!() };
        if wide.beyond(&narrow).is_empty() && narrow.covers_tcp(host, port).is_ok() {
            prop_assert!(wide.covers_tcp(host, port).is_ok());
        }
    }

    #[test]
    fn one_more_rule_never_takes_anything_away(
        rules in prop::collection::vec(any_rule(), 0..4),
        more in any_rule(),
        (method, url) in any_request(),
    ) {
        let before = NetworkGrant(rules.clone());
        let after = NetworkGrant(rules.into_iter().chain([more]).collect());
        prop_assert!(before.covers_http(&method, &url).is_err() || after.covers_http(&method, &url).is_ok());
        prop_assert_eq!(after.beyond(&before), []);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,40}") {
        drop(text.parse::<NetworkRule>());
    }
}

/// Found by fuzzing: one spelling that would have become another host when read back.
#[test]
fn a_host_with_an_empty_label_is_none() {
    for rule in
        ["GET http://127../", "GET http://a..example.com/", "tcp://.:80", "GET http://*..example.com/"]
    {
        assert!(rule.parse::<super::NetworkRule>().is_err(), "{rule}");
    }
}

/// A grant is there to be pasted: it has to read back, and to help.
#[test]
fn a_grant_is_offered_only_where_one_could_help() {
    let none = grant(&[]);
    let http = |url: &str| none.covers_http("GET", &url.parse().unwrap()).unwrap_err().grant;
    let tcp = |host: &str| none.covers_tcp(host, 80).unwrap_err().grant;
    let table = [
        (http("http://10.0.0.5/x"), Some(r#"network: ["GET http://10.0.0.5/x"]"#)),
        (http("http://[::1]/x"), Some(r#"network: ["GET http://[::1]/x"]"#)),
        (http("http://169.254.169.254/x"), None),
        (http("http://[::ffff:169.254.169.254]/x"), None),
        (http("http://0.0.0.0/x"), None),
        (tcp("::1"), Some(r#"network: ["tcp://[::1]:80"]"#)),
        (tcp("[::1]"), Some(r#"network: ["tcp://[::1]:80"]"#)),
        (tcp("fd00:ec2::254"), None),
        (tcp("not a host"), None),
    ];
    for (offered, expected) in table {
        assert_eq!(offered.as_deref(), expected);
    }
}
