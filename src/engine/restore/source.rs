//! What an archive says of a database: its entry in the manifest, its objects, its inventory.

use crate::archive::manifest::{self, Kind};
use crate::archive::reader::Archive;
use crate::domain::schema::{InventoryItem, SchemaObject, Section};
use crate::domain::{Code, Fault, text};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::Arc;

/// Opens an archive, off the asynchronous threads.
pub async fn open(path: &Path) -> Result<Arc<Archive>, Fault> {
    let path = path.to_owned();
    blocking(move || {
        let archive = Archive::open(&path)?;
        match archive.manifest().head.kind {
            Kind::Single | Kind::Cluster => Ok(Arc::new(archive)),
            Kind::Base => Err(base(&path)),
        }
    })
    .await
}

/// Runs what reads files or burns time on a thread that may block.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Fault::internal("reading the archive broke off").caused_by(&error)))
}

/// The database that is meant: by its name, or the only one.
pub fn database<'a>(archive: &'a Archive, name: Option<&str>) -> Result<&'a manifest::Database, Fault> {
    let all = &archive.manifest().databases;
    let names: Vec<String> = all.iter().map(|one| text::clean(&one.name)).collect();
    let found = match name {
        Some(name) => all.iter().find(|one| one.name == name).ok_or_else(|| {
            let fault = Fault::new(Code::NotInArchive, format!("the database {} is not in the archive", text::clean(name)));
            match text::nearest(name, names.iter().map(String::as_str)) {
                Some(near) => fault.step_run("Did you mean", format!("--database {near}")),
                None => fault.step(format!("It holds {}.", names.join(", "))),
            }
        }),
        None if all.len() == 1 => Ok(&all[0]),
        None => Err(Fault::new(Code::Usage, format!("the archive holds {} databases", all.len()))
            .because(format!("it holds {}", names.join(", ")))
            .step_run("Say which one:", "--database NAME")),
    }
    .map_err(|fault| fault.at("Archive", archive.path().display()))?;
    match &found.failed {
        None => Ok(found),
        Some(why) => {
            Err(Fault::new(Code::NotInArchive, format!("the backup of {} failed, it is not in the archive", text::clean(&found.name)))
                .because(why)
                .at("Archive", archive.path().display())
                .step("Restore it from an earlier archive."))
        }
    }
}

/// The objects of a database, in the archive's order.
pub async fn objects(archive: &Arc<Archive>, database: &manifest::Database) -> Result<Vec<SchemaObject>, Fault> {
    let (archive, name, count) = (Arc::clone(archive), format!("{}/schema.jsonl", database.dir), database.objects);
    blocking(move || {
        let objects: Vec<SchemaObject> = lines(&archive.entry(&name)?, &name)?;
        if objects.len() as u64 != count {
            return Err(damaged(&name).because(format!("{} objects where the manifest says {count}", objects.len())));
        }
        Ok(objects)
    })
    .await
}

/// The inventory of a database, for the proof.
pub async fn inventory(archive: &Arc<Archive>, database: &manifest::Database) -> Result<Vec<InventoryItem>, Fault> {
    let (archive, name) = (Arc::clone(archive), format!("{}/inventory.jsonl", database.dir));
    blocking(move || lines(&archive.entry(&name)?, &name)).await
}

/// Roles, memberships, tablespaces: as objects where the archive has them so, else as one script.
pub async fn globals(archive: &Arc<Archive>) -> Result<Vec<SchemaObject>, Fault> {
    let archive = Arc::clone(archive);
    blocking(move || {
        if archive.frame_of("globals.jsonl").is_some() {
            return lines(&archive.entry("globals.jsonl")?, "globals.jsonl");
        }
        if archive.frame_of("globals.sql").is_none() {
            return Ok(Vec::new());
        }
        let sql = String::from_utf8(archive.entry("globals.sql")?).map_err(|error| damaged("globals.sql").because(error))?;
        Ok(vec![SchemaObject {
            id: 1,
            kind: "GLOBALS".into(),
            name: "globals.sql".into(),
            section: Section::None,
            sql,
            ..SchemaObject::default()
        }])
    })
    .await
}

fn damaged(entry: &str) -> Fault {
    Fault::new(Code::CorruptedBackup, format!("the archive's entry {entry} cannot be understood")).at("Entry", entry)
}

fn lines<T: DeserializeOwned>(bytes: &[u8], entry: &str) -> Result<Vec<T>, Fault> {
    bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(at, line)| serde_json::from_slice(line).map_err(|error| damaged(entry).because(format!("line {}: {error}", at + 1))))
        .collect()
}

/// A base backup holds files of a server, not databases that could be restored one by one.
fn base(path: &Path) -> Fault {
    let file = shell_words::quote(&path.to_string_lossy()).into_owned();
    Fault::new(Code::ForeignFile, format!("{} is a base backup: the files of a whole server", path.display()))
        .at("File", path.display())
        .because("single databases and tables cannot be restored from it")
        .step_run("Make a server of it, as it was at a moment:", format!("dbbackup restore pitr --base-backup {file} --target-dir DIR"))
        .step("Then back up from that server what is wanted of it.")
}
