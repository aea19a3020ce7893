//! The log of a container. Requirements: 003-58, 003-59.

use super::*;
use runner_plugin::host::{DockerError, OutputLine, OutputStream};
use runner_plugin::testing::{Engine, FakeContainer, FakeImage};

/// When the container was started.
const STARTED: &str = "2026-03-01T12:00:00Z";

fn line(channel: OutputStream, second: u64, text: &str) -> OutputLine {
    let at = moment_of(STARTED) + Duration::from_secs(second);
    OutputLine { channel, at: Some(at), text: text.to_owned() }
}

/// An engine with one container that has written this, a line each second.
fn wrote(lines: &[(OutputStream, &str)]) -> Engine {
    let image = (0..).zip(lines).fold(FakeImage::new("web:1"), |image, (second, (channel, text))| {
        image.wrote(line(*channel, second, text))
    });
    let started =
        |facts: &mut runner_plugin::host::ContainerFacts| facts.started_at = Some(moment_of(STARTED));
    Engine::new().image(image).container(FakeContainer::new("web", "web:1").with(started))
}

fn stdout(text: &str) -> Engine {
    let lines: Vec<(OutputStream, &str)> = text.lines().map(|line| (OutputStream::Stdout, line)).collect();
    wrote(&lines)
}

fn asked(engine: Engine, config: Value) -> Result<Evaluation, Failure> {
    let mut with = json!({ "container": "web" });
    with.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let host = FakeHost::new().docker(engine).now(moment_of("2026-03-01T12:05:00Z"));
    evaluate::<LogScan>(&host, with)
}

/// The decision, and what was found as `rule: message`.
fn brief(engine: Engine, config: Value) -> (Decision, Vec<String>) {
    let evaluation = asked(engine, config).unwrap();
    let findings = evaluation.findings.iter();
    let findings = findings.map(|finding| format!("{}: {}", finding.rule, finding.message));
    (evaluation.decision, findings.collect())
}

/// 003-59: a finding says which stream, when, and which line.
#[test]
fn what_a_container_wrote_is_looked_at() {
    let engine = wrote(&[
        (OutputStream::Stdout, "started"),
        (OutputStream::Stderr, "DEBUG no error so far"),
        (OutputStream::Stderr, "ERROR: no database"),
    ]);

    assert_eq!(
        asked(engine, json!({})),
        Ok(Evaluation::fail("1 problem in 3 lines of `web`")
            .finding(Finding::error("forbidden-line", "stderr at 2026-03-01T12:00:02Z: ERROR: no database"))
            .output("lines", 3)
            .output("matches", 1)
            .output("misencoded_lines", 0)),
    );
    assert_eq!(
        asked(stdout("started\nready\n"), json!({ "preset": "python" })),
        Ok(Evaluation::pass("nothing wrong in 2 lines of `web`")
            .output("lines", 2)
            .output("matches", 0)
            .output("misencoded_lines", 0)),
    );
}

/// 003-58: no traceback in the last 100 lines; its lines are one finding, with its last one.
#[test]
fn a_traceback_is_one_finding_and_only_the_tail_counts() {
    let config = json!({ "tail": 100, "preset": "python" });
    let found =
        vec!["traceback: stdout at 2026-03-01T12:00:00Z: a traceback: `ValueError: no mode`".to_owned()];

    let at_the_edge = stdout(&format!("{TRACEBACK}{}", "ok\n".repeat(96)));
    assert_eq!(brief(at_the_edge, config.clone()), (Decision::Fail, found));
    let before = || stdout(&format!("{TRACEBACK}{}", "ok\n".repeat(100)));
    assert_eq!(brief(before(), config), (Decision::Pass, vec![]));
    assert_eq!(brief(before(), json!({ "last_lines": 100 })), (Decision::Pass, vec![]));
}

/// What is written to the other stream in between does not end a traceback.
#[test]
fn streams_do_not_break_each_others_tracebacks() {
    let mut lines = Vec::new();
    for text in TRACEBACK.lines() {
        lines.extend([(OutputStream::Stderr, text), (OutputStream::Stdout, "GET /health 200")]);
    }

    assert_eq!(
        brief(wrote(&lines), json!({ "preset": "python" })),
        (
            Decision::Fail,
            vec!["traceback: stderr at 2026-03-01T12:00:00Z: a traceback: `ValueError: no mode`".to_owned()]
        )
    );
}

#[test]
fn lines_before_a_moment_are_not_looked_at() {
    let text = "error 0\nerror 1\nerror 2\n";
    let matches = |since: Value| {
        let evaluation = asked(stdout(text), json!({ "since": since, "allow_empty": true })).unwrap();
        evaluation.outputs[1].value.clone()
    };
    let second = u64::try_from(moment_of(STARTED).as_millis()).unwrap() + 1000;

    assert_eq!(
        [
            json!("start"),
            json!(second),
            json!("2026-03-01T13:00:02+01:00"),
            json!("299s"),
            json!("1h"),
            json!("1900-01-01T00:00:00Z"),
            json!("2026-03-02T12:00:00Z"),
        ]
        .map(matches),
        [3, 2, 1, 2, 3, 3, 0].map(|number| json!(number)),
    );
}

/// The engine notes the start of a container when it already runs and writes.
#[test]
fn the_first_lines_of_a_run_may_be_older_than_its_start() {
    let matches = |started: u64, finished: Option<u64>| {
        let since_start = |second| moment_of(STARTED) + Duration::from_secs(second);
        let container = FakeContainer::new("web", "web:1").with(|facts| {
            facts.started_at = Some(since_start(started));
            facts.finished_at = finished.map(since_start);
        });
        let image = (0..5).fold(FakeImage::new("web:1"), |image, second| {
            image.wrote(line(OutputStream::Stdout, second, "error"))
        });
        let engine = Engine::new().image(image).container(container);
        asked(engine, json!({ "since": "start" })).unwrap().outputs[1].value.clone()
    };

    assert_eq!(
        [matches(3, None), matches(4, Some(2)), matches(3, Some(4))],
        [json!(5), json!(3), json!(5)],
        "the first run; one after another; one that has ended"
    );
}

/// A log that was not seen as a whole is no reason to pass; an error in what was seen is one to fail.
#[test]
fn a_log_with_a_gap_is_inconclusive_or_worse() {
    let long = |last: &str| stdout(&format!("{}{last}\n", "all is well\n".repeat(1000)));
    let missing =
        "truncated-log: earlier lines are missing: the log is longer than what may be read of it".to_owned();
    let small = |more: Value| {
        let mut config = json!({ "max_size": "1200B" });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };

    assert_eq!(
        asked(long("ready"), small(json!({}))).map(|evaluation| (evaluation.decision, evaluation.summary)),
        Ok((Decision::Inconclusive, "nothing wrong in 100 lines of `web`, and not all were seen".to_owned()))
    );
    assert_eq!(brief(long("ready"), small(json!({}))), (Decision::Inconclusive, vec![missing.clone()]));
    // The line that is required may be among those that are missing.
    let require =
        small(json!({ "forbid": [], "require": [{ "texts": ["listening"] }], "allow_empty": true }));
    assert_eq!(brief(long("ready"), require), (Decision::Inconclusive, vec![missing.clone()]));
    assert_eq!(
        brief(long("error"), small(json!({}))),
        (Decision::Fail, vec![missing, "forbidden-line: stdout at 2026-03-01T12:16:40Z: error".to_owned()])
    );
    assert_eq!(brief(long("ready"), json!({ "tail": 100 })), (Decision::Pass, vec![]));
}

#[test]
fn what_stands_behind_the_cut_of_a_line_is_not_known() {
    let cut = "a".repeat(64 * 1024);

    assert_eq!(
        brief(stdout(&cut), json!({})),
        (
            Decision::Inconclusive,
            vec!["cut-line: 1 line is longer than 64 KiB, and cut off there".to_owned()]
        )
    );
    assert_eq!(brief(stdout(&cut[..64 * 1024 - 4]), json!({})), (Decision::Pass, vec![]));
}

#[test]
fn a_container_that_says_nothing_is_inconclusive() {
    assert_eq!(brief(stdout(""), json!({})).0, Decision::Inconclusive);
    assert_eq!(brief(stdout(""), json!({ "allow_empty": true })), (Decision::Pass, vec![]));
}

#[test]
fn a_log_that_cannot_be_read_never_passes() {
    let lenient = json!({ "allow_empty": true, "since": "start" });
    let failure = |engine| asked(engine, lenient.clone()).unwrap_err();
    let denied = |verb: &str| failure(stdout("ok").denies(verb)).kind;
    let never =
        Engine::new().container(FakeContainer::new("web", "web:1").with(|facts| facts.started_at = None));
    let text = "configured logging driver does not support reading";
    let unreadable = stdout("ok").fails("container.logs", DockerError::Failed(text.to_owned()));

    assert_eq!(
        [failure(Engine::new()), failure(never), failure(unreadable)],
        [
            Failure::unavailable("there is no container `web` for this step; no line was looked at"),
            Failure::unavailable("container `web` was never started; no line was looked at"),
            Failure::unavailable(format!("read the log of container `web`: {text}")),
        ],
    );
    assert_eq!(["container.logs", "container.inspect"].map(denied), [FailureKind::Denied; 2]);
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |config: Value| asked(stdout("ok"), config).unwrap_err();

    assert_eq!(
        [
            refused(json!({ "files": ["app.log"] })),
            refused(json!({ "assume_offset": "Z" })),
            refused(json!({ "max_size": 0 })),
            refused(json!({ "max_size": "5GB" })),
            refused(json!({ "since": u64::MAX })),
        ],
        [
            "give either `files` or `container`; two steps look at both",
            "`assume_offset` is only for files; the engine knows when a container wrote a line",
            "`max_size` is not between 1 B and 4 GiB",
            "`max_size` is not between 1 B and 4 GiB",
            "`since`: 18446744073709551615 ms are after all calendars",
        ]
        .map(Failure::invalid_config),
    );
}
