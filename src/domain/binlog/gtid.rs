//! Identities of transactions.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The identity of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Gtid {
    /// MySQL's: `3e11fa47-71ca-11e1-9e33-c80aa9429562:23`, since 8.3 also `…:tag:23`.
    Mysql {
        /// The server that it began on.
        server: u128,
        /// The tag; empty without one.
        tag: Box<str>,
        /// Its number there.
        number: u64,
    },
    /// MariaDB's: `0-1-270`.
    Mariadb {
        /// The stream of transactions that it belongs to.
        domain: u32,
        /// The server that it began on.
        server: u32,
        /// Its number in the stream.
        number: u64,
    },
}

impl Gtid {
    /// Whether it is in a set of transactions as the servers write one: MySQL's `3e11…:1-5:7,…`, or MariaDB's list of the last one of each domain.
    pub fn is_in(&self, set: &str) -> bool {
        set.split(',').any(|part| match self {
            Gtid::Mariadb { domain, number, .. } => {
                matches!(part.parse(), Ok(Gtid::Mariadb { domain: other, number: last, .. }) if other == *domain && *number <= last)
            }
            Gtid::Mysql { server, tag, number } => {
                let mut parts = part.trim().split(':');
                let is_server =
                    parts.next().and_then(|text| uuid::Uuid::try_parse(text.trim()).ok()).is_some_and(|uuid| uuid.as_u128() == *server);
                // A tag holds for the ranges behind it.
                let mut tagged = "";
                is_server
                    && parts.any(|range| {
                        let (from, to) = range.split_once('-').unwrap_or((range, range));
                        match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
                            (Ok(from), Ok(to)) => tagged == &**tag && (from..=to).contains(number),
                            _ => {
                                tagged = range.trim();
                                false
                            }
                        }
                    })
            }
        })
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gtid::Mysql { server, tag, number } => {
                write!(f, "{}:", uuid::Uuid::from_u128(*server))?;
                if !tag.is_empty() {
                    write!(f, "{tag}:")?;
                }
                write!(f, "{number}")
            }
            Gtid::Mariadb { domain, server, number } => write!(f, "{domain}-{server}-{number}"),
        }
    }
}

impl FromStr for Gtid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let text = text.trim();
            if let Some((server, rest)) = text.split_once(':') {
                let (tag, number) = rest.split_once(':').map_or(("", rest), |(tag, number)| (tag, number));
                let is_tag = tag.len() <= 32 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let server = uuid::Uuid::try_parse(server).ok()?.as_u128();
                return is_tag.then_some(Gtid::Mysql { server, tag: tag.to_ascii_lowercase().into(), number: number.parse().ok()? });
            }
            let mut parts = text.split('-');
            let (domain, server, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            parts.next().is_none().then_some(Gtid::Mariadb { domain, server, number })
        };
        read().ok_or_else(|| {
            format!(
                "{:?} is no GTID: write 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 (MySQL) or 0-1-270 (MariaDB)",
                crate::domain::text::clean(text)
            )
        })
    }
}

impl Serialize for Gtid {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Gtid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_lies_in_their_ranges() {
        let set = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7:batch:2-3, 4e11fa47-71ca-11e1-9e33-c80aa9429562:9";
        for (gtid, wanted) in [
            ("3e11fa47-71ca-11e1-9e33-c80aa9429562:", [1, 2, 3, 4, 5, 7].as_slice()),
            ("3e11fa47-71ca-11e1-9e33-c80aa9429562:batch:", &[2, 3]),
        ] {
            for number in 1..10 {
                let is_in = format!("{gtid}{number}").parse::<Gtid>().expect("a GTID").is_in(set);
                assert_eq!(is_in, wanted.contains(&number), "{gtid}{number}");
            }
        }
        let is_in = |text: &str| text.parse::<Gtid>().expect("a GTID").is_in("0-1-270,5-1-3");
        assert!(is_in("0-1-270") && is_in("0-2-4") && is_in("5-1-3") && !is_in("0-1-271") && !is_in("5-1-4") && !is_in("1-1-1"));
    }

    #[test]
    fn identities_read_as_they_are_written() {
        for text in ["3e11fa47-71ca-11e1-9e33-c80aa9429562:23", "3e11fa47-71ca-11e1-9e33-c80aa9429562:batch_1:7", "0-1-270"] {
            assert_eq!(text.parse::<Gtid>().expect(text).to_string(), text);
        }
        for wrong in ["", "23", "0-1", "0-1-2-3", "3e11:4", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"] {
            assert!(wrong.parse::<Gtid>().is_err(), "{wrong}");
        }
    }
}
