//! The time, as the application wants it.

use crate::app::msg::Clock;
use crate::domain::Stamp;
use std::time::{Duration, Instant};

/// Changes of the zone's offset that are told: those of about five years.
const CHANGES: usize = 10;

/// Now, with the local zone.
pub fn now() -> Clock {
    let now = jiff::Zoned::now();
    let changes = now.time_zone().preceding(now.timestamp()).take(CHANGES);
    let earlier = changes.filter_map(|change| {
        let before = change.timestamp().checked_sub(jiff::SignedDuration::from_nanos(1)).ok()?;
        let info = now.time_zone().to_offset_info(before);
        Some((Stamp(change.timestamp().as_millisecond()), info.offset().seconds(), info.abbreviation().to_owned()))
    });
    Clock {
        now: Stamp(now.timestamp().as_millisecond()),
        offset: now.offset().seconds(),
        zone: now.strftime("%Z").to_string(),
        earlier: earlier.collect(),
    }
}

/// The instant at which a moment comes.
pub fn instant_of(moment: Stamp, now: Stamp) -> Instant {
    // An absurd moment must not overflow: a day from now is as good as never.
    Instant::now() + Duration::from_millis(moment.since(now).min(86_400_000))
}
