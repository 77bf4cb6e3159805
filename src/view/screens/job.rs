//! A job, live: where it is, how fast, what it waits for, its databases, the end of its log; when it is over, how it ended.

use super::job_parts::{databases, log_tail, meters, phase, title};
use super::{causes, nothing, physical, waits};
use crate::app::jobs::Job;
use crate::app::model::Model;
use crate::domain::job::{JobId, JobState, Summary};
use crate::domain::spec::JobSpec;
use crate::domain::time::span;
use crate::view::fault;
use crate::view::layout::Density;
use crate::view::look::Role;
use crate::view::page::{Row, Size};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, id: JobId, size: Size, density: Density) -> Vec<Row> {
    let frozen = model.frozen.as_ref().filter(|frozen| frozen.job.id == id);
    let Some(job) = frozen.map(|frozen| &frozen.job).or_else(|| model.job(id)) else { return vec![nothing("this job is not known")] };
    let air = density == Density::Full;
    let mut rows = vec![title(job, size.cols)];
    if let Some(frozen) = frozen {
        let held = span(model.clock.now.since(frozen.at));
        rows.push(Row::of(format!(" FROZEN  for {held}, {} missed ", text::plural(frozen.missed, "change", "changes")), Role::Selected));
    }
    match &job.state {
        JobState::Failed(fault) => {
            rows.push(Row::new());
            let room = size.rows.saturating_sub(rows.len());
            rows.extend(fault::scrolled(fault::rows(&format!("{} failed", job.spec().noun()), fault, size.cols), 0, room));
            return rows;
        }
        JobState::Finished(summary) => rows.extend(finished(job, summary, size)),
        JobState::Cancelled(left) => {
            rows.push(Row::of(format!("▲ cancelled after {}", span(job.elapsed(model.clock.now))), Role::Warn));
            rows.push(match left.things.is_empty() {
                true => Row::of("✓ nothing is left behind", Role::Ok),
                false => Row::of("LEFT BEHIND", Role::Muted),
            });
            rows.extend(left.things.iter().map(|thing| Row::of(format!("  {thing}"), Role::Text)));
        }
        JobState::Queued | JobState::Running(_) | JobState::Stopping(_) => {
            rows.push(phase(model, job, size.cols));
            rows.extend(meters(job, size.cols, density));
            if let Some(waiting) = &job.progress.waiting {
                if air {
                    rows.push(Row::new());
                }
                for (at, line) in text::wrap(waiting, size.cols.saturating_sub(14)).into_iter().take(3).enumerate() {
                    let head = if at == 0 { "▲ waiting for " } else { "  " };
                    rows.push(Row::of(head, Role::Warn).then(line, Role::Warn));
                }
                // Half of what is left: the databases stay in sight.
                let room = size.rows.saturating_sub(rows.len() + 3) / 2;
                let tree = waits::rows(model, job, size.cols, room);
                if !tree.is_empty() {
                    let keys = [("x", " cancels, "), ("X", " terminates, "), ("b", " chooses who")];
                    rows.extend(tree);
                    rows.push(
                        keys.into_iter().fold(Row::new().gap(2), |row, (key, text)| row.then(key, Role::Key).then(text, Role::Muted)),
                    );
                }
            }
        }
    }
    if density > Density::Short {
        rows.push(Row::new());
    }
    let left = size.rows.saturating_sub(rows.len());
    let tail = match density {
        _ if job.log.lines.is_empty() => 0,
        Density::Full => (left / 3).clamp(3, 20),
        Density::Compact => 3.min(left / 3),
        Density::Short | Density::Line => 0,
    };
    // A short log leaves its room to the table.
    let tail = tail.min(job.log.lines.len());
    let room = left.saturating_sub(tail);
    let table = match physical::is_physical(job.spec()) {
        true => physical::rows(model, job, size.cols, room),
        false => databases(model, job, size.cols, room),
    };
    let filled = left.saturating_sub(tail + table.len());
    rows.extend(table);
    rows.extend(std::iter::repeat_with(Row::new).take(filled));
    rows.extend(log_tail(model, job, tail));
    rows
}

fn finished(job: &Job, summary: &Summary, size: Size) -> Vec<Row> {
    let cols = size.cols;
    let mut rows = Vec::new();
    let (glyph, word, role) = super::state(job);
    let rows_said = match job.spec() {
        JobSpec::Base(_) => format!("{} before compression", summary.row_bytes),
        JobSpec::Recover(_) => format!("{} in the data directory", summary.row_bytes),
        JobSpec::Replay(_) => format!("{} rows, {} with the replayed log", text::count(summary.rows), summary.row_bytes),
        JobSpec::CheckLog(_) => format!("{} of log", summary.row_bytes),
        JobSpec::Backup(_) | JobSpec::Restore(_) | JobSpec::Verify(_) => {
            format!("{} rows, {} before compression", text::count(summary.rows), summary.row_bytes)
        }
    };
    rows.push(Row::of(format!("{glyph} {word}"), role).then(format!(" in {}", span(summary.duration_ms)), Role::Text).ending(
        rows_said,
        Role::Muted,
        cols,
    ));
    let objects = summary.objects();
    if objects.missing() > 0 {
        let said = format!("▲ partial: {}", objects.words());
        rows.extend(text::wrap(&said, cols).into_iter().map(|line| Row::of(line, Role::Warn)));
    }
    // The databases and the archive's lines need some room below.
    rows.extend(causes::rows(summary, cols, (size.rows / 2).max(6)));
    for archive in summary.archives.iter().take(4) {
        rows.push(
            Row::of("archive    ", Role::Muted).then(text::cut_middle(&archive.to_string_lossy(), cols.saturating_sub(11)), Role::Title),
        );
    }
    if summary.archives.len() > 4 {
        rows.push(Row::of(format!("           and {} more", summary.archives.len() - 4), Role::Muted));
    }
    if summary.archive_bytes.0 > 0 {
        let ratio = if summary.row_bytes > summary.archive_bytes {
            format!("  {:.1} times smaller", summary.row_bytes.0 as f64 / summary.archive_bytes.0 as f64)
        } else {
            String::new()
        };
        rows.push(Row::of("size       ", Role::Muted).then(summary.archive_bytes.to_string(), Role::Text).then(ratio, Role::Muted));
    }
    if let Some(verified) = &summary.verified {
        rows.push(Row::of("verified   ", Role::Muted).then(format!("✓ {verified}"), Role::Ok));
    }
    if let Some(proof) = &summary.proof {
        match proof.differences.len() {
            0 => {
                let mut said = format!(
                    "✓ equal: {}, {} rows, {} other objects",
                    text::plural(proof.tables, "table", "tables"),
                    text::count(proof.rows),
                    text::count(proof.objects)
                );
                if proof.probed > 0 {
                    said.push_str(&format!(", {} written to", text::plural(proof.probed, "sequence", "sequences")));
                }
                rows.extend(
                    text::wrap(&said, cols.saturating_sub(11))
                        .into_iter()
                        .enumerate()
                        .map(|(at, line)| Row::of(if at == 0 { "proven     " } else { "           " }, Role::Muted).then(line, Role::Ok)),
                );
            }
            differences => {
                rows.push(Row::of(
                    format!("✗ the restored data differ in {}", text::plural(differences as u64, "place", "places")),
                    Role::Bad,
                ));
                for difference in proof.differences.iter().take(6) {
                    let said = format!(
                        "{} in {}: {} in the backup, {} restored",
                        difference.object, difference.database, difference.expected, difference.found
                    );
                    rows.extend(text::wrap(&said, cols.saturating_sub(2)).into_iter().map(|line| Row::new().gap(2).then(line, Role::Text)));
                }
                if differences > 6 {
                    rows.push(Row::of(format!("  and {} more", differences - 6), Role::Muted));
                }
            }
        }
    }
    // A recovery's notes say where it stopped and how to go on, those of a check of the log what is there: they are the result.
    let (most, role) = if matches!(job.spec(), JobSpec::Recover(_) | JobSpec::CheckLog(_)) { (16, Role::Text) } else { (5, Role::Muted) };
    for note in summary.notes.iter().take(most) {
        rows.extend(text::wrap(note, cols.saturating_sub(2)).into_iter().map(|line| Row::new().gap(2).then(line, role)));
    }
    for warning in summary.warnings.iter().take(5) {
        rows.extend(text::wrap(&format!("▲ {warning}"), cols).into_iter().map(|line| Row::of(line, Role::Warn)));
    }
    if summary.warnings.len() > 5 {
        rows.push(Row::of(format!("▲ and {} more warnings: l shows the log", summary.warnings.len() - 5), Role::Warn));
    }
    rows
}
