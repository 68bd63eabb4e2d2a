//! Where a started task stands in its schedule.

use std::time::Duration;

use crate::limits::{CLOCK_SET_BACK, CRON_MISSED_MAX, WALL_RECHECK};
use crate::schedule::{Now, Schedule};

/// What the clock has to say next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Look again at this monotonic moment; it may turn out to be too early.
    At(Duration),
    /// Something else than the clock decides.
    Unplanned,
    /// There is no further slot.
    Over,
}

/// What a moment brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A slot, and how many before it were missed.
    Slot {
        /// Slots that passed unused.
        missed: u64,
    },
    /// Nothing yet.
    Early,
    /// The schedule is over.
    Over,
}

/// Where a started task stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Grid(Grid),
    Cron(CronPosition),
    Unplanned,
}

#[derive(Debug, Clone, PartialEq)]
struct Grid {
    interval: Duration,
    offset: Duration,
    start_ms: Option<i64>,
    stop_ms: Option<i64>,
    /// Monotonic moment of the next slot; none before the window opens.
    next: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
struct CronPosition {
    cron: crate::schedule::Cron,
    /// Next match, in milliseconds since the epoch.
    next_ms: Option<i64>,
    /// When the clocks were last looked at.
    seen: Now,
}

impl Position {
    /// Of a task that is started now. `share` spreads tasks over their jitter: 0 is its beginning, 1 its end.
    pub fn begin(schedule: &Schedule, share: f64, now: Now) -> Position {
        let grid = |interval: Duration, jitter: Duration, start_ms, stop_ms| {
            let mut grid = Grid {
                interval,
                offset: jitter.mul_f64(share.clamp(0.0, 1.0)),
                start_ms,
                stop_ms,
                next: None,
            };
            grid.open(now);
            Kind::Grid(grid)
        };
        let kind = match schedule {
            Schedule::Simple { interval, jitter, .. } => grid(*interval, *jitter, None, None),
            Schedule::Windowed {
                interval,
                start_ms,
                stop_ms,
                jitter,
                ..
            } => grid(*interval, *jitter, *start_ms, *stop_ms),
            Schedule::Cron { cron, .. } => Kind::Cron(CronPosition {
                next_ms: cron.after(now.wall_ms),
                cron: cron.clone(),
                seen: now,
            }),
            Schedule::Stream { .. } | Schedule::Manual => Kind::Unplanned,
        };
        Position { kind }
    }

    /// When to look again.
    pub fn next(&self, now: Now) -> Next {
        match &self.kind {
            Kind::Grid(grid) => grid.next(now),
            Kind::Cron(cron) => match cron.next_ms {
                Some(next_ms) => Next::At(now.monotonic + until(next_ms, now)),
                None => Next::Over,
            },
            Kind::Unplanned => Next::Unplanned,
        }
    }

    /// When the next run is meant to be, in milliseconds since the epoch.
    pub fn planned_ms(&self, now: Now) -> Option<i64> {
        match &self.kind {
            Kind::Grid(grid) => match grid.next {
                Some(next) => {
                    let ahead = next.saturating_sub(now.monotonic);
                    Some(now.wall_ms.saturating_add(millis(ahead)))
                }
                None => grid.start_ms,
            },
            Kind::Cron(cron) => cron.next_ms,
            Kind::Unplanned => None,
        }
    }

    /// Takes the newest slot that has come, and counts those before it that nobody took.
    pub fn take(&mut self, now: Now) -> Taken {
        match &mut self.kind {
            Kind::Grid(grid) => grid.take(now),
            Kind::Cron(cron) => cron.take(now),
            Kind::Unplanned => Taken::Slot { missed: 0 },
        }
    }

    /// Lets every slot that has come pass, and counts them.
    pub fn skip(&mut self, now: Now) -> u64 {
        match self.kind {
            Kind::Unplanned => 0,
            Kind::Grid(_) | Kind::Cron(_) => match self.take(now) {
                Taken::Slot { missed } => missed + 1,
                Taken::Early | Taken::Over => 0,
            },
        }
    }
}

impl Grid {
    /// Lays the grid once the window is open. The first slot is at once.
    fn open(&mut self, now: Now) {
        if self.next.is_none() && self.start_ms.is_none_or(|start| start <= now.wall_ms) {
            self.next = Some(now.monotonic + self.offset);
        }
    }

    fn is_over(&self, now: Now) -> bool {
        self.stop_ms.is_some_and(|stop| stop <= now.wall_ms)
    }

    fn next(&self, now: Now) -> Next {
        if self.is_over(now) {
            return Next::Over;
        }
        let slot = self.next.unwrap_or_else(|| {
            let start = self.start_ms.unwrap_or(now.wall_ms);
            now.monotonic + until(start, now)
        });
        let end = self.stop_ms.map(|stop| now.monotonic + until(stop, now));
        Next::At(end.map_or(slot, |end| slot.min(end)))
    }

    fn take(&mut self, now: Now) -> Taken {
        if self.is_over(now) {
            return Taken::Over;
        }
        self.open(now);
        let Some(next) = self.next.filter(|next| *next <= now.monotonic) else {
            return Taken::Early;
        };
        let passed = (now.monotonic - next).as_nanos() / self.interval.as_nanos().max(1);
        let missed = u64::try_from(passed).unwrap_or(u64::MAX);
        let steps = u32::try_from(passed).ok().and_then(|n| n.checked_add(1));
        // A grid that is further behind than can be counted begins anew.
        self.next = Some(
            steps
                .and_then(|steps| self.interval.checked_mul(steps))
                .and_then(|ahead| next.checked_add(ahead))
                .unwrap_or(now.monotonic + self.interval),
        );
        Taken::Slot { missed }
    }
}

impl CronPosition {
    fn take(&mut self, now: Now) -> Taken {
        let elapsed = millis(now.monotonic.saturating_sub(self.seen.monotonic));
        let expected_ms = self.seen.wall_ms.saturating_add(elapsed);
        let was_set_back = now.wall_ms < expected_ms.saturating_sub(millis(CLOCK_SET_BACK));
        self.seen = now;
        if was_set_back {
            // What was waited for is further away than it was, and something else may come before it.
            self.next_ms = self.cron.after(now.wall_ms);
        }
        let Some(next_ms) = self.next_ms else {
            return Taken::Over;
        };
        if next_ms > now.wall_ms {
            return Taken::Early;
        }
        let mut missed = 0;
        let mut at = self.cron.after(next_ms);
        while let Some(ms) = at
            && ms <= now.wall_ms
            && missed < CRON_MISSED_MAX
        {
            missed += 1;
            at = self.cron.after(ms);
        }
        self.next_ms = match at {
            Some(ms) if ms <= now.wall_ms => self.cron.after(now.wall_ms),
            other => other,
        };
        Taken::Slot { missed }
    }
}

/// From now to a moment of the wall clock, which is looked at again when that is far away.
fn until(wall_ms: i64, now: Now) -> Duration {
    let ahead = u64::try_from(wall_ms.saturating_sub(now.wall_ms)).unwrap_or(0);
    Duration::from_millis(ahead).min(WALL_RECHECK)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::Cron;

    const WALL: i64 = 1_800_000_000_000;

    fn at(seconds: f64) -> Now {
        Now {
            monotonic: Duration::from_secs_f64(seconds),
            wall_ms: WALL + (seconds * 1000.0) as i64,
        }
    }

    fn simple(interval: u64) -> Schedule {
        Schedule::Simple {
            interval: Duration::from_secs(interval),
            count: None,
            jitter: Duration::ZERO,
        }
    }

    fn window(start: Option<i64>, stop: Option<i64>) -> Schedule {
        Schedule::Windowed {
            interval: Duration::from_secs(10),
            start_ms: start.map(|s| WALL + s * 1000),
            stop_ms: stop.map(|s| WALL + s * 1000),
            count: None,
            jitter: Duration::ZERO,
        }
    }

    #[test]
    fn the_first_slot_is_at_once_and_the_rest_on_the_grid() {
        let mut position = Position::begin(&simple(10), 0.0, at(0.0));
        assert_eq!(position.next(at(0.0)), Next::At(Duration::ZERO));
        assert_eq!(position.take(at(0.2)), Taken::Slot { missed: 0 });
        assert_eq!(position.next(at(0.2)), Next::At(Duration::from_secs(10)));
        assert_eq!(position.take(at(9.9)), Taken::Early);
        assert_eq!(position.take(at(10.1)), Taken::Slot { missed: 0 });
        assert_eq!(position.planned_ms(at(10.1)), Some(WALL + 20_000));
    }

    #[test]
    fn missed_slots_are_counted_and_not_made_up_for() {
        let mut position = Position::begin(&simple(10), 0.0, at(0.0));
        assert_eq!(position.take(at(0.0)), Taken::Slot { missed: 0 });
        assert_eq!(position.take(at(35.0)), Taken::Slot { missed: 2 });
        assert_eq!(position.take(at(36.0)), Taken::Early);
        assert_eq!(position.next(at(36.0)), Next::At(Duration::from_secs(40)));
        assert_eq!(position.skip(at(61.0)), 3);
        assert_eq!(position.skip(at(61.0)), 0);
    }

    #[test]
    fn jitter_puts_the_grid_off() {
        let schedule = Schedule::Simple {
            interval: Duration::from_secs(10),
            count: None,
            jitter: Duration::from_secs(4),
        };
        let position = Position::begin(&schedule, 0.5, at(0.0));
        assert_eq!(position.next(at(0.0)), Next::At(Duration::from_secs(2)));
    }

    #[test]
    fn a_window_opens_and_closes_by_the_wall_clock() {
        let mut position = Position::begin(&window(Some(20), Some(45)), 0.0, at(0.0));
        assert_eq!(position.next(at(0.0)), Next::At(Duration::from_secs(20)));
        assert_eq!(position.take(at(19.0)), Taken::Early);
        assert_eq!(position.take(at(20.0)), Taken::Slot { missed: 0 });
        assert_eq!(position.next(at(20.0)), Next::At(Duration::from_secs(30)));
        assert_eq!(position.take(at(40.0)), Taken::Slot { missed: 1 });
        assert_eq!(
            position.next(at(40.0)),
            Next::At(Duration::from_secs(45)),
            "the end is noticed when it comes"
        );
        assert_eq!(position.take(at(45.0)), Taken::Over);
        assert_eq!(position.next(at(45.0)), Next::Over);
    }

    #[test]
    fn a_window_that_began_before_begins_at_once() {
        let mut position = Position::begin(&window(Some(-100), None), 0.0, at(0.0));
        assert_eq!(position.take(at(0.0)), Taken::Slot { missed: 0 });
    }

    #[test]
    fn far_moments_of_the_wall_clock_are_looked_at_again() {
        let position = Position::begin(&window(Some(100_000), None), 0.0, at(0.0));
        assert_eq!(position.next(at(0.0)), Next::At(WALL_RECHECK));
    }

    fn every_minute() -> Schedule {
        Schedule::Cron {
            cron: Cron::new("* * * * *", "UTC").unwrap(),
            count: None,
        }
    }

    #[test]
    fn cron_waits_for_a_match_and_counts_what_it_missed() {
        let mut position = Position::begin(&every_minute(), 0.0, at(0.0));
        assert_eq!(position.take(at(0.0)), Taken::Early, "no run at once");
        assert_eq!(position.take(at(60.0)), Taken::Slot { missed: 0 });
        assert_eq!(position.take(at(60.5)), Taken::Early);
        assert_eq!(position.take(at(240.0)), Taken::Slot { missed: 2 });
    }

    #[test]
    fn a_clock_that_jumps_fires_no_burst() {
        let mut position = Position::begin(&every_minute(), 0.0, at(0.0));
        let jumped = |monotonic: f64, wall: f64| Now {
            monotonic: Duration::from_secs_f64(monotonic),
            wall_ms: WALL + (wall * 1000.0) as i64,
        };
        // Two hours ahead: one run, the rest is missed.
        assert_eq!(position.take(jumped(1.0, 7200.0)), Taken::Slot { missed: 119 });
        assert_eq!(position.take(jumped(2.0, 7201.0)), Taken::Early);
        // Back again: the next minute of the new time, not the one two hours away.
        assert_eq!(position.take(jumped(3.0, 3.0)), Taken::Early);
        assert_eq!(position.take(jumped(60.0, 60.0)), Taken::Slot { missed: 0 });
        // An adjustment by milliseconds brings no second run of the same minute.
        assert_eq!(position.take(jumped(60.1, 59.99)), Taken::Early);
        assert_eq!(position.take(jumped(60.2, 60.09)), Taken::Early);
        // Intervals do not see the wall clock at all.
        let mut position = Position::begin(&simple(10), 0.0, at(0.0));
        assert_eq!(position.take(at(0.0)), Taken::Slot { missed: 0 });
        assert_eq!(position.take(jumped(5.0, 1e6)), Taken::Early);
        assert_eq!(position.take(jumped(10.0, -1e6)), Taken::Slot { missed: 0 });
    }

    #[test]
    fn what_lies_years_behind_is_counted_up_to_a_bound() {
        let mut position = Position::begin(&every_minute(), 0.0, at(0.0));
        let taken = position.take(at(1e8));
        assert_eq!(
            taken,
            Taken::Slot {
                missed: CRON_MISSED_MAX
            }
        );
        assert_eq!(position.take(at(1e8)), Taken::Early);
    }

    proptest! {
        /// Slots taken and missed together are exactly those of the grid, however the looks at it fall.
        #[test]
        fn no_slot_is_lost_or_invented(steps in prop::collection::vec(0u64..40_000, 1..60), interval in 1u64..20) {
            let interval = interval * 500;
            let schedule = Schedule::Simple {
                interval: Duration::from_millis(interval), count: None, jitter: Duration::ZERO,
            };
            let mut now_ms = 0;
            let mut position = Position::begin(&schedule, 0.0, at(0.0));
            let mut seen = 0;
            for step in steps {
                now_ms += step;
                let now = Now { monotonic: Duration::from_millis(now_ms), wall_ms: WALL };
                if let Taken::Slot { missed } = position.take(now) {
                    seen += missed + 1;
                }
                prop_assert_eq!(seen, now_ms / interval + 1);
                prop_assert_eq!(position.take(now), Taken::Early);
            }
        }
    }
}
