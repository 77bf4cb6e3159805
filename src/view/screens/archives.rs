//! Archives in a table: those to look after, and those to restore from.

use super::{Here, filter_row, listed, nothing};
use crate::app::jobs::file_name;
use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::screens::archives::{self, ArchiveList, Checked, Column as By, Order};
use crate::app::when;
use crate::domain::Stamp;
use crate::domain::listing::{ArchiveHead, ArchiveSummary};
use crate::view::fault;
use crate::view::look::Role;
use crate::view::page::{Row, Size, window};
use crate::view::table::{Layout, grows, longest, names, numbers, texts};
use crate::view::text;

/// Marks or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marks {
    Shown,
    None,
}

/// The archives screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    list(model, &model.list, "Archives in", Marks::Shown, size)
}

/// The list from which a restore begins.
pub fn restore(model: &Model, size: Size) -> Vec<Row> {
    list(model, &model.restore, "Restore from an archive in", Marks::None, size)
}

fn list(model: &Model, list: &ArchiveList, title: &str, marks: Marks, size: Size) -> Vec<Row> {
    let archives = archives::rows(model, list);
    let total: crate::domain::Bytes = archives.iter().map(|archive| archive.bytes).sum();
    let dir = model.setup.dir.to_string_lossy();
    let head = format!("{title} {}", text::cut_middle(&dir, size.cols.saturating_sub(title.len() + 30)));
    let mut rows = vec![
        Row::of(head, Role::Title).ending(
            format!("{}, {total}", text::plural(archives.len() as u64, "archive", "archives")),
            Role::Muted,
            size.cols,
        ),
        Row::new(),
    ];
    if size.rows < 12 {
        rows.truncate(1);
    }
    if let Load::Stale(_, fault) = &model.archives {
        rows.push(Row::of(format!("▲ this is an older list: {}", fault.what), Role::Warn));
    }
    let mark = if marks == Marks::Shown { 3 } else { 0 };
    let files: Vec<String> = archives.iter().map(|archive| file_name(&archive.path)).collect();
    let said: Vec<String> = archives.iter().filter_map(|archive| archive.head.as_ref().ok()).map(databases).collect();
    let layout = Layout::new(
        &[
            texts("", mark, 0),
            texts(sorted(list, By::Made, "MADE"), 15, 1),
            numbers("AGE", 8, 6),
            names(sorted(list, By::Name, "ARCHIVE"), 24, longest(files.iter().map(String::as_str), 24, 96)),
            grows(sorted(list, By::Databases, "DATABASES"), 16, longest(said.iter().map(String::as_str), 16, 40)).ranked(7),
            numbers(sorted(list, By::Size, "SIZE"), 9, 3),
            grows("SERVER", 12, 40).ranked(8),
            texts("CODEC", 8, 9),
            texts(sorted(list, By::Result, "RESULT"), 16, 2),
        ],
        size.cols.saturating_sub(2),
    );
    rows.push(Row::new().gap(2).join(layout.head()));
    match &model.archives {
        Load::Idle | Load::Loading(_) => rows.push(nothing("reading the folder …")),
        Load::Failed(fault) => rows.extend(fault::short(fault, size.cols)),
        Load::Ready(..) | Load::Stale(..) if archives.is_empty() => {
            rows.push(nothing(if list.filter.text().is_some() {
                "no archive passes the filter"
            } else {
                "no archive yet: 2 makes a backup"
            }));
        }
        Load::Ready(..) | Load::Stale(..) => {
            let keys = archives::keys(model, list);
            let cursor = list.picker.row(&keys);
            let lines: Vec<Row> = archives
                .iter()
                .enumerate()
                .map(|(at, archive)| listed(layout.row(&cells(model, list, archive)), Here::at(at, cursor), size.cols))
                .collect();
            let room = size
                .rows
                .saturating_sub(rows.len() + usize::from(list.filter.text().is_some()) + usize::from(!list.picker.marked.is_empty()));
            rows.extend(window(lines, cursor, room));
        }
    }
    rows.extend(filter_row(&list.filter, archives.len(), size.cols));
    if !list.picker.marked.is_empty() {
        rows.push(Row::of(format!("{} marked", list.picker.marked.len()), Role::Accent));
    }
    rows
}

/// Which databases are in it.
fn databases(head: &ArchiveHead) -> String {
    match head.databases.as_slice() {
        _ if head.kind == archives::BASE => "base backup, whole server".to_owned(),
        [one] => one.clone(),
        many => format!("{}: {}", head.kind, text::plural(many.len() as u64, "database", "databases")),
    }
}

/// The headline of a column, with the order's arrow when it orders the list.
fn sorted(list: &ArchiveList, column: By, title: &'static str) -> &'static str {
    if list.column != column {
        return title;
    }
    match (title, list.order) {
        ("MADE", Order::Falling) => "MADE ↓",
        ("MADE", Order::Rising) => "MADE ↑",
        ("ARCHIVE", Order::Falling) => "ARCHIVE ↓",
        ("ARCHIVE", Order::Rising) => "ARCHIVE ↑",
        ("DATABASES", Order::Falling) => "DATABASES ↓",
        ("DATABASES", Order::Rising) => "DATABASES ↑",
        ("SIZE", Order::Falling) => "SIZE ↓",
        ("SIZE", Order::Rising) => "SIZE ↑",
        ("RESULT", Order::Falling) => "RESULT ↓",
        ("RESULT", Order::Rising) => "RESULT ↑",
        (title, _) => title,
    }
}

fn cells(model: &Model, list: &ArchiveList, archive: &ArchiveSummary) -> Vec<(String, Role)> {
    let mark = if list.picker.marked.contains(&archive.path) { "[x]" } else { "[ ]" };
    let (result, role) = result(model, archive);
    let name = file_name(&archive.path);
    match &archive.head {
        Ok(head) => vec![
            (mark.to_owned(), Role::Accent),
            (when::day(Stamp(head.created_ms), &model.clock), Role::Text),
            (when::age(Stamp(head.created_ms), &model.clock), Role::Muted),
            (name, Role::Text),
            (databases(head), Role::Text),
            (archive.bytes.to_string(), Role::Text),
            (head.host.clone(), Role::Muted),
            (head.compression.to_string(), Role::Muted),
            (result, role),
        ],
        Err(_) => vec![
            (mark.to_owned(), Role::Accent),
            ("—".to_owned(), Role::Muted),
            ("—".to_owned(), Role::Muted),
            (name, Role::Text),
            ("—".to_owned(), Role::Muted),
            (archive.bytes.to_string(), Role::Text),
            (String::new(), Role::Muted),
            (String::new(), Role::Muted),
            (result, role),
        ],
    }
}

fn result(model: &Model, archive: &ArchiveSummary) -> (String, Role) {
    match (&archive.head, model.checked.get(&archive.path)) {
        (_, Some(Checked::Running)) => ("▸ verifying".to_owned(), Role::Accent),
        (_, Some(Checked::Good(depth))) if depth == "restore-test" => ("✓ restore-tested".to_owned(), Role::Ok),
        (_, Some(Checked::Good(depth))) => (format!("✓ verified {depth}"), Role::Ok),
        (_, Some(Checked::Bad(why))) => (format!("✗ {why}"), Role::Bad),
        (Err(_), None) => ("✗ unreadable".to_owned(), Role::Bad),
        (Ok(head), None) if !head.complete => ("▲ partial".to_owned(), Role::Warn),
        (Ok(_), None) => ("· complete".to_owned(), Role::Muted),
    }
}
