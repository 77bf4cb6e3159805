//! Carries out the restore of a foreign dump: the work folder, the target, the program, and the way back.

use super::super::progress::Board;
use super::super::source::blocking;
use super::source::ScriptSource;
use super::target::{Extent, ready, undo};
use super::{NOT_PROVEN, parts, possible, rules, space};
use crate::domain::job::{DatabaseOutcome, Phase, Summary};
use crate::domain::size::grouped;
use crate::domain::spec::{RestoreScope, RestoreSpec, What};
use crate::domain::{Bytes, Code, Fault, text};
use crate::engine::Context;
use crate::engine::event::{Event, Level};
use crate::server::dump::{self, Dump, DumpTools, Ended, Findings, Form, Order, Said, Shell, Tool};
use crate::storage::work::{self, Keep, WorkFolder};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// How many tables a summary tells the rows of.
const TABLES: usize = 20;

/// What came of it.
struct Done {
    ended: Ended,
    findings: Findings,
    tables: u64,
}

/// Carries it out.
pub async fn run(spec: &RestoreSpec, context: &Context, dump: Dump) -> Result<Summary, Fault> {
    let began = Instant::now();
    possible(spec, &dump)?;
    let name = match &spec.scope {
        RestoreScope::Single { target, .. } => target.clone(),
        RestoreScope::Cluster { .. } => "cluster".to_owned(),
    };
    let tables = dump.facts.items.iter().filter(|item| item.kind == "TABLE DATA").count() as u64;
    let board = Board::new(&[(name.clone(), dump.bytes, tables)], 0);
    let ticker = board.post(context);
    board.enter(0, Phase::Preparing);
    let outcome = carry_out(spec, context, &dump, &board).await;
    drop(ticker);
    let (done, mut notes) = outcome.inspect_err(|fault| finish(&board, context, Err(fault)))?;
    let partial = partial(&name, &done.ended);
    finish(&board, context, partial.as_ref().map_or(Ok(false), Err));
    let mut summary = summary(spec, &dump, &name, done, partial);
    summary.notes.append(&mut notes);
    summary.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

fn finish(board: &Board, context: &Context, outcome: Result<bool, &Fault>) {
    board.leave(0, outcome);
    context.events.post(Event::Progress(Box::new(board.sample())));
}

/// Everything between the work folder's beginning and its end.
async fn carry_out(spec: &RestoreSpec, context: &Context, dump: &Dump, board: &Arc<Board>) -> Result<(Done, Vec<String>), Fault> {
    if !dump.needs_unpacking() {
        let done = restore(spec, context, dump, dump.path.clone(), board).await?;
        return Ok((done, Vec::new()));
    }
    let base = space::base(spec);
    let keep = if spec.care.keep_temp { Keep::Keep } else { Keep::Remove };
    let folder = Arc::new(blocking(move || WorkFolder::create(&base, keep)).await?);
    context.events.log(Level::Info, format!("work folder {}", folder.path().display()));
    let outcome = async {
        let (whole, into, cancel) = (dump.clone(), folder.path().to_owned(), context.cancel.clone());
        let file = blocking(move || unpack(&whole, into, &cancel)).await?;
        let unpacked = blocking({
            let file = file.clone();
            move || dump::recognise(&file)?.ok_or_else(|| Fault::internal("what was unpacked is no dump"))
        })
        .await?;
        // What lies unpacked is looked at file by file before the target is touched.
        let looked_at = unpacked.clone();
        blocking(move || looked_at.inspect(dump::Rules::default())).await?;
        restore(spec, context, &unpacked, file, board).await
    }
    .await;
    let closed = match Arc::try_unwrap(folder) {
        Ok(folder) => blocking(move || folder.close()).await,
        Err(_) => Err(Fault::internal("the work folder is in use after the work")),
    };
    let said = match &closed {
        Ok(work::Past { path, bytes, kept: Keep::Keep }) => format!("work folder kept: {}, {}", path.display(), Bytes(*bytes)),
        Ok(work::Past { path, bytes, .. }) => format!("work folder {}: {}, removed", path.display(), Bytes(*bytes)),
        Err(fault) => format!("the work folder could not be removed: {fault}"),
    };
    context.events.log(if closed.is_ok() { Level::Info } else { Level::Warn }, &said);
    match outcome {
        Ok(done) => Ok((done, vec![said])),
        Err(fault) => match closed {
            Ok(work::Past { path, kept: Keep::Keep, .. }) => Err(fault.at("Work folder", path.display())),
            _ => Err(fault),
        },
    }
}

fn unpack(dump: &Dump, into: PathBuf, cancel: &tokio_util::sync::CancellationToken) -> Result<PathBuf, Fault> {
    let mut room = |bytes: u64| {
        if cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, "cancelled"));
        }
        space::room(&into, space::of(&into)?, bytes)
    };
    dump::unpack(dump, &into, &mut room)
}

/// Makes the target ready, lets the program work, and goes back after a failure.
async fn restore(spec: &RestoreSpec, context: &Context, dump: &Dump, file: PathBuf, board: &Arc<Board>) -> Result<Done, Fault> {
    let server = context.server()?;
    let info = server.info().await?;
    let tools = server.dump_tools().ok_or_else(|| super::of_another_product(dump, "PostgreSQL", "postgres", &info))?;
    let tool = tools.program(dump, info.major()).await?;
    let mark = format!("dbbackup-{}", &uuid::Uuid::now_v7().simple().to_string()[16..]);
    let work = Work { spec, context, dump, tools, tool: &tool, mark: &mark, board };
    let RestoreScope::Single { target, selection, .. } = &spec.scope else {
        let roles = server.supplies().await?.map(|supplies| supplies.roles).unwrap_or_default();
        return work
            .script(&spec.connection.database, roles)
            .await
            .map_err(|fault| told(fault, context, "what the script made before it was ended"));
    };
    context.alive()?;
    let ready = ready(spec, context, &dump.facts.properties(target), target, selection.what).await?;
    let outcome = match dump.form {
        Form::Script | Form::ClusterScript => work.script(target, Vec::new()).await,
        _ => work.archive(target, file, selection.what).await,
    };
    match outcome {
        Ok(done) => Ok(done),
        Err(fault) => {
            let extent = if dump.form.is_script() { Extent::Whole } else { Extent::Piecewise };
            Err(undo(spec, context, server.as_ref(), target, ready, extent, fault).await)
        }
    }
}

fn told(fault: Fault, context: &Context, left: &str) -> Fault {
    let fault =
        if context.cancel.is_cancelled() && fault.code != Code::Cancelled { Fault::new(Code::Cancelled, "cancelled") } else { fault };
    fault.at("Left", left)
}

/// A program at work.
struct Work<'a> {
    spec: &'a RestoreSpec,
    context: &'a Context,
    dump: &'a Dump,
    tools: &'a dyn DumpTools,
    tool: &'a Tool,
    mark: &'a str,
    board: &'a Arc<Board>,
}

impl Work<'_> {
    async fn script(&self, database: &str, roles: Vec<String>) -> Result<Done, Fault> {
        let key = self.tool.restricts().then(|| uuid::Uuid::now_v7().simple().to_string());
        let mut rules = rules(self.spec, self.dump);
        rules.roles = roles.into_iter().collect();
        rules.key.clone_from(&key);
        let whole = rules.connect == dump::Connect::Refused;
        self.board.enter(0, Phase::Data);
        let mut source = ScriptSource::open(self.dump, rules, self.board).await?;
        let shell = Shell { tool: self.tool, database, mark: self.mark, key: key.as_deref(), whole };
        let ended = self.tools.run(&shell, &mut source, &self.context.cancel).await?;
        let findings = source.findings();
        let tables = findings.parts.iter().map(|part| part.made).sum();
        Ok(Done { ended, findings, tables })
    }

    async fn archive(&self, database: &str, file: PathBuf, what: What) -> Result<Done, Fault> {
        let items = &self.dump.facts.items;
        let looked_at = self.dump.clone();
        let sizes: HashMap<u32, u64> = blocking(move || looked_at.inspect(dump::Rules::default())).await?.data.into_iter().collect();
        let wanted = |kind: &str| items.iter().filter(|item| item.kind == kind).count() as u64;
        self.board.database(0, |one| {
            one.bytes.total = sizes.values().sum();
            one.tables.total = wanted("TABLE DATA");
            one.indexes.total = wanted("INDEX") + wanted("CONSTRAINT") + wanted("FK CONSTRAINT");
        });
        self.board.enter(0, Phase::Schema);
        let mut without = Vec::new();
        for (wanted, flag) in
            [(self.spec.no_owner, "--no-owner"), (self.spec.no_acl, "--no-acl"), (self.spec.no_tablespaces, "--no-tablespaces")]
        {
            without.extend(wanted.then_some(flag));
        }
        let order = Order {
            tool: self.tool,
            database,
            file: &file,
            form: self.dump.form,
            items,
            mark: self.mark,
            jobs: self.spec.effort.jobs,
            parts: parts(what),
            without,
            go_on: self.spec.continue_on_error,
        };
        let by_id: HashMap<u32, &dump::Item> = items.iter().map(|item| (item.id, item)).collect();
        let mut phase = Phase::Schema;
        let (board, events) = (Arc::clone(self.board), Arc::clone(&self.context.events));
        let mut says = |said: Said| match said {
            Said::Began(id, words) => {
                let item = id.and_then(|id| by_id.get(&id));
                if item.is_some_and(|item| item.has_data()) && phase == Phase::Schema {
                    phase = Phase::DataAndIndexes;
                    board.enter(0, phase);
                }
                match item {
                    Some(item) => board.begin(0, &text::clean(&item.title()), doing(item), sizes.get(&item.id).copied().unwrap_or(0)),
                    None if is_index(&words) => board.database(0, |one| one.indexes.done = (one.indexes.done + 1).min(one.indexes.total)),
                    None => {}
                }
            }
            Said::Finished(id) => {
                let Some(item) = by_id.get(&id) else { return };
                let title = text::clean(&item.title());
                board.sent(0, &title, sizes.get(&id).copied().unwrap_or(0));
                board.end(0, &title, doing(item), 0);
                board.database(0, |one| match item.kind.as_str() {
                    "TABLE DATA" => one.tables.done += 1,
                    kind if is_index(kind) => one.indexes.done += 1,
                    _ => {}
                });
            }
            Said::Note(words) => events.log(Level::Warn, format!("pg_restore: {words}")),
        };
        let ended = self.tools.restore(&order, &mut says, &self.context.cancel).await?;
        let tables = wanted("TABLE");
        Ok(Done { ended, findings: Findings::default(), tables })
    }
}

fn doing(item: &dump::Item) -> &'static str {
    if item.has_data() { "rows" } else { "definition" }
}

fn is_index(words: &str) -> bool {
    ["INDEX", "CONSTRAINT", "FK CONSTRAINT"].iter().any(|kind| words.starts_with(kind))
}

/// What was gone over, as one fault.
fn partial(name: &str, ended: &Ended) -> Option<Fault> {
    let first = ended.faults.first()?;
    let name = text::clean(name);
    let mut fault = Fault::new(Code::Partial, format!("{} entries of the dump could not be restored to {name}", ended.faults.len()))
        .at("Database", &name);
    for one in &ended.faults {
        fault = fault.because(format!("{}: {}", one.what, one.root_cause()));
    }
    fault.sqlstate.clone_from(&first.sqlstate);
    fault.statement.clone_from(&first.statement);
    fault.steps.clone_from(&first.steps);
    Some(fault)
}

fn summary(spec: &RestoreSpec, dump: &Dump, name: &str, done: Done, fault: Option<Fault>) -> Summary {
    let Done { ended, findings, tables } = done;
    let counted: u64 = findings.parts.iter().flat_map(|part| &part.tables).map(|(_, rows)| rows).sum();
    let rows = ended.rows.unwrap_or(0);
    let mut warnings = vec![NOT_PROVEN.to_owned()];
    if dump.form.is_script() && rows != counted {
        warnings.push(format!("the server took {} rows, the dump holds {}", grouped(rows), grouped(counted)));
    }
    let several = findings.parts.len() > 1;
    let databases = if several {
        let named = findings.parts.iter().filter_map(|part| Some((part.database.clone()?, part)));
        named
            .map(|(name, part)| DatabaseOutcome {
                name,
                tables: part.made,
                rows: part.tables.iter().map(|(_, rows)| rows).sum(),
                ..DatabaseOutcome::default()
            })
            .collect()
    } else {
        vec![DatabaseOutcome { name: name.to_owned(), tables, rows, bytes: Bytes(dump.bytes), fault, ..DatabaseOutcome::default() }]
    };
    Summary {
        archives: vec![spec.archive.clone()],
        archive_bytes: Bytes(dump.bytes),
        row_bytes: Bytes(dump.bytes),
        rows,
        databases,
        warnings,
        notes: rows_by_table(&findings),
        ..Summary::default()
    }
}

/// The largest tables with their rows.
fn rows_by_table(findings: &Findings) -> Vec<String> {
    let mut tables: Vec<(String, u64)> = Vec::new();
    for part in &findings.parts {
        let prefix = part.database.as_ref().map(|name| format!("{}: ", text::clean(name))).unwrap_or_default();
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
