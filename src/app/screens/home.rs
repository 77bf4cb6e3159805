//! How the servers stand, and the one thing to do next.

use crate::app::action::ScreenId;
use crate::app::model::{Model, ServerView};
use crate::app::screens::archives::BASE;
use crate::app::when;
use crate::domain::Stamp;
use crate::domain::listing::{ArchiveHead, ArchiveSummary};

/// A good backup is wanted at least this often, in hours.
pub const TARGET_HOURS: u64 = 24;

/// The last good backup of a database.
#[derive(Clone, Debug, PartialEq)]
pub struct LastBackup<'a> {
    /// The database.
    pub database: String,
    /// The archive with its head; none when there is no good one.
    pub archive: Option<(&'a ArchiveSummary, &'a ArchiveHead)>,
}

impl LastBackup<'_> {
    /// Whether it is missing or older than it should be.
    pub fn is_late(&self, now: Stamp) -> bool {
        self.archive.is_none_or(|(_, head)| now.since(Stamp(head.created_ms)) > TARGET_HOURS * 3_600_000)
    }
}

/// Whether an archive is of a server.
pub fn is_of(head: &ArchiveHead, server: &ServerView) -> bool {
    let connection = &server.connection;
    head.host == connection.address() || head.host == connection.confirm_name() || head.host == connection.host
}

/// The last good backup of each database of a server: of those it has, or of those in archives while it cannot be asked.
pub fn last_backups<'a>(model: &'a Model, server: &ServerView) -> Vec<LastBackup<'a>> {
    let mut good: Vec<(&ArchiveSummary, &ArchiveHead)> = model
        .archives
        .value()
        .map(|archives| archives.iter().filter_map(|archive| archive.head.as_ref().ok().map(|head| (archive, head))).collect())
        .unwrap_or_default();
    good.retain(|(_, head)| head.complete && is_of(head, server));
    good.sort_by_key(|(_, head)| std::cmp::Reverse(head.created_ms));
    let mut names: Vec<String> = match server.facts.value() {
        Some((_, databases)) => databases
            .iter()
            .filter(|database| database.allow_connections && !database.is_template && database.name != "postgres")
            .map(|database| database.name.clone())
            .collect(),
        None => {
            let mut names: Vec<String> = good.iter().flat_map(|(_, head)| head.databases.iter().cloned()).collect();
            names.retain(|name| name != "postgres");
            names
        }
    };
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|database| {
            let archive = good.iter().find(|(_, head)| head.databases.contains(&database) || head.kind == BASE).copied();
            LastBackup { database, archive }
        })
        .collect()
}

/// The one thing to do next, when something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What is wrong.
    pub text: String,
    /// What Enter does about it.
    pub offer: &'static str,
    /// Where Enter leads.
    pub screen: ScreenId,
    /// Which server it is about.
    pub server: usize,
    /// Which databases.
    pub databases: Vec<String>,
}

/// What to do next; none when all is well or not yet known.
pub fn advice(model: &Model) -> Option<Advice> {
    let archives_known = model.archives.value().is_some();
    for (at, server) in model.servers.iter().enumerate() {
        if server.facts.value().is_none() || !archives_known {
            continue;
        }
        let late: Vec<LastBackup<'_>> = last_backups(model, server).into_iter().filter(|backup| backup.is_late(model.clock.now)).collect();
        let names: Vec<String> = late.iter().map(|backup| backup.database.clone()).collect();
        let text = match late.as_slice() {
            [] => continue,
            [one] => match &one.archive {
                Some((_, head)) => {
                    let age = when::age(Stamp(head.created_ms), &model.clock);
                    format!("{} has no good backup since {age} (target {TARGET_HOURS} h)", short(&one.database))
                }
                None => format!("{} has no backup yet", short(&one.database)),
            },
            many => {
                let never = many.iter().filter(|backup| backup.archive.is_none()).count();
                match never {
                    0 => format!("{} databases have no good backup within {TARGET_HOURS} h", many.len()),
                    never if never == many.len() => format!("{never} databases have no backup yet"),
                    never => format!("{} databases have no good backup within {TARGET_HOURS} h, {never} none at all", many.len()),
                }
            }
        };
        let offer = if names.len() == 1 { "back it up now" } else { "back them up now" };
        return Some(Advice { text, offer, screen: ScreenId::Backup, server: at, databases: names });
    }
    None
}

/// A name that leaves room for what is said about it.
fn short(name: &str) -> String {
    const MOST: usize = 24;
    if name.chars().count() <= MOST { name.to_owned() } else { name.chars().take(MOST - 1).chain(['…']).collect() }
}
