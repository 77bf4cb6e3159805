//! Moments as people say them, in the local zone that comes with the clock.

use super::msg::Clock;
use crate::domain::Stamp;
use crate::domain::recovery::Micros;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment on the local calendar.
struct Civil {
    days: i64,
    year: i64,
    month: usize,
    day: u32,
    second: i64,
}

fn civil(at: Stamp, clock: &Clock) -> Civil {
    let seconds = at.0.div_euclid(1000).saturating_add(i64::from(clock.offset));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to year, month and day in the proleptic Gregorian calendar, with years that begin in March
    // (Hinnant, "chrono-compatible low-level date algorithms").
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 2 } else { mp - 10 } as usize;
    let year = yoe + era * 400 + i64::from(month < 2);
    Civil { days, year, month, day, second }
}

/// `14:30`.
pub fn minute(at: Stamp, clock: &Clock) -> String {
    let second = civil(at, clock).second;
    format!("{:02}:{:02}", second / 3600, second / 60 % 60)
}

/// `14:30:07`.
pub fn second(at: Stamp, clock: &Clock) -> String {
    let second = civil(at, clock).second;
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// `2026-01-30 13:02:59.184+00`, as PostgreSQL and the command line read it; as many decimals as it has.
pub fn utc_micros(at: Micros) -> String {
    let civil = civil(at.stamp(), &Clock::default());
    let micros = at.0.rem_euclid(1_000_000);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}").trim_end_matches('0').to_owned() };
    let (hour, minute, second) = (civil.second / 3600, civil.second / 60 % 60, civil.second % 60);
    format!("{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02}{fraction}+00", civil.year, civil.month + 1, civil.day)
}

/// `today 02:00`, `yesterday 02:00`, `22 Nov 02:00`, `22 Nov 2025`.
pub fn day(at: Stamp, clock: &Clock) -> String {
    let (then, now) = (civil(at, clock), civil(clock.now, clock));
    match now.days - then.days {
        0 => format!("today {}", minute(at, clock)),
        1 => format!("yesterday {}", minute(at, clock)),
        _ if then.year == now.year => format!("{:2} {} {}", then.day, MONTHS[then.month % 12], minute(at, clock)),
        _ => format!("{:2} {} {}", then.day, MONTHS[then.month % 12], then.year),
    }
}

/// An age in one unit: `41 s`, `12 min`, `31 h`, `4 d`. It changes once a minute at most after the first one.
pub fn age(at: Stamp, clock: &Clock) -> String {
    let seconds = clock.now.since(at) / 1000;
    match seconds {
        0..60 => "just now".to_owned(),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_server_keep_their_microseconds() {
        for (micros, text) in [
            (1_769_782_207_000_000, "2026-01-30 14:10:07+00"),
            (1_769_782_207_184_500, "2026-01-30 14:10:07.1845+00"),
            (-1, "1969-12-31 23:59:59.999999+00"),
        ] {
            assert_eq!(utc_micros(Micros(micros)), text);
        }
    }

    #[test]
    fn says_moments_on_the_local_calendar() {
        let clock = Clock { now: Stamp(1_769_782_207_000), offset: 3600, zone: "CET".into() };
        assert_eq!(second(clock.now, &clock), "15:10:07");
        assert_eq!(day(clock.now, &clock), "today 15:10");
        assert_eq!(day(Stamp(clock.now.0 - 86_400_000), &clock), "yesterday 15:10");
        assert_eq!(day(Stamp(clock.now.0 - 20 * 86_400_000), &clock), "10 Jan 15:10");
        assert_eq!(day(Stamp(0), &clock), " 1 Jan 1970");
        assert_eq!(day(Stamp(951_782_400_000), &clock), "29 Feb 2000");
        assert_eq!(age(Stamp(clock.now.0 - 31 * 3_600_000), &clock), "31 h");
    }
}
