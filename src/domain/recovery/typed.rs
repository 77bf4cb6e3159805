//! Moments as people type them: a day, a time, a zone. One reading for screen and command line, which differ in what may be left out: who types on a
//! screen sees what was understood, so that the day and the zone may be those of a [`Calendar`]; a command line says both ([`super::moment::parse`]).

use super::Micros;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, ToSpan};

/// The names of the months, as they are shown and read.
pub const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Examples of what is understood where day and zone may be left out.
pub const EXAMPLES: &str =
    "14:02, yesterday 14:02:59, 30 Jan 14:02, 2026-01-30 14:02:59.184, with UTC, +01:00 or Europe/Berlin behind it for another zone";

/// What is meant by what is left out.
pub trait Calendar {
    /// Today, in days since 1970.
    fn today(&self) -> i64;

    /// The offsets from UTC, in seconds, by which there was this local time (in seconds since 1970, were it UTC): none, one or several.
    fn offsets(&self, local: i64) -> Vec<i32>;

    /// The offset of an abbreviation that is its own.
    fn abbreviated(&self, zone: &str) -> Option<i32>;
}

/// Reads `14:02`, `yesterday 14:02:59`, `30 Jan 14:02`, `2026-01-30 14:02:59.184+01`, `2026-01-30T13:02:59Z`. A sentence where it cannot.
pub fn parse(text: &str, calendar: &dyn Calendar) -> Result<Micros, String> {
    let today = i32::try_from(calendar.today()).ok().and_then(|days| Date::constant(1970, 1, 1).checked_add(days.days()).ok());
    let (civil, rest) = split(text, today)?;
    let fixed = |seconds: i32| Offset::from_seconds(seconds).ok();
    let outside = || format!("{} is outside of what a server can reach", text.trim());
    let local = Offset::UTC.to_timestamp(civil).map_err(|_| outside())?.as_second();
    let mut offsets: Vec<Offset> = match rest {
        "" => calendar.offsets(local).into_iter().filter_map(fixed).collect(),
        name => match calendar.abbreviated(name).and_then(fixed) {
            Some(offset) => vec![offset],
            None => {
                let zone = zone(name).ok_or_else(|| format!("the zone {name} is not known here: write UTC, +01:00 or Europe/Berlin"))?;
                match zone.to_ambiguous_zoned(civil).offset() {
                    AmbiguousOffset::Unambiguous { offset } => vec![offset],
                    AmbiguousOffset::Fold { before, after } => vec![before, after],
                    AmbiguousOffset::Gap { .. } => Vec::new(),
                }
            }
        },
    };
    offsets.sort_unstable();
    offsets.dedup();
    match offsets.as_slice() {
        [one] => one.to_timestamp(civil).map(|at| Micros(at.as_microsecond())).map_err(|_| outside()),
        [] => Err("clocks were set forward over this time, so that it never came: write UTC behind it, or an offset".to_owned()),
        several => {
            let words: Vec<String> = several.iter().map(|offset| written(*offset)).collect();
            Err(format!("clocks were set back, so that this time came twice: write {} behind it", words.join(" or ")))
        }
    }
}

/// `+01:00`.
pub(super) fn written(offset: Offset) -> String {
    let (sign, seconds) = if offset.is_negative() { ('-', -offset.seconds()) } else { ('+', offset.seconds()) };
    format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

/// Date and time, and the zone that stands behind them. Without `today` the whole date has to be written.
pub(super) fn split(text: &str, today: Option<Date>) -> Result<(DateTime, &str), String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a time is needed, such as 14:02".to_owned());
    }
    let (date, rest) = match (full_date(text)?, today) {
        (Some(found), _) => found,
        (None, Some(today)) => near_date(text, today)?,
        (None, None) => return Err("the date is missing: write 2026-01-30 14:02:59".to_owned()),
    };
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(end);
    Ok((date.to_datetime(time_of_day(time)?), zone.trim()))
}

/// `2026-01-30`, and what follows it; none where the text begins otherwise.
fn full_date(text: &str) -> Result<Option<(Date, &str)>, String> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' || !text.is_char_boundary(10) {
        return Ok(None);
    }
    let (written, rest) = text.split_at(10);
    let number = |from: usize, to: usize| written.get(from..to).and_then(digits);
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else {
        return Err(format!("{written} is not a day: write 2026-01-30"));
    };
    let date = date(year, month, day).ok_or_else(|| format!("there is no {written}"))?;
    let rest = rest.strip_prefix(['T', 't', ' ']).or(rest.is_empty().then_some(rest)).ok_or_else(|| wrong_time(rest))?;
    Ok(Some((date, rest.trim_start())))
}

/// `yesterday`, `30 Jan`, `30 January 2025` or nothing: today. And what follows it.
fn near_date(text: &str, today: Date) -> Result<(Date, &str), String> {
    for (word, back) in [("today", 0), ("yesterday", 1)] {
        if let Some(rest) = text.strip_prefix(word) {
            return Ok((today.saturating_sub(SignedDuration::from_hours(24 * back)), rest.trim_start()));
        }
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
        let found = match year {
            Some(year) => date(year, month, day),
            // Without a year it is the last such day that has come.
            None => {
                let this = i64::from(today.year());
                [this, this - 1].into_iter().filter_map(|year| date(year, month, day)).find(|date| *date <= today)
            }
        };
        return Ok((found.ok_or_else(|| format!("there is no {day} {}", MONTHS[at]))?, rest.trim_start()));
    }
    Ok((today, text))
}

fn date(year: i64, month: i64, day: i64) -> Option<Date> {
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn wrong_time(text: &str) -> String {
    match text {
        "" => "the time is missing: write 14:02 or 14:02:59".to_owned(),
        text => format!("{text} is not a time: write 14:02 or 14:02:59.184"),
    }
}

fn time_of_day(text: &str) -> Result<Time, String> {
    let wrong = || wrong_time(text);
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let part = |part: &str| if part.len() <= 2 { digits(part)?.try_into().ok() } else { None };
    let parts: Vec<i8> = whole.split(':').map(part).collect::<Option<_>>().ok_or_else(wrong)?;
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] if fraction.is_none() => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return Err(wrong()),
    };
    let nanos: i32 = match fraction {
        None => 0,
        Some(fraction) if (1..=6).contains(&fraction.len()) => {
            digits(fraction).and_then(|_| format!("{fraction:0<9}").parse().ok()).ok_or_else(wrong)?
        }
        Some(_) => return Err("at most six decimals: the server counts microseconds".to_owned()),
    };
    Time::new(hour, minute, second, nanos).map_err(|_| wrong())
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 9 || !text.bytes().all(|byte| byte.is_ascii_digit()) { None } else { text.parse().ok() }
}

/// A zone by its offset or name.
pub(super) fn zone(text: &str) -> Option<TimeZone> {
    let name = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    if name.eq_ignore_ascii_case("z") || name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt") {
        return Some(TimeZone::UTC);
    }
    let Some(rest) = name.strip_prefix(['+', '-']) else {
        return TimeZone::get(name).ok();
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let is_offset = matches!(rest.len(), 2 | 4 | 5) && matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_offset || (rest.len() == 5) != rest.contains(':') || rest.find(':').is_some_and(|at| at != 2) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().unwrap_or(0));
    if hours > 15 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Offset::from_seconds(if name.starts_with('-') { -seconds } else { seconds }).ok().map(TimeZone::fixed)
}
