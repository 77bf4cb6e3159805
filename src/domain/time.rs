//! Moments and spans as numbers. Who needs the time is given it.

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub i64);

impl Stamp {
    /// Milliseconds from `earlier` to this, never negative: clocks are set back now and then.
    pub fn since(self, earlier: Stamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// A span as people say it, two units at most: `0.4 s`, `12 s`, `3 min 12 s`, `31 h`, `4 d`.
pub fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..36_000 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        36_000..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        for (ms, text) in [
            (0, "0.0 s"),
            (400, "0.4 s"),
            (9_990, "9.9 s"),
            (12_000, "12 s"),
            (192_000, "3 min 12 s"),
            (3_600_000, "1 h 00 min"),
            (31 * 3_600_000, "31 h"),
            (4 * 86_400_000, "4 d"),
        ] {
            assert_eq!(span(ms), text);
        }
    }

    #[test]
    fn a_clock_set_back_gives_no_negative_span() {
        assert_eq!(Stamp(5).since(Stamp(9)), 0);
    }
}
