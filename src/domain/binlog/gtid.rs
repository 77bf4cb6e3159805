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
    fn identities_read_as_they_are_written() {
        for text in ["3e11fa47-71ca-11e1-9e33-c80aa9429562:23", "3e11fa47-71ca-11e1-9e33-c80aa9429562:batch_1:7", "0-1-270"] {
            assert_eq!(text.parse::<Gtid>().expect(text).to_string(), text);
        }
        for wrong in ["", "23", "0-1", "0-1-2-3", "3e11:4", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"] {
            assert!(wrong.parse::<Gtid>().is_err(), "{wrong}");
        }
    }
}
