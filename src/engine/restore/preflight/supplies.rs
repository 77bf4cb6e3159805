//! Does the target have what the definitions refer to: extensions, roles, tablespaces?

use super::Facts;
use super::checklist::{Found, list, obstacle, ok, unknown, warn};
use crate::domain::{Code, text};
use std::cmp::Ordering;
use std::path::Path;

/// Extensions can be created, in which version.
pub fn extensions(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "extensions";
    let needed = facts.needed(|needs| &needs.extensions);
    let Some(supplies) = facts.supplies.as_ref() else { return vec![unknown(NAME, "the server does not say what it has", None)] };
    if facts.info.product.is_mysql() {
        // It has none: engines and plugins are among its conditions.
        return Vec::new();
    }
    if needed.is_empty() {
        return vec![ok(NAME, "none are needed")];
    }
    let there = |name: &str| supplies.extensions.iter().find(|extension| extension.name == name);
    let mut found = Vec::new();
    let lacking: Vec<&str> = needed.iter().copied().filter(|name| there(name).is_none()).collect();
    if !lacking.is_empty() {
        let who = facts.who(|needs| lacking.iter().any(|name| needs.extensions.contains(*name)));
        let detail = format!("{who} needs {}, which the target does not have", list(lacking.iter().copied()));
        let major = facts.info.major();
        let mut apt: Vec<String> = lacking.iter().map(|name| package(name, major)).collect();
        apt.dedup();
        let cure = format!("Install them on the server's host: apt-get install {} (Red Hat: {}).", apt.join(" "), red_hat(&lacking, major));
        found.push(obstacle(Code::MissingExtension, NAME, detail, Some(cure)));
    }
    let forbidden: Vec<&str> = needed.iter().copied().filter(|name| there(name).is_some_and(|extension| !extension.allowed)).collect();
    if !forbidden.is_empty() {
        let detail = format!("only a superuser may create {}", list(forbidden.iter().copied()));
        found.push(obstacle(Code::PermissionDenied, NAME, detail, Some("Restore as a superuser.".into())));
    }
    let mut others: Vec<(String, Ordering)> = Vec::new();
    for (name, version) in facts.subjects.iter().flat_map(|subject| &subject.database.properties.extensions) {
        let Some(extension) = there(name).filter(|extension| needed.contains(extension.name.as_str()) && extension.version != *version)
        else {
            continue;
        };
        let line = format!("{name} {version} → {}", extension.version);
        if !others.iter().any(|(known, _)| *known == line) {
            others.push((line, compare(&extension.version, version)));
        }
    }
    let older: Vec<&str> = others.iter().filter(|(_, order)| *order == Ordering::Less).map(|(line, _)| line.as_str()).collect();
    if !older.is_empty() {
        let cure = Some("Install the same or a newer version: what the older one lacks cannot be restored.".to_owned());
        found.push(warn(NAME, format!("older on the target: {}", list(older)), cure));
    }
    if found.is_empty() {
        let newer = list(others.iter().map(|(line, _)| line.as_str()));
        let detail = if newer.is_empty() { String::new() } else { format!("; other versions: {newer}") };
        found.push(ok(NAME, format!("{} needed, all there{detail}", needed.len())));
    }
    found
}

/// Compares versions by their numbers: 1.10 is newer than 1.9.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect::<Vec<u64>>();
    numbers(a).cmp(&numbers(b))
}

/// The Debian package that has an extension's files. Safe to stand in a command, whatever the name.
pub fn package(extension: &str, major: u32) -> String {
    match extension {
        "postgis" | "postgis_topology" | "postgis_raster" | "postgis_sfcgal" | "postgis_tiger_geocoder" => {
            format!("postgresql-{major}-postgis-3")
        }
        "vector" => format!("postgresql-{major}-pgvector"),
        "timescaledb" => format!("timescaledb-2-postgresql-{major}"),
        "plpython3u" | "hstore_plpython3u" | "ltree_plpython3u" | "jsonb_plpython3u" => format!("postgresql-plpython3-{major}"),
        "plperl" | "plperlu" | "hstore_plperl" | "jsonb_plperl" => format!("postgresql-plperl-{major}"),
        "pltcl" | "pltclu" => format!("postgresql-pltcl-{major}"),
        "pg_cron" => format!("postgresql-{major}-cron"),
        "pg_partman" => format!("postgresql-{major}-partman"),
        name if CONTRIB.contains(&name) => format!("postgresql-{major} postgresql-contrib"),
        other => {
            let plain: String = other.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
            format!("postgresql-{major}-{plain}")
        }
    }
}

/// The Red Hat packages.
fn red_hat(extensions: &[&str], major: u32) -> String {
    let one = |name: &&str| match *name {
        name if name.starts_with("postgis") => format!("dnf install postgis34_{major}"),
        "vector" => format!("dnf install pgvector_{major}"),
        name if CONTRIB.contains(&name) => format!("dnf install postgresql{major}-contrib"),
        other => format!("dnf install {}_{major}", text::clean(other)),
    };
    let mut all: Vec<String> = extensions.iter().map(one).collect();
    all.dedup();
    all.join("; ")
}

/// What comes with PostgreSQL itself.
const CONTRIB: [&str; 30] = [
    "adminpack",
    "amcheck",
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dblink",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "pageinspect",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_stat_statements",
    "pg_trgm",
    "pgcrypto",
    "postgres_fdw",
    "seg",
    "tablefunc",
    "tcn",
    "unaccent",
    "uuid-ossp",
];

/// Roles are there, or come with the globals.
pub fn roles(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "roles";
    let needed = facts.needed(|needs| &needs.roles);
    let Some(supplies) = facts.supplies.as_ref() else { return vec![unknown(NAME, "the server does not say what it has", None)] };
    let definers = facts.needed(|needs| &needs.definers);
    if needed.is_empty() && definers.is_empty() {
        return vec![ok(NAME, "none are needed")];
    }
    // There is at least the one that we are logged in as.
    if supplies.roles.is_empty() {
        return vec![unknown(NAME, "we may not see which there are", None)];
    }
    let there = |role: &str| supplies.roles.iter().any(|known| known == role);
    let absent: Vec<&str> = definers.iter().copied().filter(|role| !there(role) && !facts.made_roles.contains(*role)).collect();
    let mut found = Vec::new();
    if !absent.is_empty() {
        let detail = format!("views, routines, triggers or events run with the rights of {}, which the target does not have", list(absent));
        let cure = "They are made, and fail when they are used: create the accounts, name others (--map-role OLD=NEW), or be it yourself (--no-owner).";
        found.push(warn(NAME, detail, Some(cure.into())));
    }
    if needed.is_empty() {
        if found.is_empty() {
            found.push(ok(NAME, format!("{} needed, all there or on their way", definers.len())));
        }
        return found;
    }
    let lacking: Vec<&str> = needed.iter().copied().filter(|role| !there(role) && !facts.made_roles.contains(*role)).collect();
    if lacking.is_empty() {
        let coming = needed.iter().filter(|role| !there(role)).count();
        let detail = if coming == 0 { "all there".to_owned() } else { format!("{coming} of them come with the globals") };
        if found.is_empty() {
            found.push(ok(NAME, format!("{} needed, {detail}", needed.len())));
        }
        return found;
    }
    let who = facts.who(|needs| lacking.iter().any(|role| needs.roles.contains(*role)));
    let detail = format!("{who} needs {}, which the target does not have", list(lacking));
    let cure = "Create them, give them other names (--map-role OLD=NEW), or leave owners and rights out (--no-owner --no-acl).";
    found.push(obstacle(Code::MissingRole, NAME, detail, Some(cure.into())));
    found
}

/// Tablespaces are there, or come with the globals and have a folder.
pub fn tablespaces(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "tablespaces";
    if facts.info.product.is_mysql() {
        return Vec::new();
    }
    const LEAVE_OUT: &str = "put everything into the default one: --no-tablespaces";
    let needed = facts.needed(|needs| &needs.tablespaces);
    let Some(supplies) = facts.supplies.as_ref() else { return vec![unknown(NAME, "the server does not say what it has", None)] };
    let there = |name: &str| supplies.tablespaces.iter().any(|known| known == name);
    let mut found = Vec::new();
    let lacking: Vec<&str> =
        needed.iter().copied().filter(|name| !there(name) && !facts.made_tablespaces.iter().any(|(made, _)| made == name)).collect();
    if !lacking.is_empty() {
        let who = facts.who(|needs| lacking.iter().any(|name| needs.tablespaces.contains(*name)));
        let detail = format!("{who} needs {}, which the target does not have", list(lacking));
        found.push(obstacle(Code::MissingTablespace, NAME, detail, Some(format!("Create them, or {LEAVE_OUT}"))));
    }
    // The globals make them in folders that only the server's host can show.
    let coming = facts.made_tablespaces.iter().filter(|(name, _)| !facts.spec.no_tablespaces && !there(name));
    let (mut bad, mut unseen) = (Vec::new(), Vec::new());
    for (name, folder) in coming {
        match (facts.is_local(), Path::new(folder).is_dir()) {
            (true, false) if !folder.is_empty() => bad.push(format!("{name}: {folder}")),
            (false, _) => unseen.push(format!("{name}: {folder}")),
            _ => {}
        }
    }
    if !bad.is_empty() {
        let detail = format!("the folder does not exist: {}", list(bad.iter().map(String::as_str)));
        let cure = format!("Make it, empty and owned by the server's user (install -d -m 700 -o postgres FOLDER), or {LEAVE_OUT}");
        found.push(refuse_folder(NAME, detail, cure));
    }
    if !unseen.is_empty() {
        let detail = format!("folders on the server's host are not seen from here: {}", list(unseen.iter().map(String::as_str)));
        found.push(unknown(NAME, detail, Some(format!("They must exist there, empty and owned by the server's user; or {LEAVE_OUT}"))));
    }
    if found.is_empty() {
        found.push(ok(NAME, if needed.is_empty() { "none are needed".to_owned() } else { format!("{} needed, all there", needed.len()) }));
    }
    found
}

/// The globals are restored first, and all of it ends where one of them fails.
fn refuse_folder(name: &str, detail: String, cure: String) -> Found {
    super::checklist::refuse(Code::MissingTablespace, name, detail, Some(cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(compare("1.10", "1.9"), Ordering::Greater);
        assert_eq!(compare("3.4.0", "3.4"), Ordering::Greater);
        assert_eq!(compare("1.8", "1.8"), Ordering::Equal);
    }

    #[test]
    fn packages_have_the_servers_version() {
        assert_eq!(package("postgis", 17), "postgresql-17-postgis-3");
        assert_eq!(package("my_ext", 15), "postgresql-15-my-ext");
        assert_eq!(red_hat(&["hstore", "citext"], 15), "dnf install postgresql15-contrib");
    }
}
