//! Which databases a backup covers.

use crate::domain::fault::{Code, Fault};
use crate::domain::server::DatabaseInfo;
use crate::domain::spec::Scope;
use crate::domain::text::nearest;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// What a scope comes to on a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    /// Databases to back up, as the server lists them.
    pub databases: Vec<DatabaseInfo>,
    /// Names that no database has, each with the nearest one that exists.
    pub missing: Vec<(String, Option<String>)>,
    /// Databases that would be covered but allow no connections.
    pub closed: Vec<String>,
}

/// Chooses from the server's databases. A cluster's `template0` never counts; `template1` counts here and is looked into
/// by [`is_plain_template`]'s caller.
pub fn select(scope: &Scope, all: &[DatabaseInfo]) -> Result<Selected, Fault> {
    let mut selected = Selected::default();
    match scope {
        Scope::Single { databases } => {
            for name in databases {
                match all.iter().find(|database| database.name == *name) {
                    Some(database) if database.allow_connections => selected.databases.push(database.clone()),
                    Some(_) => selected.closed.push(name.clone()),
                    None => {
                        let near = nearest(name, all.iter().map(|database| database.name.as_str()));
                        selected.missing.push((name.clone(), near.map(str::to_owned)));
                    }
                }
            }
        }
        Scope::Cluster { include, exclude, .. } => {
            let (include, exclude) = (globs(include)?, globs(exclude)?);
            for database in all {
                let name = &database.name;
                let wanted = (include.is_empty() || include.is_match(name)) && !exclude.is_match(name);
                if !wanted || name == "template0" {
                    continue;
                }
                if database.allow_connections {
                    selected.databases.push(database.clone());
                } else {
                    selected.closed.push(name.clone());
                }
            }
        }
    }
    Ok(selected)
}

/// Whether this is a template that is left out when nobody made anything in it: PostgreSQL's own, which every cluster has.
pub fn is_plain_template(database: &DatabaseInfo) -> bool {
    database.name == "template1"
}

/// A database that does not exist, with the one that was meant.
pub fn missing(name: &str, near: Option<&str>) -> Fault {
    let fault = Fault::new(Code::DatabaseMissing, format!("there is no database {name:?} on this server"));
    match near {
        Some(near) => fault.step(format!("Did you mean {near:?}?")),
        None => fault.step("See which databases this user sees: dbbackup list, or the Backup screen's list."),
    }
}

/// A database that allows no connections.
pub fn closed(name: &str) -> Fault {
    let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true;", crate::server::postgres::quote::ident(name));
    Fault::new(Code::Incomplete, format!("database {name:?} allows no connections, so it cannot be read"))
        .step_run("Allow connections (as superuser), or leave the database out with --exclude:", sql)
}

fn globs(patterns: &[String]) -> Result<GlobSet, Fault> {
    let bad = |pattern: &str, error: &globset::Error| Fault::new(Code::Usage, format!("{pattern:?} is no pattern")).caused_by(error);
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        // A database's name has no path separators: a slash in it is a character like others.
        let glob = GlobBuilder::new(pattern).literal_separator(false).build().map_err(|error| bad(pattern, &error))?;
        set.add(glob);
    }
    set.build().map_err(|error| bad(&patterns.join(", "), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers() -> Vec<DatabaseInfo> {
        let database = |name: &str, template, open| DatabaseInfo {
            name: name.into(),
            is_template: template,
            allow_connections: open,
            ..DatabaseInfo::default()
        };
        vec![
            database("billing", false, true),
            database("locked", false, false),
            database("shop", false, true),
            database("shop_test", false, true),
            database("template0", true, false),
            database("template1", true, true),
        ]
    }

    fn cluster(include: &[&str], exclude: &[&str]) -> Scope {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Scope::Cluster { include: own(include), exclude: own(exclude), parallel: 2 }
    }

    fn names(selected: &Selected) -> Vec<&str> {
        selected.databases.iter().map(|database| database.name.as_str()).collect()
    }

    #[test]
    fn a_cluster_is_all_that_the_patterns_leave() {
        let all = select(&cluster(&[], &[]), &servers()).expect("works here");
        assert_eq!(names(&all), ["billing", "shop", "shop_test", "template1"]);
        assert_eq!(all.closed, ["locked"], "a database that cannot be read is named, not skipped");
        let some = select(&cluster(&["shop*", "b?lling"], &["*_test"]), &servers()).expect("works here");
        assert_eq!(names(&some), ["billing", "shop"]);
        assert_eq!(select(&cluster(&["["], &[]), &servers()).expect_err("fails here").code, Code::Usage);
    }

    #[test]
    fn a_missing_name_comes_with_the_one_that_was_meant() {
        let scope = Scope::Single { databases: vec!["shpo".into(), "billing".into(), "locked".into()] };
        let selected = select(&scope, &servers()).expect("works here");
        assert_eq!(names(&selected), ["billing"]);
        assert_eq!(selected.missing, [("shpo".to_owned(), Some("shop".to_owned()))]);
        assert_eq!(selected.closed, ["locked"]);
    }
}
