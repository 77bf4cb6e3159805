//! Backup: databases at the left, options at the right (below one another where it is narrow).

use super::{Here, filter_row, form, listed, nothing};
use crate::app::form::FieldId;
use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::screens::backup::{self, Part};
use crate::domain::Bytes;
use crate::domain::server::DatabaseInfo;
use crate::view::fault;
use crate::view::layout::Density;
use crate::view::look::Role;
use crate::view::page::{Row, Size, window};
use crate::view::table::{Layout, grows, numbers, texts};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size, density: Density) -> Vec<Row> {
    let options = model.backup.part == Part::Options;
    if density < Density::Compact {
        return if options { self::options(model, size.cols, size.rows) } else { databases(model, size.cols, size.rows) };
    }
    // The options need about forty columns; names of databases can use whatever there is.
    let left = if size.cols < 70 { size.cols.saturating_sub(28) } else { size.cols.saturating_sub(42).clamp(38, 110) };
    let right = size.cols.saturating_sub(left + 3);
    let foot = summary(model, size.cols);
    let height = size.rows.saturating_sub(foot.len());
    let databases = databases(model, left, height);
    let options = self::options(model, right, height);
    let mut rows = Vec::new();
    for at in 0..height.min(databases.len().max(options.len())) {
        let first = databases.get(at).cloned().unwrap_or_default().cut(left).fill(left, Role::Text);
        rows.push(first.gap(3).join(options.get(at).cloned().unwrap_or_default()));
    }
    rows.resize_with(height, Row::new);
    rows.extend(foot);
    rows
}

fn databases(model: &Model, cols: usize, height: usize) -> Vec<Row> {
    let here = model.backup.part == Part::Databases;
    let mut rows = Vec::new();
    let databases = backup::databases(model);
    let names = backup::names(model);
    let layout = Layout::new(
        &[
            texts("", 3, 0),
            grows("DATABASE", 10, 60),
            numbers("SIZE", 9, 0),
            // Databases of MySQL belong to nobody.
            texts("OWNER", if databases.is_empty() || databases.iter().any(|database| !database.owner.is_empty()) { 12 } else { 0 }, 2),
            numbers("SESSIONS", if databases.iter().any(|database| database.sessions > 0) { 8 } else { 0 }, 3),
        ],
        cols.saturating_sub(2),
    );
    rows.push(Row::new().gap(2).join(layout.head()));
    let server = model.server();
    match server.map(|server| &server.facts) {
        None => rows.push(nothing("no server is configured")),
        Some(Load::Idle | Load::Loading(_)) => rows.push(nothing("connecting …")),
        Some(Load::Failed(fault)) => rows.extend(fault::short(fault, cols)),
        Some(_) if databases.is_empty() => rows.push(nothing("no database passes")),
        Some(_) => {
            let cursor = model.backup.picker.row(&names);
            let list: Vec<Row> = databases
                .iter()
                .enumerate()
                .map(|(at, database)| line(model, database, &layout, Here::at(at, cursor), here, cols))
                .collect();
            let room = height.saturating_sub(rows.len() + usize::from(model.backup.filter.text().is_some()));
            rows.extend(window(list, cursor, room));
        }
    }
    rows.extend(filter_row(&model.backup.filter, databases.len(), cols));
    rows
}

fn line(model: &Model, database: &DatabaseInfo, layout: &Layout, cursor: Here, active: bool, cols: usize) -> Row {
    let mark = if model.backup.picker.marked.contains(&database.name) { "[x]" } else { "[ ]" };
    let size = database.bytes.map_or("—".to_owned(), |bytes| Bytes(bytes).to_string());
    let row = layout.row(&[
        (mark.to_owned(), Role::Accent),
        (database.name.clone(), Role::Text),
        (size, Role::Text),
        (database.owner.clone(), Role::Muted),
        (if database.sessions == 0 { String::new() } else { database.sessions.to_string() }, Role::Muted),
    ]);
    if active || cursor == Here::No { listed(row, cursor, cols) } else { Row::of("▸ ", Role::Muted).join(row) }
}

fn options(model: &Model, cols: usize, height: usize) -> Vec<Row> {
    let screen = &model.backup;
    let active = if screen.part == Part::Options { Here::Yes } else { Here::No };
    let mut rows = vec![Row::of("  OPTIONS", Role::Muted)];
    rows.extend(form::rows(&screen.form, active, &|id| screen.problem(id), cols, height.saturating_sub(1)));
    if rows.len() + 4 <= height {
        let on_base = active == Here::Yes && screen.form.current().is_some_and(|field| field.id == FieldId::BaseKind);
        let verify = match screen.form.choice(FieldId::Verify) {
            _ if on_base => match screen.form.choice(FieldId::BaseKind) {
                0 => "B makes a base backup of the whole server, for recovery to a moment",
                1 => "B saves what has changed since the last full base backup",
                _ => "B saves what has changed since the last base backup of any kind",
            },
            0 => "auto: full after single backups, quick after a cluster",
            1 => "quick: structure, contents, sizes",
            2 => "full: every byte is read back and checked",
            _ => "off: the archive is not checked",
        };
        rows.push(Row::new());
        rows.extend(text::wrap(verify, cols.saturating_sub(2)).into_iter().map(|line| Row::new().gap(2).then(line, Role::Muted)));
    }
    rows
}

fn summary(model: &Model, cols: usize) -> Vec<Row> {
    let chosen = backup::chosen(model);
    let what = match chosen.as_slice() {
        [] => return vec![Row::new()],
        [one] => text::cut(one, 30),
        many => format!("{} databases, one archive each", many.len()),
    };
    let bytes = backup::chosen_bytes(model);
    // Row bytes are not known before the plan; the size on the server's disk (with indexes) is an upper bound that is known.
    let size = match cols {
        100.. => format!("{bytes} on the server's disk with indexes; the archive is smaller"),
        _ => format!("{bytes} on disk"),
    };
    vec![Row::new(), Row::of("Enter plans: ", Role::Muted).then(what, Role::Title).then(format!("   {size}"), Role::Muted).cut(cols)]
}
