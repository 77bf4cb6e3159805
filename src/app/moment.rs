//! What a moment that is typed means on the clock that the screen is drawn by: what has no zone is local, by the offset that held then. How it is read is
//! [`crate::domain::recovery::typed`]'s matter.

use super::msg::Clock;
use super::when::civil;
use crate::domain::Stamp;
use crate::domain::recovery::Micros;
use crate::domain::recovery::typed::{self, Calendar};

/// Reads a moment. A sentence where it cannot.
pub fn parse(text: &str, clock: &Clock) -> Result<Micros, String> {
    typed::parse(text, clock)
}

impl Calendar for Clock {
    fn today(&self) -> i64 {
        civil(self.now, self).days
    }

    fn offsets(&self, local: i64) -> Vec<i32> {
        let mut offsets: Vec<i32> = self.earlier.iter().map(|(_, offset, _)| *offset).chain([self.offset]).collect();
        offsets.retain(|offset| self.zone_at(Stamp((local - i64::from(*offset)).saturating_mul(1000))).0 == *offset);
        offsets
    }

    fn abbreviated(&self, zone: &str) -> Option<i32> {
        if zone == self.zone {
            return Some(self.offset);
        }
        self.earlier.iter().find(|(_, _, name)| name == zone).map(|(_, offset, _)| *offset)
    }
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
            ("08:02 America/New_York", "2026-01-30 13:02:00+00"),
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
            ("14:02 PDT", "the zone PDT is not known here"),
            ("14:02 +99", "is not known here"),
            ("14:02:59.1234567", "at most six decimals"),
            ("ü14:02", "the time is missing"),
            ("表表表表表-表 14:00", "the time is missing"),
            ("2025-11-02 01:30 America/New_York", "came twice: write -05:00 or -04:00 behind it"),
            ("2025-10-26 02:30", "came twice: write +01:00 or +02:00 behind it"),
            ("2025-03-30 02:30", "never came"),
        ] {
            let said = parse(text, &clock());
            assert!(said.as_ref().is_err_and(|said| said.contains(words)), "{text}: {said:?}");
        }
    }
}
