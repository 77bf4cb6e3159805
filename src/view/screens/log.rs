//! The log: lines with what is searched for marked, cut or wrapped, and a word about those that are gone.

use super::nothing;
use crate::app::jobs::LogLine;
use crate::app::model::Model;
use crate::app::screens::log::{Follow, LogScreen, Long, Only, found, in_sight, lines};
use crate::app::when;
use crate::engine::event::Level;
use crate::view::look::Role;
use crate::view::page::{Row, Size};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    let screen = &model.log_screen;
    let all = lines(model);
    let mut upto = in_sight(model).len();
    let searching = screen.filter.text().is_some();
    let room = size.rows.saturating_sub(1 + usize::from(searching));
    // From the newest in sight up, until the screen is full: a line may take several rows.
    let mut body = Vec::new();
    for (_, line) in all[..upto].iter().rev() {
        body.extend(line_rows(model, line, size.cols).into_iter().rev());
        if body.len() > room {
            break;
        }
    }
    let fits = body.len() <= room;
    body.truncate(room);
    body.reverse();
    let lost = model.log.lost > 0 && fits;
    if lost {
        // The marker takes the place of the first line where there is no other, so that the rest stays where it is.
        if body.len() == room {
            body.drain(..1.min(body.len()));
        }
        body.insert(0, Row::of(format!("… {} older lines are no longer kept", model.log.lost), Role::Muted));
    }
    // Held near the top: what comes behind fills the screen.
    while let Some((_, line)) = all.get(upto) {
        let rows = line_rows(model, line, size.cols);
        if body.len() + rows.len() > room {
            break;
        }
        body.extend(rows);
        upto += 1;
    }
    if all.is_empty() {
        body.insert(0, nothing(if model.log.lines.is_empty() { "nothing was said yet" } else { "no line passes" }));
    }
    body.resize_with(room, Row::new);
    let mut rows = vec![headline(model, all.len() - upto, size.cols)];
    rows.extend(body);
    rows.extend(search_row(model, size.cols));
    rows
}

fn headline(model: &Model, newer: usize, cols: usize) -> Row {
    let screen = &model.log_screen;
    let title = match screen.job.and_then(|id| model.job(id)) {
        Some(job) => format!("Log of job {}, {}", job.id, job.name()),
        None => "Log of all jobs of this run".to_owned(),
    };
    let (word, role) = match screen.follow {
        Follow::Newest => ("following".to_owned(), Role::Ok),
        Follow::Held(_) if newer == 0 => ("▲ held".to_owned(), Role::Warn),
        Follow::Held(_) => (format!("▲ held, {newer} newer"), Role::Warn),
    };
    let level = match screen.level {
        Level::Debug => "everything",
        Level::Info => "info and above",
        Level::Warn => "warnings and errors",
        Level::Error => "errors only",
    };
    let moved = if screen.shift > 0 { format!("→ {} · ", screen.shift) } else { String::new() };
    let end = format!("{moved}{level} · {word}");
    let room = cols.saturating_sub(text::width(&end) + 2);
    Row::of(text::cut(&title, room), Role::Title).ending(end, role, cols)
}

/// What is searched for, and how much of it there is.
fn search_row(model: &Model, cols: usize) -> Option<Row> {
    let screen = &model.log_screen;
    let sought = screen.filter.text()?;
    let row = Row::of("/ ", Role::Key).then(sought, Role::Field);
    let row = match screen.filter.is_typing() {
        true => row.then(" ", Role::Selected),
        false => row.then("   n N next · & only these · Esc ends", Role::Muted),
    };
    let only = if screen.only == Only::Matching { ", others hidden" } else { "" };
    Some(row.ending(format!("{} found{only}", found(model)), Role::Muted, cols))
}

/// A line: time, job, weight, text.
fn line_rows(model: &Model, line: &LogLine, cols: usize) -> Vec<Row> {
    let screen = &model.log_screen;
    let (sign, role) = match line.level {
        Level::Debug => ("  ", Role::Muted),
        Level::Info => ("  ", Role::Text),
        Level::Warn => ("▲ ", Role::Warn),
        Level::Error => ("✗ ", Role::Bad),
    };
    let time = when::second(line.at, &model.clock);
    let mut head = Row::of(time, Role::Muted).gap(1);
    // Whose it is matters where several speak.
    if screen.job.is_none() && model.jobs.len() > 1 {
        let job = if line.job.0 == 0 { String::new() } else { format!("#{}", line.job) };
        head = head.then(text::left(&job, 4), Role::Muted);
    }
    let head = head.then(sign, role);
    let indent = head.width();
    let room = cols.saturating_sub(indent).max(1);
    let said = crate::domain::text::clean(&line.text);
    match screen.long {
        Long::Wrapped => text::wrap(&said, room)
            .into_iter()
            .enumerate()
            .map(|(at, part)| {
                let head = if at == 0 { head.clone() } else { Row::new().gap(indent) };
                marked(head, &part, role, screen)
            })
            .collect(),
        Long::Cut => {
            let part: String = said.chars().skip(screen.shift).collect();
            let part = if screen.shift > 0 && !said.is_empty() { format!("…{}", part.chars().skip(1).collect::<String>()) } else { part };
            vec![marked(head, &text::cut(&part, room), role, screen)]
        }
    }
}

/// The text behind its head, with what is searched for marked.
fn marked(head: Row, said: &str, role: Role, screen: &LogScreen) -> Row {
    let Some(sought) = screen.filter.text().filter(|sought| !sought.is_empty() && !sought.starts_with('!')) else {
        return head.then(said, role);
    };
    let sought: Vec<char> = sought.chars().map(lower).collect();
    let (said, mut row, mut from, mut at): (Vec<char>, Row, usize, usize) = (said.chars().collect(), head, 0, 0);
    while at + sought.len() <= said.len() {
        if said[at..at + sought.len()].iter().zip(&sought).all(|(c, wanted)| lower(*c) == *wanted) {
            row = row.then(said[from..at].iter().collect::<String>(), role);
            row = row.then(said[at..at + sought.len()].iter().collect::<String>(), Role::Selected);
            at += sought.len();
            from = at;
        } else {
            at += 1;
        }
    }
    row.then(said[from..].iter().collect::<String>(), role)
}

/// A character in small: one for one, so that places stay places.
fn lower(c: char) -> char {
    let mut small = c.to_lowercase();
    match (small.next(), small.next()) {
        (Some(small), None) => small,
        _ => c,
    }
}
