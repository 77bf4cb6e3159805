//! What the user of a session may do, as `SHOW GRANTS` tells it. Knows roles only as far as that statement does: the roles in force.

use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;
use std::collections::HashSet;

/// A user's rights.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// Rights on everything, in capitals: `RELOAD`, `BACKUP_ADMIN`, `ALL PRIVILEGES`.
    global: HashSet<String>,
    /// Rights on all of a database, by patterns of names.
    within: Vec<(String, HashSet<String>)>,
    /// Tables that may be read, as (database, table).
    tables: HashSet<(String, String)>,
    /// Databases that are taken out of a global right (MySQL's partial revokes).
    revoked: HashSet<String>,
}

/// Asks the server.
pub async fn read(session: &mut Session) -> Result<Rights, Error> {
    let mut lines: Vec<String> = session.query("SHOW GRANTS").await?.iter().map(|row| row.owned(0)).collect();
    // MySQL shows what roles give only where they are named; MariaDB shows it anyway.
    if session.flavour().product == crate::domain::connection::Product::Mysql {
        let roles = session.query("SELECT CURRENT_ROLE()").await?.first().map(|row| row.owned(0)).unwrap_or_default();
        if !roles.is_empty() && roles != "NONE" {
            let sql = format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}");
            lines.extend(session.query(&sql).await?.iter().map(|row| row.owned(0)));
        }
    }
    Ok(Rights::of(&lines))
}

impl Rights {
    fn of(lines: &[String]) -> Self {
        let mut rights = Self::default();
        for line in lines {
            let (revoked, rest) = match (line.strip_prefix("GRANT "), line.strip_prefix("REVOKE ")) {
                (Some(rest), _) => (false, rest),
                (None, Some(rest)) => (true, rest),
                (None, None) => continue,
            };
            // A grant of a role, or of PROXY, is on nothing; a right on some columns names them in brackets and is no right to the table.
            let Some((list, on)) = rest.split_once(" ON ") else { continue };
            let words: HashSet<String> =
                list.split(',').map(|word| word.trim().to_ascii_uppercase()).filter(|word| !word.contains(['(', ')'])).collect();
            let reads = words.contains("SELECT") || words.contains("ALL PRIVILEGES");
            if on.starts_with("*.*") {
                rights.global.extend(words);
                continue;
            }
            let Some((database, rest)) = name(on) else { continue };
            let Some(rest) = rest.strip_prefix('.') else { continue };
            match name(rest) {
                None if !rest.starts_with('*') => {}
                None if revoked && reads => drop(rights.revoked.insert(database)),
                None if revoked => {}
                None => rights.within.push((database, words)),
                Some((table, _)) if reads => drop(rights.tables.insert((unescaped(&database), table))),
                Some(_) => {}
            }
        }
        rights
    }

    /// Whether there is a right on everything.
    pub fn has(&self, right: &str) -> bool {
        self.global.contains(right) || self.global.contains("ALL PRIVILEGES")
    }

    /// Whether this user may do nearly everything.
    pub fn is_super(&self) -> bool {
        self.has("SUPER") || self.has("SYSTEM_VARIABLES_ADMIN") && self.has("SELECT") && self.has("RELOAD")
    }

    /// Whether there is a right on everything, or on all of a database.
    pub fn has_on(&self, right: &str, database: &str) -> bool {
        (self.has(right) && !self.revoked.contains(database)) || self.is_given(right, database)
    }

    /// Whether there is a right on all of a database by a grant on it.
    fn is_given(&self, right: &str, database: &str) -> bool {
        let given = |words: &HashSet<String>| words.contains(right) || words.contains("ALL PRIVILEGES");
        self.within.iter().any(|(pattern, words)| given(words) && like(pattern.as_bytes(), database.as_bytes()))
    }

    /// Whether every table of a database may surely be read.
    pub fn reads_all_of(&self, database: &str) -> bool {
        self.has_on("SELECT", database)
    }

    /// Whether a table may surely be read. Where not, trying tells.
    pub fn reads(&self, database: &str, table: &str) -> bool {
        self.reads_all_of(database) || self.tables.contains(&(database.to_owned(), table.to_owned()))
    }
}

/// A quoted name at the beginning, and what is behind it.
fn name(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|first| *first == '`' || *first == '"')?;
    let mut name = String::new();
    let mut rest = text[1..].char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        if character != quote {
            name.push(character);
        } else if rest.next_if(|(_, next)| *next == quote).is_some() {
            name.push(quote);
        } else {
            return Some((name, &text[at + 2..]));
        }
    }
    None
}

/// A pattern without wildcards, as the name that it is.
fn unescaped(pattern: &str) -> String {
    pattern.replace("\\_", "_").replace("\\%", "%")
}

/// Whether a name is as a pattern with `%`, `_` and backslashes says.
fn like(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'\\', exact, rest @ ..] => name.split_first().is_some_and(|(first, after)| first == exact && like(rest, after)),
        [b'%', rest @ ..] => (0..=name.len()).any(|from| like(rest, &name[from..])),
        [any, rest @ ..] => name.split_first().is_some_and(|(first, after)| (*any == b'_' || any == first) && like(rest, after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_say_what_may_be_read() {
        let lines = [
            "GRANT USAGE ON *.* TO `low`@`localhost`",
            "GRANT SELECT, INSERT, LOCK TABLES ON `shop\\_%`.* TO `low`@`localhost`",
            "GRANT INSERT ON `in`.* TO `low`@`localhost`",
            "GRANT SELECT (`id`, `b`), INSERT ON `lk`.`b` TO `low`@`localhost`",
            "GRANT SELECT ON `lk`.`a``b` TO `low`@`localhost`",
            "GRANT `role`@`%` TO `low`@`localhost`",
        ];
        let rights = Rights::of(&lines.map(str::to_owned));
        assert!(rights.reads("shop_1", "anything") && !rights.reads("shopping", "anything") && !rights.reads("in", "t"));
        assert!(rights.reads("lk", "a`b") && !rights.reads("lk", "b") && !rights.reads_all_of("lk"));
        assert!(!rights.has("SELECT") && !rights.is_super());
        assert!(rights.has_on("LOCK TABLES", "shop_1") && !rights.has_on("TRIGGER", "shop_1") && rights.has_on("INSERT", "in"));
    }

    #[test]
    fn a_right_on_everything_can_have_holes() {
        let lines = [
            "GRANT SELECT, RELOAD ON *.* TO `r`@`%`",
            "GRANT BACKUP_ADMIN,CLONE_ADMIN ON *.* TO `r`@`%`",
            "REVOKE SELECT ON `secret`.* FROM `r`@`%`",
        ];
        let rights = Rights::of(&lines.map(str::to_owned));
        assert!(rights.has("BACKUP_ADMIN") && rights.reads("a", "b") && !rights.reads("secret", "b"));
        assert!(Rights::of(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION".to_owned()]).is_super());
    }
}
