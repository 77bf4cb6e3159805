//! What becomes of a database that failed (`--on-failure`), and what of it is there. Only what the run itself made is dropped or renamed.

use super::database::{Done, Order};
use super::record::Made;
use super::run::Troubles;
use super::select::Chosen;
use crate::archive::manifest;
use crate::domain::cause::Fate;
use crate::domain::schema::{Table, TableName};
use crate::domain::spec::OnFailure;
use crate::domain::text;
use crate::engine::destroy::drop_database;
use crate::engine::event::Level;
use crate::server::Server;
use jiff::Zoned;
use std::collections::HashSet;

/// The longest name of a database, in bytes (NAMEDATALEN 64 with its end).
const LONGEST: usize = 63;

/// How often a name that is taken is tried with another number.
const TRIES: u32 = 50;

/// Does what was asked for. That it cannot be done is a warning: the failure itself matters more.
pub async fn settle(order: &Order<'_>, server: &dyn Server, whose: Made, mut done: Done) -> Done {
    let wanted = order.spec.care.on_failure;
    if whose == Made::Before || wanted == OnFailure::Keep {
        return done;
    }
    let name = text::clean(order.target);
    let outcome = match wanted {
        OnFailure::Keep => return done,
        OnFailure::Drop => drop_database(order.context.events.as_ref(), server, order.target).await.map(|()| Fate::Dropped),
        OnFailure::Rename => rename(order, server).await.map(Fate::Renamed),
    };
    match outcome {
        Ok(fate) => {
            let left = match &fate {
                Fate::Renamed(new) => format!("database {}, partly restored; it was to be {name}", text::clean(new)),
                Fate::Dropped | Fate::Kept => format!("nothing: the database {name} was dropped, as asked for"),
            };
            // Under its name there is nothing any more that could be gone on with.
            order.record.forget(order.target);
            order.context.events.log(Level::Warn, format!("{name} failed; left: {left}"));
            if let Some(fault) = done.fault.as_mut() {
                fault.context.retain(|(known, _)| known != "Left");
                fault.context.push(("Left".into(), left));
            }
            done.fate = fate;
        }
        Err(fault) => {
            let warning =
                format!("the failed database could not be {}: {fault}", if wanted == OnFailure::Drop { "dropped" } else { "renamed" });
            order.context.events.log(Level::Warn, format!("{name}: {warning}"));
            done.warnings.push(warning);
        }
    }
    done
}

async fn rename(order: &Order<'_>, server: &dyn Server) -> Result<String, crate::domain::Fault> {
    let time = Zoned::now().strftime("%Y%m%d_%H%M%S").to_string();
    let mut nth = 1;
    let mut new = failed_name(order.target, &time, nth);
    while nth <= TRIES && server.has_database(&new).await? {
        nth += 1;
        new = failed_name(order.target, &time, nth);
    }
    server.rename_database(order.target, &new).await?;
    Ok(new)
}

/// `<name>_failed_<time>`, the name cut so that the server takes the whole; from the second try on with a number.
fn failed_name(name: &str, time: &str, nth: u32) -> String {
    let tail = match nth {
        1 => format!("_failed_{time}"),
        nth => format!("_failed_{time}_{nth}"),
    };
    let mut end = name.len().min(LONGEST.saturating_sub(tail.len()));
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{tail}", &name[..end])
}

/// How many objects a restore of what was chosen makes: definitions, rows of tables, contents of views, the values of sequences.
pub fn objects(chosen: &Chosen, database: &manifest::Database) -> u64 {
    let loaded = chosen.tables.iter().filter(|(at, _)| database.tables.get(*at).is_some_and(|entry| !entry.chunks.is_empty())).count();
    (chosen.objects.len() + loaded + chosen.views.len() + usize::from(!chosen.sequences.is_empty())) as u64
}

/// The tables whose rows are there, and the names of the others. Where rows lie in partitions of a root, that root's are there together or not
/// at all: they are compared as one set.
pub fn loaded(chosen: &Chosen, troubles: &Troubles) -> (Vec<(usize, TableName)>, Vec<String>) {
    let lost = lost_rows(troubles);
    let roots: HashSet<&TableName> =
        chosen.tables.iter().filter(|(_, table)| lost(table)).filter_map(|(_, table)| table.root.as_ref()).collect();
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for (at, table) in &chosen.tables {
        if lost(table) || table.root.as_ref().is_some_and(|root| roots.contains(root)) {
            missing.push(text::clean(&table.name.to_string()));
        } else {
            there.push((*at, table.name.clone()));
        }
    }
    (there, missing)
}

/// Tells the tables whose rows are not there.
pub fn lost_rows(troubles: &Troubles) -> impl Fn(&Table) -> bool + use<> {
    let failed = troubles.failures.iter().map(|one| (one.kind.as_str(), one.object, one.label.as_str()));
    let skipped = troubles.skipped.iter().map(|one| (one.kind.as_str(), one.object, one.label.as_str()));
    let lost: HashSet<(Option<u32>, String)> =
        failed.chain(skipped).filter(|(kind, ..)| *kind == "TABLE DATA").map(|(_, object, label)| (object, label.to_owned())).collect();
    move |table| !lost.is_empty() && lost.contains(&(table.object, text::clean(&format!("TABLE DATA {}", table.name.name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_name_is_never_cut_by_the_server() {
        assert_eq!(failed_name("shop", "20260130_181503", 1), "shop_failed_20260130_181503");
        assert_eq!(failed_name("shop", "20260130_181503", 2), "shop_failed_20260130_181503_2");
        for name in ["a".repeat(63), "ü".repeat(31), "表".repeat(21)] {
            for nth in [1, 2, 51] {
                let new = failed_name(&name, "20260130_181503", nth);
                assert!(new.len() <= LONGEST && new.contains("_failed_20260130_181503"), "{new}");
                assert!(name.starts_with(new.split("_failed").next().expect("a head")));
            }
        }
    }
}
