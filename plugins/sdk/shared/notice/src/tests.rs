//! What every notifier relies on. Requirements: 000-55, 001-32, 001-33, 001-38, 001-39.

use std::time::Duration;

use runner_plugin::testing::{Answer, FakeHost, request};
use runner_plugin::{Event, Failure, FailureKind};
use serde_json::{Value, json};

use super::*;

const RUN: &str = "01JD3KZ9Y4V5T6S7R8Q9P0N1M2";
const PLAIN: Channel = Channel { markup: Markup::Plain, title: 80, text: 2000, links: Links::Below };

fn event(name: &str, status: &str) -> Event {
    Event {
        name: name.into(),
        pipeline: "l9-deploy".into(),
        status: status.into(),
        severity: "error".into(),
        step: Some("smoke".into()),
        summary: "l9-deploy rejected at `smoke`: 2 of 5 requests failed".into(),
        json: json!({
            "steps": [
                { "id": "tests", "state": "ended", "result": "success", "summary": "120 passed" },
                { "id": "smoke", "state": "ended", "result": "failure", "summary": "2 of 5 requests failed" },
                { "id": "switch", "state": "waiting", "result": null, "summary": null },
            ],
        })
        .to_string(),
    }
}

fn written(message: Value, event: &Event, channel: Channel) -> Result<Written, Failure> {
    let message: Message = serde_json::from_value(message).expect("a message");
    message.write(&request(), event, channel)
}

fn text(message: Value, markup: Markup) -> Result<String, Failure> {
    let channel = Channel { markup, ..PLAIN };
    written(message, &event("run.failed", "rejected"), channel).map(|written| written.text)
}

/// 000-55: what happened, where, and what the steps have said.
#[test]
fn the_technical_style_names_the_step_and_what_went_wrong() {
    let message = json!({
        "fields": { "version": "v1.2.3-l9", "attempt": 2 },
        "links": [{ "title": "Dashboard", "url": "https://grafana.example/d/l9" }],
    });

    assert_eq!(
        written(message, &event("run.failed", "rejected"), PLAIN),
        Ok(Written {
            title: "l9-deploy: run.failed".into(),
            text: format!(
                "l9-deploy rejected at `smoke`: 2 of 5 requests failed

Run: {RUN}
Status: rejected, severity error
Step: smoke
attempt: 2
version: v1.2.3-l9
- smoke failure: 2 of 5 requests failed

Dashboard: https://grafana.example/d/l9"
            ),
            links: vec![Link { title: "Dashboard".into(), url: "https://grafana.example/d/l9".into() }],
        }),
    );
}

/// 001-32: the same event for those who use the thing.
#[test]
fn the_community_style_says_what_the_news_is() {
    let say = |name: &str, status: &str| {
        let message =
            json!({ "style": "community", "fields": { "version": "2.4", "highlights": "Faster *search*." } });
        let channel = Channel { markup: Markup::Discord, ..PLAIN };
        written(message, &event(name, status), channel).map(|written| (written.title, written.text))
    };
    let told = |text: &str| Ok(("l9-deploy 2.4".to_owned(), format!("{text}\n\nFaster \\*search\\*.")));

    assert_eq!(say("run.succeeded", "succeeded"), told("2.4 is here."));
    assert_eq!(
        say("run.failed", "failed"),
        told("The update to 2.4 did not work out. We are looking into it.")
    );
    assert_eq!(
        say("run.rolled_back", "rejected"),
        told("The update to 2.4 did not work out and was taken back. You can go on as before."),
    );
    assert_eq!(say("run.cancelled", "cancelled"), told("The update to 2.4 was called off."));
    assert_eq!(say("step", "running"), told("2.4 is on its way."));
    assert_eq!(say("approval.waiting", "running"), told("2.4 is ready and waits for a last look."));
}

/// 001-33: version, classification and risk level, or no message.
#[test]
fn the_compliance_style_is_a_record() {
    let fields =
        json!({ "version": "0.3.0", "classification": "enhancement", "risk": "low", "change": "CHG-17" });

    assert_eq!(
        written(
            json!({ "style": "compliance", "fields": fields }),
            &event("run.succeeded", "succeeded"),
            Channel { markup: Markup::GitHub, ..PLAIN }
        ),
        Ok(Written {
            title: "Release record: l9-deploy 0.3.0".into(),
            text: format!(
                "**Version**: 0.3.0
**Classification**: enhancement
**Risk level**: low
**Result**: succeeded (run.succeeded)
**Run**: `{RUN}`
**change**: CHG-17

l9-deploy rejected at \\`smoke\\`: 2 of 5 requests failed

- `tests`: success
- `smoke`: failure
- `switch`: waiting"
            ),
            links: vec![],
        }),
    );
    assert_eq!(
        text(json!({ "style": "compliance", "fields": { "version": "0.3.0", "risk": " " } }), Markup::Plain),
        Err(Failure::invalid_config(
            "`message.fields` lacks `classification` and `risk`, which the style `compliance` shows; nothing was sent"
        )),
    );
}

#[test]
fn a_template_of_ones_own_is_filled_in_and_escaped() {
    let template = "{{ 'Ref'|bold }} {{ fields.ref|code }} <{{ fields.note }}>\n{{ 'Log'|link('https://ci.example/1') }}{{ none }}";
    let message = json!({ "template": template, "title": "{{ status }}", "fields": { "ref": "v1", "note": "<!channel> & co" } });

    assert_eq!(
        text(message.clone(), Markup::Mrkdwn),
        Ok("*Ref* `v1` <&lt;!channel&gt; &amp; co>\n<https://ci.example/1|Log>".to_owned()),
    );
    assert_eq!(
        text(message, Markup::Plain),
        Ok("Ref v1 <<!channel> & co>\nLog: https://ci.example/1".to_owned())
    );
}

#[test]
fn what_a_template_names_has_to_be_there() {
    let failed = |template: &str| text(json!({ "template": template }), Markup::Plain).unwrap_err().message;

    assert_eq!(
        failed("{{ summary }}\n{{ fields.versoin }}"),
        "`message.template`, line 2: undefined value, in `{{ fields.versoin }}`; nothing was sent",
    );
    assert_eq!(
        failed("{% if sumary %}x{% endif %}"),
        "`message.template`, line 1: undefined value, in `{% if sumary %}x{% endif %}`; nothing was sent",
    );
    assert_eq!(
        failed("a\n\n{{ summary|shout }}"),
        "`message.template`, line 3: unknown filter: filter shout is unknown, in `{{ summary|shout }}`; nothing was sent",
    );
    assert_eq!(
        failed("{{ summary"),
        "`message.template`, line 1: syntax error: unexpected end of input, expected end of variable block, in \
         `{{ summary`; nothing was sent",
    );
    assert_eq!(
        failed("{{ 'a'|link('javascript:alert(1)') }}"),
        "`message.template`, line 1: invalid operation: `javascript:alert(1)` is no `http` or `https` address of a link, in \
         `{{ 'a'|link('javascript:alert(1)') }}`; nothing was sent",
    );
    assert_eq!(
        failed("{% if false %}x{% endif %}"),
        "`message.template` makes an empty text; nothing was sent"
    );
}

#[test]
fn a_template_that_goes_too_deep_or_never_ends_is_refused() {
    let failed = |template: &str| text(json!({ "template": template }), Markup::Plain).unwrap_err().message;

    assert_eq!(
        failed(&format!("a\n{{{{ {}1{} }}}}", "(".repeat(3000), ")".repeat(3000))),
        "`message.template`: line 2 is nested too deep, or a chain that is too long; nothing was sent",
    );
    // Three steps, eleven loops in each other: 177,147 rounds.
    let loops = |depth: usize, inside: &str| {
        format!("{}{inside}{}", "{% for a in steps %}".repeat(depth), "{% endfor %}".repeat(depth))
    };
    assert_eq!(
        failed(&loops(11, ".")),
        format!(
            "`message.template`, line 1: engine ran out of fuel, in `{}`; nothing was sent",
            runner_plugin::text::shortened(&loops(11, "."))
        ),
    );
    assert!(failed(&loops(8, &"x".repeat(1000))).contains("the text becomes longer than 1 MiB"));
    assert!(failed("{{ range(3) }}").contains("unknown function"));
    assert!(failed("{{ summary|safe }}").contains("unknown filter"));
}

#[test]
fn a_text_that_is_too_long_is_cut_and_says_so() {
    let message = json!({
        "template": "{{ fields.long }}",
        "title": "{{ fields.long }}",
        "fields": { "long": "word ".repeat(100) },
        "links": [{ "title": "all of it", "url": "https://ci.example/1" }],
    });
    let channel = Channel { title: 20, text: 200, ..PLAIN };

    let written = written(message, &event("run.failed", "failed"), channel).unwrap();

    assert_eq!(written.title, "word word word word…");
    assert_eq!(
        written.text,
        format!(
            "{}\n… 405 more characters, cut here; run {RUN} has them\n\nall of it: https://ci.example/1",
            "word ".repeat(19).trim_end()
        )
    );
    assert!(written.text.chars().count() <= 200);
}

#[test]
fn links_lead_to_the_web_and_leave_room_for_the_text() {
    let with = |url: &str| {
        text(json!({ "links": [{ "title": "a", "url": url }] }), Markup::Plain)
            .map_err(|failure| failure.message)
    };

    assert_eq!(
        with("ftp://example.com"),
        Err("`message.links`: `ftp://example.com` is no `http` or `https` address of a link; nothing was sent".into()),
    );
    assert!(with("https://example.com/a|b>").is_err());
    assert_eq!(
        with(&format!("https://example.com/{}", "a".repeat(1500))),
        Err("`message.links` take more than half of the 2000 characters that a message may have; nothing was sent"
            .into()),
    );
}

#[test]
fn an_event_without_json_is_no_message() {
    let event = Event { json: "{\"steps\":".into(), ..event("run.failed", "failed") };

    assert_eq!(
        written(json!({}), &event, PLAIN).map_err(|failure| failure.kind),
        Err(FailureKind::InvalidInput)
    );
}

/// 001-38 and 001-39: who is told depends on how serious it is; finer levels are a field.
#[test]
fn the_first_route_that_fits_says_who_is_told() {
    let routes: Vec<Route<String>> = serde_json::from_value(json!([
        { "events": ["run.stuck"], "to": "everyone" },
        { "severities": ["error"], "fields": { "level": "high" }, "to": "engineers" },
        { "severities": ["info"], "to": "nobody" },
    ]))
    .unwrap();
    let usual = "usual".to_owned();
    let told = |name: &str, severity: &str, level: &str| {
        let host = FakeHost::new();
        let message: Message = serde_json::from_value(json!({ "fields": { "level": level } })).unwrap();
        let event = Event { severity: severity.into(), ..event(name, "failed") };
        let told = Route::choose(&routes, &usual, &message, &event, &host.host());
        let told = told.map_or_else(|| "nobody".to_owned(), String::clone);
        (told, host.logged().into_iter().map(|line| line.text).collect::<Vec<_>>())
    };

    assert_eq!(told("run.stuck", "error", "low"), ("everyone".into(), vec![]));
    assert_eq!(told("run.failed", "error", "high"), ("engineers".into(), vec![]));
    assert_eq!(told("run.failed", "error", "medium"), ("usual".into(), vec![]));
    assert_eq!(
        told("run.succeeded", "info", "low"),
        ("nobody".into(), vec!["nobody is told of `run.succeeded` (info): `routes[2]` says so".into()]),
    );
}

#[test]
fn a_key_is_the_same_for_each_attempt_and_no_two_messages_share_one() {
    assert_eq!(key(&request(), &event("run.failed", "failed")), format!("{RUN}/run.failed"));
    assert_eq!(key(&request(), &event("step", "running")), format!("{RUN}/step/step"));
    assert_eq!(
        key(&request(), &event("approval.waiting", "running")),
        format!("{RUN}/approval.waiting/smoke")
    );
}

fn sent(host: &FakeHost, max_wait_s: u32) -> Result<u16, Failure> {
    let real = host.host();
    deliver(&real, Pace { timeout_ms: Some(500), max_wait_ms: max_wait_s * 1000 }, || {
        real.http().post("http://hooks.example/")
    })
    .map(|response| response.status)
}

#[test]
fn a_receiver_that_asks_to_wait_is_asked_again_after_that_time() {
    let later = |after: &str| Answer::status(429).header("Retry-After", after);
    let host = FakeHost::new()
        .now(Duration::from_secs(784_111_777))
        .answer("POST http://hooks.example/", later("2"))
        .answer("POST http://hooks.example/", later("0.5"))
        .answer("POST http://hooks.example/", later("Sun, 06 Nov 1994 08:49:41 GMT"))
        .answer("POST http://hooks.example/", Answer::status(204));

    assert_eq!(sent(&host, 10), Ok(204));
    assert_eq!(host.time(), Duration::from_secs(784_111_781));
    assert_eq!(
        host.logged().into_iter().map(|line| line.text).collect::<Vec<_>>(),
        [
            "the receiver answered 429 and asks to wait 2 s",
            "the receiver answered 429 and asks to wait 0.5 s",
            "the receiver answered 429 and asks to wait 1.5 s",
        ],
    );
}

#[test]
fn patience_ends() {
    let late = |answer: Answer| FakeHost::new().server(move |_| answer.clone());

    assert_eq!(
        sent(&late(Answer::status(503).header("Retry-After", "120")), 10),
        Err(Failure::unavailable(
            "the receiver answered 503 and asks to wait 120 s; at most 10 s are waited here (`max_wait_ms`), nothing \
             was delivered"
        )),
    );
    // Not for ever, even if no time passes; a date that is none is no wish to wait.
    let host = late(Answer::status(429).header("Retry-After", "0"));
    assert_eq!(sent(&host, 10), Ok(429));
    assert_eq!(host.sent().len(), 5);
    assert_eq!(sent(&late(Answer::status(429).header("Retry-After", "NaN")), 10), Ok(429));
    assert_eq!(sent(&late(Answer::status(429).header("Retry-After", "-1")), 10), Ok(429));
}

#[test]
fn a_refusal_says_what_the_receiver_said() {
    let judged = |answer: Answer| {
        let host = FakeHost::new().answer("GET http://a/", answer).host();
        accepted(&host.http().get("http://a/").send().unwrap())
    };

    assert_eq!(judged(Answer::status(204)), Ok(()));
    assert_eq!(
        judged(Answer::text(429, " slow down\n")),
        Err(Failure::unavailable("the receiver answered 429: slow down"))
    );
    assert_eq!(
        judged(Answer::text(403, "invalid_token")),
        Err(Failure::invalid_input("the receiver answered 403: invalid_token"))
    );
    assert_eq!(judged(Answer::status(302)), Err(Failure::invalid_input("the receiver answered 302")));
}

#[test]
fn a_secret_address_stands_in_no_message() {
    let address = "https://hooks.example/services/T0/B0/XyZ?sig=abc";
    let host = FakeHost::new().secret("hook", &format!("{address}\n")).revealable();
    let url = SecretUrl::reveal("hook", &host.host()).unwrap();

    assert_eq!(url.url(), address);
    assert_eq!(format!("{url:?}"), r#"SecretUrl("hook")"#);
    assert_eq!(
        url.hide(Failure::unavailable("POST https://hooks.example/services/T0/B0/XyZ: connection refused")),
        Failure::unavailable("POST <secret `hook`>: connection refused"),
    );
    assert_eq!(
        SecretUrl::reveal("hook", &FakeHost::new().secret("hook", "xoxb-1").revealable().host()).map(|_| ()),
        Err(Failure::invalid_input("secret `hook` is no `http` or `https` address; nothing was sent")),
    );
    assert_eq!(
        SecretUrl::reveal("hook", &FakeHost::new().secret("hook", address).host()).map(|_| ()),
        Err(Failure::new(
            FailureKind::Denied,
            "reveal secret `hook`: denied, no grant of this step covers it"
        )),
    );
}
