//! Moments as people say them, in the local zone that comes with the clock.

use super::msg::Clock;
use crate::domain::Stamp;
use crate::domain::recovery::Micros;
use crate::domain::recovery::typed::MONTHS;

/// A moment on the local calendar.
pub(super) struct Civil {
    /// Days since 1970.
    pub(super) days: i64,
    pub(super) year: i64,
    /// From 0.
    pub(super) month: usize,
    pub(super) day: u32,
    /// Of the day.
    pub(super) second: i64,
}

/// A moment on the local calendar, by the offset that held then.
pub(super) fn civil(at: Stamp, clock: &Clock) -> Civil {
    let seconds = at.0.div_euclid(1000).saturating_add(i64::from(clock.zone_at(at).0));
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
    let fraction = fraction(at);
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

/// `30 Jan`.
pub fn date(at: Stamp, clock: &Clock) -> String {
    let civil = civil(at, clock);
    format!("{} {}", civil.day, MONTHS[civil.month % 12])
}

/// `30 Jan 2026`.
pub fn date_year(at: Stamp, clock: &Clock) -> String {
    format!("{} {}", date(at, clock), civil(at, clock).year)
}

/// `30 Jan 14:02`, with the year where it is another than this one.
pub fn date_minute(at: Stamp, clock: &Clock) -> String {
    let (then, now) = (civil(at, clock), civil(clock.now, clock));
    let year = if then.year == now.year { String::new() } else { format!(" {}", then.year) };
    format!("{}{year} {}", date(at, clock), minute(at, clock))
}

/// `30 Jan 14:02:59`, likewise.
pub fn date_second(at: Stamp, clock: &Clock) -> String {
    let (then, now) = (civil(at, clock), civil(clock.now, clock));
    let year = if then.year == now.year { String::new() } else { format!(" {}", then.year) };
    format!("{}{year} {}", date(at, clock), second(at, clock))
}

/// `30 Jan 2026 14:02:59.184 CET`: what a person has to be sure about; as many decimals as it has.
pub fn exact(at: Micros, clock: &Clock) -> String {
    let civil = civil(at.stamp(), clock);
    let (_, zone) = clock.zone_at(at.stamp());
    format!("{} {} {}{} {zone}", date(at.stamp(), clock), civil.year, second(at.stamp(), clock), fraction(at)).trim_end().to_owned()
}

/// `+01:00`, from seconds east of UTC.
pub fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)
}

/// `2026-01-30 14:02:59.184+01:00`: as it is typed.
pub fn typed(at: Micros, clock: &Clock) -> String {
    let civil = civil(at.stamp(), clock);
    let (offset, _) = clock.zone_at(at.stamp());
    let zone = self::offset(offset);
    format!("{:04}-{:02}-{:02} {}{}{zone}", civil.year, civil.month + 1, civil.day, second(at.stamp(), clock), fraction(at))
}

/// The local midnight of the day that a moment is in.
pub fn midnight(at: Stamp, clock: &Clock) -> Stamp {
    Stamp(at.0 - civil(at, clock).second * 1000 - at.0.rem_euclid(1000))
}

fn fraction(at: Micros) -> String {
    match at.0.rem_euclid(1_000_000) {
        0 => String::new(),
        micros => format!(".{micros:06}").trim_end_matches('0').to_owned(),
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
        let clock = Clock { now: Stamp(1_769_782_207_000), offset: 3600, zone: "CET".into(), ..Clock::default() };
        assert_eq!(second(clock.now, &clock), "15:10:07");
        let summer = Clock { earlier: vec![(Stamp(clock.now.0 - 86_400_000), 7200, "CEST".into())], ..clock.clone() };
        assert_eq!(exact(Micros(1_769_600_000_123_000), &summer), "28 Jan 2026 13:33:20.123 CEST");
        assert_eq!(typed(Micros(1_769_600_000_123_000), &summer), "2026-01-28 13:33:20.123+02:00");
        assert_eq!(midnight(clock.now, &clock), Stamp(1_769_727_600_000));
        assert_eq!(day(clock.now, &clock), "today 15:10");
        assert_eq!(day(Stamp(clock.now.0 - 86_400_000), &clock), "yesterday 15:10");
        assert_eq!(day(Stamp(clock.now.0 - 20 * 86_400_000), &clock), "10 Jan 15:10");
        assert_eq!(day(Stamp(0), &clock), " 1 Jan 1970");
        assert_eq!(day(Stamp(951_782_400_000), &clock), "29 Feb 2000");
        assert_eq!(age(Stamp(clock.now.0 - 31 * 3_600_000), &clock), "31 h");
    }
}
