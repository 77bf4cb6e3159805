//! Does the target know the locales that the databases sort by?
//!
//! What the server's catalog does not list may be on its host all the same: only making a database tells. That is done by the rehearsal,
//! which makes one with the properties of each.

use super::Facts;
use super::checklist::{Found, list, obstacle, ok, warn};
use crate::domain::Code;
use crate::domain::schema::DatabaseProperties;
use std::collections::BTreeSet;

/// The name of the line.
pub const NAME: &str = "locale";

/// Locales of the C library that every server has.
const ALWAYS: [&str; 3] = ["", "C", "POSIX"];

/// What makes two databases alike, as far as making them goes.
pub fn key(properties: &DatabaseProperties) -> [String; 7] {
    [
        properties.encoding.clone(),
        properties.locale_provider.clone(),
        properties.collate.clone(),
        properties.ctype.clone(),
        properties.locale.clone().unwrap_or_default(),
        properties.icu_rules.clone().unwrap_or_default(),
        properties.tablespace.clone(),
    ]
}

/// Looks at the databases that are made; gives also the keys of those that cannot be.
pub fn check(facts: &Facts<'_>) -> (Vec<Found>, BTreeSet<[String; 7]>) {
    let made = || {
        let there = |target: &str| facts.existing.iter().any(|one| one.name == target);
        facts.subjects.iter().filter(move |subject| facts.spec.clean || !there(&subject.target))
    };
    let mut found = Vec::new();
    let mut refused = BTreeSet::new();
    let icu: Vec<_> = made().filter(|subject| subject.database.properties.locale_provider == "icu").collect();
    if facts.info.major() < 15 && !icu.is_empty() {
        let names = list(icu.iter().map(|subject| subject.database.name.as_str()));
        let detail = format!("{names}: version {} has no databases that sort by ICU; they get the C library's order", facts.info.major());
        found.push(warn(NAME, detail, Some("Restore to PostgreSQL 15 or newer.".into())));
    } else if facts.supplies.as_ref().is_some_and(|supplies| !supplies.icu) && !icu.is_empty() {
        let names = list(icu.iter().map(|subject| subject.database.name.as_str()));
        let cure = "Restore to a server with ICU, or make the databases yourself with another locale.".to_owned();
        found.push(obstacle(Code::MissingCollation, NAME, format!("{names} need ICU, which the server was built without"), Some(cure)));
        refused.extend(icu.iter().map(|subject| key(&subject.database.properties)));
    }
    let builtin: Vec<&str> = made()
        .filter(|subject| subject.database.properties.locale_provider == "builtin")
        .map(|subject| subject.database.name.as_str())
        .collect();
    if facts.info.major() < 17 && !builtin.is_empty() {
        let detail =
            format!("{}: version {} does not have the builtin locales; they get the C library's order", list(builtin), facts.info.major());
        found.push(warn(NAME, detail, Some("Restore to PostgreSQL 17 or newer.".into())));
    }
    let known = |name: &str| {
        let listed = |supplies: &crate::server::Supplies| supplies.locales.iter().any(|there| same(there, name));
        ALWAYS.contains(&name) || facts.supplies.as_ref().is_none_or(listed)
    };
    let strange: BTreeSet<&str> = made()
        .flat_map(|subject| [subject.database.properties.collate.as_str(), subject.database.properties.ctype.as_str()])
        .filter(|name| !known(name))
        .collect();
    if !strange.is_empty() && facts.info.product.is_mysql() {
        // Its catalog is all there is.
        let names = list(strange.iter().copied());
        let lacking = |subject: &&super::subject::Subject<'_>| strange.contains(subject.database.properties.collate.as_str());
        refused.extend(made().filter(lacking).map(|subject| key(&subject.database.properties)));
        let cure = "Restore to a server of the same product and version; or make the database yourself with another collation, which its tables do not depend on.";
        found.push(obstacle(Code::MissingCollation, NAME, format!("the server does not have the collations {names}"), Some(cure.into())));
    } else if !strange.is_empty() {
        let names = list(strange.iter().copied());
        let cure =
            format!("See on its host whether they are there (locale -a), make them with locale-gen {names}, and restart the server.");
        found.push(warn(NAME, format!("the server's catalog does not list {names}"), Some(cure)));
    }
    if found.is_empty() {
        let names: BTreeSet<&str> =
            made().map(|subject| subject.database.properties.collate.as_str()).filter(|name| !name.is_empty()).collect();
        found.push(ok(NAME, if names.is_empty() { "none are needed".to_owned() } else { format!("known: {}", list(names)) }));
    }
    (found, refused)
}

/// Whether two names mean the same locale: case and punctuation of the encoding's name do not count (`C.UTF-8`, `C.utf8`).
fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect::<String>();
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    #[test]
    fn spellings_of_an_encoding_are_the_same() {
        assert!(super::same("C.UTF-8", "C.utf8") && super::same("de_DE.UTF-8", "de_DE.utf8") && !super::same("de_DE.UTF-8", "de_AT.utf8"));
    }
}
