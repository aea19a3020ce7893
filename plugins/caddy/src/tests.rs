//! The switch against a Caddy that behaves as the real one. Requirements: 003-65, 003-66, 003-67.

use std::cell::RefCell;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use super::*;
use runner_plugin::testing::{Answer, FakeHost, SentRequest, capture, observe, restore, switch};
use runner_plugin::{FailureKind, HostError};
use serde_json::{Value, json};

const OBJECT: &str = "http://127.0.0.1:2019/id/l9-proxy";

/// Where the ETag of an answer is.
#[derive(Clone, Copy, PartialEq)]
enum Etag {
    Header,
    Trailer,
    Nowhere,
}

/// A Caddy with one object.
struct Server {
    object: Value,
    etag: Etag,
    /// What happens at the next `PATCH`, before or instead of doing it.
    at_patch: Option<Trouble>,
    /// How many reads are refused after a change, while the admin endpoint restarts.
    restarting: u32,
    down: u32,
}

enum Trouble {
    /// Answers this and changes nothing.
    Refuses(u16, &'static str),
    /// Does it, and cuts the connection before the answer.
    CutsOffAfter,
    /// Cuts the connection and does nothing.
    CutsOffBefore,
    /// Somebody else is faster.
    Overtaken(Value),
    /// Accepts and forgets.
    Forgets,
}

impl Server {
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.object.to_string().hash(&mut hasher);
        format!("\"/config/x {:016x}\"", hasher.finish())
    }

    fn answer(&mut self, request: &SentRequest) -> Answer {
        if request.url != OBJECT {
            return Answer::json(404, json!({ "error": "unknown object ID" }));
        }
        match request.method.as_str() {
            "GET" if self.down > 0 => {
                self.down -= 1;
                Answer::error(HostError::Unavailable("connection refused".into()))
            }
            "GET" => {
                let answer = Answer::json(200, self.object.clone());
                match self.etag {
                    Etag::Header => answer.header("Etag", &self.tag()),
                    Etag::Trailer => answer.trailer("Etag", &self.tag()),
                    Etag::Nowhere => answer,
                }
            }
            "PATCH" => self.patch(request),
            _ => Answer::status(405),
        }
    }

    fn patch(&mut self, request: &SentRequest) -> Answer {
        let trouble = self.at_patch.take();
        match &trouble {
            Some(Trouble::Refuses(status, error)) => return Answer::json(*status, json!({ "error": error })),
            Some(Trouble::CutsOffBefore) => {
                return Answer::error(HostError::Unavailable("connection reset".into()));
            }
            Some(Trouble::Forgets) => return Answer::status(200),
            Some(Trouble::Overtaken(object)) => self.object = object.clone(),
            Some(Trouble::CutsOffAfter) | None => {}
        }
        if request.header_value("if-match").is_some_and(|tag| tag != self.tag()) {
            return Answer::json(412, json!({ "error": "If-Match header did not match" }));
        }
        self.object = serde_json::from_slice(&request.body).unwrap();
        self.down = self.restarting;
        match trouble {
            Some(Trouble::CutsOffAfter) => Answer::error(HostError::Unavailable("connection reset".into())),
            _ => Answer::status(200),
        }
    }
}

/// A fake host with a Caddy whose `l9-proxy` is `object`.
fn caddy(object: Value) -> (FakeHost, Rc<RefCell<Server>>) {
    let server = Server { object, etag: Etag::Header, at_patch: None, restarting: 0, down: 0 };
    let server = Rc::new(RefCell::new(server));
    let serving = Rc::clone(&server);
    (FakeHost::new().server(move |request| serving.borrow_mut().answer(request)), server)
}

fn upstream(address: &str) -> Value {
    json!({ "@id": "l9-proxy", "dial": address })
}

fn to(address: &str) -> Value {
    json!({ "object": "l9-proxy", "to": address })
}

fn route(address: &str, server: &RefCell<Server>) -> Route {
    let upstreams = vec![Upstream { address: address.to_owned(), weight: 1 }];
    Route { upstreams, revision: server.borrow().tag() }
}

fn patches(host: &FakeHost) -> usize {
    host.sent().iter().filter(|request| request.method == "PATCH").count()
}

/// 003-65 and 003-67: moved, read back, and taken back.
#[test]
fn traffic_moves_and_comes_back() {
    let (host, server) = caddy(upstream("blue:8000"));

    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    assert_eq!(patches(&host), 0);

    let switched = switch::<Caddy>(&host, to("green:8001"), &snapshot).unwrap();
    let green = route("green:8001", &server);
    assert_eq!(
        switched,
        Switched::new(green.clone(), "traffic goes to `green:8001`")
            .output("upstreams", json!(["green:8001"]))
            .output("revision", green.revision.clone())
            .output("changed", true),
    );
    assert_eq!(server.borrow().object, upstream("green:8001"));
    assert_eq!(observe::<Caddy>(&host, json!({ "object": "l9-proxy" })), Ok(green));

    assert_eq!(restore::<Caddy>(&host, to("green:8001"), &snapshot), Ok(route("blue:8000", &server)));
    assert_eq!(server.borrow().object, upstream("blue:8000"));
}

#[test]
fn a_change_carries_the_etag_of_what_it_replaces() {
    let (host, server) = caddy(upstream("blue:8000"));
    let tag = server.borrow().tag();
    let config = json!({ "object": "l9-proxy", "to": "green:8001", "timeout_ms": 700 });

    let snapshot = capture::<Caddy>(&host, config.clone()).unwrap();
    switch::<Caddy>(&host, config, &snapshot).unwrap();

    assert_eq!(
        host.sent()[2],
        SentRequest::new("PATCH", OBJECT)
            .header("content-type", "application/json")
            .header("if-match", tag)
            .body(r#"{"@id":"l9-proxy","dial":"green:8001"}"#)
            .timeout_ms(700),
    );
}

#[test]
fn an_etag_in_a_trailer_is_as_good() {
    let (host, server) = caddy(upstream("blue:8000"));
    server.borrow_mut().etag = Etag::Trailer;

    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    let switched = switch::<Caddy>(&host, to("green:8001"), &snapshot).unwrap();

    assert_eq!(switched.route, route("green:8001", &server));
    assert!(host.sent()[2].header_value("if-match").is_some());
}

#[test]
fn without_an_etag_nothing_is_changed_unless_the_step_goes_without() {
    let (host, server) = caddy(upstream("blue:8000"));
    server.borrow_mut().etag = Etag::Nowhere;
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();

    assert_eq!(
        switch::<Caddy>(&host, to("green:8001"), &snapshot),
        Err(Failure::invalid_input(
            "Caddy gives no ETag, so it cannot refuse a change that comes too late; nothing was changed \
             (`optimistic_lock: false` goes without)"
        )),
    );

    let config = json!({ "object": "l9-proxy", "to": "green:8001", "optimistic_lock": false });
    let switched = switch::<Caddy>(&host, config, &snapshot).unwrap();

    assert_eq!(switched.route.revision, "");
    assert_eq!(server.borrow().object, upstream("green:8001"));
}

#[test]
fn a_second_switch_and_a_second_restore_write_nothing() {
    let (host, server) = caddy(upstream("blue:8000"));
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    switch::<Caddy>(&host, to("green:8001"), &snapshot).unwrap();

    let again = switch::<Caddy>(&host, to("green:8001"), &snapshot).unwrap();
    assert_eq!(again.summary, "traffic went to `green:8001` already");
    assert_eq!(again.outputs[2].value, json!(false));
    assert_eq!(patches(&host), 1);

    restore::<Caddy>(&host, to("green:8001"), &snapshot).unwrap();
    restore::<Caddy>(&host, to("green:8001"), &snapshot).unwrap();
    assert_eq!(patches(&host), 2);
    assert_eq!(server.borrow().object, upstream("blue:8000"));
}

#[test]
fn a_restore_without_a_switch_writes_nothing() {
    let (host, server) = caddy(upstream("blue:8000"));
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();

    assert_eq!(restore::<Caddy>(&host, to("green:8001"), &snapshot), Ok(route("blue:8000", &server)));
    assert_eq!(patches(&host), 0);
}

#[test]
fn what_somebody_else_has_changed_is_not_overwritten() {
    let (host, server) = caddy(upstream("blue:8000"));
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    server.borrow_mut().object = upstream("red:9000");
    let refused = Failure::invalid_input(
        "somebody else has changed `l9-proxy`: its traffic goes to `red:9000`, neither to `blue:8000` (as captured) \
         nor to `green:8001` (as this step wants); nothing was overwritten",
    );

    assert_eq!(switch::<Caddy>(&host, to("green:8001"), &snapshot), Err(refused.clone()));
    assert_eq!(restore::<Caddy>(&host, to("green:8001"), &snapshot), Err(refused));
    assert_eq!(patches(&host), 0);
    assert_eq!(server.borrow().object, upstream("red:9000"));
}

#[test]
fn other_settings_that_somebody_else_has_changed_are_not_overwritten() {
    let (host, server) = caddy(upstream("blue:8000"));
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    switch::<Caddy>(&host, to("green:8001"), &snapshot).unwrap();
    server.borrow_mut().object = json!({ "@id": "l9-proxy", "dial": "green:8001", "max_requests": 9 });

    assert_eq!(
        restore::<Caddy>(&host, to("green:8001"), &snapshot),
        Err(Failure::invalid_input(
            "somebody else has changed `l9-proxy`: settings other than its upstreams are not as captured; nothing was \
             overwritten"
        )),
    );
}

#[test]
fn somebody_else_who_is_faster_wins() {
    let (host, server) = caddy(upstream("blue:8000"));
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    server.borrow_mut().at_patch = Some(Trouble::Overtaken(upstream("red:9000")));

    assert_eq!(
        switch::<Caddy>(&host, to("green:8001"), &snapshot),
        Err(Failure::invalid_input(
            "somebody else has changed `l9-proxy` since it was read (Caddy answered 412); nothing was overwritten"
        )),
    );
    assert_eq!(server.borrow().object, upstream("red:9000"));
}

/// 003-66: a failed call of the admin API is seen by its status, and the old config stays.
#[test]
fn a_change_that_caddy_refuses_is_a_failure() {
    let (host, server) = caddy(upstream("blue:8000"));
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    let refused = |status, error| {
        server.borrow_mut().at_patch = Some(Trouble::Refuses(status, error));
        switch::<Caddy>(&host, to("green:8001"), &snapshot).unwrap_err()
    };

    assert_eq!(
        refused(500, "loading new config: unknown policy"),
        Failure::invalid_input(
            "Caddy refused to change `l9-proxy` (500: loading new config: unknown policy); the old config stays"
        ),
    );
    assert_eq!(
        refused(400, "bad"),
        Failure::invalid_input("Caddy refused to change `l9-proxy` (400: bad); the old config stays"),
    );
    assert_eq!(refused(503, "busy"), Failure::unavailable("Caddy answered 503: busy"));
    assert_eq!(server.borrow().object, upstream("blue:8000"));
}

#[test]
fn a_change_that_was_done_before_the_connection_was_cut_is_a_success() {
    let (host, server) = caddy(upstream("blue:8000"));
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    server.borrow_mut().at_patch = Some(Trouble::CutsOffAfter);
    server.borrow_mut().restarting = 2;

    let switched = switch::<Caddy>(&host, to("green:8001"), &snapshot).unwrap();

    assert_eq!(switched.route, route("green:8001", &server));
    assert_eq!(host.time(), Duration::from_millis(400));
}

#[test]
fn a_change_that_was_not_done_when_the_connection_was_cut_is_a_failure() {
    let (host, server) = caddy(upstream("blue:8000"));
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    server.borrow_mut().at_patch = Some(Trouble::CutsOffBefore);

    assert_eq!(
        switch::<Caddy>(&host, to("green:8001"), &snapshot),
        Err(Failure::unavailable(format!("PATCH {OBJECT}: connection reset"))),
    );
}

/// 003-67: a switch that cannot be read back has not happened.
#[test]
fn a_change_that_does_not_show_is_a_failure() {
    let (host, server) = caddy(upstream("blue:8000"));
    let snapshot = capture::<Caddy>(&host, to("green:8001")).unwrap();
    server.borrow_mut().at_patch = Some(Trouble::Forgets);

    assert_eq!(
        switch::<Caddy>(&host, to("green:8001"), &snapshot),
        Err(Failure::unavailable(
            "Caddy accepted the change of `l9-proxy`, and does not show it when read back"
        )),
    );
}

/// 003-67: verified through the proxy.
#[test]
fn the_switch_is_verified_through_the_proxy() {
    let verified = |answers: [Answer; 2]| {
        let (host, _) = caddy(upstream("blue:8000"));
        let [first, second] = answers;
        let host = host
            .answer("GET https://l9.example/health", first)
            .answer("GET https://l9.example/health", second);
        let verify = json!({ "url": "https://l9.example/health", "attempts": 2 });
        let config = json!({ "object": "l9-proxy", "to": "green:8001", "verify": verify });
        let snapshot = capture::<Caddy>(&host, config.clone()).unwrap();
        switch::<Caddy>(&host, config, &snapshot).map(|switched| switched.summary)
    };
    let refused = || Answer::error(HostError::Unavailable("connection refused".into()));

    assert_eq!(
        verified([Answer::status(502), Answer::status(200)]),
        Ok("traffic goes to `green:8001`".to_owned())
    );
    assert_eq!(
        verified([refused(), Answer::status(502)]),
        Err(Failure::unavailable(
            "the route has changed, and the proxy does not serve: status is 502, not 200 \
             (2 attempts of `https://l9.example/health`)"
        )),
    );
    assert_eq!(
        verified([Answer::error(HostError::Denied), Answer::status(200)]),
        Err(Failure::new(
            FailureKind::Denied,
            "GET https://l9.example/health: denied, no grant of this step covers it"
        )),
    );
}

#[test]
fn a_handler_shares_traffic_and_gets_all_of_it_back() {
    let handler = json!({
        "@id": "l9-proxy",
        "handler": "reverse_proxy",
        "load_balancing": { "selection_policy": { "policy": "round_robin" } },
        "upstreams": [{ "dial": "blue:8000" }],
    });
    let (host, server) = caddy(handler.clone());
    let shares = json!([
        { "address": "blue:8000", "weight": 2 },
        { "address": "green:8001" },
        { "address": "red:1", "weight": 0 },
    ]);
    let config = json!({ "object": "l9-proxy", "upstreams": shares });

    let snapshot = capture::<Caddy>(&host, config.clone()).unwrap();
    let switched = switch::<Caddy>(&host, config.clone(), &snapshot).unwrap();

    assert_eq!(switched.summary, "traffic goes to `blue:8000` (67 %) and `green:8001` (33 %)");
    assert_eq!(
        server.borrow().object["upstreams"],
        json!([{ "dial": "blue:8000" }, { "dial": "blue:8000" }, { "dial": "green:8001" }]),
    );

    restore::<Caddy>(&host, config, &snapshot).unwrap();
    assert_eq!(server.borrow().object, handler);
}

#[test]
fn a_step_that_makes_no_sense_is_refused_at_capture() {
    let (host, _) = caddy(upstream("blue:8000"));
    let refused = |config| capture::<Caddy>(&host, config).unwrap_err();
    let one = |address: &str, weight: u32| json!({ "address": address, "weight": weight });

    assert_eq!(
        refused(json!({ "object": "l9-proxy" })),
        Failure::invalid_config("exactly one of `to` and `upstreams` must be given"),
    );
    assert_eq!(
        refused(json!({ "object": "l9-proxy", "upstreams": [one("a:1", 1), one("a:1", 2)] })),
        Failure::invalid_config("`a:1` is given twice; add up its weights"),
    );
    assert_eq!(
        refused(json!({ "object": "l9-proxy", "upstreams": [one("a:1", 0)] })),
        Failure::invalid_config("no upstream has a weight above 0: nothing would get the traffic"),
    );
    assert_eq!(
        refused(json!({ "object": "../config", "to": "a:1" })),
        Failure::invalid_config("`../config` is not an `@id`: letters, digits, `_`, `.` and `-`"),
    );
    assert_eq!(
        refused(json!({ "object": "absent", "to": "a:1" })),
        Failure::invalid_config("Caddy has no object with the `@id` `absent`"),
    );
}

#[test]
fn a_snapshot_of_something_else_is_refused() {
    let (host, _) = caddy(upstream("blue:8000"));
    let other = json!({ "object": "other", "etag": null, "state": { "dial": "a:1" } }).to_string();

    assert_eq!(
        restore::<Caddy>(&host, to("green:8001"), &other),
        Err(Failure::invalid_config("the snapshot is of `other`, not of `l9-proxy`")),
    );
    assert_eq!(
        restore::<Caddy>(&host, to("green:8001"), "{}"),
        Err(Failure::invalid_input(
            "the snapshot is none of this plugin: missing field `object` at line 1 column 2"
        )),
    );
}

#[test]
fn an_object_that_is_too_large_for_a_snapshot_is_refused() {
    let (host, _) = caddy(json!({ "dial": "blue:8000", "note": "x".repeat(64 * 1024) }));

    assert_eq!(
        capture::<Caddy>(&host, to("green:8001")),
        Err(Failure::invalid_input(format!(
            "`l9-proxy` is too large for a snapshot ({} bytes); give its upstream an `@id` of its own",
            64 * 1024 + 100
        ))),
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "caddy");
    assert_eq!(manifest.outputs, ["upstreams", "revision", "changed"]);
}
