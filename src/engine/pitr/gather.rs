//! Gathers what is known: the server's word, the archive's files, the base backups. Each on its own, none waited for longer than the limit, so that a
//! server that is down or a disk that hangs costs only its own part.

use crate::domain::recovery::findings::{Cures, findings};
use crate::domain::recovery::{BaseBackup, RecoveryReport, judge};
use crate::domain::text::clean;
use crate::domain::wal::{CommandKind, Source, WalReport};
use crate::domain::{Bytes, Fault, Stamp};
use crate::engine::aside::aside;
use crate::engine::bases;
use crate::engine::wal::survey::{self, Survey};
use crate::engine::wal::{command, figures};
use crate::server::{Archiving, Server};
use crate::system::disk;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A report is there after this time, whatever hangs.
pub const LIMIT: Duration = Duration::from_secs(5);

/// What is left for drawing conclusions.
const LAST: Duration = Duration::from_millis(200);

/// How long the server is asked: the archive is often found only by its answer, and needs the rest.
const SERVER: Duration = Duration::from_millis(2_800);

/// What was gathered.
#[derive(Default)]
pub struct Gathered {
    /// The report.
    pub report: RecoveryReport,
    /// The archive's files, where it could be looked through.
    pub survey: Option<Survey>,
    /// Why it could not.
    pub obstacle: Option<Fault>,
    /// What the server says, where it was asked and answered.
    pub archiving: Option<Archiving>,
    /// Why it did not.
    pub silence: Option<Fault>,
}

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Where base backups lie; none: they are not asked for.
    pub backups: Option<PathBuf>,
    /// The archive's folder, else it is found from the server's `archive_command`.
    pub wal: Option<PathBuf>,
    /// The zone in which moments are said besides UTC; none: that of this host.
    pub zone: Option<String>,
}

/// Gathers.
pub async fn gather(server: Option<Arc<dyn Server>>, Wanted { backups, wal, zone }: Wanted) -> Gathered {
    let end = Instant::now() + LIMIT - LAST;
    let cures = Cures { connection: server.as_ref().map(|server| server.connection().clone()), backups: backups.clone() };
    let listed = async {
        let Some(dir) = backups else { return (Vec::new(), Vec::new()) };
        match aside("dbbackup-bases", end, move || bases::list(&dir)).await {
            Ok(Ok(found)) => found,
            Ok(Err(fault)) => (Vec::new(), vec![format!("base backups: {}", clean(&fault.to_string()))]),
            Err(why) => (Vec::new(), vec![format!("base backups: {why}")]),
        }
    };
    let ((bases, unread), mut gathered) = tokio::join!(listed, look(server, wal, end));
    gathered.report.wal.unknown.extend(unread);
    gathered.report.bases = bases;
    gathered.report.zone = zone;
    conclude(&mut gathered.report);
    gathered.report.findings = findings(&gathered.report, &cures);
    gathered
}

/// What follows from what is there.
fn conclude(report: &mut RecoveryReport) {
    let own = report.wal.system_identifier.clone();
    let is_foreign =
        |base: &BaseBackup| own.as_ref().is_some_and(|own| !base.system_identifier.is_empty() && base.system_identifier != *own);
    // A folder of backups may hold those of many servers.
    let foreign = report.bases.iter().filter(|base| is_foreign(base)).count();
    if foreign > 0 {
        report.bases.retain(|base| !is_foreign(base));
        let (noun, verb) = if foreign == 1 { ("base backup", "is") } else { ("base backups", "are") };
        report.wal.unknown.push(format!("{foreign} {noun} in the folder {verb} of other servers and not told"));
    }
    report.windows = judge::windows(report);
}

async fn look(server: Option<Arc<dyn Server>>, wal: Option<PathBuf>, end: Instant) -> Gathered {
    let at = Stamp(jiff::Timestamp::now().as_millisecond());
    let mut gathered = Gathered { report: RecoveryReport { at, ..RecoveryReport::default() }, ..Gathered::default() };
    let asked = async {
        match &server {
            Some(server) => server.archiving(SERVER).await,
            None => Ok(None),
        }
    };
    let looked = async |dir: PathBuf| aside("dbbackup-wal", end, move || (survey::survey(&dir), disk::space(&dir))).await;
    let (answer, mut found) = match &wal {
        Some(dir) => {
            let (answer, found) = tokio::join!(asked, looked(dir.clone()));
            (answer, Some((dir.clone(), found)))
        }
        None => (asked.await, None),
    };
    let mut unknown = Vec::new();
    match answer {
        Ok(archiving) => gathered.archiving = archiving,
        Err(fault) => {
            unknown.push(format!("the server: {}", clean(&fault.to_string())));
            gathered.silence = Some(fault);
        }
    }
    let mut source = Source { dir: wal, ..Source::default() };
    if let Some(archiving) = &gathered.archiving {
        let (said, why) = said(archiving, end).await;
        if let (Some(given), Some(other)) = (&source.dir, &said.dir)
            && given != other
        {
            unknown
                .push(format!("the server's own folder is another one and was not looked into: {}", clean(&other.display().to_string())));
        }
        source = Source { dir: source.dir.or(said.dir), ..said };
        if found.is_none() {
            unknown.extend(why);
            if let Some(dir) = &source.dir {
                found = Some((dir.clone(), looked(dir.clone()).await));
            }
        }
    }
    let mut room = None;
    match found {
        Some((_, Ok((Ok(survey), space)))) => {
            room = space.ok().map(|space| (Bytes(space.free), Bytes(space.total)));
            gathered.survey = Some(survey);
        }
        Some((dir, Ok((Err(fault), _)))) => {
            unknown.push(format!("the archive {}: {}", clean(&dir.display().to_string()), clean(&fault.to_string())));
            gathered.obstacle = Some(fault);
        }
        Some((dir, Err(why))) => {
            unknown.push(format!("the archive {}: {why}", clean(&dir.display().to_string())));
            gathered.obstacle = Some(
                Fault::new(crate::domain::Code::Io, "the archive of the log does not answer").at("Folder", dir.display()).because(why),
            );
        }
        None => {}
    }
    gathered.report.wal = WalReport { source, room, unknown, ..WalReport::default() };
    tell(&mut gathered);
    gathered
}

/// Where the server says that its log goes; and why that is not known.
async fn said(archiving: &Archiving, end: Instant) -> (Source, Option<String>) {
    let mut source = command::read(&archiving.command);
    if source.kind == CommandKind::PgBackRest {
        let text = archiving.command.clone();
        let read = |path: &Path| crate::storage::local::read_small(path, 1 << 20).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        source.dir = aside("dbbackup-conf", end, move || command::pgbackrest_folder(&text, read)).await.ok().flatten();
    }
    // The server runs the command in its data directory.
    if let (Some(dir), Some(data)) = (&source.dir, &archiving.data_directory) {
        source.dir = Some(data.join(dir));
    }
    let why = match (source.kind, &source.dir) {
        _ if !archiving.state.archive_library.is_empty() => Some(format!(
            "the server archives by a library ({}), which does not tell where to; give the folder with --archive-dir",
            clean(&archiving.state.archive_library)
        )),
        (CommandKind::Nothing, _) => Some("the server archives nothing: it has no archive_command".to_owned()),
        (_, None) => Some("the server's archive_command names no folder that can be looked into; give it with --archive-dir".to_owned()),
        _ => None,
    };
    (source, why)
}

/// The figures of what was seen and said.
fn tell(gathered: &mut Gathered) {
    let Gathered { report, survey, archiving, .. } = gathered;
    if let Some(archiving) = archiving {
        report.server = archiving.system_identifier.clone();
        report.waiting = archiving.waiting.clone();
    }
    let wal = &mut report.wal;
    if let Some(archiving) = archiving {
        wal.archiver = Some(archiving.state.clone());
        wal.slots = archiving.slots.clone();
        wal.unknown.extend(archiving.unknown.iter().cloned());
        wal.system_identifier = archiving.system_identifier.clone();
        wal.stats.segment_size = archiving.segment_size;
    }
    let Some(survey) = survey else { return };
    let size = survey.segment_size.or(wal.stats.segment_size);
    wal.stats = crate::domain::wal::WalStats { segment_size: size, ..figures::stats(survey) };
    let numbered = figures::segments(survey, size.unwrap_or_default());
    let known = survey.header.map(|header| header.system_identifier.to_string());
    wal.system_identifier = known.or(wal.system_identifier.take());
    report.stretches = figures::stretches(&numbered);
    wal.timelines = figures::timelines(survey, &report.stretches, size.unwrap_or_default());
    wal.gaps = figures::gaps(&report.stretches, &wal.timelines, size.unwrap_or_default());
    wal.hours = figures::hours(&numbered);
    wal.growth = figures::growth(&numbered, report.at);
    wal.full_in_ms = wal.room.zip(wal.growth).and_then(|((free, _), growth)| figures::full_in(free, growth));
    wal.unknown.extend(survey.unknown.iter().cloned());
}
