//! Sizes and rates. Printed in decimal units (1 MB = 1,000,000 bytes), read in decimal or binary ones.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// `part` of this in percent, clamped to 0 to 100; 0 of 0 is 0.
    pub fn percent_of(self, whole: Bytes) -> f64 {
        if whole.0 == 0 { 0.0 } else { (self.0 as f64 / whole.0 as f64 * 100.0).clamp(0.0, 100.0) }
    }
}

impl Add for Bytes {
    type Output = Bytes;
    fn add(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Bytes) {
        *self = *self + other;
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Bytes>>(all: I) -> Bytes {
        all.fold(Bytes(0), Add::add)
    }
}

impl fmt::Display for Bytes {
    /// Three significant digits at the least, with the unit: `812 B`, `4.10 kB`, `22.5 GB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
        if self.0 < 1000 {
            return f.pad(&format!("{} B", self.0));
        }
        let mut value = self.0 as f64 / 1000.0;
        let mut unit = 0;
        // 999.5 would print as 1000: it belongs to the next unit already.
        while value >= 999.5 && unit + 1 < UNITS.len() {
            value /= 1000.0;
            unit += 1;
        }
        let digits = if value >= 99.95 { 0 } else { 1 };
        f.pad(&format!("{value:.digits$} {}", UNITS[unit]))
    }
}

impl FromStr for Bytes {
    type Err = String;

    /// Reads `16MiB`, `16 MB`, `16M` (binary, as PostgreSQL and most tools read it), `1.5GB` or plain bytes.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number: f64 = number.parse().map_err(|_| format!("{text:?} is not a size: write 512MB or 16MiB"))?;
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "t" | "tib" => 1 << 40,
            other => return Err(format!("{other:?} is not a unit of size: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB")),
        };
        let bytes = number * factor as f64;
        if bytes > u64::MAX as f64 { Err(format!("{text} is too large")) } else { Ok(Bytes(bytes as u64)) }
    }
}

/// A count in groups of three: `1,650,000`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_three_digits_and_the_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (22_500_000_000, "22.5 GB"),
            (118_000_000, "118 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn reads_decimal_and_binary_units() {
        assert_eq!("16MiB".parse(), Ok(Bytes(16 << 20)));
        assert_eq!("16 MB".parse(), Ok(Bytes(16_000_000)));
        assert_eq!("1.5g".parse(), Ok(Bytes(3 << 29)));
        assert_eq!("42".parse(), Ok(Bytes(42)));
        assert!("lots".parse::<Bytes>().is_err());
        assert!("5 parsecs".parse::<Bytes>().is_err());
    }

    #[test]
    fn groups_digits() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_650_000), "1,650,000");
        assert_eq!(grouped(100), "100");
    }
}
