//! Commands that ask and print: a table, or JSON. They change nothing and open no screen.

use super::archive;
use super::script;
use super::table::{Side, table};
use crate::cli::archive::Archive;
use crate::cli::restore::Restore;
use crate::cli::{Cli, Command};
use crate::config::layers::Resolved;
use crate::config::secrets::Secrets;
use crate::config::settings::Key;
use crate::domain::listing::ArchiveSummary;
use crate::domain::size::grouped;
use crate::domain::{Bytes, Fault};
use crate::engine::browse;
use crate::runtime::{password, work};
use std::path::Path;
use std::time::Duration;

/// How long what is unfinished is waited for once there is an answer.
const LAST_WAIT: Duration = Duration::from_millis(200);

/// Whether people or programs read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tables.
    Text,
    /// JSON.
    Json,
}

/// The answer to a query as text; none for a command that is none.
pub fn answer(cli: &Cli, resolved: &Resolved, secrets: &Secrets) -> Option<Result<String, Fault>> {
    let form = if resolved.switch(Key::Json) { Form::Json } else { Form::Text };
    Some(match cli.command.as_ref()? {
        Command::Status => status(resolved, secrets, form),
        Command::List => list(resolved, secrets, form),
        Command::Restore(Restore::List { .. }) => backups(&script::backup_dir(resolved), form),
        Command::Archive(Archive::List(path)) => archive::entries(&path.archive, form),
        Command::Archive(Archive::Show(path)) => browse::contents(&path.archive).map(|contents| archive::show(&contents, form)),
        Command::Archive(Archive::Extract { archive, to, entries }) => archive::extract(&archive.archive, to, entries),
        _ => return None,
    })
}

/// Runs what needs no server.
pub fn work<T: Send + 'static>(work: impl AsyncFnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let runtime = runtime()?;
    let answer = runtime.block_on(work());
    runtime.shutdown_timeout(LAST_WAIT);
    answer
}

fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    built.map_err(|error| Fault::internal("cannot start threads").because(error))
}

/// Asks a server.
pub fn connect<T: Send + 'static>(
    resolved: &Resolved,
    secrets: &Secrets,
    ask: impl AsyncFnOnce(std::sync::Arc<dyn crate::server::Server>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let connection = resolved.connection()?;
    let runtime = runtime()?;
    let _interrupts = password::ask_if_wanted(runtime.handle(), secrets, &connection)?;
    let (server, warning) = work::server(secrets, &connection)?;
    if let Some(warning) = warning {
        super::output::diagnostic(&format!("dbbackup: {}\n", crate::domain::text::clean(&warning)));
    }
    let answer = runtime.block_on(ask(server));
    // A name that is still being looked up must not hold the end up: the system's call for that has limits of its own, far above ours.
    runtime.shutdown_timeout(LAST_WAIT);
    answer
}

fn status(resolved: &Resolved, secrets: &Secrets, form: Form) -> Result<String, Fault> {
    let connection = resolved.connection()?;
    let info = connect(resolved, secrets, async |server| server.info().await)?;
    if form == Form::Json {
        return Ok(format!("{:#}\n", serde_json::json!({ "connection": connection, "server": info })));
    }
    let mut rows = vec![
        ["Server".to_owned(), connection.address()],
        ["Version".to_owned(), info.title()],
        [if info.product.is_mysql() { "User" } else { "Role" }.to_owned(), format!("{}{}", connection.user, info.superuser_words())],
        ["State".to_owned(), info.state().to_owned()],
        ["Connections".to_owned(), format!("{} of {}", info.connections, info.max_connections)],
    ];
    if !info.product.is_mysql() {
        rows.push(["Lock capacity".to_owned(), grouped(info.lock_capacity)]);
    }
    rows.extend(info.pooler.map(|pooler| ["Pooler".to_owned(), pooler.title()]));
    let identifier = if info.product.is_mysql() { "Server UUID" } else { "System identifier" };
    rows.extend(info.system_identifier.map(|id| [identifier.to_owned(), id]));
    rows.extend(info.data_directory.map(|dir| ["Data directory".to_owned(), dir]));
    Ok(lines(rows))
}

/// Lines `name: value`.
pub fn lines(rows: impl IntoIterator<Item = [String; 2]>) -> String {
    rows.into_iter().map(|[name, value]| format!("{:<19} {}\n", format!("{name}:"), crate::domain::text::clean(&value))).collect()
}

fn list(resolved: &Resolved, secrets: &Secrets, form: Form) -> Result<String, Fault> {
    let databases = connect(resolved, secrets, async |server| server.databases().await)?;
    if form == Form::Json {
        return Ok(format!("{:#}\n", serde_json::json!(databases)));
    }
    let heads =
        [("DATABASE", Side::Left), ("SIZE", Side::Right), ("OWNER", Side::Left), ("ENCODING", Side::Left), ("SESSIONS", Side::Right)];
    Ok(table(
        heads,
        databases.into_iter().map(|database| {
            let size = database.bytes.map_or_else(|| "?".to_owned(), |bytes| Bytes(bytes).to_string());
            [database.name, size, database.owner, database.encoding, database.sessions.to_string()]
        }),
    ))
}

fn backups(dir: &Path, form: Form) -> Result<String, Fault> {
    let archives = browse::list(dir)?;
    if form == Form::Json {
        return Ok(format!("{:#}\n", serde_json::json!(archives)));
    }
    let heads = [
        ("CREATED", Side::Left),
        ("KIND", Side::Left),
        ("DATABASES", Side::Left),
        ("SIZE", Side::Right),
        ("ROWS", Side::Right),
        ("SERVER", Side::Left),
        ("FILE", Side::Left),
    ];
    Ok(table(heads, archives.into_iter().map(backup_row)))
}

fn backup_row(archive: ArchiveSummary) -> [String; 7] {
    let file = archive.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match archive.head {
        Ok(head) => {
            let state = if head.complete { "" } else { " (partial)" };
            let databases = match head.databases.len() {
                0..=3 => head.databases.join(", "),
                count => format!("{count} databases"),
            };
            let kind = format!("{}{state}", head.kind);
            [head.created, kind, databases, archive.bytes.to_string(), grouped(head.rows), head.server, file]
        }
        Err(why) => ["?".into(), "unreadable".into(), why, archive.bytes.to_string(), String::new(), String::new(), file],
    }
}
