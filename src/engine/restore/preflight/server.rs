//! Does the server take writes, may our role do what is asked, and does the server know what the definitions say?

use super::Facts;
use super::checklist::{Found, list, obstacle, ok, refuse, warn};
use crate::domain::{Code, text};
use crate::server::Feature;
use std::collections::BTreeMap;

/// The server answers and is no standby.
pub fn connection(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "server";
    // Where MySQL takes no writes, some users may write all the same: its conditions say so.
    if facts.info.in_recovery && !facts.info.product.is_mysql() {
        let cure = Some("Restore to the primary server.".to_owned());
        return vec![refuse(Code::ServerUnavailable, NAME, "it is a standby, which takes no writes", cure)];
    }
    vec![ok(NAME, format!("{} at {}", facts.info.title(), facts.spec.connection.address()))]
}

/// What our role lacks.
pub fn rights(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "rights";
    let user = text::clean(&facts.spec.connection.user);
    let mysql = facts.info.product.is_mysql();
    if facts.info.superuser {
        return vec![ok(NAME, if mysql { format!("{user} may do everything") } else { format!("{user} is superuser") })];
    }
    let Some(supplies) = facts.supplies.as_ref() else {
        return vec![ok(NAME, if mysql { user } else { format!("{user} is no superuser") })];
    };
    let mut found = Vec::new();
    let roles: Vec<&str> =
        facts.made_roles.iter().map(String::as_str).filter(|role| !supplies.roles.iter().any(|there| there == role)).collect();
    if !roles.is_empty() && !supplies.may_create_roles {
        let cure = Some(match mysql {
            true => format!("Restore as a user who may, or make them beforehand, or let it: GRANT CREATE USER ON *.* TO '{user}'@'%';"),
            false => format!("Restore as a superuser, or make the roles beforehand, or let it: ALTER ROLE {user} CREATEROLE;"),
        });
        let what = if mysql { "users and roles" } else { "roles" };
        found.push(refuse(Code::PermissionDenied, NAME, format!("{user} may not create {what}, and {} are missing", list(roles)), cure));
    }
    // Giving something to another role takes membership in it.
    let others: Vec<&str> = facts.needed(|needs| &needs.roles).into_iter().filter(|role| *role != facts.spec.connection.user).collect();
    if !others.is_empty() && !facts.spec.no_owner && !mysql {
        let detail = format!("{user} is no superuser: objects can be given only to roles that it is a member of ({})", list(others));
        found.push(warn(NAME, detail, Some("Restore as a superuser, or leave owners out: --no-owner".into())));
    }
    if found.is_empty() {
        let may = if supplies.may_create { "may create databases" } else { "may not create databases" };
        found.push(ok(NAME, if mysql { format!("{user} {may}") } else { format!("{user} is no superuser and {may}") }));
    }
    found
}

/// Which definitions an older server does not know.
pub fn version(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "version";
    let source = &facts.archive.manifest().head.source;
    if facts.info.product.is_mysql() {
        return products(facts);
    }
    let (from, to) = (source.version_num / 10_000, facts.info.major());
    if from <= to {
        return vec![ok(NAME, if from == to { format!("both are {to}") } else { format!("from {from} to {to}") })];
    }
    let cure = Some(format!("Restore to PostgreSQL {from} or newer."));
    let told = unknown(facts);
    if told.is_empty() {
        let detail =
            format!("the backup is of version {from}, the target is {to}; nothing that {to} does not know was found in the definitions");
        return vec![warn(NAME, detail, cure)];
    }
    let detail = format!("the backup is of version {from}, the target is {to}: it does not know {}", told.join("; "));
    vec![obstacle(Code::VersionUnsupported, NAME, detail, cure)]
}

/// The same between servers of one family: what is one product's alone, and what came with a version within a series.
fn products(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "version";
    let source = &facts.archive.manifest().head.source;
    let (from, to) = (format!("{} {}", text::clean(&source.product), text::clean(&source.version)), facts.info.title());
    let told = unknown(facts);
    if told.is_empty() {
        return vec![ok(NAME, format!("from {from} to {to}; the target knows everything that was found in the definitions"))];
    }
    let detail = format!("the backup is of {from}, the target is {to}: it does not know {}", told.join("; "));
    let cure =
        format!("Restore to {from} or newer, or change these definitions on the source; --schema-only and --table leave others out.");
    vec![obstacle(Code::VersionUnsupported, NAME, detail, Some(cure))]
}

/// What the target does not know of the definitions, with where it is.
fn unknown(facts: &Facts<'_>) -> Vec<String> {
    let mut all: BTreeMap<Feature, (u64, Vec<&str>)> = BTreeMap::new();
    for (feature, (count, names)) in facts.subjects.iter().flat_map(|subject| &subject.needs.unknown) {
        let entry = all.entry(*feature).or_default();
        entry.0 += count;
        entry.1.extend(names.iter().map(String::as_str));
    }
    let told = |(feature, (count, names)): (&Feature, &(u64, Vec<&str>))| {
        let which = if *count == 1 {
            list(names.iter().copied())
        } else {
            format!("{count} objects, such as {}", list(names.iter().take(1).copied()))
        };
        // A version of 0: there is none that has it.
        if feature.since == 0 {
            format!("{}: {which}", feature.name)
        } else {
            format!("{} (version {}): {which}", feature.name, feature.since)
        }
    };
    all.iter().map(told).collect()
}
