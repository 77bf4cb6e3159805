//! Lines of `SHOW GRANTS`: what is granted on what to whom. MariaDB's lines hold how an account logs in too, which is left out: a GRANT that
//! says so would change the password of an account that is there.

use super::account::Account;
use super::lexer::{Placed, Quotes, Token, words};
use crate::server::mysql::quote::ident;

/// What a right is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// A membership: the roles.
    Role,
    /// `*.*`.
    Server,
    /// `PROXY ON` an account.
    Proxy,
    /// A database, as a pattern.
    Database(String),
    /// A table or a routine.
    Object,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose right it is.
    pub account: Account,
    /// What it is about.
    pub on: On,
    /// Whether it takes something away (MySQL's partial revokes).
    pub is_revoke: bool,
    /// What stands before `TO`, without GRANT: privileges with what they are on, or roles.
    pub what: String,
    /// `WITH GRANT OPTION` or `WITH ADMIN OPTION`; empty for neither.
    pub option: &'static str,
}

impl Grant {
    /// Takes a line apart. None: it is none of either kind.
    pub fn parse(line: &str) -> Option<Self> {
        let all: Vec<Placed<'_>> = words(line, Quotes::default()).collect();
        let is_revoke = all.first()?.token.is("REVOKE");
        if !is_revoke && !all.first()?.token.is("GRANT") {
            return None;
        }
        let place = |word: &str| all.iter().position(|placed| placed.token.is(word));
        let to = all.iter().rposition(|placed| placed.token.is(if is_revoke { "FROM" } else { "TO" }))?;
        let (account, taken) = Account::parse(all.get(to + 1..)?)?;
        let rest = &all[to + 1 + taken..];
        let option = |word: &str| rest.windows(2).any(|pair| pair[0].token.is(word) && pair[1].token.is("OPTION"));
        let option = match (option("GRANT"), option("ADMIN")) {
            (true, _) => " WITH GRANT OPTION",
            (_, true) => " WITH ADMIN OPTION",
            _ => "",
        };
        let on = match place("ON").filter(|at| *at < to) {
            None => On::Role,
            Some(_) if all.get(1).is_some_and(|placed| placed.token.is("PROXY")) => On::Proxy,
            Some(at) => {
                match (all.get(at + 1)?.token, all.get(at + 2).map(|placed| placed.token), all.get(at + 3).map(|placed| placed.token)) {
                    (Token::Mark('*'), ..) => On::Server,
                    (token, Some(Token::Mark('.')), Some(Token::Mark('*'))) => On::Database(token.name()?),
                    _ => On::Object,
                }
            }
        };
        let what = line.get(all.get(1)?.from..all[to].from)?.trim_end().to_owned();
        Some(Self { account, on, is_revoke, what, option })
    }

    /// Whether it says only that the account is there.
    pub fn is_nothing(&self) -> bool {
        self.what.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("USAGE")) && self.option.is_empty()
    }

    /// The statement.
    pub fn sql(&self) -> String {
        match self.is_revoke {
            true => format!("REVOKE {} FROM {}", self.what, self.account.sql()),
            false => format!("GRANT {} TO {}{}", self.what, self.account.sql(), self.option),
        }
    }

    /// The same for one privilege after the other, where there are several.
    pub fn apart(&self) -> Vec<String> {
        let all: Vec<Placed<'_>> = words(&self.what, Quotes::default()).collect();
        let Some(on) = all.iter().position(|placed| placed.token.is("ON")).filter(|_| !self.is_revoke) else { return Vec::new() };
        let on = all[on].from;
        let mut depth = 0_usize;
        let mut cuts = vec![0];
        for placed in all.iter().take_while(|placed| placed.from < on) {
            match placed.token {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth = depth.saturating_sub(1),
                Token::Mark(',') if depth == 0 => cuts.extend([placed.from, placed.to]),
                _ => {}
            }
        }
        cuts.push(on);
        let one = |pair: &[usize]| {
            format!("GRANT {} {} TO {}{}", self.what[pair[0]..pair[1]].trim(), &self.what[on..], self.account.sql(), self.option)
        };
        if cuts.len() > 2 { cuts.chunks(2).map(one).collect() } else { Vec::new() }
    }

    /// The same to accounts under the names that they have on the target.
    #[must_use]
    pub fn mapped(&self, map: &[(String, String)]) -> Self {
        let mut grant = Self { account: self.account.mapped(map), ..self.clone() };
        if self.on == On::Role {
            let all: Vec<Placed<'_>> = words(&self.what, Quotes::default()).collect();
            let mut roles = Vec::new();
            let mut at = 0;
            while let Some((role, taken)) = all.get(at..).and_then(Account::parse) {
                roles.push(role.mapped(map).sql());
                at += taken + 1;
            }
            grant.what = roles.join(", ");
        }
        grant
    }
}

/// A database as GRANT takes it: in this place `_` and `%` stand for any characters, unless the server takes no patterns at all (MySQL's
/// `partial_revokes`).
pub fn pattern(database: &str, patterns: Patterns) -> String {
    match patterns {
        Patterns::Taken => ident(&database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%")),
        Patterns::Plain => ident(database),
    }
}

/// Whether a server takes patterns for databases in GRANT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patterns {
    /// It does.
    Taken,
    /// Names are names.
    Plain,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        for (line, on, sql) in [
            ("GRANT `r1`@`%` TO `u1`@`%` WITH ADMIN OPTION", On::Role, "GRANT `r1`@`%` TO `u1`@`%` WITH ADMIN OPTION"),
            ("GRANT RELOAD, PROCESS ON *.* TO `r1`", On::Server, "GRANT RELOAD, PROCESS ON *.* TO `r1`"),
            (
                "GRANT USAGE ON *.* TO `u1`@`%` IDENTIFIED BY PASSWORD '*7446' REQUIRE SSL WITH GRANT OPTION MAX_USER_CONNECTIONS 3",
                On::Server,
                "GRANT USAGE ON *.* TO `u1`@`%` WITH GRANT OPTION",
            ),
            (
                "GRANT ALL PRIVILEGES ON `zo\\_o`.* TO `u1`@`%`",
                On::Database("zo\\_o".into()),
                "GRANT ALL PRIVILEGES ON `zo\\_o`.* TO `u1`@`%`",
            ),
            ("GRANT SELECT (`to`), INSERT ON `zo`.`on` TO `u1`@`%`", On::Object, "GRANT SELECT (`to`), INSERT ON `zo`.`on` TO `u1`@`%`"),
            (
                "GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION",
                On::Proxy,
                "GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION",
            ),
            ("REVOKE SELECT ON `mysql`.* FROM `u`@`%`", On::Database("mysql".into()), "REVOKE SELECT ON `mysql`.* FROM `u`@`%`"),
            ("GRANT SELECT ON `a`.* TO PUBLIC", On::Database("a".into()), "GRANT SELECT ON `a`.* TO PUBLIC"),
        ] {
            let grant = Grant::parse(line).expect("a grant");
            assert_eq!((&grant.on, grant.sql().as_str()), (&on, sql), "{line}");
        }
        assert!(Grant::parse("SET DEFAULT ROLE `r1` FOR `u1`@`%`").is_none());
        assert!(Grant::parse("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*7'").is_some_and(|grant| grant.is_nothing()));
        let two = Grant::parse("GRANT RELOAD, BINLOG MONITOR ON *.* TO `r1`").expect("a grant");
        assert_eq!(two.apart(), ["GRANT RELOAD ON *.* TO `r1`", "GRANT BINLOG MONITOR ON *.* TO `r1`"]);
        let map = [("r1".to_owned(), "r2".to_owned())];
        let member = Grant::parse("GRANT `r1`@`%`,`x`@`%` TO `r1`@`h`").expect("a grant");
        assert_eq!(member.mapped(&map).sql(), "GRANT `r2`@`%`, `x`@`%` TO `r2`@`h`");
    }

    #[test]
    fn a_database_is_no_pattern() {
        assert_eq!(pattern("my_app", Patterns::Taken), "`my\\_app`");
        assert_eq!(pattern("my_app", Patterns::Plain), "`my_app`");
    }
}
