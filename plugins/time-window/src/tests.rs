//! The gate as a pipeline sees it.

use super::*;
use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{Decision, FailureKind};
use serde_json::{Value, json};
use std::time::Duration;

fn at(time: &str) -> FakeHost {
    let moment = moment::parse(time).unwrap();
    FakeHost::new().now(Duration::from_millis(u64::try_from(moment.as_millisecond()).unwrap()))
}

fn office_hours() -> Value {
    json!({
        "zone": "Europe/Berlin",
        "allow": [{ "days": ["mon", "tue", "wed", "thu"], "from": "09:00", "to": "16:00" }],
        "freezes": [{ "name": "Christmas", "from": "2026-12-20", "to": "2027-01-06" }],
        "override_reasons": ["security"],
    })
}

fn ask(time: &str, config: Value) -> Evaluation {
    evaluate::<TimeWindow>(&at(time), config).unwrap()
}

/// The decision and the next change, in short.
fn brief(time: &str, config: Value) -> String {
    let evaluation = ask(time, config);
    format!("{:?} {}", evaluation.decision, evaluation.outputs[1].value)
}

#[test]
fn an_open_time_passes() {
    assert_eq!(
        ask("2026-11-19T14:59:59Z", office_hours()),
        Evaluation::pass("open until Thu 2026-11-19 16:00 Europe/Berlin")
            .output("open", true)
            .output("next_change", "2026-11-19T15:00:00Z"),
    );
}

#[test]
fn a_time_in_no_window_fails_and_says_when_it_opens() {
    assert_eq!(
        ask("2026-11-19T15:00:00Z", office_hours()),
        Evaluation::fail(
            "Thu 2026-11-19 16:00 Europe/Berlin is in no window; next open: Mon 2026-11-23 09:00 Europe/Berlin"
        )
        .finding(
            Finding::error("outside-window", "Thu 2026-11-19 16:00 Europe/Berlin is in no window")
                .help("next open: Mon 2026-11-23 09:00 Europe/Berlin")
        )
        .output("open", false)
        .output("next_change", "2026-11-23T08:00:00Z"),
    );
}

#[test]
fn a_freeze_is_stronger_than_a_window_and_holds_its_last_day() {
    assert_eq!(
        ask("2027-01-06T10:00:00Z", office_hours()),
        Evaluation::fail(
            "frozen for `Christmas` until Thu 2027-01-07 00:00 Europe/Berlin; next open: Thu 2027-01-07 09:00 Europe/Berlin"
        )
        .finding(
            Finding::error("frozen", "frozen for `Christmas` until Thu 2027-01-07 00:00 Europe/Berlin")
                .help("next open: Thu 2027-01-07 09:00 Europe/Berlin")
        )
        .output("open", false)
        .output("next_change", "2027-01-07T08:00:00Z"),
    );
}

#[test]
fn a_named_reason_lets_a_closed_time_pass_with_a_warning() {
    let mut config = office_hours();
    config["override_reason"] = json!("security");

    let why = "frozen for `Christmas` until Thu 2027-01-07 00:00 Europe/Berlin";
    assert_eq!(
        ask("2026-12-24T10:00:00Z", config.clone()),
        Evaluation::warn(format!(
            "let pass for `security`: {why}; next open: Thu 2027-01-07 09:00 Europe/Berlin"
        ))
        .finding(Finding::warning("overridden", format!("{why}, and let pass for `security`")))
        .output("open", false)
        .output("next_change", "2027-01-07T08:00:00Z"),
    );
    assert_eq!(brief("2026-11-19T10:00:00Z", config.clone()), r#"Pass "2026-11-19T15:00:00Z""#);
    for none in [json!(null), json!(" ")] {
        config["override_reason"] = none;
        assert_eq!(ask("2026-12-24T10:00:00Z", config.clone()).decision, Decision::Fail);
    }
}

#[test]
fn a_reason_that_is_not_known_is_a_failure_even_at_an_open_time() {
    let mut config = office_hours();
    config["override_reason"] = json!("because");
    let mut without = config.clone();
    without["override_reasons"] = json!([]);

    assert_eq!(
        [config, without].map(|config| evaluate::<TimeWindow>(&at("2026-11-19T10:00:00Z"), config)),
        [
            Err(Failure::invalid_config(
                "`override_reason`: `because` is not known; this step allows `security`"
            )),
            Err(Failure::invalid_config("`override_reason`: `because` is not known; this step allows none")),
        ],
    );
}

fn nights(from: &str, to: &str) -> Value {
    json!({ "zone": "Europe/Berlin", "allow": [{ "days": ["sat"], "from": from, "to": to }] })
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
    assert_eq!(
        [
            brief("2026-11-21T20:59:00Z", nights("22:00", "02:00")),
            brief("2026-11-21T21:00:00Z", nights("22:00", "02:00")),
            brief("2026-11-22T00:59:00Z", nights("22:00", "02:00")),
            brief("2026-11-22T01:00:00Z", nights("22:00", "02:00")),
            brief("2026-11-21T12:00:00Z", nights("00:00", "00:00")),
            brief("2026-11-21T12:00:00Z", nights("00:00", "24:00")),
            brief("2026-11-21T22:59:00Z", nights("22:00", "24:00")),
        ],
        [
            r#"Fail "2026-11-21T21:00:00Z""#,
            r#"Pass "2026-11-22T01:00:00Z""#,
            r#"Pass "2026-11-22T01:00:00Z""#,
            r#"Fail "2026-11-28T21:00:00Z""#,
            r#"Pass "2026-11-21T23:00:00Z""#,
            r#"Pass "2026-11-21T23:00:00Z""#,
            r#"Pass "2026-11-21T23:00:00Z""#,
        ],
    );
}

/// On 2027-03-28 the clocks of Berlin go from 02:00 (01:00Z) to 03:00.
#[test]
fn a_window_that_begins_in_a_gap_begins_where_the_clock_jumps_to() {
    let config =
        json!({ "zone": "Europe/Berlin", "allow": [{ "days": ["sun"], "from": "02:30", "to": "05:00" }] });

    assert_eq!(
        [
            brief("2027-03-28T00:59:59Z", config.clone()),
            brief("2027-03-28T01:00:00Z", config.clone()),
            brief("2027-03-28T03:00:00Z", config),
        ],
        [
            r#"Fail "2027-03-28T01:00:00Z""#,
            r#"Pass "2027-03-28T03:00:00Z""#,
            r#"Fail "2027-04-04T00:30:00Z""#
        ],
    );
}

/// What ends or begins where the clock jumps is seen there.
#[test]
fn the_jump_itself_may_open_and_close() {
    let sunday = |from: &str, to: &str| json!({ "zone": "Europe/Berlin", "allow": [{ "days": ["sun"], "from": from, "to": to }] });

    assert_eq!(
        [
            brief("2027-03-28T00:30:00Z", sunday("02:00", "05:00")),
            brief("2027-03-28T00:30:00Z", sunday("01:00", "02:00")),
            brief("2027-03-28T00:30:00Z", sunday("02:10", "02:20")),
            brief("2026-10-25T00:45:00Z", sunday("01:00", "02:30")),
        ],
        [
            r#"Fail "2027-03-28T01:00:00Z""#,
            r#"Pass "2027-03-28T01:00:00Z""#,
            r#"Fail "2027-04-04T00:10:00Z""#,
            r#"Fail "2026-10-25T01:00:00Z""#,
        ],
    );
}

/// On 2026-10-25 the clocks of Berlin go from 03:00 (01:00Z) back to 02:00.
#[test]
fn a_window_in_a_fold_is_open_twice() {
    let config =
        json!({ "zone": "Europe/Berlin", "allow": [{ "days": ["sun"], "from": "02:15", "to": "02:30" }] });

    assert_eq!(
        [
            brief("2026-10-25T00:15:00Z", config.clone()),
            brief("2026-10-25T00:30:00Z", config.clone()),
            brief("2026-10-25T01:15:00Z", config.clone()),
            brief("2026-10-25T01:30:00Z", config),
        ],
        [
            r#"Pass "2026-10-25T00:30:00Z""#,
            r#"Fail "2026-10-25T01:15:00Z""#,
            r#"Pass "2026-10-25T01:30:00Z""#,
            r#"Fail "2026-11-01T01:15:00Z""#,
        ],
    );
}

#[test]
fn a_freeze_in_a_fold_takes_all_that_could_be_meant() {
    let freeze = |from: &str, to: &str| json!({ "zone": "Europe/Berlin", "freezes": [{ "name": "release", "from": from, "to": to }] });

    assert_eq!(
        [
            brief("2026-10-25T00:15:00Z", freeze("2026-10-25T02:15", "2026-10-25T02:30")),
            brief("2026-10-25T00:15:00Z", freeze("2026-10-25T02:15+02:00", "2026-10-25T02:30+02:00")),
        ],
        [r#"Fail "2026-10-25T01:30:00Z""#, r#"Fail "2026-10-25T00:30:00Z""#],
    );
}

#[test]
fn what_opens_between_two_long_freezes_is_seen() {
    let mut config = office_hours();
    config["freezes"] = json!([
        { "name": "move", "from": "2026-01-01", "to": "2028-12-31" },
        { "name": "merger", "from": "2029-02-01", "to": "2031-12-31" },
    ]);

    // The first of January is a Monday.
    assert_eq!(brief("2026-11-19T10:00:00Z", config.clone()), r#"Fail "2029-01-01T08:00:00Z""#);
    config["freezes"][0]["to"] = json!("2028-12-28");
    assert_eq!(brief("2026-11-19T10:00:00Z", config), r#"Fail "2029-01-01T08:00:00Z""#);
}

#[test]
fn freezes_may_stand_in_files() {
    let config = json!({ "zone": "UTC", "freeze_files": ["freezes.yaml", "freezes.toml"] });
    let files = |host: FakeHost| {
        host.file("freezes.yaml", "\u{feff}freezes:\n  - { name: audit, from: 2026-11-20, to: 2026-11-20 }\n")
            .file(
                "freezes.toml",
                "[[freezes]]\nname = 'fair'\nfrom = 2026-11-21T08:00:00\nto = 2026-11-21T18:00:00Z\n",
            )
    };
    let asked = |time: &str| evaluate::<TimeWindow>(&files(at(time)), config.clone()).unwrap().summary;

    assert_eq!(
        [asked("2026-11-20T12:00:00Z"), asked("2026-11-21T12:00:00Z"), asked("2026-11-22T12:00:00Z")],
        [
            "frozen for `audit` until Sat 2026-11-21 00:00 UTC; next open: Sat 2026-11-21 00:00 UTC",
            "frozen for `fair` until Sat 2026-11-21 18:00 UTC; next open: Sat 2026-11-21 18:00 UTC",
            "open without an end in the calendar",
        ],
    );
}

#[test]
fn a_file_that_is_no_calendar_is_a_failure() {
    let config = json!({ "zone": "UTC", "freeze_files": ["freezes.yaml"] });
    let failure = |content: &[u8]| {
        evaluate::<TimeWindow>(&FakeHost::new().file("freezes.yaml", content), config.clone()).unwrap_err()
    };
    let invalid = |message: &str| Failure::invalid_input(format!("read `freezes.yaml`: {message}"));

    assert_eq!(
        [
            failure(b"freezes: [{ name: a, from: tomorrow, to: 2026-11-20 }]"),
            failure(b"freezes: [{ name: a, from: 2026-11-21, to: 2026-11-20 }]"),
            failure(b"freezes: [{ name: a, from: 2026-11-21, until: 2026-11-20 }]"),
            failure(b""),
            failure(b"\xff\xfef\0"),
            failure(b"freezes: # Christmas in Z\xfcrich\n"),
        ],
        [
            invalid("the freeze `a`: `from` is `tomorrow`, which is no day or time; the time was not judged"),
            invalid("the freeze `a` ends before it begins; the time was not judged"),
            invalid("unknown field `until`, expected one of `name`, `from`, `to`; the time was not judged"),
            invalid("invalid type: null, expected struct FreezeFile; the time was not judged"),
            invalid("it is UTF-16 LE (its byte order mark says so); save it as UTF-8"),
            invalid("line 1 is not UTF-8 at byte 26, it looks like Latin-1 (ISO 8859-1); save it as UTF-8"),
        ],
    );
    assert_eq!(
        evaluate::<TimeWindow>(&FakeHost::new(), config.clone()),
        Err(Failure::new(FailureKind::Unavailable, "read `freezes.yaml`: no such file")),
    );
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |config: Value| evaluate::<TimeWindow>(&FakeHost::new(), config).unwrap_err();
    let window =
        |from: &str| json!({ "zone": "UTC", "allow": [{ "days": ["mon"], "from": from, "to": "10:00" }] });

    assert_eq!(
        [
            refused(json!({ "zone": "UTC" })),
            refused(
                json!({ "zone": "Europe/Berlim", "freezes": [{ "name": "a", "from": "2026-01-01", "to": "2026-01-02" }] })
            ),
            refused(window("9:00")),
            refused(window("25:00")),
            refused(
                json!({ "zone": "UTC", "freezes": [{ "name": "a", "from": "2026-02-30", "to": "2026-03-01" }] })
            ),
        ],
        [
            Failure::invalid_config("nothing is said: give `allow`, `freezes` or `freeze_files`"),
            Failure::invalid_config(
                "`zone`: `Europe/Berlim` is no IANA time zone; write one like `Europe/Berlin`, or `UTC`"
            ),
            Failure::invalid_config("`allow`: `9:00` is no time of a day like `09:00`"),
            Failure::invalid_config("`allow`: `25:00` is no time of a day like `09:00`"),
            Failure::invalid_config("the freeze `a`: `from` is `2026-02-30`, which is no day or time"),
        ],
    );
}
