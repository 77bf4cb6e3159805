//! Moments as people type them for a recovery: always with a zone, because a server and the host of its backups may keep different ones.

use super::Micros;
use super::typed::{self, split};
use crate::domain::{Code, Fault};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Reads a moment: `2026-01-30 14:02:59.184+01`, `2026-01-30T13:02:59Z`, `2026-01-30 14:02 Europe/Berlin`. `usual` is the zone of one that
/// has none. A local time that there was twice, or never, is refused with both readings.
pub fn parse(text: &str, usual: Option<&str>) -> Result<Micros, Fault> {
    let (civil, rest) = split(text, None).map_err(|why| {
        Fault::new(Code::Usage, format!("{text:?} is not a moment"))
            .because(why)
            .step_run("Write date, time and zone:", "--target-time '2026-01-30 14:02:59+01'")
            .step_run("Up to six decimals, and names of zones, are understood:", "--target-time '2026-01-30 14:02:59.184500 Europe/Berlin'")
    })?;
    let zone = match (rest, usual) {
        ("", None) => return Err(without_zone(text, civil)),
        ("", Some(usual)) => typed::zone(usual).ok_or_else(|| {
            Fault::new(Code::Config, format!("{usual:?} is not a time zone")).at("Setting", "pitr.timezone").step("Use a name such as Europe/Berlin, or UTC.")
        })?,
        (zone, _) => typed::zone(zone).ok_or_else(|| {
            Fault::new(Code::Usage, format!("{zone:?} is not a time zone"))
                .at("Target time", text)
                .step("Use an offset from UTC (+01, -05:30), Z, or the name of a zone (Europe/Berlin). Abbreviations such as CEST mean different zones to different people.")
        })?,
    };
    let at = match zone.to_ambiguous_zoned(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, after } => return Err(doubtful(text, civil, &zone, [before, after], "there was twice")),
        // The offset after the clocks were put forward gives the earlier reading.
        AmbiguousOffset::Gap { before, after } => return Err(doubtful(text, civil, &zone, [after, before], "there never was")),
    };
    moment(civil, at).ok_or_else(|| Fault::new(Code::Usage, format!("{text:?} is outside of what a server can reach")))
}

fn moment(civil: DateTime, offset: Offset) -> Option<Micros> {
    offset.to_timestamp(civil).ok().map(|at| Micros(at.as_microsecond()))
}

fn without_zone(text: &str, civil: DateTime) -> Fault {
    let local = TimeZone::system();
    let mut fault = Fault::new(Code::Usage, format!("{text:?} does not say in which time zone it is"))
        .because("the server and this host may keep different time zones, and an hour is a lot of transactions");
    if let (AmbiguousOffset::Unambiguous { offset }, Some(name)) = (local.to_ambiguous_zoned(civil).offset(), local.iana_name()) {
        fault = fault.step_run(format!("If it is the time of this host ({name}):"), format!("--target-time '{}'", written(civil, offset)));
    }
    fault
        .step_run("If it is UTC:", format!("--target-time '{}'", written(civil, Offset::UTC)))
        .step("To have one zone always meant, set pitr.timezone in the configuration (or --target-timezone).")
}

fn doubtful(text: &str, civil: DateTime, zone: &TimeZone, offsets: [Offset; 2], why: &str) -> Fault {
    let name = zone.iana_name().unwrap_or("this zone");
    let mut fault = Fault::new(Code::Usage, format!("{text:?} is a time that {why} in {name}: clocks were changed then"));
    for (offset, which) in offsets.into_iter().zip(["The earlier one", "The later one"]) {
        let utc = moment(civil, offset).map(|at| at_zone(at, &TimeZone::UTC)).unwrap_or_default();
        fault = fault.step_run(format!("{which}, {utc}:"), format!("--target-time '{}'", written(civil, offset)));
    }
    fault
}

/// `2026-01-30 14:02:59.184+01:00`.
fn written(civil: DateTime, offset: Offset) -> String {
    format!("{}{}", decimals(civil), typed::written(offset))
}

fn decimals(civil: DateTime) -> String {
    let micros = civil.subsec_nanosecond() / 1000;
    let text = civil.strftime("%Y-%m-%d %H:%M:%S").to_string();
    if micros == 0 { text } else { format!("{text}.{}", format!("{micros:06}").trim_end_matches('0')) }
}

/// `2026-01-30 14:02:59.184 Europe/Berlin (+01:00)`; `… UTC`.
fn at_zone(at: Micros, zone: &TimeZone) -> String {
    let Ok(timestamp) = Timestamp::from_microsecond(at.0) else { return format!("{} µs", at.0) };
    let zoned = timestamp.to_zoned(zone.clone());
    let text = decimals(zoned.datetime());
    if *zone == TimeZone::UTC {
        return format!("{text} UTC");
    }
    let offset = typed::written(zoned.offset());
    format!("{text} {} ({offset})", zone.iana_name().unwrap_or("local time"))
}

/// A moment as it is always said: in UTC, and in the zone of whoever reads it where that is another one.
pub fn both(at: Micros) -> String {
    both_in(at, &TimeZone::system())
}

/// The same for a sentence in which there is more than one of them, in UTC and in a zone that is named, else that of this host:
/// `2026-01-30 13:02:59 UTC = 14:02:59 CET`, with the local day where that is another one.
pub fn both_brief(at: Micros, zone: Option<&str>) -> String {
    let Ok(timestamp) = Timestamp::from_microsecond(at.0) else { return format!("{} µs", at.0) };
    let (utc, local) = (timestamp.to_zoned(TimeZone::UTC), timestamp.to_zoned(reader(zone)));
    let said = format!("{} UTC", utc.strftime("%Y-%m-%d %H:%M:%S"));
    match (local.offset() == Offset::UTC, local.date() == utc.date()) {
        (true, _) => said,
        (false, true) => format!("{said} = {}", local.strftime("%H:%M:%S %Z")),
        (false, false) => format!("{said} = {}", local.strftime("%Y-%m-%d %H:%M:%S %Z")),
    }
}

/// A moment to the minute, in a zone that is named, else in that of this host: `2026-01-30 14:02 CET`.
pub fn brief(at: Micros, zone: Option<&str>) -> String {
    let at = Timestamp::from_microsecond(at.0).unwrap_or_default();
    at.to_zoned(reader(zone)).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// The zone of whoever reads.
fn reader(zone: Option<&str>) -> TimeZone {
    zone.and_then(typed::zone).unwrap_or_else(TimeZone::system)
}

fn both_in(at: Micros, local: &TimeZone) -> String {
    let utc = at_zone(at, &TimeZone::UTC);
    let is_utc = Timestamp::from_microsecond(at.0).is_ok_and(|at| local.to_offset(at) == Offset::UTC);
    if is_utc { utc } else { format!("{utc} = {}", at_zone(at, local)) }
}

/// As the server's settings take it: `2026-01-30 13:02:59.184+00`.
pub fn for_server(at: Micros) -> String {
    Timestamp::from_microsecond(at.0).map_or_else(|_| String::new(), |at| format!("{}+00", decimals(Offset::UTC.to_datetime(at))))
}

/// How far two moments are apart, for people: `0.184 ms`, `3 min 12 s`.
pub fn apart(earlier: Micros, later: Micros) -> String {
    let between = SignedDuration::from_micros(later.0.saturating_sub(earlier.0)).abs();
    if between < SignedDuration::from_secs(1) {
        return format!("{:.3} ms", between.as_secs_f64() * 1000.0);
    }
    crate::domain::time::span(u64::try_from(between.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_their_microseconds_and_need_a_zone() {
        let expected = Some(1_769_778_179_184_500);
        for (text, usual, micros) in [
            ("2026-01-30 14:02:59.1845+01", None, expected),
            ("2026-01-30T13:02:59.184500Z", None, expected),
            ("2026-01-30 13:02:59.1845 UTC", None, expected),
            ("2026-01-30 14:02:59.1845+0100", None, expected),
            ("2026-01-30 14:02:59.1845 +01:00", None, expected),
            ("2026-01-30 18:32:59.1845+05:30", None, expected),
            ("2026-01-30 14:02:59.1845 Europe/Berlin", None, expected),
            ("2026-01-30 14:02:59.1845[Europe/Berlin]", None, expected),
            ("2026-01-30 14:02:59.1845", Some("Europe/Berlin"), expected),
            ("2026-01-30 14:02:59.1845Z", Some("Europe/Berlin"), Some(1_769_781_779_184_500)),
            ("2026-01-30 14:02+01", None, Some(1_769_778_120_000_000)),
            ("2026-01-30 14:02:59", None, None),
            ("2026-01-30 14:02:59 CEST", None, None),
            ("2026-01-30 14:02:59.1234567Z", None, None),
            ("2026-01-30", None, None),
            ("2026-02-30 14:02:59Z", None, None),
            ("2026-01-30 14:02:59+1:00", None, None),
            ("2026-01-30 14:02:59+99", None, None),
            ("2026-01-30 25:02:59Z", None, None),
            ("yesterday", None, None),
            ("2026-01-30 14:02:59é", None, None),
            ("", None, None),
        ] {
            assert_eq!(parse(text, usual).ok().map(|at| at.0), micros, "{text}");
        }
    }

    #[test]
    fn a_time_of_changing_clocks_is_refused_with_both_readings() {
        for (text, word, earlier, later) in [
            // Clocks go back: half past two is there twice.
            ("2026-10-25 02:30:00 Europe/Berlin", "twice", "2026-10-25 02:30:00+02:00", "2026-10-25 02:30:00+01:00"),
            ("2026-11-01 01:30:00 America/New_York", "twice", "2026-11-01 01:30:00-04:00", "2026-11-01 01:30:00-05:00"),
            ("2026-04-05 01:45:00.5 Australia/Lord_Howe", "twice", "2026-04-05 01:45:00.5+11:00", "2026-04-05 01:45:00.5+10:30"),
            // They go forward: it never is.
            ("2026-03-29 02:30:00 Europe/Berlin", "never", "2026-03-29 02:30:00+02:00", "2026-03-29 02:30:00+01:00"),
            ("2026-03-08 02:00:00 America/New_York", "never", "2026-03-08 02:00:00-04:00", "2026-03-08 02:00:00-05:00"),
        ] {
            let fault = parse(text, None).expect_err(text);
            assert_eq!((fault.code, fault.what.contains(word)), (Code::Usage, true), "{text}: {}", fault.what);
            let commands: Vec<_> = fault.steps.iter().filter_map(|step| step.command.clone()).collect();
            assert_eq!(commands, [format!("--target-time '{earlier}'"), format!("--target-time '{later}'")], "{text}");
            let [earlier, later] = [earlier, later].map(|text| parse(text, None).expect(text));
            assert!(earlier < later, "{text}");
        }
        for text in ["2026-10-25 01:59:59 Europe/Berlin", "2026-10-25 03:00:00 Europe/Berlin", "2026-03-29 03:00:00 Europe/Berlin"] {
            assert!(parse(text, None).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_moment_is_said_in_utc_and_in_local_time() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let at = Micros(1_769_778_179_184_500);
        assert_eq!(both_in(at, &berlin), "2026-01-30 13:02:59.1845 UTC = 2026-01-30 14:02:59.1845 Europe/Berlin (+01:00)");
        assert_eq!(both_in(at, &TimeZone::UTC), "2026-01-30 13:02:59.1845 UTC");
        for (zone, said) in [
            ("Europe/Berlin", "2026-01-30 13:02:59 UTC = 14:02:59 CET"),
            ("Pacific/Auckland", "2026-01-30 13:02:59 UTC = 2026-01-31 02:02:59 NZDT"),
            ("UTC", "2026-01-30 13:02:59 UTC"),
        ] {
            assert_eq!(both_brief(at, Some(zone)), said);
        }
        assert_eq!(brief(at, Some("Europe/Berlin")), "2026-01-30 14:02 CET");
        let fault = parse("2026-01-30 14:02:59", None).expect_err("no zone");
        assert!(fault.steps.iter().any(|step| step.command.as_deref() == Some("--target-time '2026-01-30 14:02:59+00:00'")), "{fault:?}");
    }
}
