//! `CREATE USER` as it can be run on another server, and on one of the other product.

use super::account::Account;
use super::lexer::{Placed, Quotes, Token, value, words};
use crate::domain::Product;
use crate::server::mysql::quote::literal;

/// What `SHOW CREATE USER` says, as a statement that leaves alone who is there, and that needs no role before it.
pub fn portable(shown: &str) -> String {
    let all: Vec<Placed<'_>> = words(shown, Quotes::default()).collect();
    let mut out = shown.to_owned();
    // Default roles come with the memberships.
    if let Some(at) = all.windows(2).position(|pair| pair[0].token.is("DEFAULT") && pair[1].token.is("ROLE")) {
        let mut end = at + 2;
        while let Some((_, taken)) = all.get(end..).and_then(Account::parse) {
            end += taken;
            if all.get(end).is_some_and(|placed| placed.token == Token::Mark(',')) {
                end += 1;
            } else {
                break;
            }
        }
        let behind = all.get(end).map_or(shown.len(), |placed| placed.from);
        out = format!("{}{}", &shown[..all[at].from], &shown[behind..]);
    }
    match out.strip_prefix("CREATE USER ") {
        Some(rest) => format!("CREATE USER IF NOT EXISTS {}", rest.trim_end()),
        None => out,
    }
}

/// How an account logs in, as far as it has to be known: the plugins that it names.
pub fn plugins(statement: &str) -> Vec<String> {
    let all: Vec<Placed<'_>> = words(statement, Quotes::default()).collect();
    let mut found = Vec::new();
    let mut inside = false;
    for pair in all.windows(2) {
        let name = || match pair[1].token {
            Token::Literal(text) => Some(value(text)),
            token => token.name(),
        };
        inside =
            (inside || pair[0].token.is("IDENTIFIED")) && !["REQUIRE", "PASSWORD", "ACCOUNT"].iter().any(|word| pair[0].token.is(word));
        if inside && ["WITH", "VIA", "OR"].iter().any(|word| pair[0].token.is(word)) {
            found.extend(name());
        }
    }
    if found.is_empty() && all.windows(2).any(|pair| pair[0].token.is("BY") && pair[1].token.is("PASSWORD")) {
        found.push("mysql_native_password".to_owned());
    }
    found
}

/// Clauses that only MySQL knows, by their first words, with how many words follow them.
const ONLY_MYSQL: [(&[&str], usize); 7] = [
    (&["PASSWORD", "HISTORY"], 1),
    (&["PASSWORD", "REUSE", "INTERVAL"], 1),
    (&["PASSWORD", "REQUIRE", "CURRENT"], 0),
    (&["FAILED_LOGIN_ATTEMPTS"], 1),
    (&["PASSWORD_LOCK_TIME"], 1),
    (&["ATTRIBUTE"], 1),
    (&["COMMENT"], 1),
];

/// The statement in the words of this product.
pub fn for_product(statement: &str, product: Product) -> String {
    match product {
        Product::Mariadb => for_mariadb(statement),
        Product::Mysql => for_mysql(statement),
        Product::Postgres => statement.to_owned(),
    }
}

fn for_mariadb(statement: &str) -> String {
    let all: Vec<Placed<'_>> = words(statement, Quotes::default()).collect();
    let mut out = String::with_capacity(statement.len());
    let (mut at, mut from) = (0, 0);
    while at < all.len() {
        let starts = |(clause, _): &&(&[&str], usize)| {
            clause.iter().enumerate().all(|(n, word)| all.get(at + n).is_some_and(|placed| placed.token.is(word)))
        };
        match ONLY_MYSQL.iter().find(starts) {
            Some((clause, behind)) => {
                let mut end = at + clause.len() + behind;
                // What may follow: PASSWORD REUSE INTERVAL 3 DAY, PASSWORD REQUIRE CURRENT DEFAULT.
                while all.get(end).is_some_and(|placed| ["DAY", "DEFAULT", "OPTIONAL"].iter().any(|word| placed.token.is(word))) {
                    end += 1;
                }
                out.push_str(&statement[from..all[at].from]);
                from = all.get(end).map_or(statement.len(), |placed| placed.from);
                at = end;
            }
            None => at += 1,
        }
    }
    out.push_str(&statement[from..]);
    out.trim_end().to_owned()
}

fn for_mysql(statement: &str) -> String {
    let all: Vec<Placed<'_>> = words(statement, Quotes::default()).collect();
    let Some(at) = all.iter().position(|placed| placed.token.is("IDENTIFIED")) else { return statement.to_owned() };
    let word = |place: usize, wanted: &str| all.get(place).is_some_and(|placed| placed.token.is(wanted));
    let text = |place: usize| match all.get(place).map(|placed| placed.token) {
        Some(Token::Literal(text)) => value(text),
        Some(token) => token.name().unwrap_or_default(),
        None => String::new(),
    };
    let (clause, end) = if word(at + 1, "BY") && word(at + 2, "PASSWORD") {
        (format!("IDENTIFIED WITH 'mysql_native_password' AS {}", literal(&text(at + 3))), at + 4)
    } else if word(at + 1, "VIA") {
        // The other product's name for the same thing.
        let plugin = text(at + 2);
        let plugin = if plugin == "unix_socket" { "auth_socket" } else { plugin.as_str() };
        match word(at + 3, "USING") || word(at + 3, "AS") {
            true => (format!("IDENTIFIED WITH {} AS {}", literal(plugin), literal(&text(at + 4))), at + 5),
            false => (format!("IDENTIFIED WITH {}", literal(plugin)), at + 3),
        }
    } else {
        return statement.to_owned();
    };
    let behind = all.get(end).map_or("", |placed| &statement[placed.from..]);
    format!("{}{clause} {behind}", &statement[..all[at].from]).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MYSQL: &str = "CREATE USER `u1`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 0x2441 DEFAULT ROLE `r1`@`%`,`r2`@`%` REQUIRE SSL WITH MAX_USER_CONNECTIONS 3 \
                         PASSWORD EXPIRE INTERVAL 10 DAY ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT \
                         FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 ATTRIBUTE '{\"comment\": \"hi\"}'";

    #[test]
    fn a_user_is_made_before_the_roles_and_only_where_he_is_missing() {
        let sql = portable(MYSQL);
        assert!(
            sql.starts_with("CREATE USER IF NOT EXISTS `u1`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 0x2441 REQUIRE SSL"),
            "{sql}"
        );
        assert_eq!(plugins(&sql), ["caching_sha2_password"]);
        let maria = "CREATE USER `u2`@`%` IDENTIFIED VIA ed25519 USING 'Gv' OR unix_socket ACCOUNT LOCK";
        assert_eq!(plugins(maria), ["ed25519", "unix_socket"]);
        assert_eq!(plugins("CREATE USER `u`@`%` IDENTIFIED BY PASSWORD '*7'"), ["mysql_native_password"]);
    }

    #[test]
    fn the_other_product_is_told_in_its_own_words() {
        let sql = for_product(&portable(MYSQL), Product::Mariadb);
        assert!(sql.ends_with("WITH MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE INTERVAL 10 DAY ACCOUNT UNLOCK"), "{sql}");
        let maria = "CREATE USER IF NOT EXISTS `u`@`%` IDENTIFIED BY PASSWORD '*74' REQUIRE SSL";
        assert_eq!(
            for_product(maria, Product::Mysql),
            "CREATE USER IF NOT EXISTS `u`@`%` IDENTIFIED WITH 'mysql_native_password' AS '*74' REQUIRE SSL"
        );
        assert_eq!(
            for_product("CREATE USER `u`@`%` IDENTIFIED VIA unix_socket", Product::Mysql),
            "CREATE USER `u`@`%` IDENTIFIED WITH 'auth_socket'"
        );
    }
}
