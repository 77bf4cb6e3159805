//! Moments as people type them: a day, a time, a zone. What has no zone is local, by the offset that held then. Knows the clock it is given only.

use super::msg::Clock;
use super::when::{self, MONTHS, civil, days_of};
use crate::domain::Stamp;
use crate::domain::recovery::Micros;

/// Examples of what is understood.
pub const EXAMPLES: &str =
    "14:02, yesterday 14:02:59, 30 Jan 14:02, 2026-01-30 14:02:59.184, with UTC or +01:00 behind it for another zone";

/// Reads `14:02`, `yesterday 14:02:59`, `30 Jan 14:02`, `2026-01-30 14:02:59.184+01`, `2026-01-30T13:02:59Z`. A sentence where it cannot.
pub fn parse(text: &str, clock: &Clock) -> Result<Micros, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a time is needed, such as 14:02".to_owned());
    }
    let (day, rest) = day(text, clock)?;
    let (time, zone) = split_zone(rest);
    let within = time_of_day(time)?;
    let civil = day * 86_400_000_000 + within;
    match zone {
        "" => local(civil, clock),
        zone => Ok(Micros(civil - offset(zone, clock)? * 1_000_000)),
    }
}

/// The day as days since 1970, and what follows it.
fn day<'a>(text: &'a str, clock: &Clock) -> Result<(i64, &'a str), String> {
    let today = civil(clock.now, clock);
    for (word, back) in [("today", 0), ("yesterday", 1)] {
        if let Some(rest) = text.strip_prefix(word) {
            return Ok((today.days - back, rest.trim_start()));
        }
    }
    let bytes = text.as_bytes();
    if bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && text.is_char_boundary(10) {
        let (date, rest) = text.split_at(10);
        let number = |from: usize, to: usize| date.get(from..to).and_then(digits);
        let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else {
            return Err(format!("{date} is not a day: write 2026-01-30"));
        };
        let days = checked_day(year, month, day).ok_or_else(|| format!("there is no {date}"))?;
        return Ok((days, rest.trim_start_matches(['T', 't', ' '])));
    }
    let mut words = text.splitn(3, ' ');
    if let (Some(day), Some(month)) = (words.next().and_then(digits), words.next())
        && let Some(at) = MONTHS.iter().position(|known| month.get(..3).is_some_and(|month| month.eq_ignore_ascii_case(known)))
    {
        let rest = words.next().unwrap_or_default();
        let (year, rest) = match rest.split_once(' ') {
            Some((year, rest)) if year.len() == 4 && digits(year).is_some() => (digits(year), rest),
            _ => (None, rest),
        };
        let month = at as i64 + 1;
        // Without a year it is the last such day that has come.
        let days = match year {
            Some(year) => checked_day(year, month, day),
            None => {
                [today.year, today.year - 1].into_iter().filter_map(|year| checked_day(year, month, day)).find(|days| *days <= today.days)
            }
        };
        return Ok((days.ok_or_else(|| format!("there is no {day} {}", MONTHS[at]))?, rest.trim_start()));
    }
    Ok((today.days, text))
}

/// The time and what stands behind it.
fn split_zone(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(text.len());
    let (time, zone) = text.split_at(end);
    (time, zone.trim())
}

/// Microseconds since midnight.
fn time_of_day(text: &str) -> Result<i64, String> {
    let wrong = || match text {
        "" => "the time is missing: write 14:02 or 14:02:59".to_owned(),
        text => format!("{text} is not a time: write 14:02 or 14:02:59.184"),
    };
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let parts: Vec<i64> = whole
        .split(':')
        .map(|part| if part.len() == 2 || part.len() == 1 { digits(part) } else { None })
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] if fraction.is_none() => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return Err(wrong()),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(wrong());
    }
    let micros = match fraction {
        None => 0,
        Some(fraction) if (1..=6).contains(&fraction.len()) => {
            digits(fraction).ok_or_else(wrong)? * 10_i64.pow(6 - u32::try_from(fraction.len()).unwrap_or(6))
        }
        Some(_) => return Err("at most six decimals: the server counts microseconds".to_owned()),
    };
    Ok(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Seconds east of UTC.
fn offset(zone: &str, clock: &Clock) -> Result<i64, String> {
    let unknown = || format!("the zone {zone} is not known here: write UTC or +01:00");
    if ["z", "utc", "gmt"].contains(&zone.to_ascii_lowercase().as_str()) {
        return Ok(0);
    }
    if zone == clock.zone {
        return Ok(i64::from(clock.offset));
    }
    if let Some((_, offset, _)) = clock.earlier.iter().find(|(_, _, name)| name == zone) {
        return Ok(i64::from(*offset));
    }
    let (sign, rest) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return Err(unknown()),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        None => (rest, "0"),
    };
    match (digits(hours), digits(minutes)) {
        (Some(hours), Some(minutes)) if hours <= 15 && minutes <= 59 => Ok(sign * (hours * 3600 + minutes * 60)),
        _ => Err(unknown()),
    }
}

/// A local moment by the offset that held then. One that came twice, because clocks were set back, or never, because they were set forward,
/// has to be written with its zone: an hour lies between what it could mean.
fn local(civil: i64, clock: &Clock) -> Result<Micros, String> {
    let mut offsets: Vec<i32> = clock.earlier.iter().rev().map(|(_, offset, _)| *offset).collect();
    offsets.push(clock.offset);
    let with = |offset: i32| Micros(civil - i64::from(offset) * 1_000_000);
    let fits = |offset: &i32| clock.zone_at(Stamp(with(*offset).0.div_euclid(1000))).0 == *offset;
    offsets.sort_unstable();
    offsets.dedup();
    offsets.retain(fits);
    match offsets.as_slice() {
        [one] => Ok(with(*one)),
        [] => Err("clocks were set forward over this time, so that it never came: write UTC behind it, or an offset".to_owned()),
        several => {
            let words: Vec<String> = several.iter().map(|offset| when::offset(*offset)).collect();
            Err(format!("clocks were set back, so that this time came twice: write {} behind it", words.join(" or ")))
        }
    }
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 9 || !text.bytes().all(|byte| byte.is_ascii_digit()) { None } else { text.parse().ok() }
}

/// Days since 1970, where there is such a day.
fn checked_day(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    (1..=last).contains(&day).then(|| days_of(year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::when;

    /// 30 January 2026, 14:30:07 CET; summer time began on 30 March and ended on 26 October, 01:00 UTC.
    fn clock() -> Clock {
        Clock {
            now: Stamp(1_769_779_807_000),
            offset: 3600,
            zone: "CET".into(),
            earlier: vec![(Stamp(1_761_440_400_000), 7200, "CEST".into()), (Stamp(1_743_296_400_000), 3600, "CET".into())],
        }
    }

    #[test]
    fn moments_read_as_people_write_them() {
        for (text, utc) in [
            ("14:02", "2026-01-30 13:02:00+00"),
            ("14:02:59.184", "2026-01-30 13:02:59.184+00"),
            ("yesterday 14:02:59", "2026-01-29 13:02:59+00"),
            ("today 9:05", "2026-01-30 08:05:00+00"),
            ("29 Jan 23:59:59", "2026-01-29 22:59:59+00"),
            ("29 January 2025 00:00", "2025-01-28 23:00:00+00"),
            // In December it was not yet December.
            ("24 Dec 18:00", "2025-12-24 17:00:00+00"),
            ("2026-01-30 14:02:59.000001", "2026-01-30 13:02:59.000001+00"),
            ("2026-01-30 13:02:59 UTC", "2026-01-30 13:02:59+00"),
            ("2026-01-30T13:02:59Z", "2026-01-30 13:02:59+00"),
            ("2026-01-30 14:02:59+01", "2026-01-30 13:02:59+00"),
            ("2026-01-30 14:02:59 +01:00", "2026-01-30 13:02:59+00"),
            ("2026-01-30 08:32:59 -0430", "2026-01-30 13:02:59+00"),
            ("14:02 CET", "2026-01-30 13:02:00+00"),
            ("2024-02-29 00:00 UTC", "2024-02-29 00:00:00+00"),
            // By the offset that held then, not by that of now.
            ("2025-10-20 12:00", "2025-10-20 10:00:00+00"),
            ("2025-10-20 12:00 CEST", "2025-10-20 10:00:00+00"),
            ("2025-10-26 02:30 CEST", "2025-10-26 00:30:00+00"),
            ("2025-10-26 02:30 +01:00", "2025-10-26 01:30:00+00"),
            ("2025-10-26 03:30", "2025-10-26 02:30:00+00"),
        ] {
            assert_eq!(parse(text, &clock()).map(when::utc_micros), Ok(utc.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_says_what_would_be() {
        for (text, words) in [
            ("", "a time is needed"),
            ("noon", "the time is missing"),
            ("14", "14 is not a time"),
            ("14:61", "14:61 is not a time"),
            ("24:00", "is not a time"),
            ("2026-02-30 14:00", "there is no 2026-02-30"),
            ("2026-1-30 14:00", "is not a time"),
            ("2026-01-30", "the time is missing"),
            ("31 Apr 10:00", "there is no 31 Apr"),
            ("14:02 EST", "the zone EST is not known here"),
            ("14:02 +99", "is not known here"),
            ("14:02:59.1234567", "at most six decimals"),
            ("ü14:02", "the time is missing"),
            ("表表表表表-表 14:00", "the time is missing"),
            ("2025-10-26 02:30", "came twice: write +01:00 or +02:00 behind it"),
            ("2025-03-30 02:30", "never came"),
        ] {
            let said = parse(text, &clock());
            assert!(said.as_ref().is_err_and(|said| said.contains(words)), "{text}: {said:?}");
        }
    }
}
