//! Holding lines against the rules.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use runner_plugin::text::{counted, shortened};
use runner_plugin::{Failure, Finding, Findings};

use crate::Repeats;
use crate::lines::Line;
use crate::rule::Rule;
use crate::time::Since;
use crate::traceback::{Part, Tracebacks};

/// How many different lines are counted; beyond, memory ends.
const DIFFERENT: usize = 500_000;

/// What was seen so far.
pub(crate) struct Scan<'r> {
    rules: &'r [Rule<'r>],
    required: Vec<(&'r Rule<'r>, bool)>,
    repeats: Option<&'r Repeats>,
    findings: Findings,
    /// How many lines were looked at.
    pub(crate) lines: usize,
    /// How many of them were not in the encoding of their file.
    pub(crate) misencoded: usize,
    first_misencoded: Option<(String, u32)>,
}

/// A traceback that has not ended yet.
struct Block<'r> {
    line: u32,
    rule: Option<&'r Rule<'r>>,
    first: String,
    exception: Option<String>,
}

/// How often lines came, by a hash of each without its digits.
type Counts = BTreeMap<u64, Count>;

struct Count {
    first: u32,
    number: u32,
}

impl<'r> Scan<'r> {
    /// Begins.
    pub(crate) fn new(rules: &'r [Rule<'r>], required: &'r [Rule<'r>], repeats: Option<&'r Repeats>) -> Self {
        let required = required.iter().map(|rule| (rule, false)).collect();
        Self {
            rules,
            required,
            repeats,
            findings: Findings::new(),
            lines: 0,
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
        let (mut tracebacks, mut block, mut counts) = (Tracebacks::default(), None, Counts::new());
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
            self.line(path, &line, &mut tracebacks, &mut block);
            self.count(path, &line, &mut counts);
        }
        if since.is_some() && any && !timed {
            return Err(Failure::invalid_input(format!(
                "no line of `{path}` says when it was written, so `since` cannot be applied; nothing was judged"
            )));
        }
        self.end(path, block);
        Ok(())
    }

    fn line(&mut self, path: &str, line: &Line, tracebacks: &mut Tracebacks, block: &mut Option<Block<'r>>) {
        self.lines += 1;
        if line.misencoded {
            self.misencoded += 1;
            self.first_misencoded.get_or_insert_with(|| (path.to_owned(), line.number));
        }
        let text = line.text.as_ref();
        let small = text.to_ascii_lowercase();
        for (rule, found) in &mut self.required {
            *found = *found || rule.matches(text, &small);
        }
        let rule = self.rules.iter().find(|rule| rule.matches(text, &small));
        let part = tracebacks.see(text);
        match part {
            Part::First | Part::Outside => self.end(path, block.take()),
            Part::Next => {}
        }
        match (part, block.as_mut()) {
            (Part::First, _) => {
                *block = Some(Block { line: line.number, rule, first: text.to_owned(), exception: None });
            }
            (Part::Next, Some(block)) => {
                // What makes the first line all right holds for all of the traceback.
                block.rule = block.rule.or(rule.filter(|rule| !rule.excepts(&block.first)));
                if let Some(exception) = tracebacks.exception(text) {
                    block.exception = Some(shortened(exception));
                }
            }
            (Part::Next, None) | (Part::Outside, _) => {
                if let Some(rule) = rule {
                    self.findings.push(found(rule, shortened(text.trim()), path, line.number));
                }
            }
        }
    }

    /// A traceback is one finding, of the first rule that is about any of its lines.
    fn end(&mut self, path: &str, block: Option<Block<'r>>) {
        if let Some(Block { line, rule: Some(rule), exception, .. }) = block {
            let exception =
                exception.map_or_else(|| "cut off".to_owned(), |exception| format!("`{exception}`"));
            let finding = found(rule, String::new(), path, line);
            self.findings.push(Finding { message: format!("a traceback: {exception}"), ..finding });
        }
    }

    fn count(&mut self, path: &str, line: &Line, counts: &mut Counts) {
        let Some(repeats) = self.repeats else { return };
        let wanted = repeats.containing.as_ref().is_none_or(|text| line.text.contains(text.as_str()));
        if !wanted || line.text.trim().is_empty() {
            return;
        }
        let key = without_digits(&line.text);
        if counts.len() >= DIFFERENT && !counts.contains_key(&key) {
            return;
        }
        let count = counts.entry(key).or_insert(Count { first: line.number, number: 0 });
        count.number = count.number.saturating_add(1);
        // Told when it is one too many: how often it comes in all helps nobody who has to find out why.
        if count.number == repeats.at_most.saturating_add(1) {
            let times = counted(repeats.at_most as usize, "time", "times");
            let message =
                format!("comes more than {times} by here, digits apart: `{}`", shortened(line.text.trim()));
            let help =
                format!("the first one is line {}; is something going round in a circle?", count.first);
            self.findings
                .push(Finding::error("repeated-line", message).in_file(path).at_line(line.number).help(help));
        }
    }

    /// Everything that was found, at last what was not.
    pub(crate) fn findings(mut self) -> Findings {
        for (rule, _) in self.required.iter().filter(|(_, found)| !found) {
            let finding = Finding::error(rule.name, format!("no line has {}", rule.wanted()));
            self.findings.push(Finding { help: rule.help.map(str::to_owned), ..finding });
        }
        if let Some((path, line)) = self.first_misencoded {
            let lines = counted(self.misencoded, "line is", "lines are");
            let message = format!("{lines} not all UTF-8; this is the first");
            self.findings.push(Finding::note("misencoded-line", message).in_file(path).at_line(line));
        }
        self.findings
    }
}

fn found(rule: &Rule, message: String, path: &str, line: u32) -> Finding {
    let finding = Finding::new(rule.severity, rule.name, message).in_file(path).at_line(line);
    Finding { help: rule.help.map(str::to_owned), ..finding }
}

/// A number for a line that is the same whatever its digits are: time stamps, counters, addresses.
fn without_digits(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in line.split(|sign: char| sign.is_ascii_digit()).filter(|part| !part.is_empty()) {
        part.hash(&mut hasher);
    }
    hasher.finish()
}
