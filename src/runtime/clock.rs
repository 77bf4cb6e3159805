//! The time, as the application wants it.

use crate::app::msg::Clock;
use crate::domain::Stamp;
use std::time::{Duration, Instant};

/// Now, with the local zone.
pub fn now() -> Clock {
    let now = jiff::Zoned::now();
    Clock { now: Stamp(now.timestamp().as_millisecond()), offset: now.offset().seconds(), zone: now.strftime("%Z").to_string() }
}

/// The instant at which a moment comes.
pub fn instant_of(moment: Stamp, now: Stamp) -> Instant {
    // An absurd moment must not overflow: a day from now is as good as never.
    Instant::now() + Duration::from_millis(moment.since(now).min(86_400_000))
}
