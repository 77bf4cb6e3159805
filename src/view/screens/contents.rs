//! What is in an archive, as a tree.

use super::{Here, filter_row, listed, nothing};
use crate::app::jobs::file_name;
use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::screens::contents::{Choice, Node};
use crate::app::when;
use crate::domain::Stamp;
use crate::view::fault;
use crate::view::look::Role;
use crate::view::page::{Row, Size, window};
use crate::view::table::{Layout, grows, numbers};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    let screen = &model.contents;
    let mut rows = vec![Row::of(text::cut_middle(&file_name(&screen.path), size.cols), Role::Title)];
    let contents = match &screen.contents {
        Load::Idle | Load::Loading(_) => {
            rows.push(nothing("reading the archive …"));
            return rows;
        }
        Load::Failed(fault) => {
            rows.push(Row::new());
            rows.extend(fault::rows("Archive", fault, size.cols));
            return rows;
        }
        Load::Ready(contents, _) | Load::Stale(contents, _) => contents,
    };
    if let Ok(head) = &contents.summary.head {
        let made = when::day(Stamp(head.created_ms), &model.clock);
        // Dumps of other programs do not say where their server was.
        let place = if head.host.is_empty() { head.server.clone() } else { format!("{} · {}", head.server, head.host) };
        let facts = format!("{place} · {made} · {} · {} rows", contents.summary.bytes, text::count(head.rows));
        rows.push(Row::of(text::cut(&facts, size.cols), Role::Muted));
    }
    if size.rows > 12 {
        rows.push(Row::new());
    }
    let layout = Layout::new(
        &[grows("WHAT IS IN IT", 18, 90), numbers("TABLES", 7, 3), numbers("ROWS", 9, 2), numbers("DATA", 9, 0)],
        size.cols.saturating_sub(2),
    );
    rows.push(Row::new().gap(2).join(layout.head()));
    let nodes = screen.rows();
    let cursor = screen.picker.row(&nodes);
    let lines =
        nodes.iter().enumerate().map(|(at, node)| listed(layout.row(&cells(model, node)), Here::at(at, cursor), size.cols)).collect();
    let foot = 1 + usize::from(screen.filter.text().is_some());
    rows.extend(window(lines, cursor, size.rows.saturating_sub(rows.len() + foot)));
    rows.resize_with(size.rows.saturating_sub(foot).max(rows.len()), Row::new);
    rows.extend(filter_row(&screen.filter, nodes.len(), size.cols));
    rows.push(match screen.choice() {
        Ok(choice) => Row::of("Enter restores ", Role::Muted).then(words(&choice), Role::Title),
        Err(reason) => Row::of(format!("▲ {reason}"), Role::Warn),
    });
    rows
}

fn cells(model: &Model, node: &Node) -> Vec<(String, Role)> {
    let screen = &model.contents;
    let (rows, bytes, tables) = screen.figures(node);
    let mark = if screen.is_marked(node) { "[x]" } else { "[ ]" };
    let fold = if screen.open.contains(node) || screen.filter.text().is_some_and(|text| !text.is_empty()) { "▾" } else { "▸" };
    let failed = screen.databases().iter().find(|database| database.name == node.database()).and_then(|database| database.failed.as_ref());
    let (name, role) = match node {
        Node::Database(database) => (format!("{mark} {fold} {database}"), Role::Text),
        Node::Schema(_, schema) => (format!("{mark}   {fold} {schema}"), Role::Text),
        Node::Table(_, table) if table.schema.is_empty() => (format!("{mark}     {}", table.name), Role::Text),
        Node::Table(_, table) => (format!("{mark}       {}", table.name), Role::Text),
    };
    if let (Node::Database(database), Some(why)) = (node, failed) {
        return vec![(format!("✗   {database}: not in this archive: {why}"), Role::Bad)];
    }
    let tables = if matches!(node, Node::Table(..)) { String::new() } else { text::count(tables as u64) };
    vec![(name, role), (tables, Role::Muted), (text::count(rows), Role::Text), (bytes.to_string(), Role::Text)]
}

/// What is chosen, in words.
pub fn words(choice: &Choice) -> String {
    match choice {
        Choice::Cluster(names) if names.is_empty() => "the whole cluster: globals and every database".to_owned(),
        Choice::Cluster(names) => format!("{} databases of the cluster", names.len()),
        Choice::Database { name, include, .. } if include.is_empty() => format!("database {name}, whole"),
        Choice::Database { name, table: Some(table), .. } => format!("table {table} of {name}"),
        Choice::Database { name, include, .. } => format!("{} of {name}", text::plural(include.len() as u64, "part", "parts")),
    }
}
