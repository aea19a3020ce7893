//! Holding lines against the rules.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use runner_plugin::host::{OutputLine, OutputStream};
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Failure, Finding, Findings};

use crate::Repeats;
use crate::lines::Line;
use crate::place::Place;
use crate::rule::{Allowed, Rule};
use crate::time::Since;
use crate::traceback::{Part, Tracebacks};

/// How many different lines are counted; beyond, memory ends.
const DIFFERENT: usize = 500_000;

/// What is looked for.
pub(crate) struct Rules<'r> {
    /// What must stand in no line.
    pub(crate) forbidden: Vec<Rule<'r>>,
    /// What must stand in a line.
    pub(crate) required: Vec<Rule<'r>>,
    /// Lines that are all right whatever stands in them.
    pub(crate) allowed: Allowed,
    /// How often a line may come.
    pub(crate) repeats: Option<&'r Repeats>,
}

/// What was seen so far.
pub(crate) struct Scan<'r> {
    rules: &'r Rules<'r>,
    /// Which of the required rules have found their line.
    found: Vec<bool>,
    findings: Findings,
    /// How many lines were looked at.
    pub(crate) lines: usize,
    /// How many times something forbidden was there; a traceback counts once.
    pub(crate) matches: usize,
    /// How many lines were not in the encoding of their file.
    pub(crate) misencoded: usize,
    first_misencoded: Option<Place>,
}

/// One writer: a file, or a stream of a container. Two of them may write into one log without breaking each other's
/// tracebacks.
#[derive(Default)]
struct Writer<'r> {
    tracebacks: Tracebacks,
    block: Option<Block<'r>>,
}

/// A traceback that has not ended yet.
struct Block<'r> {
    place: Place,
    rule: Option<&'r Rule<'r>>,
    first: String,
    exception: Option<String>,
    allowed: bool,
}

/// How often lines came, by a hash of each without its digits.
type Counts = BTreeMap<u64, Count>;

struct Count {
    first: Place,
    number: u32,
}

impl<'r> Scan<'r> {
    /// Begins.
    pub(crate) fn new(rules: &'r Rules<'r>) -> Self {
        Self {
            rules,
            found: vec![false; rules.required.len()],
            findings: Findings::new(),
            lines: 0,
            matches: 0,
            misencoded: 0,
            first_misencoded: None,
        }
    }

    /// Looks at a file.
    pub(crate) fn file<'t>(
        &mut self,
        path: &str,
        lines: impl Iterator<Item = Line<'t>>,
        since: Option<&Since>,
    ) -> Result<(), Failure> {
        let (mut writer, mut counts) = (Writer::default(), Counts::new());
        let shared: Rc<str> = path.into();
        let (mut late_enough, mut timed, mut any) = (true, false, false);
        for line in lines {
            any = true;
            if let Some(since) = since {
                let at = |why| Failure::invalid_input(format!("`{path}` line {}: {why}", line.number));
                // A line without a time belongs to the one before.
                if let Some(holds) = since.holds(&line.text).map_err(at)? {
                    (late_enough, timed) = (holds, true);
                }
            }
            if !late_enough {
                continue;
            }
            let place = Place::File { path: Rc::clone(&shared), line: line.number };
            self.line(&line.text, line.misencoded, &place, &mut writer);
            self.count(&line.text, &place, &mut counts);
        }
        if since.is_some() && any && !timed {
            return Err(Failure::invalid_input(format!(
                "no line of `{path}` says when it was written, so `since` cannot be applied; nothing was judged"
            )));
        }
        self.end(writer.block);
        Ok(())
    }

    /// Looks at what a container wrote.
    pub(crate) fn container(&mut self, lines: &[OutputLine]) {
        let (mut stdout, mut stderr, mut counts) = (Writer::default(), Writer::default(), Counts::new());
        for OutputLine { channel, at, text } in lines {
            let writer = match channel {
                OutputStream::Stdout => &mut stdout,
                OutputStream::Stderr => &mut stderr,
            };
            let place = Place::Stream { channel: *channel, at: *at };
            // The engine's host has replaced what was not UTF-8.
            self.line(text, text.contains('\u{fffd}'), &place, writer);
            self.count(text, &place, &mut counts);
        }
        self.end(stdout.block);
        self.end(stderr.block);
    }

    fn line(&mut self, text: &str, misencoded: bool, place: &Place, writer: &mut Writer<'r>) {
        self.lines += 1;
        if misencoded {
            self.misencoded += 1;
            self.first_misencoded.get_or_insert_with(|| place.clone());
        }
        let small = text.to_ascii_lowercase();
        for (rule, found) in self.rules.required.iter().zip(&mut self.found) {
            *found = *found || rule.matches(text, &small);
        }
        let allowed = self.rules.allowed.has(text);
        let rule = self.rules.forbidden.iter().find(|rule| !allowed && rule.matches(text, &small));
        let part = writer.tracebacks.see(text);
        match part {
            Part::First | Part::Outside => self.end(writer.block.take()),
            Part::Next => {}
        }
        match (part, writer.block.as_mut()) {
            (Part::First, _) => {
                let (place, first) = (place.clone(), text.to_owned());
                writer.block = Some(Block { place, rule, first, exception: None, allowed });
            }
            (Part::Next, Some(block)) => {
                // What makes the first line all right holds for all of the traceback.
                block.rule = block.rule.or(rule.filter(|rule| !rule.excepts(&block.first)));
                if let Some(exception) = writer.tracebacks.exception(text) {
                    block.exception = Some(shortened(exception));
                    // An exception that is all right may come with its traceback; the last one counts.
                    block.allowed = allowed || self.rules.allowed.has(&block.first);
                }
            }
            (Part::Next, None) | (Part::Outside, _) => {
                if let Some(rule) = rule {
                    self.matched(rule, shortened(text.trim()), place);
                }
            }
        }
    }

    /// A traceback is one finding, of the first rule that is about any of its lines.
    fn end(&mut self, block: Option<Block<'r>>) {
        if let Some(Block { place, rule: Some(rule), exception, allowed: false, .. }) = block {
            let exception =
                exception.map_or_else(|| "cut off".to_owned(), |exception| format!("`{exception}`"));
            self.matched(rule, format!("a traceback: {exception}"), &place);
        }
    }

    fn matched(&mut self, rule: &Rule, message: String, place: &Place) {
        self.matches += 1;
        let finding = place.of(Finding::new(rule.severity, rule.name, message));
        self.findings.push(Finding { help: rule.help.map(str::to_owned), ..finding });
    }

    fn count(&mut self, text: &str, place: &Place, counts: &mut Counts) {
        let Some(repeats) = self.rules.repeats else { return };
        let wanted = repeats.containing.as_ref().is_none_or(|part| text.contains(part.as_str()));
        if !wanted || text.trim().is_empty() {
            return;
        }
        let key = without_digits(text);
        if counts.len() >= DIFFERENT && !counts.contains_key(&key) {
            return;
        }
        let count = counts.entry(key).or_insert_with(|| Count { first: place.clone(), number: 0 });
        count.number = count.number.saturating_add(1);
        // Told when it is one too many: how often it comes in all helps nobody who has to find out why.
        if count.number == repeats.at_most.saturating_add(1) {
            let times = counted(repeats.at_most as usize, "time", "times");
            let message =
                format!("comes more than {times} by here, digits apart: `{}`", shortened(text.trim()));
            let help = format!("the first one is {}; is something going round in a circle?", count.first);
            self.findings.push(place.of(Finding::error("repeated-line", message)).help(help));
        }
    }

    /// Everything that was found, at last what was not. Lines that are missing may be what was required.
    pub(crate) fn findings(mut self, complete: bool) -> Findings {
        let required = self.rules.required.iter().zip(&self.found);
        for (rule, _) in required.filter(|(_, found)| complete && !**found) {
            let finding = Finding::error(rule.name, format!("no line has {}", rule.wanted()));
            self.findings.push(Finding { help: rule.help.map(str::to_owned), ..finding });
        }
        if let Some(place) = self.first_misencoded {
            let lines = counted(self.misencoded, "line is", "lines are");
            let message = format!("{lines} not all UTF-8; this is the first");
            self.findings.push(place.of(Finding::note("misencoded-line", message)));
        }
        self.findings
    }
}

/// A number for a line that is the same whatever its digits are: time stamps, counters, addresses.
fn without_digits(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in line.split(|sign: char| sign.is_ascii_digit()).filter(|part| !part.is_empty()) {
        part.hash(&mut hasher);
    }
    hasher.finish()
}
