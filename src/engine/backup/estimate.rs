//! How much is still to come: guesses of row bytes from what the server says of its disk and from what has passed so far; and a percentage
//! that never goes back. Knows no workers and no events.

use super::progress::lock;
use crate::domain::job::Ratio;
use crate::domain::schema::{Table, TableKind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes on disk that have to be read before what they became outweighs the rule of thumb, one row byte for each.
const TRUST: f64 = 4e6;

/// Rows that must have passed before their number says more than bytes do.
const FEW_ROWS: u64 = 100;

/// What part of an expectation passes before it is doubted: bytes on disk say little of a compressed value's length, the planner's number
/// of rows is mostly near.
const BYTES_HOLD: f64 = 0.7;
const ROWS_HOLD: f64 = 0.9;

/// Tables that keep their rows in a similar way, so that one tells something of the others: as they are, mostly compressed beside the
/// table (TOAST), or as pages of large objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Mostly in the table itself.
    Plain,
    /// Mostly in TOAST.
    Toasted,
    /// Large objects.
    Large,
}

impl Sort {
    /// All of them.
    pub const ALL: [Sort; 3] = [Sort::Plain, Sort::Toasted, Sort::Large];

    /// That of a table.
    pub fn of(table: &Table) -> Self {
        match table.kind {
            TableKind::Table if table.total_bytes > table.heap_bytes.saturating_mul(2) => Sort::Toasted,
            TableKind::Table => Sort::Plain,
            TableKind::LargeObjectMetadata | TableKind::LargeObjectData => Sort::Large,
        }
    }
}

/// Row bytes and the bytes on disk that they were, of what has been read to the end.
#[derive(Debug, Default)]
pub struct Learnt {
    disk: [AtomicU64; 3],
    text: [AtomicU64; 3],
}

impl Learnt {
    /// A part was read.
    pub fn add(&self, sort: Sort, disk: u64, text: u64) {
        self.disk[sort as usize].fetch_add(disk, Relaxed);
        self.text[sort as usize].fetch_add(text, Relaxed);
    }

    /// Row bytes for each byte on disk, by sort.
    pub fn ratios(&self) -> [f64; 3] {
        let of = |numbers: &[AtomicU64; 3], at: usize| numbers[at].load(Relaxed) as f64;
        let sum = |numbers: &[AtomicU64; 3]| (0..3).map(|at| of(numbers, at)).sum::<f64>();
        let all = (sum(&self.text) + TRUST) / (sum(&self.disk) + TRUST);
        [0, 1, 2].map(|at| (of(&self.text, at) + all * TRUST) / (of(&self.disk, at) + TRUST))
    }
}

/// What has passed of something that is being read, and what was expected of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnderWay {
    /// Row bytes that have passed.
    pub bytes: u64,
    /// Rows that have passed.
    pub rows: u64,
    /// Row bytes that were expected, by its size on disk.
    pub bytes_expected: u64,
    /// Rows that were expected; 0 where nobody knows.
    pub rows_expected: u64,
}

impl UnderWay {
    /// Row bytes that are still to come. An expectation that is passed was too small: the more it is passed, the nearer the end must
    /// be, but it is never reached by guessing.
    pub fn rest(&self) -> u64 {
        if self.rows >= FEW_ROWS && self.rows_expected > 0 {
            let width = self.bytes as f64 / self.rows as f64;
            rest(self.bytes as f64, self.rows_expected as f64 * width, ROWS_HOLD)
        } else {
            rest(self.bytes as f64, self.bytes_expected as f64, BYTES_HOLD)
        }
    }
}

fn rest(passed: f64, expected: f64, hold: f64) -> u64 {
    if passed <= expected * hold {
        return (expected - passed) as u64;
    }
    let over = passed / expected.max(1.0) - hold;
    let done = 1.0 - (1.0 - hold) * (-over / (1.0 - hold)).exp();
    (passed * (1.0 - done) / done) as u64
}

/// A percentage that is shown: it never goes back, whatever becomes of the estimates behind it, and reaches its end only at the end.
#[derive(Debug, Default)]
pub struct Steady(Mutex<Ratio>);

impl Steady {
    /// What to show when so much is done and so much seems to be left.
    pub fn show(&self, done: u64, rest: u64) -> Ratio {
        let mut shown = lock(&self.0);
        if done < shown.done {
            return *shown;
        }
        let rest = rest.max(1);
        let mut total = done.saturating_add(rest);
        let most = u128::from(done) * u128::from(shown.total) / u128::from(shown.done.max(1));
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        if shown.done > 0 && total > most {
            // More is left than was thought. What was left of the percentage is spread over it: it gets slower, not smaller.
            let left = 1.0 - shown.done as f64 / shown.total as f64;
            let step = (done - shown.done) as f64;
            let reached = 1.0 - left * rest as f64 / (step + rest as f64);
            let spread = if done == shown.done { most } else { (done as f64 / reached) as u64 };
            total = spread.min(most).max(done + 1);
        }
        *shown = Ratio { done, total };
        *shown
    }

    /// What to show when all is done.
    pub fn over(&self, done: u64) -> Ratio {
        let all = Ratio { done, total: done };
        *lock(&self.0) = all;
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn what_is_shown_never_goes_back(steps in proptest::collection::vec((0u64..1 << 40, 0u64..1 << 42), 1..60)) {
            let steady = Steady::default();
            let (mut done, mut last) = (0, Ratio::default());
            for (step, rest) in steps {
                done += step;
                let shown = steady.show(done, rest);
                prop_assert_eq!(shown.done, done);
                prop_assert!(shown.total > done, "the end comes from elsewhere");
                prop_assert!(
                    u128::from(shown.done) * u128::from(last.total) >= u128::from(last.done) * u128::from(shown.total),
                    "{:?} after {:?}", shown, last
                );
                last = shown;
            }
            prop_assert_eq!(steady.show(done, u64::MAX), steady.show(done, u64::MAX), "nothing moves while nothing is done");
        }

        #[test]
        fn right_estimates_are_shown_as_they_are(total in 1000u64..1 << 50, cuts in proptest::collection::vec(0.0f64..1.0, 1..30)) {
            let steady = Steady::default();
            let mut cuts = cuts;
            cuts.sort_by(f64::total_cmp);
            for cut in cuts {
                let done = (total as f64 * cut) as u64;
                let shown = steady.show(done, total - done).percent();
                prop_assert!((shown - done as f64 / total as f64 * 100.0).abs() < 0.2, "{} of {} is {}", done, total, shown);
            }
        }
    }

    /// What is shown at each tenth of a table of which only this share was expected.
    fn course(share: f64) -> Vec<f64> {
        const REAL: u64 = 1 << 30;
        let steady = Steady::default();
        let expected = (REAL as f64 * share) as u64;
        (1..=1000_u64)
            .map(|step| {
                let bytes = REAL / 1000 * step;
                steady.show(bytes, UnderWay { bytes, bytes_expected: expected, ..UnderWay::default() }.rest()).percent()
            })
            .step_by(100)
            .collect()
    }

    #[test]
    fn an_estimate_that_was_too_small_does_not_stand_at_its_end() {
        let fifth_missing = course(0.8);
        assert!(fifth_missing[8] < 92.0, "at four fifths: {fifth_missing:?}");
        assert!(fifth_missing[9] < 96.0 && fifth_missing[9] > fifth_missing[8] + 1.0, "{fifth_missing:?}");
        let third = course(0.33);
        assert!(third[5] < 99.0 && third.is_sorted(), "{third:?}");
    }

    #[test]
    fn rows_tell_more_than_bytes() {
        // Values that compress to a tenth: 1 GB of text is 100 MB on disk.
        let way = UnderWay { bytes: 500_000_000, rows: 1_000, bytes_expected: 100_000_000, rows_expected: 2_000 };
        assert_eq!(way.rest(), 500_000_000);
        let unknown = UnderWay { rows_expected: 0, ..way };
        assert!(unknown.rest() < 10_000_000);
    }

    #[test]
    fn what_was_read_tells_of_what_is_alike() {
        let learnt = Learnt::default();
        assert_eq!(learnt.ratios(), [1.0; 3]);
        learnt.add(Sort::Toasted, 400_000_000, 2_000_000_000);
        let [plain, toasted, _] = learnt.ratios();
        assert!(toasted > 4.8 && plain > 4.0, "{plain} {toasted}");
        learnt.add(Sort::Plain, 400_000_000, 360_000_000);
        let [plain, toasted, _] = learnt.ratios();
        assert!(plain < 1.0 && toasted > 4.8, "{plain} {toasted}");
    }
}
