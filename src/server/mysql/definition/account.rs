//! Accounts as SQL writes them: `` `user`@`host` ``, or a role's name alone.

use super::lexer::{Placed, Quotes, Token, value, words};
use crate::server::mysql::quote::ident;
use std::fmt;

/// An account, or a role of MariaDB, which has no host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// The user's or the role's name.
    pub user: String,
    /// The host; none for a role of MariaDB.
    pub host: Option<String>,
}

impl fmt::Display for Account {
    /// As roles are called everywhere outside this room: `user@host`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{}@{host}", self.user),
            None => f.write_str(&self.user),
        }
    }
}

impl Account {
    /// What [`fmt::Display`] has written; without an at sign it is a role.
    pub fn from_name(name: &str) -> Self {
        match name.rsplit_once('@') {
            Some((user, host)) => Self { user: user.to_owned(), host: Some(host.to_owned()) },
            None => Self { user: name.to_owned(), host: None },
        }
    }

    /// The account that these tokens begin with, and how many of them it takes. In it there is no white space.
    pub fn parse(all: &[Placed<'_>]) -> Option<(Self, usize)> {
        let name = |placed: &Placed<'_>| match placed.token {
            Token::Literal(text) => Some(value(text)),
            token => token.name(),
        };
        let user = name(all.first()?)?;
        let at = |place: usize| all.get(place).filter(|placed| placed.from == all[place - 1].to);
        match (at(1).map(|placed| placed.token), at(2).and_then(name)) {
            (Some(Token::Mark('@')), Some(host)) => Some((Self { user, host: Some(host) }, 3)),
            _ => Some((Self { user, host: None }, 1)),
        }
    }

    /// The account that a text begins with.
    pub fn read(text: &str) -> Option<Self> {
        let all: Vec<Placed<'_>> = words(text, Quotes::default()).take(3).collect();
        Self::parse(&all).map(|(account, _)| account)
    }

    /// In SQL.
    pub fn sql(&self) -> String {
        match &self.host {
            Some(host) => format!("{}@{}", ident(&self.user), ident(host)),
            // Everybody, which is no role of that name.
            None if self.user == "PUBLIC" => self.user.clone(),
            None => ident(&self.user),
        }
    }

    /// As it is called on the target: (in the archive, on the target). Names without a host stand for a user from wherever he comes.
    #[must_use]
    pub fn mapped(&self, map: &[(String, String)]) -> Self {
        let whole = self.to_string();
        let exact = map.iter().find(|(from, _)| *from == whole);
        let found = exact.or_else(|| map.iter().find(|(from, _)| !from.contains('@') && *from == self.user));
        match found.map(|(_, to)| Self::from_name(to)) {
            Some(to) => Self { host: to.host.or_else(|| self.host.clone()), user: to.user },
            None => self.clone(),
        }
    }

    /// Whether the map gives it another name.
    pub fn is_mapped(&self, map: &[(String, String)]) -> bool {
        self.mapped(map) != *self
    }

    /// Whether it belongs to the server itself, which makes it when it is installed.
    pub fn is_internal(&self) -> bool {
        matches!(self.user.as_str(), "mysql.sys" | "mysql.session" | "mysql.infoschema" | "mariadb.sys")
    }

    /// Whether every server has it from the start, so that it is never changed.
    pub fn is_from_the_start(&self) -> bool {
        let here = matches!(self.host.as_deref(), Some("localhost" | "127.0.0.1" | "::1"));
        self.is_internal() || (here && matches!(self.user.as_str(), "root" | "mysql" | "debian-sys-maint" | ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_written_and_mapped() {
        let account = Account::read("`a``b`@`%` REQUIRE").expect("an account");
        assert_eq!((account.to_string().as_str(), account.sql().as_str()), ("a`b@%", "`a``b`@`%`"));
        assert_eq!(Account::read("'it''s'@'10.%'").map(|one| one.to_string()).as_deref(), Some("it's@10.%"));
        assert_eq!(Account::read("`reader` WITH ADMIN OPTION").map(|one| one.sql()).as_deref(), Some("`reader`"));
        assert_eq!(Account::from_name("me@home@%"), Account { user: "me@home".into(), host: Some("%".into()) });
        let map = [("app".to_owned(), "web".to_owned()), ("app@10.%".to_owned(), "net@%".to_owned())];
        assert_eq!(Account::from_name("app@localhost").mapped(&map).to_string(), "web@localhost");
        assert_eq!(Account::from_name("app@10.%").mapped(&map).to_string(), "net@%");
        assert!(!Account::from_name("other@%").is_mapped(&map));
    }
}
