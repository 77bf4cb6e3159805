//! The list of archives: order, filter, marks. Two screens show one, each with its own cursor.

use crate::app::action::Toward;
use crate::app::list::{Filter, Picker};
use crate::app::model::Model;
use crate::domain::listing::ArchiveSummary;
use std::cmp::Ordering;
use std::path::{Path, PathBuf};

/// What the head of a base backup calls its kind.
pub const BASE: &str = "base";

/// A column to sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// When it was made.
    #[default]
    Made,
    /// The file's name.
    Name,
    /// The file's size.
    Size,
    /// How many databases.
    Databases,
    /// How its last check came out.
    Result,
}

impl Column {
    const ALL: [Column; 5] = [Column::Made, Column::Name, Column::Size, Column::Databases, Column::Result];

    /// The column beside it.
    pub fn beside(self, toward: Toward) -> Self {
        let at = Self::ALL.iter().position(|column| *column == self).unwrap_or(0);
        let step = match toward {
            Toward::Next => 1,
            Toward::Previous => Self::ALL.len() - 1,
        };
        Self::ALL[(at + step) % Self::ALL.len()]
    }
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The largest, newest.
    #[default]
    Falling,
    /// The smallest, oldest.
    Rising,
}

/// What a list of archives remembers.
#[derive(Clone, Debug, Default)]
pub struct ArchiveList {
    /// Cursor and marks.
    pub picker: Picker<PathBuf>,
    /// Narrows the list.
    pub filter: Filter,
    /// The column that orders it.
    pub column: Column,
    /// Which end comes first.
    pub order: Order,
}

/// How a check of an archive came out in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Being checked.
    Running,
    /// Good, as deep as this: "full".
    Good(String),
    /// Not good: why.
    Bad(String),
}

/// The archives as a list shows them.
pub fn rows<'a>(model: &'a Model, list: &ArchiveList) -> Vec<&'a ArchiveSummary> {
    let Some(archives) = model.archives.value() else { return Vec::new() };
    let mut rows: Vec<&ArchiveSummary> = archives.iter().filter(|archive| list.filter.lets(&haystack(archive))).collect();
    rows.sort_by(|a, b| {
        let order = match list.column {
            Column::Made => made(b).cmp(&made(a)),
            Column::Name => a.path.file_name().cmp(&b.path.file_name()),
            Column::Size => b.bytes.cmp(&a.bytes),
            Column::Databases => count(b).cmp(&count(a)),
            Column::Result => weight(model, b).cmp(&weight(model, a)),
        };
        let order = match list.order {
            Order::Falling => order,
            Order::Rising => order.reverse(),
        };
        // Equal ones keep an order of their own, so that nothing jumps.
        if order == Ordering::Equal { a.path.cmp(&b.path) } else { order }
    });
    rows
}

/// Their paths, which are their keys.
pub fn keys(model: &Model, list: &ArchiveList) -> Vec<PathBuf> {
    rows(model, list).iter().map(|archive| archive.path.clone()).collect()
}

/// Whether an archive is a base backup: its way back is a recovery.
pub fn is_base(model: &Model, path: &Path) -> bool {
    let mut archives = model.archives.value().into_iter().flatten();
    archives.any(|archive| archive.path == path && archive.head.as_ref().is_ok_and(|head| head.kind == BASE))
}

fn haystack(archive: &ArchiveSummary) -> String {
    let mut text = crate::app::jobs::file_name(&archive.path);
    if let Ok(head) = &archive.head {
        text.push(' ');
        text.push_str(&head.databases.join(" "));
        text.push(' ');
        text.push_str(&head.host);
    }
    text
}

fn made(archive: &ArchiveSummary) -> i64 {
    archive.head.as_ref().map_or(0, |head| head.created_ms)
}

fn count(archive: &ArchiveSummary) -> usize {
    archive.head.as_ref().map_or(0, |head| head.databases.len())
}

fn weight(model: &Model, archive: &ArchiveSummary) -> u8 {
    match (&archive.head, model.checked.get(&archive.path)) {
        (Err(_), _) | (_, Some(Checked::Bad(_))) => 3,
        (Ok(head), _) if !head.complete => 2,
        (_, Some(_)) => 1,
        (_, None) => 0,
    }
}
