//! What stands on the screen, whole.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use indicatif::{InMemoryTerm, ProgressDrawTarget};
use insta::assert_snapshot;
use runner_journal::{Entry, Progress, Record, Sink as _};
use runner_model::{Cause, StepId, Verdict, World};

use super::{Terminal, live::Live};
use crate::{
    Style,
    testing::{Story, about, deployment},
};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `records` write, the first `past` of them being the past.
fn written(records: &[Record], past: usize, style: Style) -> String {
    let output = Shared::default();
    let mut terminal = Terminal::new(Box::new(output.clone()), style, about());
    terminal.plan(&deployment(), &records[..past]);
    for record in &records[past..] {
        terminal.record(record);
    }
    let bytes = output.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_run_that_succeeds() {
    assert_snapshot!(written(&Story::succeeded().records, 0, Style::PLAIN), @r#"
    run 01JD3K00000000000000000000 of deploy: 7 steps
    start  lint
    start  unit
    denied lint            GET https://pypi.org/simple/: this step is granted no network at all
             to allow it: network: ["GET https://pypi.org/simple/"]
    no     lint     1.1s   7 problems (does not end the run)
             src/app.py:1:5 no-eval: `eval` is not allowed
               help: use `ast.literal_eval`
             src/app.py:2 no-eval: `eval` is not allowed\u{1b}[2J
             src/app.py:3 no-eval: `eval` is not allowed
             src/app.py:4 no-eval: `eval` is not allowed
             src/app.py:5 no-eval: `eval` is not allowed
             and 2 more: `runner show 01JD3K00000000000000000000 lint`
    again  unit     3.1s   timed-out: no answer in 3s; attempt 2 of 3 in 1.0s
    start  unit            attempt 2
    warn   unit     4.0s   214 tests, 2 flaky (2 attempts)
    ask    go-live         Deploy v1.4.0 to production? (until 15:02:16)
             type y or n and Enter, or run `runner approve 01JD3K00000000000000000000 go-live` or `runner reject 01JD3K00000000000000000000 go-live`
    pass   go-live         approved by ada@example: checked
    start  migrate
    pass   migrate  4.0s   3 migrations
    start  switch
    pass   switch   300ms  web-green takes all traffic
    start  smoke
    pass   smoke    15s    10 of 10 answers were good
    pass   live
    start  tidy
    pass   tidy     20ms   tidied

    succeeded: 8 steps in 1m25s (exit 0)
      world      changed by `migrate` and `switch`
      tolerated  `lint` did not succeed, and did not have to
      denied     `lint`: GET https://pypi.org/simple/: this step is granted no network at all
                   to allow it: network: ["GET https://pypi.org/simple/"]
      journal    .runner/runs/01JD3K00000000000000000000
    "#);
}

/// What stays is not called taken back.
#[test]
fn a_run_that_goes_back_but_for_what_was_pushed() {
    let text = written(&Story::restored_in_part().records, 12, Style::PLAIN);
    let lines: Vec<&str> =
        text.lines().filter(|line| line.contains("undone") || line.contains("migrate`")).collect();
    assert_eq!(
        lines,
        [
            "undone switch",
            r"undone migrate         but what was \u{1b}[1mpushed is not taken back",
            r"             `migrate`: what was \u{1b}[1mpushed is not taken back",
        ]
    );
}

#[test]
fn a_run_that_goes_back() {
    assert_snapshot!(written(&Story::restored().records, 12, Style::PLAIN), @r#"
    run 01JD3K00000000000000000000 of deploy is taken up again: 3 of 7 steps have ended
    pass   migrate  4.0s   3 migrations
    start  switch
    pass   switch   300ms  web-green takes all traffic
    start  smoke
    no     smoke    15s    3 of 10 answers were errors
    skip   live            needs `smoke`, which ended with failure
    back   `smoke` said no: 2 changes are taken back, newest first
    undo   switch
    undone switch
    undo   migrate
    undone migrate
    ended  rejected; what follows changes nothing
    start  tidy
    pass   tidy     20ms   tidied

    rejected: health-check `smoke` said no after 1m26s (exit 3)
      why        3 of 10 answers were errors
      world      `switch` and `migrate` were taken back
      tolerated  `lint` did not succeed, and did not have to
      skipped    1 step was not started
      denied     `lint`: GET https://pypi.org/simple/: this step is granted no network at all
                   to allow it: network: ["GET https://pypi.org/simple/"]
      journal    .runner/runs/01JD3K00000000000000000000

    hint: `runner show 01JD3K00000000000000000000 smoke` tells all of it
    "#);
}

#[test]
fn a_run_that_is_stuck_tells_the_exact_remaining_work() {
    assert_snapshot!(written(&Story::stuck().records, 22, Style::PLAIN), @r#"
    run 01JD3K00000000000000000000 of deploy is taken up again: 7 of 7 steps have ended
    stuck  switch          cannot be taken back: unavailable: connect traefik:8080: connection refused; attempt 2 of 3 in 1.0s
    undo   switch          attempt 2
    stuck  switch          cannot be taken back: unavailable: connect traefik:8080: connection refused; attempt 3 of 3 in 2.0s
    undo   switch          attempt 3
    stuck  switch          cannot be taken back: unavailable: connect traefik:8080: connection refused; given up after 3 attempts
    ended  stuck; what follows changes nothing
    start  tidy
    pass   tidy     20ms   tidied

    stuck: 2 changes are not taken back; health-check `smoke` said no after 1m28s (exit 5)
      why        3 of 10 answers were errors
      remaining  1. `switch`: connect traefik:8080: connection refused
                 2. `migrate`: not tried, because `switch` is stuck
      tolerated  `lint` did not succeed, and did not have to
      skipped    1 step was not started
      denied     `lint`: GET https://pypi.org/simple/: this step is granted no network at all
                   to allow it: network: ["GET https://pypi.org/simple/"]
      journal    .runner/runs/01JD3K00000000000000000000

    hint: mend what is in the way, then `runner resume 01JD3K00000000000000000000` tries the remaining work again
          `runner show 01JD3K00000000000000000000` tells what was changed and what was tried
    "#);
}

#[test]
fn a_cancelled_run_that_is_taken_up_again() {
    let story = Story::begin().gates().asked();
    let past = story.records.len();
    let story = story
        .then(5_000, Entry::RunResumed { runner: "0.1.0".to_owned() })
        .then(1_000, Entry::CancelRequested { by: "SIGINT".to_owned() })
        .decided(Verdict { cause: Cause::Cancelled, world: World::Unchanged });
    assert_snapshot!(written(&story.records, past, Style::PLAIN), @r#"
    run 01JD3K00000000000000000000 of deploy is taken up again: 2 of 7 steps have ended
    cancel by SIGINT: no step starts any more, changes are taken back; a second signal stops at once
    start  tidy
    pass   tidy     20ms   tidied

    cancelled: by SIGINT after 11s (exit 130)
      world      nothing was changed
      tolerated  `lint` did not succeed, and did not have to
      denied     `lint`: GET https://pypi.org/simple/: this step is granted no network at all
                   to allow it: network: ["GET https://pypi.org/simple/"]
      journal    .runner/runs/01JD3K00000000000000000000

    hint: `runner show 01JD3K00000000000000000000` tells what ran
    "#);
}

#[test]
fn colour_changes_the_dress_only() {
    let records = Story::restored().records;
    let style = Style { color: true, ..Style::PLAIN };
    let plain = written(&records, 0, Style::PLAIN);
    let colored = written(&records, 0, style);
    let mut stripped = String::new();
    let mut rest = colored.as_str();
    while let Some(escape) = rest.find('\u{1b}') {
        stripped.push_str(&rest[..escape]);
        rest = rest[escape..].split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&stripped), trimmed(&plain));
    assert_ne!(colored, plain);
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_a_control_character() {
    let text = written(&Story::stuck().records, 0, Style::PLAIN);
    assert_eq!(text.chars().filter(|sign| sign.is_control() && *sign != '\n').collect::<String>(), "");
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_terminal_that_went_away_is_left_alone() {
    let mut terminal = Terminal::new(Box::new(Closed), Style::PLAIN, about());
    terminal.plan(&deployment(), &[]);
    for record in Story::succeeded().records {
        terminal.record(&record);
    }
    assert!(matches!(terminal.output, super::Output::Closed));
}

/// A screen after `records` and `progress`, without the parts that turn and count.
fn screen(records: &[Record], progress: &[Progress]) -> String {
    let style = Style { interactive: true, unicode: true, ..Style::PLAIN };
    let term = InMemoryTerm::new(40, 110);
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 255);
    let mut terminal = Terminal::live(Live::to(target, style, false), style, about());
    terminal.plan(&deployment(), &[]);
    for record in records {
        terminal.record(record);
    }
    for progress in progress {
        terminal.progress(progress);
    }
    if let super::Output::Live(live) = &terminal.output {
        live.draw();
    }
    let still = |line: &str| {
        let is_live = line.starts_with(|sign| "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏".contains(sign));
        let words: Vec<&str> = line.split_whitespace().collect();
        if is_live { format!("* {}  {}", words[1], words[3..].join(" ")) } else { line.to_owned() }
    };
    term.contents().lines().map(still).collect::<Vec<_>>().join("\n")
}

#[test]
fn on_a_tty_steps_that_run_have_a_live_line_below_those_that_ended() {
    let story = Story::begin().gates().asked();
    assert_snapshot!(screen(&story.records, &[]), @r#"
    run 01JD3K00000000000000000000 of deploy: 7 steps
    denied lint            GET https://pypi.org/simple/: this step is granted no network at all
             to allow it: network: ["GET https://pypi.org/simple/"]
    no     lint     1.1s   7 problems (does not end the run)
             src/app.py:1:5 no-eval: `eval` is not allowed
               help: use `ast.literal_eval`
             src/app.py:2 no-eval: `eval` is not allowed\u{1b}[2J
             src/app.py:3 no-eval: `eval` is not allowed
             src/app.py:4 no-eval: `eval` is not allowed
             src/app.py:5 no-eval: `eval` is not allowed
             and 2 more: `runner show 01JD3K00000000000000000000 lint`
    again  unit     3.1s   timed-out: no answer in 3s; attempt 2 of 3 in 1.0s
    warn   unit     4.0s   214 tests, 2 flaky (2 attempts)
    ask    go-live         Deploy v1.4.0 to production? (until 15:02:16)
             type y or n and Enter, or run `runner approve 01JD3K00000000000000000000 go-live` or `runner reject 0
    1JD3K00000000000000000000 go-live`
    * go-live  waits for an answer
      2 of 7 steps ended, 4 wait for `go-live`
    "#);
}

#[test]
fn a_live_line_shows_what_was_last_said_or_measured() {
    let story = Story::begin().started("lint", 1).started("unit", 1);
    let progress = [
        Progress::Log { step: StepId::new("lint"), level: "info", line: "reading \u{1b}[31msrc".to_owned() },
        Progress::Measured { step: StepId::new("unit"), count: 4, summary: "GET /health: 200".to_owned() },
        Progress::Log { step: StepId::new("other"), level: "info", line: "nobody".to_owned() },
    ];
    assert_snapshot!(screen(&story.records, &progress), @r"
    run 01JD3K00000000000000000000 of deploy: 7 steps
    * lint  reading \u{1b}[31msrc
    * unit  4: GET /health: 200
      0 of 7 steps ended, 5 wait for `lint` and `unit`
    ");
}

#[test]
fn at_the_end_no_live_line_is_left() {
    assert_snapshot!(screen(&Story::stuck().records, &[]), @r#"
    no     lint     1.1s   7 problems (does not end the run)
             src/app.py:1:5 no-eval: `eval` is not allowed
               help: use `ast.literal_eval`
             src/app.py:2 no-eval: `eval` is not allowed\u{1b}[2J
             src/app.py:3 no-eval: `eval` is not allowed
             src/app.py:4 no-eval: `eval` is not allowed
             src/app.py:5 no-eval: `eval` is not allowed
             and 2 more: `runner show 01JD3K00000000000000000000 lint`
    again  unit     3.1s   timed-out: no answer in 3s; attempt 2 of 3 in 1.0s
    warn   unit     4.0s   214 tests, 2 flaky (2 attempts)
    ask    go-live         Deploy v1.4.0 to production? (until 15:02:16)
             type y or n and Enter, or run `runner approve 01JD3K00000000000000000000 go-live` or `runner reject 0
    1JD3K00000000000000000000 go-live`
    pass   go-live         approved by ada@example: checked
    pass   migrate  4.0s   3 migrations
    pass   switch   300ms  web-green takes all traffic
    no     smoke    15s    3 of 10 answers were errors
    skip   live            needs `smoke`, which ended with failure
    back   `smoke` said no: 2 changes are taken back, newest first
    stuck  switch          cannot be taken back: unavailable: connect traefik:8080: connection refused; attempt 2
    of 3 in 1.0s
    stuck  switch          cannot be taken back: unavailable: connect traefik:8080: connection refused; attempt 3
    of 3 in 2.0s
    stuck  switch          cannot be taken back: unavailable: connect traefik:8080: connection refused; given up a
    fter 3 attempts
    ended  stuck; what follows changes nothing
    pass   tidy     20ms   tidied

    stuck: 2 changes are not taken back; health-check `smoke` said no after 1m28s (exit 5)
      why        3 of 10 answers were errors
      remaining  1. `switch`: connect traefik:8080: connection refused
                 2. `migrate`: not tried, because `switch` is stuck
      tolerated  `lint` did not succeed, and did not have to
      skipped    1 step was not started
      denied     `lint`: GET https://pypi.org/simple/: this step is granted no network at all
                   to allow it: network: ["GET https://pypi.org/simple/"]
      journal    .runner/runs/01JD3K00000000000000000000

    hint: mend what is in the way, then `runner resume 01JD3K00000000000000000000` tries the remaining work again
          `runner show 01JD3K00000000000000000000` tells what was changed and what was tried
    "#);
}
