//! When it is open: weekly windows, minus freezes.
//!
//! A window is a stretch of the clock on the wall, so whether it is open is asked of the wall clock of the moment,
//! never of a length of time. On the night that skips 02:00 to 03:00 a window from 02:30 begins at 03:00, where
//! the clock jumps to; on the night that has this hour twice, a window in it is open twice.
//!
//! The answer can change only at a few moments: where the wall clock shows the edge of a window, where a freeze
//! begins or ends, and where the clock jumps. [`Calendar::next_change`] tries these in order.

use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// How many days of windows are looked at from a moment on. Windows come every week; where the clock jumps over one it
/// comes a week later.
const DAYS: i32 = 15;

/// The same as a length of time.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 15);

/// A stretch of some days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    /// The days on which it begins.
    pub(crate) days: Vec<Weekday>,
    /// The first moment in it.
    pub(crate) from: Time,
    /// The first moment after it; on the next day if it is not later than `from`.
    pub(crate) to: Time,
}

/// A time at which nothing is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Freeze {
    /// What people call it.
    pub(crate) name: String,
    /// The first moment in it.
    pub(crate) from: Timestamp,
    /// The first moment after it.
    pub(crate) to: Timestamp,
}

/// Windows and freezes of one time zone. Without windows every moment is open that is not frozen.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    pub(crate) zone: TimeZone,
    pub(crate) windows: Vec<Window>,
    pub(crate) freezes: Vec<Freeze>,
}

/// How it is at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State<'c> {
    Open,
    /// In this freeze: of several, the one that ends last.
    Frozen(&'c Freeze),
    /// In no window.
    Outside,
}

impl Window {
    fn holds(&self, day: Weekday, time: Time) -> bool {
        let on = |day: Weekday| self.days.contains(&day);
        if self.from < self.to {
            on(day) && self.from <= time && time < self.to
        } else {
            // Over midnight: the evening of its day, and the morning after.
            (on(day) && self.from <= time) || (on(day.previous()) && time < self.to)
        }
    }
}

impl Calendar {
    /// How it is at a moment.
    pub(crate) fn state(&self, at: Timestamp) -> State<'_> {
        let frozen = self.freezes.iter().filter(|freeze| freeze.from <= at && at < freeze.to);
        if let Some(freeze) = frozen.max_by_key(|freeze| freeze.to) {
            return State::Frozen(freeze);
        }
        let wall = self.zone.to_datetime(at);
        let open = self.windows.is_empty()
            || self.windows.iter().any(|window| window.holds(wall.weekday(), wall.time()));
        if open { State::Open } else { State::Outside }
    }

    /// The first moment after this one at which open becomes closed, or closed open. `None` if that never happens.
    pub(crate) fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        let open = self.state(after) == State::Open;
        let mut edges = self.edges(after);
        edges.sort_unstable();
        edges.into_iter().find(|&edge| (self.state(edge) == State::Open) != open)
    }

    /// The moments after this one at which something may change first: where freezes begin and end; and soon after this
    /// moment and after each freeze, where the clock jumps, and the edges of windows. What lies further from them repeats
    /// what came before.
    fn edges(&self, after: Timestamp) -> Vec<Timestamp> {
        let ends = self.freezes.iter().map(|freeze| freeze.to).filter(|&end| end > after);
        let mut edges: Vec<Timestamp> =
            self.freezes.iter().flat_map(|freeze| [freeze.from, freeze.to]).collect();
        for start in ends.chain([after]) {
            let jumps = self.zone.following(start).map(|jump| jump.timestamp());
            edges.extend(jumps.take_while(|jump| jump.duration_since(start) <= SOON));
            let first = self.zone.to_datetime(start).date();
            for ahead in 0..=DAYS {
                // Beyond the year 9999 there is nothing to look for.
                let Ok(day) = first.checked_add(ahead.days()) else { break };
                let times = self.windows.iter().flat_map(|window| [window.from, window.to]);
                // Midnight is an edge too: there a window's day ends.
                for time in times.chain([Time::midnight()]) {
                    edges.extend(moments(&self.zone, day.to_datetime(time)));
                }
            }
        }
        edges.retain(|&edge| edge > after);
        edges
    }
}

/// The moments at which the wall clock shows this time: one, two where it goes back, none where it leaves the time out.
fn moments(zone: &TimeZone, wall: DateTime) -> Vec<Timestamp> {
    let at = |offset: Offset| offset.to_timestamp(wall).ok();
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset).into_iter().collect(),
        AmbiguousOffset::Fold { before, after } => at(before).into_iter().chain(at(after)).collect(),
        AmbiguousOffset::Gap { .. } => Vec::new(),
    }
}
