//! Questions below the screen, explanations in its place.

use super::fault;
use super::look::Role;
use super::page::{Row, Size};
use super::text;
use crate::app::availability::is_of_another_product;
use crate::app::jobs::{Job, file_name};
use crate::app::keymap::{self, Scope};
use crate::app::modal::{Copied, Hidden, Keys, Modal, Wanted};
use crate::app::model::Model;
use crate::domain::spec::{JobSpec, RestoreScope};
use crate::domain::wait::{Blocker, Ending};

/// How much of the body it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Its lower part, below a rule.
    Band,
}

/// How much of the body a modal takes.
pub const fn extent(modal: &Modal) -> Extent {
    match modal {
        Modal::Help { .. } | Modal::Error { .. } | Modal::Palette { .. } => Extent::Whole,
        Modal::Cancel(_) | Modal::End { .. } | Modal::Quit | Modal::Delete { .. } | Modal::Password { .. } | Modal::Command { .. } => {
            Extent::Band
        }
    }
}

/// Its lines.
pub fn rows(model: &Model, modal: &Modal, size: Size) -> Vec<Row> {
    match modal {
        Modal::Help { keys, scroll } => fault::scrolled(help(model, *keys, size), *scroll, size.rows),
        Modal::Error { headline, fault, missing, scroll } => {
            let mut rows = fault::rows(headline, fault, size.cols);
            if !missing.is_empty() {
                rows.push(Row::new());
                rows.push(Row::of("NOT RESTORED", Role::Muted));
                let lines = missing.iter().flat_map(|line| Row::wrapped(line, Role::Text, 2, size.cols));
                rows.extend(lines);
            }
            fault::scrolled(rows, *scroll, size.rows)
        }
        Modal::Cancel(id) => match model.job(*id) {
            Some(job) => cancel(job, size.cols),
            None => Vec::new(),
        },
        Modal::End { blocker, ending, .. } => end(blocker, *ending, size.cols),
        Modal::Quit => quit(model, size),
        Modal::Delete { paths, typed } => {
            let mut rows = delete_list(model, paths, size);
            match Modal::delete_word(paths) {
                Some(word) => {
                    rows.push(Row::of(format!("Type {word:?} to delete them:"), Role::Text));
                    let field = super::screens::form::with_cursor(typed.value(), typed.cursor(), size.cols.saturating_sub(4));
                    rows.push(Row::of("▸ ", Role::Accent).join(field));
                }
                None => rows.push(
                    Row::of(if size.cols < 60 { "" } else { "This cannot be undone. " }, Role::Text)
                        .then("y", Role::Key)
                        .then(" deletes it, ", Role::Text)
                        .then("Esc", Role::Key)
                        .then(" keeps it.", Role::Text),
                ),
            }
            rows
        }
        Modal::Password { server, typed } => password(model, *server, typed, size.cols),
        Modal::Palette { input, at } => super::palette::rows(model, input, *at, size),
        Modal::Command { what, lines, copied } => {
            let what = match what {
                Wanted::Command => "The same from a shell",
                Wanted::Fix => "The fix",
            };
            let said = match copied {
                Copied::Sent => format!("{what}, sent to the clipboard:"),
                Copied::TooLong => format!("{what}, too long for the clipboard:"),
                Copied::NoClipboard => format!("{what} (this terminal has no clipboard):"),
            };
            let mut rows = vec![Row::of(said, Role::Muted)];
            rows.extend(lines.iter().flat_map(|line| shell_line(line, size.cols)).map(|line| Row::of(line, Role::Accent)));
            rows.truncate(size.rows);
            rows
        }
    }
}

/// A field that says how much is typed, and nothing else.
fn password(model: &Model, server: usize, typed: &Hidden, cols: usize) -> Vec<Row> {
    let Some(server) = model.servers.get(server) else { return Vec::new() };
    let asked = format!("Password for {} on {}:", server.connection.user, server.connection.address());
    let mut rows = Row::wrapped(&asked, Role::Text, 2, cols);
    let dots = "*".repeat(typed.0.value().chars().count());
    let field = super::screens::form::with_cursor(&dots, typed.0.cursor(), cols.saturating_sub(4));
    rows.push(Row::of("▸ ", Role::Accent).join(field));
    rows.extend(Row::wrapped("It is kept for this run only, and never shown or written.", Role::Muted, 0, cols));
    rows
}

/// A line of a command as it is, wrapped only where the screen is narrower.
fn shell_line(line: &str, cols: usize) -> Vec<String> {
    if text::width(line) <= cols { vec![line.to_owned()] } else { text::wrap(line, cols) }
}

fn cancel(job: &Job, cols: usize) -> Vec<Row> {
    let left = match job.spec() {
        JobSpec::Backup(_) => "Nothing is left behind: the unfinished file is removed.",
        JobSpec::Restore(restore) => match (&restore.scope, restore.create) {
            (RestoreScope::Single { .. }, true) => {
                "The target database that was being made is incomplete; what is left is listed when it has stopped."
            }
            _ => "What was restored so far stays; what is left is listed when it has stopped.",
        },
        JobSpec::Verify(verify) if verify.restore_test.is_some() => "The throw-away databases are dropped.",
        JobSpec::Verify(_) | JobSpec::CheckLog(_) => "Nothing is changed.",
        JobSpec::Base(_) => "Nothing is left behind: the unfinished file is removed, and the server ends its backup mode.",
        JobSpec::Replay(_) => "What was restored and replayed so far stays: the databases stand between the backup and the target.",
        JobSpec::Recover(_) => "The new data directory is incomplete; it is named when the job has stopped.",
    };
    let mut rows = Row::wrapped(&format!("▲ Cancel the {}?", job.name()), Role::Warn, 2, cols);
    rows.extend(Row::wrapped(left, Role::Text, 0, cols));
    let again = if cols < 60 { "" } else { " (or Ctrl-C again)" };
    rows.push(
        Row::of("y", Role::Key).then(format!("{again} cancels it, "), Role::Text).then("Esc", Role::Key).then(" lets it go on", Role::Text),
    );
    rows
}

/// Who would be ended, and what that means.
fn end(blocker: &Blocker, ending: Ending, cols: usize) -> Vec<Row> {
    let (what, means, yes) = match ending {
        Ending::Cancel => (
            "Cancel the statement",
            if blocker.state.starts_with("idle") {
                "It runs nothing now: this changes nothing. X terminates the session."
            } else {
                "Its statement fails; the transaction it is in fails with it, the session stays."
            },
            " cancels it, ",
        ),
        Ending::Terminate => {
            ("Terminate the session", "Its transaction is rolled back: what it did and did not commit is lost.", " terminates it, ")
        }
    };
    let application = if blocker.application.is_empty() { "no name" } else { &blocker.application };
    let mut rows = Row::wrapped(&format!("▲ {what} of pid {} of user {} ({application})?", blocker.pid, blocker.user), Role::Warn, 2, cols);
    rows.extend(Row::wrapped(&format!("It runs, or ran last: {}", blocker.statement), Role::Text, 2, cols).into_iter().take(4));
    rows.extend(Row::wrapped(means, Role::Text, 0, cols));
    rows.push(Row::of("y", Role::Key).then(yes, Role::Text).then("Esc", Role::Key).then(" lets it be", Role::Text));
    rows
}

fn quit(model: &Model, size: Size) -> Vec<Row> {
    let running: Vec<&Job> = model.running().collect();
    let mut rows = vec![Row::of(format!("▲ {} still running:", text::plural(running.len() as u64, "job is", "jobs are")), Role::Warn)];
    let most = size.rows.saturating_sub(4).clamp(1, 6);
    for job in running.iter().take(most) {
        let percent = super::bar::percent_text(job.progress.bytes, super::bar::Over::No);
        rows.push(Row::of(format!("  ▸ {}", job.name()), Role::Text).then(format!("  {}", percent.trim_start()), Role::Muted));
    }
    if running.len() > most {
        rows.push(Row::of(format!("  {} more", running.len() - most), Role::Muted));
    }
    rows.push(
        Row::of("y", Role::Key)
            .then(" cancels ", Role::Text)
            .then(if running.len() == 1 { "it" } else { "them" }, Role::Text)
            .then(" and leaves, ", Role::Text)
            .then("Esc", Role::Key)
            .then(" stays.", Role::Text),
    );
    rows
}

fn delete_list(model: &Model, paths: &[std::path::PathBuf], size: Size) -> Vec<Row> {
    let what = text::plural(paths.len() as u64, "archive", "archives");
    let mut rows = Row::wrapped(&format!("✗ Delete {what} with the files beside it?"), Role::Bad, 2, size.cols);
    let most = size.rows.saturating_sub(4).clamp(1, 8);
    for path in paths.iter().take(most) {
        let bytes = model
            .archives
            .value()
            .and_then(|all| all.iter().find(|archive| archive.path == *path))
            .map(|archive| archive.bytes.to_string())
            .unwrap_or_default();
        let name = text::left(&text::cut_middle(&file_name(path), size.cols.saturating_sub(12)), size.cols.saturating_sub(12));
        rows.push(Row::of(format!("  {name}"), Role::Text).then(text::right(&bytes, 10), Role::Muted));
    }
    if paths.len() > most {
        rows.push(Row::of(format!("  and {} more", paths.len() - most), Role::Muted));
    }
    rows
}

fn help(model: &Model, keys: Keys, size: Size) -> Vec<Row> {
    let scopes = match keys {
        Keys::Here => keymap::place_scope(model).chain(),
        Keys::All => Scope::ALL.to_vec(),
    };
    let title = match keys {
        Keys::Here => "Keys here",
        Keys::All => "All keys",
    };
    let mut rows = vec![Row::of(title, Role::Title).ending("? shows the other list", Role::Muted, size.cols), Row::new()];
    for scope in scopes {
        let binds: Vec<_> = keymap::KEYS
            .iter()
            .filter(|bind| bind.scope == scope && (keys == Keys::All || !is_of_another_product(model, &bind.action)))
            .collect();
        if binds.is_empty() {
            continue;
        }
        rows.push(Row::of(scope.title(), Role::Accent));
        // Keys of one meaning share a line: "Up k  up".
        let mut merged: Vec<(String, &str)> = Vec::new();
        for bind in binds {
            let label = bind.label.trim_start_matches("←→ ");
            let same = merged.last_mut().filter(|(_, known)| *known == label);
            match same {
                Some((names, _)) => *names = format!("{names} {}", keymap::name(bind.key)),
                None => merged.push((keymap::name(bind.key), label)),
            }
        }
        let columns = if size.cols >= 76 { 2 } else { 1 };
        let cells = size.cols / columns;
        for pair in merged.chunks(columns) {
            let mut row = Row::new();
            for (names, label) in pair {
                let wide = cells.saturating_sub(2);
                row = row
                    .gap(2)
                    .then(text::left(names, 14.min(wide)), Role::Key)
                    .then(text::left(label, wide.saturating_sub(14)), Role::Text);
            }
            rows.push(row);
        }
    }
    rows
}
