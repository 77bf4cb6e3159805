//! Carries out the restore of such a dump: the targets, the sessions, and the way back.

use super::super::super::progress::Board;
use super::super::NOT_PROVEN;
use super::super::target::{Extent, Ready, ready, undo};
use super::{chosen, of_another_product, possible, rules};
use crate::domain::job::{DatabaseOutcome, Phase, Summary};
use crate::domain::size::grouped;
use crate::domain::spec::{RestoreScope, RestoreSpec, What};
use crate::domain::{Bytes, Code, Fault, text};
use crate::engine::Context;
use crate::engine::event::Event;
use crate::engine::restore::source::blocking;
use crate::server::sql_dump::{self, Ended, Findings, Order, Part, Said, SqlDump};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// How many tables a summary tells the rows of.
const TABLES: usize = 20;

/// A database of the dump, and where it goes.
type Target = (Option<String>, String);

/// Carries it out.
pub async fn run(spec: &RestoreSpec, context: &Context, dump: SqlDump) -> Result<Summary, Fault> {
    let began = Instant::now();
    possible(spec, &dump)?;
    let name = match &spec.scope {
        RestoreScope::Single { target, .. } => target.clone(),
        RestoreScope::Cluster { .. } => "cluster".to_owned(),
    };
    let board = Board::new(&[(name.clone(), dump.bytes, dump.tables().len() as u64)], 0);
    let ticker = board.post(context);
    board.enter(0, Phase::Preparing);
    let outcome = restore(spec, context, &dump, &board).await;
    drop(ticker);
    let finish = |outcome: Result<bool, &Fault>| {
        board.leave(0, outcome);
        context.events.post(Event::Progress(Box::new(board.sample())));
    };
    let (ended, targets) = outcome.inspect_err(|fault| finish(Err(fault)))?;
    let partial = partial(&name, &ended);
    finish(partial.as_ref().map_or(Ok(false), Err));
    let summary = summary(spec, &dump, &ended, &targets, partial);
    Ok(Summary { duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), ..summary })
}

/// Makes the targets ready, runs the dump, and goes back after a failure.
async fn restore(spec: &RestoreSpec, context: &Context, dump: &SqlDump, board: &Arc<Board>) -> Result<(Ended, Vec<Target>), Fault> {
    let server = context.server()?;
    let info = server.info().await?;
    let loader = server.sql_dumps().ok_or_else(|| of_another_product(dump, &info))?;
    // It is looked through once more: what it was when the plan was made, it need not be now.
    let (looked_at, ruled, asked) = (dump.clone(), rules(spec), info.clone());
    let inspection = blocking(move || sql_dump::inspect(&looked_at, &ruled, Some(&asked))).await?;
    chosen(spec, dump, &inspection.databases)?;
    let found = &inspection.findings;
    board.database(0, |one| one.tables.total = found.parts.iter().map(|part| part.tables.len() as u64).sum());
    let default = Part::default();
    let parts: Vec<(&Part, Target)> = match &spec.scope {
        RestoreScope::Single { target, .. } => {
            let part = found.parts.first().unwrap_or(&default);
            vec![(part, (part.database.clone(), target.clone()))]
        }
        RestoreScope::Cluster { .. } => {
            found.parts.iter().filter_map(|part| Some((part, (part.database.clone(), part.database.clone()?)))).collect()
        }
    };
    context.alive()?;
    let mut made: Vec<(String, Ready)> = Vec::new();
    // Databases that are restored under their own names are made where they are missing.
    let spec = RestoreSpec { create: spec.create || matches!(spec.scope, RestoreScope::Cluster { .. }), ..spec.clone() };
    let targets: Vec<Target> = parts.iter().map(|(_, target)| target.clone()).collect();
    let outcome = async {
        for (part, (_, target)) in &parts {
            made.push((target.clone(), ready(&spec, context, &part.properties(target), target, What::All).await?));
        }
        board.enter(0, Phase::Data);
        let order = Order {
            dump,
            server: &info,
            rules: rules(&spec),
            targets: &targets,
            jobs: spec.effort.jobs,
            go_on: spec.continue_on_error,
            binlog: spec.binlog,
        };
        let told = Told { board, several: targets.len() > 1, tables: Mutex::default() };
        loader.load(&order, &|said| told.take(said), &context.cancel).await
    }
    .await;
    match outcome {
        Ok(ended) => Ok((ended, targets)),
        Err(mut fault) => {
            // What was left of a cancelled session may still be at work in a database that is about to be dropped.
            server.settled().await;
            let whole = targets.len() == 1;
            for (target, ready) in made.into_iter().rev() {
                let undone = undo(&spec, context, server.as_ref(), &target, ready, Extent::Piecewise, fault.clone()).await;
                fault = if whole {
                    undone
                } else {
                    Fault::clone(&fault).at("Left", "the databases that were restored before, and a part of the last one")
                };
            }
            Err(fault)
        }
    }
}

/// Puts on the board what sessions say.
struct Told<'a> {
    board: &'a Board,
    several: bool,
    tables: Mutex<BTreeSet<String>>,
}

impl Told<'_> {
    fn title(&self, target: &str, table: &str) -> String {
        text::clean(&if self.several { format!("{target}.{table}") } else { table.to_owned() })
    }

    fn take(&self, said: Said) {
        match said {
            Said::Read(_, bytes) => self.board.database(0, |one| one.bytes.done = (one.bytes.done + bytes).min(one.bytes.total)),
            Said::Began(target, table) => self.board.begin(0, &self.title(&target, &table), "rows", 0),
            Said::Rows(_, _, rows) => self.board.database(0, |one| one.rows += rows),
            Said::Finished(target, table) => {
                let title = self.title(&target, &table);
                self.board.end(0, &title, "rows", 0);
                let done = {
                    let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
                    tables.insert(title);
                    tables.len() as u64
                };
                self.board.database(0, |one| one.tables.done = done.min(one.tables.total));
            }
        }
    }
}

/// What was gone over, as one fault.
fn partial(name: &str, ended: &Ended) -> Option<Fault> {
    let first = ended.faults.first()?;
    let name = text::clean(name);
    let mut fault = Fault::new(Code::Partial, format!("{} statements of the dump could not be run in {name}", ended.faults.len()))
        .at("Database", &name);
    for one in &ended.faults {
        fault = fault.because(format!("{}: {}", one.what, one.root_cause()));
    }
    fault.sqlstate.clone_from(&first.sqlstate);
    fault.statement.clone_from(&first.statement);
    fault.steps.clone_from(&first.steps);
    Some(fault)
}

fn summary(spec: &RestoreSpec, dump: &SqlDump, ended: &Ended, targets: &[Target], fault: Option<Fault>) -> Summary {
    let findings = &ended.findings;
    let counted: u64 = findings.parts.iter().map(Part::rows).sum();
    let mut warnings = vec![NOT_PROVEN.to_owned()];
    if ended.rows != counted {
        warnings.push(format!("the server took {} rows, the dump holds {}", grouped(ended.rows), grouped(counted)));
    }
    warnings.extend(ended.altered.iter().map(|what| format!("the server has altered values: {what}")));
    let events = findings.parts.iter().flat_map(|part| &part.events).map(|name| text::clean(name)).collect::<Vec<_>>();
    if !events.is_empty() {
        warnings.push(format!(
            "events were made disabled, so that they do not run by themselves: {}. To enable one: ALTER EVENT name ENABLE",
            events.join(", ")
        ));
    }
    warnings.extend(findings.left_out.iter().map(|what| format!("left out: {what}")));
    let part = |wanted: &Option<String>| findings.parts.iter().find(|part| part.database == *wanted);
    let single = targets.len() == 1;
    let mut fault = fault;
    let databases = targets.iter().map(|(from, target)| {
        let (tables, rows) = part(from).map_or((0, 0), |part| (part.made, part.rows()));
        let rows = if single { ended.rows } else { rows };
        let bytes = if single { Bytes(dump.bytes) } else { Bytes(0) };
        DatabaseOutcome { name: target.clone(), tables, rows, bytes, fault: fault.take(), ..DatabaseOutcome::default() }
    });
    Summary {
        archives: vec![spec.archive.clone()],
        archive_bytes: Bytes(dump.bytes),
        row_bytes: Bytes(dump.bytes),
        rows: ended.rows,
        databases: databases.collect(),
        warnings,
        notes: rows_by_table(findings, single),
        ..Summary::default()
    }
}

/// The largest tables with their rows.
fn rows_by_table(findings: &Findings, single: bool) -> Vec<String> {
    let mut tables: Vec<(String, u64)> = Vec::new();
    for part in &findings.parts {
        let prefix = part.database.as_ref().filter(|_| !single).map(|name| format!("{}: ", text::clean(name))).unwrap_or_default();
        tables.extend(part.tables.iter().map(|(name, rows)| (format!("{prefix}{}", text::clean(name)), *rows)));
    }
    tables.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest = tables.len().saturating_sub(TABLES);
    let mut notes: Vec<String> = tables.iter().take(TABLES).map(|(name, rows)| format!("{name}: {} rows", grouped(*rows))).collect();
    if rest > 0 {
        notes.push(format!("and {} more tables", grouped(rest as u64)));
    }
    notes
}
