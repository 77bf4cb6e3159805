//! Restores dumps that this program did not make, through the programs that belong to them, with the same plan, progress and faults.
//!
//! Our own archives never come here. What is not proven is said: a dump carries no fingerprints.

mod plan;
mod run;
mod source;
mod space;
mod sql;
mod target;

pub use space::base;

use super::source::blocking;
use crate::domain::job::Summary;
use crate::domain::plan::Plan;
use crate::domain::server::ServerInfo;
use crate::domain::spec::{RestoreScope, RestoreSpec, Selection, What};
use crate::domain::{Code, Fault};
use crate::engine::Context;
use crate::server::dump::{self, Connect, Dump, Parts, Rules};
use crate::server::sql_dump::{self, SqlDump};
use std::fmt;
use std::path::Path;

/// What is said of every restore of a dump.
const NOT_PROVEN: &str = "not proven: the dump carries no fingerprints to compare with";

/// A dump that another program made.
pub enum Found {
    /// One that goes through the programs of its product.
    Tools(Dump),
    /// One of SQL, which sessions of ours run.
    Sql(SqlDump),
}

/// Whether a file is a dump of another program's. None: it is for our own reader to judge.
pub async fn recognise(path: &Path) -> Result<Option<Found>, Fault> {
    let path = path.to_owned();
    blocking(move || {
        if !path.exists() {
            return Ok(None);
        }
        if let Some(dump) = dump::recognise(&path)? {
            return Ok(Some(Found::Tools(dump)));
        }
        Ok(sql_dump::recognise(&path)?.map(Found::Sql))
    })
    .await
}

/// Finds out what the restore would do.
pub async fn plan(spec: &RestoreSpec, context: &Context, found: Found) -> Result<Plan, Fault> {
    match found {
        Found::Tools(dump) => plan::plan(spec, context, dump).await,
        Found::Sql(dump) => sql::plan::plan(spec, context, dump).await,
    }
}

/// Carries it out.
pub async fn run(spec: &RestoreSpec, context: &Context, found: Found) -> Result<Summary, Fault> {
    match found {
        Found::Tools(dump) => run::run(spec, context, dump).await,
        Found::Sql(dump) => sql::run::run(spec, context, dump).await,
    }
}

/// The fault of a dump that is of another family of servers.
fn of_another_product(dump: &dyn fmt::Display, products: &str, word: &str, info: &ServerInfo) -> Fault {
    Fault::new(Code::VersionUnsupported, format!("a dump of {products} cannot be restored to {}", info.product))
        .because(format!("it is a {dump} dump: its statements are for that product"))
        .at("Server", info.title())
        .step(format!("Restore it to a server of {products}: choose another one, or name it with --engine {word}."))
}

/// What of a restore cannot be had from a dump.
fn possible(spec: &RestoreSpec, dump: &Dump) -> Result<(), Fault> {
    let refuse = |what: &str, cure: &str| Err(Fault::new(Code::Usage, format!("{what} cannot be had from a {dump} dump")).step(cure));
    if spec.care.resume.is_some() {
        return refuse(
            "The rest of an interrupted restore",
            "Start it anew: --clean --confirm NAME. No record is kept of what a dump's programs have done.",
        );
    }
    let is_cluster = dump.form == dump::Form::ClusterScript;
    match &spec.scope {
        RestoreScope::Cluster { include, exclude, .. } => {
            if !dump.form.is_script() {
                return refuse("A whole cluster", "It holds one database: dbbackup restore single FILE --target DB --create");
            }
            if spec.clean || !include.is_empty() || !exclude.is_empty() {
                return refuse(
                    "A choice of databases",
                    "The script decides what it makes and drops: leave out --clean, --include and --exclude.",
                );
            }
        }
        RestoreScope::Single { database, selection, .. } => {
            if is_cluster {
                return refuse("A single database", "It is of a whole server: dbbackup restore cluster FILE --confirm HOST:PORT");
            }
            if let (Some(wanted), Some(there)) = (database, &dump.facts.database)
                && wanted != there
            {
                let fault =
                    Fault::new(Code::NotInArchive, format!("the database {} is not in the dump", crate::domain::text::clean(wanted)));
                return Err(fault.step(format!("It holds {}.", crate::domain::text::clean(there))));
            }
            let Selection { what, include, exclude, rename } = selection;
            if !include.is_empty() || !exclude.is_empty() || rename.is_some() {
                return refuse("A choice of tables", "Restore all of it under another name and copy the tables from there.");
            }
            if dump.form.is_script() && *what != What::All {
                return refuse("Definitions or rows alone", "Restore all of it, or make a dump in the custom format.");
            }
        }
    }
    if !spec.map_roles.is_empty() {
        return refuse("Roles under other names", "Leave owners and rights out: --no-owner --no-acl");
    }
    if spec.no_tablespaces && dump.form.is_script() {
        return refuse("Rows without their tablespaces", "Make the tablespaces first, or make a dump in the custom format.");
    }
    Ok(())
}

/// What a script may do.
fn rules(spec: &RestoreSpec, dump: &Dump) -> Rules {
    let cluster = matches!(spec.scope, RestoreScope::Cluster { .. }) && dump.form.is_script();
    let connect = if cluster { Connect::Allowed } else { Connect::Refused };
    Rules { connect, no_owner: spec.no_owner, no_acl: spec.no_acl, ..Rules::default() }
}

const fn parts(what: What) -> Parts {
    match what {
        What::All => Parts::All,
        What::SchemaOnly => Parts::Schema,
        What::DataOnly => Parts::Data,
    }
}
