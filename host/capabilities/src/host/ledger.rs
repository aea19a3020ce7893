//! What one plugin call has used and what it asked for in vain.
//!
//! Nothing here waits for the end of a call: a rule counts as used when it lets a request through, and its bytes when they
//! move, so that a call that is given up has left the truth behind.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    Limits, Refusal, Rule, Use,
    log::{Level, Line, MAX_LINE, Outflow, marked_lines, shorten},
    secrets::Redactor,
};

/// Refusals worth keeping: a plugin that asks for a thousand different things is not told apart from one that asks for
/// a hundred.
const MAX_REFUSALS: usize = 100;
/// Longest text of a refusal; it holds what the guest asked for.
const MAX_REQUEST: usize = 500;

/// Counts and keeps; shared by everything that serves one plugin call.
pub struct Ledger {
    limits: Limits,
    redactor: Arc<Redactor>,
    on_line: Box<dyn Fn(&Line) + Send + Sync>,
    rehearsal: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: u64,
    record: Record,
    output: u64,
    outflow: Outflow,
}

/// Where the use of a rule is written down, and when it was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Booking<'a> {
    pub(crate) ledger: &'a Arc<Ledger>,
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
}

impl Booking<'_> {
    /// `rule` has let a request through.
    pub(crate) fn used(self, rule: Rule) -> Meter {
        let uses = &mut self.ledger.state().record.uses;
        let place = uses.iter().position(|earlier| earlier.rule == rule);
        let first = Use::first(rule, self.at_ms);
        let place = match place {
            Some(place) => {
                uses[place].add(&first);
                place
            }
            None => {
                uses.push(first);
                uses.len() - 1
            }
        };
        Meter { ledger: Arc::clone(self.ledger), place }
    }
}

/// Counts the bytes of one use.
pub(crate) struct Meter {
    ledger: Arc<Ledger>,
    place: usize,
}

impl Meter {
    /// Bytes that went out.
    pub(crate) fn sent(&self, bytes: usize) {
        self.count(|rule| rule.sent = rule.sent.saturating_add(bytes as u64));
    }

    /// Bytes that came in.
    pub(crate) fn received(&self, bytes: usize) {
        self.count(|rule| rule.received = rule.received.saturating_add(bytes as u64));
    }

    fn count(&self, count: impl FnOnce(&mut Use)) {
        // Once the call is over and told, nobody asks any more.
        if let Some(rule) = self.ledger.state().record.uses.get_mut(self.place) {
            count(rule);
        }
    }
}

/// What is left when the call is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// What the plugin wrote.
    pub lines: Vec<Line>,
    /// Lines dropped because the `output` limit was used up.
    pub dropped: u64,
    /// What it asked for in vain, each once.
    pub refusals: Vec<Refusal>,
    /// Which rules it used, each once.
    pub uses: Vec<Use>,
    /// What it would have changed, in this order.
    pub rehearsed: Vec<String>,
}

/// The `calls` limit is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} host calls")]
pub struct CallsSpent {
    /// The limit.
    pub limit: u64,
}

impl Ledger {
    /// Starts counting. `on_line` is handed every line as it comes.
    #[must_use]
    pub fn new(limits: Limits, redactor: Arc<Redactor>, on_line: Box<dyn Fn(&Line) + Send + Sync>) -> Self {
        Self { limits, redactor, on_line, rehearsal: false, state: Mutex::default() }
    }

    /// The same for a call that is to change nothing: what it would change is put on a list instead.
    #[must_use]
    pub fn rehearsing(self) -> Self {
        Self { rehearsal: true, ..self }
    }

    /// Whether nothing may be changed.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// Whether nothing may be changed. If so, `write` is put on the list: what would have been done, in one line without a
    /// full stop, such as `write reports/a.xml`. Asked after the grant was.
    pub(crate) fn instead(&self, write: impl FnOnce() -> String) -> bool {
        if self.rehearsal {
            let mut line = self.redactor.redact_line(&write());
            shorten(&mut line, MAX_REQUEST);
            self.state().record.rehearsed.push(line);
        }
        self.rehearsal
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one host call.
    ///
    /// # Errors
    ///
    /// The limit is used up; the call must not be carried out.
    pub fn call(&self) -> Result<(), CallsSpent> {
        let mut state = self.state();
        state.calls = state.calls.saturating_add(1);
        if state.calls > self.limits.calls { Err(CallsSpent { limit: self.limits.calls }) } else { Ok(()) }
    }

    /// Whether a call was refused because there were too many.
    #[must_use]
    pub fn calls_spent(&self) -> bool {
        self.state().calls > self.limits.calls
    }

    /// Keeps a refusal, unless the same is already there.
    pub fn refuse(&self, refusal: Refusal) {
        let tidy = |text: String| {
            let mut text = self.redactor.redact_line(&text);
            shorten(&mut text, MAX_REQUEST);
            text
        };
        let refusal = Refusal {
            capability: refusal.capability,
            request: tidy(refusal.request),
            message: tidy(refusal.message),
            grant: refusal.grant.map(tidy),
        };
        let mut state = self.state();
        if state.record.refusals.len() < MAX_REFUSALS && !state.record.refusals.contains(&refusal) {
            state.record.refusals.push(refusal);
        }
    }

    /// Keeps what a plugin wrote, line by line.
    pub fn write(&self, level: Level, text: &str) {
        for line in marked_lines(text) {
            let mut state = self.state();
            let size = line.len().min(MAX_LINE) as u64 + 1;
            if state.output + size > self.limits.output {
                state.record.dropped += 1;
                continue;
            }
            state.output += size;
            let lines = state.outflow.push(level, line, &self.redactor);
            self.keep(state, lines);
        }
    }

    fn keep(&self, mut state: MutexGuard<'_, State>, lines: Vec<Line>) {
        state.record.lines.extend_from_slice(&lines);
        drop(state);
        lines.iter().for_each(&self.on_line);
    }

    /// Bytes that the answer may still have.
    #[must_use]
    pub fn output_left(&self) -> u64 {
        self.limits.output.saturating_sub(self.state().output)
    }

    /// What is left when the call is over.
    #[must_use]
    pub fn finish(&self) -> Record {
        let mut state = self.state();
        let lines = state.outflow.finish();
        self.keep(state, lines);
        std::mem::take(&mut self.state().record)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{CallsSpent, Ledger, Record};
    use crate::{
        Capability, Limits, Refusal,
        log::{Level, Line},
        secrets::Redactor,
    };

    fn ledger(limits: Limits) -> Ledger {
        Ledger::new(limits, Arc::new(Redactor::new([b"hunter2".as_slice()])), Box::new(|_| {}))
    }

    fn info(text: &str) -> Line {
        Line { level: Level::Info, text: text.to_owned() }
    }

    #[test]
    fn lines_are_cleaned_and_lose_their_secrets() {
        let ledger = ledger(Limits::default());
        ledger.write(Level::Info, "\u{1b}[1mlogin hunter2\nhun\u{0}ter2 ::x\n::stop");
        let lines = vec![info("login ***"), info("*** ::x"), info(": :stop")];
        assert_eq!(ledger.finish(), Record { lines, ..Record::default() });
    }

    #[test]
    fn lines_are_handed_on_as_they_come() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let on_line = Box::new(move |line: &Line| sink.lock().unwrap().push(line.clone()));
        let ledger = Ledger::new(Limits::default(), Arc::new(Redactor::default()), on_line);
        ledger.write(Level::Warn, "a\nb");
        let line = |text: &str| Line { level: Level::Warn, text: text.to_owned() };
        assert_eq!(*seen.lock().unwrap(), [line("a"), line("b")]);
    }

    #[test]
    fn what_goes_beyond_the_output_limit_is_dropped_and_counted() {
        let ledger = ledger(Limits { output: 10, ..Limits::default() });
        ledger.write(Level::Info, "12345678");
        ledger.write(Level::Info, "too long\nx\ny");
        assert_eq!(ledger.output_left(), 1);
        assert_eq!(
            ledger.finish(),
            Record { lines: vec![info("12345678")], dropped: 3, ..Record::default() }
        );
    }

    #[test]
    fn calls_are_counted_up_to_the_limit() {
        let ledger = ledger(Limits { calls: 2, ..Limits::default() });
        assert_eq!((ledger.call(), ledger.call(), ledger.calls_spent()), (Ok(()), Ok(()), false));
        assert_eq!(ledger.call(), Err(CallsSpent { limit: 2 }));
        assert!(ledger.calls_spent());
    }

    #[test]
    fn a_rehearsal_lists_what_it_would_change_and_a_real_call_does_not() {
        let (real, rehearsal) = (ledger(Limits::default()), ledger(Limits::default()).rehearsing());
        assert_eq!(
            (real.instead(|| "write a".to_owned()), rehearsal.instead(|| "write\nhunter2".to_owned())),
            (false, true)
        );
        assert_eq!(real.finish(), Record::default());
        let rehearsed = vec!["write ***".to_owned()];
        assert_eq!(rehearsal.finish(), Record { rehearsed, ..Record::default() });
    }

    #[test]
    fn a_refusal_is_kept_once_and_cannot_forge_output() {
        let ledger = ledger(Limits::default());
        let refusal = |request: &str| Refusal {
            capability: Capability::Http,
            request: request.to_owned(),
            message: "no".to_owned(),
            grant: None,
        };
        ledger.refuse(refusal("GET http://x/\u{1b}[2J\n::hunter2"));
        ledger.refuse(refusal("GET http://x/\u{1b}[2J\n::hunter2"));
        assert_eq!(ledger.finish().refusals, [refusal("GET http://x/ ::***")]);
    }
}
