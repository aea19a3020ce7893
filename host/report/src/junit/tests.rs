//! What CI servers are given.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use quick_xml::{Reader, events::Event};
use runner_journal::{AbortReason, Ending, Entry, SkipReason, testing};
use runner_model::{Answer, Cause, Failure, FailureKind, Outcome, Plan, StepId, StepResult, Verdict, World};

use super::{LogTail, document};
use crate::{
    run::Run,
    testing::{Story, deployment},
};

fn written(plan: &Plan, story: &Story, log: &dyn Fn(&StepId) -> LogTail) -> String {
    let logs: Vec<LogTail> = plan.steps.iter().map(|step| log(&step.id)).collect();
    document(plan, &Run::read(plan, &story.records), &logs).unwrap()
}

fn without_log(plan: &Plan, story: &Story) -> String {
    written(plan, story, &|_| LogTail::default())
}

/// An element with all that is in it.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
}

/// Reads a document as a CI server does: well-formed, with one root.
fn read(xml: &str) -> Element {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    reader.config_mut().expand_empty_elements = true;
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    (attribute.key.as_ref().to_owned(), attribute.value.to_string())
                });
                open.push(Element {
                    name: tag.name().as_ref().to_owned(),
                    attributes: attributes.collect(),
                    children: Vec::new(),
                });
            }
            Event::End(_) => {
                let element = open.pop().unwrap();
                open.last_mut().unwrap().children.push(element);
            }
            Event::Eof => {
                let mut root = open.pop().unwrap();
                assert_eq!((open.len(), root.children.len()), (0, 1));
                return root.children.remove(0);
            }
            Event::Text(_) | Event::GeneralRef(_) | Event::Decl(_) => {}
            Event::Empty(_) | Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {
                unreachable!("not written")
            }
        }
    }
}

impl Element {
    fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn named(&self, names: &[&str]) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| names.contains(&child.name.as_str()))
    }
}

/// The suite of a document whose sums are right and whose elements stand in the order of the schema.
fn suite(xml: &str) -> Element {
    let mut root = read(xml);
    assert_eq!((root.name.as_str(), root.children.len()), ("testsuites", 1));
    let suite = root.children.remove(0);
    assert_eq!(suite.name, "testsuite");
    let cases: Vec<&Element> = suite.named(&["testcase"]).collect();
    let holding = |name| cases.iter().filter(|case| case.named(&[name]).next().is_some()).count().to_string();
    for sums in [&root, &suite] {
        assert_eq!(
            ["tests", "failures", "errors", "skipped"].map(|name| sums.get(name).to_owned()),
            [cases.len().to_string(), holding("failure"), holding("error"), holding("skipped")]
        );
    }
    let order = [
        "failure",
        "rerunFailure",
        "flakyFailure",
        "skipped",
        "error",
        "rerunError",
        "flakyError",
        "system-out",
    ];
    for case in cases {
        let place = |child: &Element| order.iter().position(|name| *name == child.name);
        let places: Vec<usize> =
            case.children.iter().map(|child| place(child).expect("an element of the dialect")).collect();
        assert!(places.is_sorted(), "{}: {places:?}", case.get("name"));
        let attempts = ["rerunFailure", "flakyFailure", "rerunError", "flakyError"];
        let inside: Vec<&str> =
            case.named(&attempts).flat_map(|one| &one.children).map(|child| child.name.as_str()).collect();
        assert_eq!(inside, vec!["stackTrace"; case.named(&attempts).count()]);
    }
    suite
}

/// Each case with what it holds: `unit flakyError(timed-out)`.
fn told(xml: &str) -> Vec<String> {
    let told = |case: &Element| {
        let inside = case.children.iter().map(|child| match child.get("type") {
            "" => child.name.clone(),
            kind => format!("{}({kind})", child.name),
        });
        [case.get("name").to_owned()].into_iter().chain(inside).collect::<Vec<_>>().join(" ")
    };
    suite(xml).named(&["testcase"]).map(told).collect()
}

fn ended(step: &str, attempt: u32, ending: Ending, result: Option<StepResult>) -> Entry {
    Entry::StepEnded {
        step: StepId::new(step),
        attempt,
        ending,
        result,
        again_in_ms: result.is_none().then_some(1_000),
        elapsed_us: 5_000,
        log: None,
    }
}

fn no(summary: &str) -> Ending {
    Ending::Answered { outcome: Outcome::new(Answer::Fail, summary) }
}

#[test]
fn a_run_that_went_back() {
    let log = |step: &StepId| match step.as_str() {
        "smoke" => LogTail::of(b"a line cut in two\nGET /health 503 <html>\n\x1b[31mred\xff\n", 4_096),
        _ => LogTail::default(),
    };
    let xml = written(&deployment(), &Story::restored(), &log);
    suite(&xml);
    assert_snapshot!(xml);
}

#[test]
fn a_change_that_could_not_be_taken_back_is_an_error_of_its_step() {
    assert_eq!(
        told(&without_log(&deployment(), &Story::stuck())),
        [
            "lint failure(no)",
            "unit flakyError(timed-out) system-out",
            "go-live system-out",
            "migrate system-out",
            "switch error(stuck)",
            "smoke failure(no)",
            "live skipped",
            "tidy system-out",
            "tell skipped",
        ]
    );
}

#[test]
fn a_run_that_was_cut_off_says_where() {
    let story = Story::begin().gates().asked().approved().started("migrate", 1);
    let live = told(&without_log(&deployment(), &story));
    assert_eq!(&live[2..5], ["go-live system-out", "migrate error(unfinished)", "switch skipped"]);
    let resumed = story.then(0, Entry::RunResumed { runner: "0.1.0".to_owned() });
    let dead = told(&without_log(&deployment(), &resumed));
    assert_eq!(&dead[2..5], ["go-live system-out", "migrate error(interrupted)", "switch skipped"]);

    let plan = testing::plan([testing::gate("a").attempts(3)]);
    let waits = Story::begin().started("a", 1).then(1, ended("a", 1, no("first"), None));
    assert_eq!(told(&without_log(&plan, &waits)), ["a rerunFailure(no) error(unfinished)"]);
    let again = waits.started("a", 2);
    assert_eq!(told(&without_log(&plan, &again)), ["a rerunFailure(no) error(unfinished)"]);
}

#[test]
fn what_was_cancelled_is_an_error_and_what_never_began_is_skipped() {
    let plan = testing::plan([testing::gate("a"), testing::gate("b").needs(&["a"])]);
    let aborted = Ending::Aborted { reason: AbortReason::Cancelled };
    let verdict = Verdict { cause: Cause::Cancelled, world: World::Unchanged };
    let story = Story::begin()
        .started("a", 1)
        .then(1, ended("a", 1, aborted, Some(StepResult::Aborted)))
        .skipped("b", SkipReason::Cancelled)
        .then(0, Entry::RunFinished { verdict });
    assert_eq!(told(&without_log(&plan, &story)), ["a error(aborted)", "b skipped"]);
}

#[test]
fn attempts_are_reruns_of_a_step_that_fails_in_the_end() {
    let plan = testing::plan([testing::gate("a").attempts(3).but(|step| step.continue_on_error = true)]);
    let failed = Ending::Failed { failure: Failure::new(FailureKind::Unavailable, "nobody there") };
    let story = Story::begin()
        .started("a", 1)
        .then(1, ended("a", 1, failed, None))
        .started("a", 2)
        .then(1, ended("a", 2, no("second"), None))
        .started("a", 3)
        .then(1, ended("a", 3, no("third"), Some(StepResult::Failure)));
    let suite = suite(&without_log(&plan, &story));
    let case = suite.named(&["testcase"]).next().unwrap();
    let inside: Vec<(&str, &str)> =
        case.children.iter().map(|child| (child.name.as_str(), child.get("message"))).collect();
    assert_eq!(
        inside,
        [
            ("failure", "third (tolerated)"),
            ("rerunFailure", "attempt 2: second"),
            ("rerunError", "attempt 1: unavailable: nobody there"),
        ]
    );
    assert_eq!(case.get("time"), "0.015");
}

#[test]
fn a_shadow_step_passes_and_says_what_it_would_have_said() {
    let plan = testing::plan([testing::gate("a").but(|step| step.report_only = true)]);
    let story =
        Story::begin().started("a", 1).then(1, ended("a", 1, no("not clean"), Some(StepResult::Success)));
    let xml = without_log(&plan, &story);
    assert_eq!(told(&xml), ["a system-out"]);
    let case = xml.split_once("<testcase").unwrap().1.split_once("</testcase>").unwrap().0;
    assert_snapshot!(case, @r#"
     classname="deploy" name="a" time="0.005" file="deploy.yaml">
          <system-out>the answer was `no`, and did not count
    not clean
    </system-out>
    "#);
}

/// Markup, control characters and what XML has no name for, in every place where it can stand.
#[test]
fn hostile_names_and_texts_stay_texts() {
    let mut plan = testing::plan([testing::gate("a").but(|step| {
        step.id = StepId::new("a[\"<b>&'\u{1b}[2J\u{0}\u{ffff}]");
        step.place = "]]>\u{8}:7".to_owned();
    })]);
    plan.header.name = "\"deploy\" </testsuite>\n\u{202e}".to_owned();
    plan.header.inputs.insert("x".to_owned(), "<!--\r\n\u{c}".into());
    let id = plan.steps[0].id.clone();
    let hostile = no("<![CDATA[ \u{1} ]]> &amp;");
    let story = Story::begin()
        .started(id.as_str(), 1)
        .then(1, ended(id.as_str(), 1, hostile, Some(StepResult::Failure)));
    let xml = written(&plan, &story, &|_| LogTail::of(b"]]></system-out>\x07\r\n&\xc2\x85 \xe2\x80\xa8", 0));
    suite(&xml);
    let forbidden: Vec<char> =
        xml.chars().filter(|sign| *sign != '\n' && crate::text::is_unsafe(*sign)).collect();
    assert_eq!(forbidden, Vec::<char>::new());
    assert_snapshot!(xml);
}

#[test]
fn a_tail_begins_with_a_whole_line() {
    let tail = |bytes: &[u8], before| {
        let LogTail { text, left_out } = LogTail::of(bytes, before);
        (text, left_out)
    };
    assert_eq!(tail(b"one\ntwo\n", 0), ("one\ntwo\n".to_owned(), 0));
    assert_eq!(tail(b"ne\ntwo\n", 1), ("two\n".to_owned(), 4));
    assert_eq!(tail(b"\xbcno end", 10), ("\u{fffd}no end".to_owned(), 10));
}
