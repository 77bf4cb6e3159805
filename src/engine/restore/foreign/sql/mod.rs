//! Restores dumps of SQL, which sessions of ours run statement by statement: with the same plan, progress and faults.

pub mod plan;
pub mod run;

use crate::domain::server::ServerInfo;
use crate::domain::spec::{RestoreScope, RestoreSpec, What};
use crate::domain::{Code, Fault, text};
use crate::server::sql_dump::{Rules, SqlDump, Wanted};

/// What of a restore cannot be had from such a dump.
fn possible(spec: &RestoreSpec, dump: &SqlDump) -> Result<(), Fault> {
    let refuse = |what: &str, cure: &str| Err(Fault::new(Code::Usage, format!("{what} cannot be had from a {dump} dump")).step(cure));
    if spec.care.resume.is_some() {
        return refuse(
            "The rest of an interrupted restore",
            "Start it anew: --clean --confirm NAME. No record is kept of which statements of a dump were run.",
        );
    }
    match &spec.scope {
        RestoreScope::Cluster { include, exclude, .. } if !include.is_empty() || !exclude.is_empty() => {
            return refuse(
                "A choice of databases",
                "Restore them one at a time: dbbackup restore single FILE --database NAME --target NAME --create",
            );
        }
        RestoreScope::Cluster { .. } => {}
        RestoreScope::Single { selection, .. } => {
            if !selection.include.is_empty() || !selection.exclude.is_empty() || selection.rename.is_some() {
                return refuse("A choice of tables", "Restore all of it under another name and copy the tables from there.");
            }
            if selection.what != What::All {
                return refuse("Definitions or rows alone", "Restore all of it, or make a dump with --no-data or --no-create-info.");
            }
        }
    }
    if !spec.map_roles.is_empty() {
        return refuse("Definers under other names", "Leave them out, so that you are the definer: --no-owner");
    }
    Ok(())
}

/// What of it is restored.
fn rules(spec: &RestoreSpec) -> Rules {
    let wanted = match &spec.scope {
        RestoreScope::Single { database: Some(name), .. } => Wanted::One(name.clone()),
        _ => Wanted::All,
    };
    Rules { wanted, no_owner: spec.no_owner }
}

fn of_another_product(dump: &SqlDump, info: &ServerInfo) -> Fault {
    super::of_another_product(dump, "MySQL or MariaDB", dump.facts.product.word(), info)
}

/// The database that a restore of a single one means, by the databases that the dump has; an error where that is none, or not one.
fn chosen(spec: &RestoreSpec, dump: &SqlDump, databases: &[String]) -> Result<(), Fault> {
    let file = shell_words::quote(&spec.archive.to_string_lossy()).into_owned();
    let names = || databases.iter().map(|name| text::clean(name)).collect::<Vec<_>>().join(", ");
    match &spec.scope {
        RestoreScope::Cluster { .. } if databases.is_empty() => {
            Err(Fault::new(Code::Usage, "the dump is of one database, and does not say which")
                .step_run("Name the one that it goes into:", format!("dbbackup restore single {file} --target NAME --create")))
        }
        RestoreScope::Cluster { .. } => Ok(()),
        RestoreScope::Single { database: None, .. } if databases.len() > 1 => {
            Err(Fault::new(Code::Usage, format!("the dump holds {} databases: which one is to be restored?", databases.len()))
                .because(format!("it holds {}", names()))
                .step_run(
                    "Choose one:",
                    format!("dbbackup restore single {file} --database {} --target NAME --create", text::clean(&databases[0])),
                )
                .step_run("Or restore all of them under their own names:", format!("dbbackup restore cluster {file} --confirm HOST:PORT")))
        }
        RestoreScope::Single { database: Some(wanted), .. } => {
            let there = databases.contains(wanted) || (databases.is_empty() && dump.facts.database.as_ref() == Some(wanted));
            if there {
                return Ok(());
            }
            let held = if databases.is_empty() {
                dump.facts.database.as_deref().map_or_else(|| "one that it does not name".to_owned(), text::clean)
            } else {
                names()
            };
            Err(Fault::new(Code::NotInArchive, format!("the database {} is not in the dump", text::clean(wanted)))
                .step(format!("It holds {held}.")))
        }
        RestoreScope::Single { .. } => Ok(()),
    }
}
