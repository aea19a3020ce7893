//! A model of a whole run: random graphs, results and crashes against a simple world.
//!
//! The driver below does what the engine does (an entry first, then its effect) with the same [`State`], but its world
//! is a row of numbers and its clock is a die. At every append the process may die: then the state is gone, what was
//! not yet on disk is lost (back to any entry not before the last durable one), and the world stays as it is. Recovery is
//! the same loop over the same functions, and may die as well.
//!
//! What must hold at the end: the world is all changed, or exactly restored, or stuck with exactly the remaining
//! changes. On the way: a step starts after its needs; no change begins before its snapshot is on disk.
//! The seeded bugs at the end show that the model sees what it should.

use std::{collections::BTreeMap, sync::Arc};

use runner_model::{
    Answer, Cause, Effect, Failure, FailureKind, Inconclusive, NotifyOn, Outcome, Phase, Plan, PluginKind,
    RetryOn, RunId, Step, StepIndex, StepResult, Target, Uses, World,
};

use crate::{
    AbortReason, Action, Decision, Ending, Entry, Node, Occasion, Snapshot, Stage, State,
    settle::{Next, undo_delay},
    testing::{self, Draft, plan, route, with_targets},
};

/// How much of a step's change is in the world.
const UNTOUCHED: u8 = 0;
const HALF: u8 = 1;
const WHOLE: u8 = 2;

/// A fault put into the driver on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    None,
    /// The change begins before its snapshot is written down.
    EffectBeforeSnapshot,
    /// The snapshot is written down, but not on disk, when the change begins.
    SnapshotNotDurable,
    /// Changes are taken back oldest first.
    OldestFirst,
    /// The failed step's own change is not taken back.
    FailedStepForgotten,
    /// A step starts as soon as it is known.
    StartBeforeNeeds,
}

/// Random numbers that are the same for the same seed.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    pub(super) fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

pub(super) fn random_plan(dice: &mut Dice) -> Plan {
    let count = 1 + dice.below(9);
    let mut drafts: Vec<Draft> = Vec::new();
    if dice.one_in(3) {
        for place in 0..1 + dice.below(2) {
            let attempts = 1 + u32::try_from(dice.below(2)).unwrap();
            drafts.push(testing::observer(&format!("t{place}")).attempts(attempts));
        }
    }
    for place in 0..count {
        let id = format!("s{place}");
        let mut draft = match dice.below(10) {
            0..=3 => testing::change(&id),
            4 => testing::notifier(&id),
            5 => testing::checkpoint(&id),
            6 => testing::approval(&id, dice.pick(&[Inconclusive::Fail, Inconclusive::Pass])),
            7 => testing::plugin(&id, PluginKind::ProxySwitch),
            _ => testing::gate(&id),
        };
        for earlier in 0..place {
            if dice.one_in(3) {
                let id = format!("s{earlier}");
                draft = if dice.one_in(8) {
                    let results = [dice.pick(&StepResult::ALL), dice.pick(&StepResult::ALL)];
                    draft.needs_result(&id, &results)
                } else {
                    draft.needs(&[&id])
                };
            }
        }
        if dice.one_in(6) {
            draft = draft.condition(dice.pick(&[
                "failure()",
                "always()",
                "success()",
                "aborted()",
                "false",
                "1",
            ]));
        }
        drafts.push(draft.but(|step| random_policies(step, dice)));
    }
    for place in 0..dice.below(3) {
        let draft = testing::gate(&format!("f{place}")).finally();
        drafts.push(if place > 0 && dice.one_in(2) { draft.needs(&["f0"]) } else { draft });
    }
    for place in 0..dice.below(3) {
        let on: Vec<NotifyOn> = NotifyOn::ALL.into_iter().filter(|_| dice.one_in(2)).collect();
        drafts.push(testing::notifier(&format!("n{place}")).on(&on));
    }
    with_targets(plan(drafts))
}

fn random_policies(step: &mut Step, dice: &mut Dice) {
    step.retry.attempts = u32::try_from(1 + dice.below(3)).unwrap();
    if dice.one_in(4) {
        step.retry.on = vec![RetryOn::Failure, RetryOn::Kind(FailureKind::Unavailable)];
    }
    step.on_inconclusive = dice.pick(&[Inconclusive::Fail, Inconclusive::Pass, Inconclusive::Pause]);
    step.report_only = dice.one_in(8);
    step.continue_on_error = dice.one_in(8);
    step.required = dice.one_in(2);
}

/// Something that goes on outside the state.
#[derive(Debug, Clone)]
enum Flight {
    Observe { step: StepIndex, attempt: u32 },
    Capture { step: StepIndex, attempt: u32 },
    Change { step: StepIndex, attempt: u32 },
    Undo { step: StepIndex, attempt: u32, snapshot: Snapshot },
    Approval { step: StepIndex },
    Wait { step: StepIndex },
}

/// What the model found wrong.
type Fault = String;

/// Why the loop stops.
enum Halt {
    /// The process dies.
    Crash,
    Fault(Fault),
}

struct Run<'a> {
    plan: Arc<Plan>,
    dice: &'a mut Dice,
    bug: Bug,
    crashes_left: usize,
    /// The file, and how much of it survives a crash for sure.
    journal: Vec<Entry>,
    durable: usize,
    world: Vec<u8>,
    /// Somebody has repaired what was in the way of a stuck run, and takes it up again.
    reopen: bool,
}

impl Run<'_> {
    fn append(&mut self, state: &mut State, entry: Entry) -> Result<(), Halt> {
        if self.crashes_left > 0 && self.dice.one_in(12) {
            return Err(Halt::Crash);
        }
        state.apply(&entry).map_err(|error| Halt::Fault(error.to_string()))?;
        let plan = Arc::clone(&self.plan);
        let is_snapshot = matches!(entry, Entry::StepCaptured { .. });
        let durable = entry.is_durable(|step| plan.effect(plan.step(plan.find(step.as_str()).unwrap())));
        self.journal.push(entry);
        if durable && !(is_snapshot && self.bug == Bug::SnapshotNotDurable) {
            self.durable = self.journal.len();
        }
        if self.crashes_left > 0 && self.dice.one_in(12) {
            return Err(Halt::Crash);
        }
        Ok(())
    }

    /// From the journal to a verdict, or to the next crash.
    fn live(&mut self) -> Result<State, Halt> {
        let mut state = State::new(Arc::clone(&self.plan));
        for entry in &self.journal {
            state.apply(entry).map_err(|error| Halt::Fault(format!("replay: {error}")))?;
        }
        let first = if self.journal.is_empty() {
            let digest = self.plan.header.digest.clone();
            let run = RunId::from_parts(1, 1);
            Entry::RunStarted { run, pipeline: "deploy".to_owned(), plan: digest, runner: "0.1.0".to_owned() }
        } else if state.stage() == Stage::Finished && !self.reopen {
            return Ok(state);
        } else {
            Entry::RunResumed { runner: "0.1.0".to_owned() }
        };
        self.append(&mut state, first)?;
        self.reopen = false;
        let mut flights: Vec<Flight> = Vec::new();
        let jobs = 1 + self.dice.below(4);
        loop {
            loop {
                let actions = state.next(jobs);
                if actions.is_empty() {
                    break;
                }
                for action in actions {
                    self.carry_out(&mut state, action, &mut flights)?;
                }
            }
            if state.stage() == Stage::Finished {
                return Ok(state);
            }
            if state.stage() != Stage::Decided && self.dice.one_in(60) {
                self.append(&mut state, Entry::CancelRequested { by: "SIGINT".to_owned() })?;
                continue;
            }
            if flights.is_empty() {
                return Err(Halt::Fault(format!("nothing is left to happen in {:?}", state.stage())));
            }
            let flight = flights.swap_remove(self.dice.below(flights.len()));
            if let Some(next) = self.land(&mut state, flight)? {
                flights.push(next);
            }
        }
    }

    fn carry_out(
        &mut self,
        state: &mut State,
        action: Action,
        flights: &mut Vec<Flight>,
    ) -> Result<(), Halt> {
        match action {
            Action::Record(entry) => self.append(state, *entry)?,
            Action::Start { step, attempt, snapshot } => {
                self.check_needs(state, step)?;
                let id = self.plan.step(step).id.clone();
                let first = !matches!(state.node(step), Node::Retrying { .. } | Node::Interrupted { .. });
                if first && self.dice.one_in(30) {
                    let failure = Failure::new(FailureKind::InvalidConfig, "no value");
                    let entry = Entry::StepEnded {
                        step: id,
                        attempt,
                        ending: Ending::Failed { failure },
                        result: Some(StepResult::Error),
                        again_in_ms: None,
                        elapsed_us: 0,
                        log: None,
                    };
                    return self.append(state, entry);
                }
                self.append(state, Entry::StepStarted { step: id, attempt })?;
                match (&self.plan.step(step).uses, state.effect(step)) {
                    (Uses::Approval(_), _) => {}
                    (_, Effect::Change) if snapshot.is_some() => {
                        flights.push(Flight::Change { step, attempt })
                    }
                    (_, Effect::Change) => flights.push(Flight::Capture { step, attempt }),
                    (_, Effect::Observe | Effect::Announce) => {
                        flights.push(Flight::Observe { step, attempt })
                    }
                }
            }
            Action::Ask { step } => {
                let id = self.plan.step(step).id.clone();
                let message = "go on?".to_owned();
                self.append(state, Entry::ApprovalRequested { step: id, message, expires_at_ms: 1 })?;
                flights.push(Flight::Approval { step });
            }
            Action::AskAgain { step, .. } => flights.push(Flight::Approval { step }),
            Action::Wait { step, .. } => flights.push(Flight::Wait { step }),
            Action::Undo { step, attempt, snapshot } => {
                self.check_dependents(state, step)?;
                let step = if self.bug == Bug::OldestFirst { state.changes()[0].step } else { step };
                let id = self.plan.step(step).id.clone();
                self.append(state, Entry::UndoStarted { step: id, attempt })?;
                flights.push(Flight::Undo { step, attempt, snapshot });
            }
        }
        let plan = Arc::clone(&self.plan);
        if self.bug == Bug::StartBeforeNeeds
            && let Some((step, planned)) =
                plan.indexed().find(|(step, _)| *state.node(*step) == Node::Waiting)
        {
            let id = planned.id.clone();
            self.append(state, Entry::StepStarted { step: id, attempt: 1 })?;
            flights.push(Flight::Observe { step, attempt: 1 });
        }
        Ok(())
    }

    fn random_route(&mut self) -> Ending {
        match self.dice.below(4) {
            0 => Ending::Failed { failure: Failure::new(FailureKind::Unavailable, "no answer") },
            1 => Ending::Answered { outcome: route(&[]) },
            _ => Ending::Answered { outcome: route(&[self.dice.pick(&["blue:1", "green:1"])]) },
        }
    }

    fn check_needs(&self, state: &State, step: StepIndex) -> Result<(), Halt> {
        let is_known = |target: &Target| {
            let asked = target.observer.and_then(|observer| state.node(observer).result());
            matches!(asked, Some(StepResult::Success))
        };
        if self.plan.step(step).phase == Phase::Main && !self.plan.header.targets.values().all(is_known) {
            return Err(Halt::Fault(format!("{step:?} starts before every proxy has answered")));
        }
        let open = self.plan.step(step).needs.iter().find(|need| state.node(need.step).result().is_none());
        match open {
            Some(need) => Err(Halt::Fault(format!("{step:?} starts before {:?} has ended", need.step))),
            None => Ok(()),
        }
    }

    /// A change is taken back before those that it was built on.
    fn check_dependents(&self, state: &State, step: StepIndex) -> Result<(), Halt> {
        let builds_on = |other: StepIndex| self.plan.step(other).needs.iter().any(|need| need.step == step);
        match state.changes().iter().find(|change| builds_on(change.step)) {
            Some(change) => Err(Halt::Fault(format!("{step:?} is taken back before {:?}", change.step))),
            None => Ok(()),
        }
    }

    fn land(&mut self, state: &mut State, flight: Flight) -> Result<Option<Flight>, Halt> {
        match flight {
            Flight::Observe { step, attempt } => {
                let aborted = matches!(state.cause(), Some(Cause::Cancelled)) && self.dice.one_in(2);
                let ending = if aborted && state.effect(step) == Effect::Observe {
                    Ending::Aborted { reason: AbortReason::Cancelled }
                } else if self.plan.step(step).phase == Phase::Observe {
                    self.random_route()
                } else {
                    self.random_ending()
                };
                self.end(state, step, attempt, ending)?;
            }
            Flight::Capture { step, attempt } => {
                if self.dice.one_in(8) {
                    let ending =
                        Ending::Failed { failure: Failure::new(FailureKind::Unavailable, "no capture") };
                    self.end(state, step, attempt, ending)?;
                    return Ok(None);
                }
                let snapshot = Snapshot(self.world[step.get()].to_string());
                if self.bug == Bug::EffectBeforeSnapshot {
                    self.world[step.get()] = WHOLE;
                }
                let id = self.plan.step(step).id.clone();
                self.append(state, Entry::StepCaptured { step: id, snapshot })?;
                return Ok(Some(Flight::Change { step, attempt }));
            }
            Flight::Change { step, attempt } => {
                if self.crashes_left > 0 && self.dice.one_in(10) {
                    self.world[step.get()] = self.dice.pick(&[self.world[step.get()], HALF, WHOLE]);
                    return Err(Halt::Crash);
                }
                let ending = if self.dice.one_in(4) {
                    self.world[step.get()] = self.dice.pick(&[self.world[step.get()], HALF, WHOLE]);
                    Ending::Failed { failure: Failure::new(FailureKind::Unavailable, "half way") }
                } else {
                    self.world[step.get()] = WHOLE;
                    Ending::Answered { outcome: Outcome::new(Answer::Done, "changed") }
                };
                self.end(state, step, attempt, ending)?;
            }
            Flight::Undo { step, attempt, snapshot } => {
                let id = self.plan.step(step).id.clone();
                if self.dice.one_in(2) {
                    let failure = Failure::new(FailureKind::Unavailable, "no restore");
                    let again_in_ms =
                        undo_delay(attempt).map(|delay| u64::try_from(delay.as_millis()).unwrap());
                    self.append(state, Entry::UndoFailed { step: id, attempt, failure, again_in_ms })?;
                } else {
                    let failed = state.cause().is_some_and(
                        |cause| matches!(cause, Cause::Failed { step } | Cause::Rejected { step } if *step == id),
                    );
                    if !(failed && self.bug == Bug::FailedStepForgotten) {
                        self.world[step.get()] = snapshot.0.parse().unwrap();
                    }
                    self.append(state, Entry::UndoSucceeded { step: id, left: None })?;
                }
            }
            Flight::Approval { step } => {
                if matches!(state.node(step), Node::AwaitingApproval { .. }) {
                    let decision =
                        self.dice.pick(&[Decision::Approved, Decision::Rejected, Decision::Expired]);
                    let id = self.plan.step(step).id.clone();
                    let (by, reason) = ("ada".to_owned(), String::new());
                    self.append(state, Entry::ApprovalAnswered { step: id, decision, by, reason })?;
                }
            }
            Flight::Wait { step } => state.due(step),
        }
        Ok(None)
    }

    fn end(&mut self, state: &mut State, step: StepIndex, attempt: u32, ending: Ending) -> Result<(), Halt> {
        let (result, again_in_ms) = match state.after(step, attempt, &ending) {
            Next::Again { after } => (None, Some(u64::try_from(after.as_millis()).unwrap())),
            Next::Ask => (None, None),
            Next::Ended(result) => (Some(result), None),
        };
        let step = self.plan.step(step).id.clone();
        self.append(
            state,
            Entry::StepEnded { step, attempt, ending, result, again_in_ms, elapsed_us: 0, log: None },
        )
    }

    fn random_ending(&mut self) -> Ending {
        let answers =
            [Answer::Pass, Answer::Pass, Answer::Done, Answer::Warn, Answer::Fail, Answer::Inconclusive];
        if self.dice.one_in(8) {
            let kind = self.dice.pick(&FailureKind::ALL);
            Ending::Failed { failure: Failure::new(kind, "no answer") }
        } else {
            Ending::Answered { outcome: Outcome::new(self.dice.pick(&answers), "answered") }
        }
    }

    /// What has to hold once a run has finished.
    fn judge(&self, state: &State) -> Result<(), Fault> {
        let verdict = state.verdict().expect("a finished run has a verdict");
        let index = |step: &runner_model::StepId| state.find(step.as_str()).unwrap().get();
        let touched: Vec<usize> =
            (0..self.world.len()).filter(|place| self.world[*place] != UNTOUCHED).collect();
        let within = |allowed: Vec<usize>| touched.iter().all(|place| allowed.contains(place));
        let fine = match &verdict.world {
            World::Unchanged | World::Restored { .. } => touched.is_empty(),
            World::Changed { steps } => {
                let tolerated = |place: &usize| {
                    state.node(StepIndex(u32::try_from(*place).unwrap())).result() == Some(StepResult::Error)
                };
                let changed: Vec<usize> = steps.iter().map(index).collect();
                changed.iter().all(|place| self.world[*place] == WHOLE || tolerated(place)) && within(changed)
            }
            World::Stuck { remaining, restored } => {
                let remaining: Vec<usize> = remaining.iter().map(|left| index(&left.step)).collect();
                within(remaining) && restored.iter().all(|step| self.world[index(step)] == UNTOUCHED)
            }
        };
        if !fine {
            return Err(format!("the verdict says {:?}, the world is {:?}", verdict.world, self.world));
        }
        let unanswered = self.plan.indexed().find(|(step, _)| {
            let passed = matches!(state.node(*step).result(), Some(StepResult::Success | StepResult::Warn));
            passed && state.node(*step).end().is_none()
        });
        match (unanswered, &verdict.cause) {
            (Some((step, _)), _) => Err(format!("{step:?} passed without an end")),
            (None, Cause::Unobserved { .. }) if verdict.world != World::Unchanged => {
                Err("something was changed although no slot was known".to_owned())
            }
            (
                None,
                Cause::Succeeded
                | Cause::Rejected { .. }
                | Cause::Failed { .. }
                | Cause::Unobserved { .. }
                | Cause::Cancelled,
            ) => Ok(()),
        }
    }
}

/// One random run to its end, through its crashes.
fn run(seed: u64, bug: Bug, seen: &mut dyn FnMut(&State)) -> Result<(), Fault> {
    let mut dice = Dice(seed);
    let plan = Arc::new(random_plan(&mut dice));
    let crashes_left = dice.below(4);
    let world = vec![UNTOUCHED; plan.steps.len()];
    let mut run = Run {
        plan,
        dice: &mut dice,
        bug,
        crashes_left,
        journal: Vec::new(),
        durable: 0,
        world,
        reopen: false,
    };
    loop {
        match run.live() {
            Ok(state) => {
                run.judge(&state)?;
                seen(&state);
                let stuck =
                    state.verdict().is_some_and(|verdict| matches!(verdict.world, World::Stuck { .. }));
                if !stuck || run.dice.one_in(2) {
                    return Ok(());
                }
                run.reopen = true;
            }
            Err(Halt::Fault(fault)) => return Err(fault),
            Err(Halt::Crash) => {
                run.crashes_left -= 1;
                let lost = run.dice.below(run.journal.len() - run.durable + 1);
                run.journal.truncate(run.journal.len() - lost);
            }
        }
    }
}

type Ends = BTreeMap<(&'static str, &'static str), u32>;

/// How often a run ended in which way, and the first that ended in a wrong one.
fn ends(seeds: std::ops::Range<u64>) -> Result<Ends, (u64, Fault)> {
    let mut ends = BTreeMap::new();
    for seed in seeds {
        let mut seen = |state: &State| {
            let verdict = state.verdict().expect("a finished run has a verdict");
            let cause = match verdict.cause {
                Cause::Succeeded => "succeeded",
                Cause::Rejected { .. } => "rejected",
                Cause::Failed { .. } => "failed",
                Cause::Unobserved { .. } => "unobserved",
                Cause::Cancelled => "cancelled",
            };
            let world = match verdict.world {
                World::Unchanged => "unchanged",
                World::Changed { .. } => "changed",
                World::Restored { .. } => "restored",
                World::Stuck { .. } => "stuck",
            };
            *ends.entry((cause, world)).or_default() += 1;
        };
        run(seed, Bug::None, &mut seen).map_err(|fault| (seed, fault))?;
    }
    Ok(ends)
}

#[test]
fn every_run_ends_changed_or_restored_or_stuck_with_exactly_what_remains() {
    // A model that never comes to the interesting places proves nothing.
    let often = |ends: Ends| ends.into_iter().filter(|(_, count)| *count > 50).map(|(end, _)| end).collect();
    assert_eq!(
        ends(0..10_000).map(often),
        Ok(vec![
            ("cancelled", "restored"),
            ("cancelled", "stuck"),
            ("cancelled", "unchanged"),
            ("failed", "restored"),
            ("failed", "stuck"),
            ("failed", "unchanged"),
            ("rejected", "restored"),
            ("rejected", "stuck"),
            ("rejected", "unchanged"),
            ("succeeded", "changed"),
            ("succeeded", "unchanged"),
            ("unobserved", "unchanged"),
        ])
    );
}

#[test]
#[ignore = "a minute: for changes to the state machine"]
fn a_million_runs_end_as_they_should() {
    assert_eq!(ends(1_000_000..2_000_000).err(), None);
}

#[test]
fn the_model_sees_seeded_bugs() {
    let seen = |bug| (0..20_000).any(|seed| run(seed, bug, &mut |_| {}).is_err());
    assert!(seen(Bug::EffectBeforeSnapshot));
    assert!(seen(Bug::SnapshotNotDurable));
    assert!(seen(Bug::OldestFirst));
    assert!(seen(Bug::FailedStepForgotten));
    assert!(seen(Bug::StartBeforeNeeds));
}

#[test]
fn an_occasion_is_delivered_once_per_question() {
    let notifier = testing::notifier("tell").on(&[NotifyOn::ApprovalWaiting]);
    let plan = Arc::new(plan([testing::approval("ask", Inconclusive::Fail), notifier]));
    let mut state = State::new(Arc::clone(&plan));
    let (ask, tell) = (plan.step(StepIndex(0)).id.clone(), StepIndex(1));
    let digest = plan.header.digest.clone();
    let run = RunId::from_parts(1, 1);
    state
        .apply(&Entry::RunStarted {
            run,
            pipeline: "deploy".to_owned(),
            plan: digest,
            runner: "0.1.0".to_owned(),
        })
        .unwrap();
    assert_eq!(state.next(2), [Action::Start { step: StepIndex(0), attempt: 1, snapshot: None }]);
    state.apply(&Entry::StepStarted { step: ask.clone(), attempt: 1 }).unwrap();
    assert_eq!(state.next(2), [Action::Ask { step: StepIndex(0) }]);
    state
        .apply(&Entry::ApprovalRequested { step: ask, message: "go on?".to_owned(), expires_at_ms: 9 })
        .unwrap();
    assert_eq!(state.occasion(tell), Some(Occasion::Approval(StepIndex(0))));
    assert_eq!(state.next(2), [Action::Start { step: tell, attempt: 1, snapshot: None }]);
}
