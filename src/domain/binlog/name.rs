//! Names of binary logs, and places in them.

use crate::domain::server::BinlogPosition;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The longest name: one more byte and its temporary name would not fit into a folder.
const LONGEST: usize = 200;

/// Fewest digits in a name; the server takes more when the numbers are used up.
const DIGITS: usize = 6;

/// The name of a binary log: `binlog.000042`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName {
    /// What stands before the number: `binlog`.
    base: Box<str>,
    /// The number.
    number: u64,
}

impl LogName {
    /// What stands before the number.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The number, counted up by the server with each file.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The file of another number.
    #[must_use]
    pub fn with_number(&self, number: u64) -> Self {
        Self { base: self.base.clone(), number }
    }

    /// The file after it.
    #[must_use]
    pub fn next(&self) -> Self {
        self.with_number(self.number.saturating_add(1))
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:0DIGITS$}", self.base, self.number)
    }
}

impl FromStr for LogName {
    type Err = String;

    /// Only what is a plain file name: it becomes one in the archive's folder.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{:?} is no name of a binary log, such as binlog.000042", crate::domain::text::clean(text));
        let (base, digits) = text.rsplit_once('.').ok_or_else(wrong)?;
        let is_plain =
            !base.is_empty() && !base.starts_with('.') && text.len() <= LONGEST && !base.chars().any(|c| c == '/' || c.is_control());
        let is_number = digits.len() >= DIGITS && digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
        // One that reads back as something else would be two names for one file.
        let is_canonical = digits.len() == DIGITS || !digits.starts_with('0');
        if !is_plain || !is_number || !is_canonical {
            return Err(wrong());
        }
        Ok(Self { base: base.into(), number: digits.parse().map_err(|_| wrong())? })
    }
}

impl Serialize for LogName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A place in a server's binary log: where an event begins or ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file.
    pub log: LogName,
    /// Bytes from its beginning.
    pub offset: u64,
}

impl Place {
    /// Where the first event of a file begins: behind the four bytes by which a binary log is known.
    pub const FIRST: u64 = 4;

    /// The beginning of a file.
    pub const fn start(log: LogName) -> Self {
        Self { log, offset: Self::FIRST }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.log, self.offset)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{:?} is no place in a binary log: write FILE:OFFSET, such as binlog.000042:1544", crate::domain::text::clean(text));
        let (log, offset) = text.rsplit_once(':').ok_or_else(wrong)?;
        let is_number = !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit());
        Ok(Self { log: log.parse()?, offset: offset.parse().ok().filter(|_| is_number).ok_or_else(wrong)? })
    }
}

impl TryFrom<&BinlogPosition> for Place {
    type Error = String;

    fn try_from(position: &BinlogPosition) -> Result<Self, String> {
        Ok(Self { log: position.file.parse()?, offset: position.offset.max(Self::FIRST) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_places_are_read_as_the_server_writes_them() {
        for text in ["binlog.000001", "db-01.relay.999999", "mariadb-bin.1000000"] {
            assert_eq!(text.parse::<LogName>().expect(text).to_string(), text);
        }
        for wrong in [
            "",
            "binlog",
            "binlog.1",
            ".000001",
            ".hidden.000001",
            "a/b.000001",
            "../binlog.000001",
            "binlog.00000a",
            "binlog.0000001",
            "b\n.000001",
        ] {
            assert!(wrong.parse::<LogName>().is_err(), "{wrong}");
        }
        assert_eq!("binlog.999999".parse::<LogName>().expect("a name").next().to_string(), "binlog.1000000");
        assert_eq!("binlog.000042:1544".parse::<Place>().expect("a place").offset, 1544);
        for wrong in ["binlog.000042", "binlog.000042:", "binlog.000042:+4", "binlog.000042:-1"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_name_reads_back_as_itself(base in "[a-z][a-z0-9_.-]{0,20}", number in 0u64..100_000_000) {
            let name = LogName { base: base.into(), number };
            prop_assert_eq!(name.to_string().parse::<LogName>(), Ok(name));
        }

        #[test]
        fn whatever_is_read_stays_in_its_folder(text in ".*") {
            if let Ok(name) = text.parse::<LogName>() {
                prop_assert_eq!(name.to_string(), text.clone());
                prop_assert_eq!(std::path::Path::new(&text).components().count(), 1);
            }
        }
    }
}
