//! The last steps that make unpacked files a server that can be started: links of tablespaces, label, settings, `global/pg_control`.

use super::chain::{Chain, Layout};
use super::place::{Place, UNFINISHED};
use super::unpack::{Maker, damaged, sync, write_fault};
use crate::archive::base;
use crate::domain::Fault;
use crate::server::postgres::install::Installation;
use crate::server::postgres::recovery::{self, Orders};
use std::fs::File;
use std::io;
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is finished, and how.
pub struct Finish<'a> {
    /// What was unpacked.
    pub chain: &'a Chain,
    /// Where it went.
    pub layout: &'a Layout,
    /// The data directory.
    pub target: &'a Path,
    /// Its tablespaces.
    pub places: &'a [Place],
    /// How the server recovers; none: it only becomes consistent, with what the base backup itself has of the log.
    pub orders: Option<Orders<'a>>,
    /// The server's major version.
    pub major: u32,
    /// The server's programs, where they were found.
    pub installation: Option<&'a Installation>,
}

impl Finish<'_> {
    /// Does it; gives what a person should know. `global/pg_control` appears when everything else is on the disks: without it no server starts.
    pub fn run(&self, maker: &Maker) -> Result<Vec<String>, Fault> {
        let mut notes = Vec::new();
        self.links(maker)?;
        if self.chain.links.len() > 1 {
            let path = self.target.join("backup_label");
            let label = read(&path)?;
            maker.write(&path, recovery::whole_label(&label).as_bytes())?;
        }
        let control = self.control()?;
        self.configuration(maker, &control, &mut notes)?;
        let path = self.target.join("postgresql.auto.conf");
        let old = if path.is_file() { read(&path)? } else { String::new() };
        let mut text = recovery::without_steering(&old) + &recovery::no_archive(self.major);
        if let Some(orders) = &self.orders {
            text.push_str(&recovery::settings(orders));
            maker.write(&self.target.join("recovery.signal"), b"")?;
        }
        maker.write(&path, text.as_bytes())?;
        notes.push(
            "It writes nothing to the first server's archive: once it is a primary it keeps its log until dbbackup pitr enable names an archive."
                .to_owned(),
        );
        let mut folders = vec![self.target.to_owned()];
        folders.extend(self.places.iter().map(|place| place.to.clone()));
        sync(&folders)?;
        self.name_control(maker, &control)?;
        Ok(notes)
    }

    /// `pg_tblspc/16400` leads to where the tablespace lies now.
    fn links(&self, maker: &Maker) -> Result<(), Fault> {
        let dir = self.target.join("pg_tblspc");
        if !dir.is_dir() {
            maker.folder(&dir, 0o700)?;
        }
        for place in self.places {
            let link = dir.join(place.oid.to_string());
            let fault = |error: io::Error| write_fault("cannot make the link of a tablespace", &link, &error);
            std::os::unix::fs::symlink(&place.to, &link).map_err(fault)?;
            if let Some((user, group)) = maker.owner {
                lchown(&link, Some(user), Some(group)).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// The bytes of `global/pg_control`.
    fn control(&self) -> Result<Vec<u8>, Fault> {
        let link = self.chain.last()?;
        let entry = &link.index.files()[self.layout.control];
        let mut bytes = Vec::new();
        base::read(&link.archive, entry, &mut link.archive.decoder()?, &mut (Vec::new(), Vec::new()), |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        match entry.crc32c {
            _ if bytes.len() as u64 != entry.size => Err(damaged(entry, "is not all in the archive")),
            Some(wanted) if wanted != crc32c::crc32c(&bytes) => Err(damaged(entry, "is not what the server sent: its checksum differs")),
            _ => Ok(bytes),
        }
    }

    /// Writes it beside its place and gives it its name.
    fn name_control(&self, maker: &Maker, bytes: &[u8]) -> Result<(), Fault> {
        let path = self.target.join("global/pg_control");
        let beside = self.target.join("global/pg_control.new");
        let file = maker.write(&beside, bytes)?;
        let fault = |error: io::Error| write_fault("cannot finish the data directory", &path, &error);
        file.sync_all().map_err(fault)?;
        std::fs::rename(&beside, &path).map_err(fault)?;
        File::open(self.target.join("global")).and_then(|dir| dir.sync_all()).map_err(fault)?;
        std::fs::remove_file(self.target.join(UNFINISHED)).map_err(fault)?;
        File::open(self.target).and_then(|dir| dir.sync_all()).map_err(fault)
    }

    /// A server whose configuration lies elsewhere, as Debian has it, gets one with which it can be started.
    fn configuration(&self, maker: &Maker, control: &[u8], notes: &mut Vec<String>) -> Result<(), Fault> {
        let mut made = Vec::new();
        if !self.chain.holds("postgresql.conf") {
            let limits = self.limits(maker, control);
            maker.write(&self.target.join("postgresql.conf"), recovery::least_configuration(&limits).as_bytes())?;
            made.push("postgresql.conf");
        }
        for (name, text) in [("pg_hba.conf", recovery::LEAST_HBA), ("pg_ident.conf", "")] {
            if !self.chain.holds(name) {
                maker.write(&self.target.join(name), text.as_bytes())?;
                made.push(name);
            }
        }
        if !made.is_empty() {
            notes.push(format!(
                "The base backup has no {}: the server keeps them elsewhere. The least that it starts with was made; put your own in their place.",
                made.join(", ")
            ));
        }
        Ok(())
    }

    /// The least limits with which the log can be replayed, from `pg_control`, as `pg_controldata` reads it in a folder that has nothing else.
    fn limits(&self, maker: &Maker, control: &[u8]) -> Vec<(String, String)> {
        let Some(program) = self.installation.map(|found| found.program("pg_controldata")).filter(|program| program.is_file()) else {
            return Vec::new();
        };
        let Ok(folder) = tempfile::tempdir_in(self.target) else { return Vec::new() };
        let written = maker
            .folder(&folder.path().join("global"), 0o700)
            .and_then(|()| maker.write(&folder.path().join("global/pg_control"), control));
        let asked =
            Command::new(program).arg(folder.path()).env_clear().env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null()).output();
        match (written, asked) {
            (Ok(_), Ok(output)) => recovery::limits(&String::from_utf8_lossy(&output.stdout)),
            _ => Vec::new(),
        }
    }
}

fn read(path: &Path) -> Result<String, Fault> {
    let bytes = std::fs::read(path).map_err(|error| write_fault("cannot read a file", path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The steps that rid a host of what a recovery left behind.
pub fn leftover(fault: Fault, target: &Path, places: &[Place]) -> Fault {
    let mut folders: Vec<PathBuf> = vec![target.to_owned()];
    folders.extend(places.iter().map(|place| place.to.clone()));
    folders.retain(|folder| folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()));
    if folders.is_empty() {
        return fault;
    }
    let words: Vec<String> = folders.iter().map(|folder| super::log::quoted(folder)).collect();
    let mut fault = fault.cured();
    // Of each folder a line of its own: there can be several of one name.
    for folder in &folders {
        fault.context.push(("Left".to_owned(), format!("{}, which is not complete and cannot be started", folder.display())));
    }
    fault.step_run("Remove what is not complete before the next run:", format!("rm -rf -- {}", words.join(" ")))
}
