//! Reports about failures: what is asked, where they are kept, and that they delay nothing for longer than their limit.

use crate::config::secrets::Secrets;
use crate::domain::diagnosis::Diagnosis;
use crate::domain::fault::Severity;
use crate::domain::job::Summary;
use crate::domain::spec::JobSpec;
use crate::domain::{Connection, Fault};
use crate::engine::diagnose::{self, LIMIT, Shelf, Subject, Use};
use crate::system::Roots;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Writing the report may take so long; a disk that hangs must not hold up the end.
const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// Whether a failure has a report made by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByItself {
    /// It has.
    #[default]
    Yes,
    /// A dry run leaves nothing behind.
    No,
}

/// What every report of this program looks at, and where it goes.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// Paths that are involved beside the backups: work, log, state.
    pub paths: Vec<Use>,
    /// Folders for reports where the backups' own takes none.
    pub spare: Vec<PathBuf>,
    /// Where the kernel tells about itself.
    pub roots: Roots,
    /// Whether failures have one by themselves.
    pub by_itself: ByItself,
}

impl Reports {
    /// Where those about a folder of backups are kept.
    pub fn shelf(&self, dir: &Path) -> Shelf {
        Shelf { beside: dir.to_path_buf(), spare: self.spare.clone() }
    }

    /// A report about a server and a folder of backups.
    pub async fn collect(&self, secrets: &Secrets, connection: Option<&Connection>, dir: &Path, fault: Option<&Fault>) -> Diagnosis {
        let looked = connection.map(|connection| super::work::server(secrets, connection));
        let (server, refused) = match looked {
            Some(Ok((server, _))) => (Some(server), None),
            // What keeps us from even trying, such as a password file that others can read, is what failed, if nothing else did.
            Some(Err(refused)) => (None, Some(refused)),
            None => (None, None),
        };
        let mut paths = vec![Use { what: "backup".to_owned(), path: dir.to_path_buf() }];
        paths.extend(self.paths.clone());
        diagnose::diagnose(Subject { server, paths, roots: self.roots.clone() }, fault.or(refused.as_ref())).await
    }

    /// Keeps a report; gives how it is called: by its name beside the backups, by its path elsewhere.
    pub async fn keep(&self, dir: &Path, diagnosis: Diagnosis) -> Result<PathBuf, Fault> {
        let shelf = self.shelf(dir);
        // On a thread that is left behind when the disk hangs.
        let (send, kept) = tokio::sync::oneshot::channel();
        let made = std::thread::Builder::new().name("dbbackup-report".to_owned()).spawn(move || {
            // Nobody may be waiting any more.
            let _ = send.send(shelf.keep(&diagnosis));
        });
        made.map_err(|error| Fault::internal("cannot start threads").because(error))?;
        match tokio::time::timeout(WRITE_LIMIT, kept).await {
            Ok(Ok(kept)) => kept,
            _ => Err(Fault::new(crate::domain::Code::Io, "the report cannot be written").because("the disk does not answer")),
        }
    }

    /// The fault with its report named, when it is a critical one and the report could be made. Never hides the fault, and never takes longer
    /// than the limits.
    pub async fn explain(&self, secrets: &Secrets, spec: &JobSpec, fault: Fault) -> Fault {
        if self.by_itself == ByItself::No || !is_worth(&fault) {
            return fault;
        }
        let dir = spec.folder();
        let collected = tokio::time::timeout(LIMIT, self.collect(secrets, spec.connection(), &dir, Some(&fault))).await;
        let Ok(diagnosis) = collected else {
            tracing::warn!("no report: it could not be collected in time");
            return fault;
        };
        match self.keep(&dir, diagnosis).await {
            Ok(path) => {
                let beside = path.parent() == Some(dir.as_path());
                let called = if beside { path.file_name().map(PathBuf::from).unwrap_or(path) } else { path };
                tracing::info!(report = %called.display(), "a report was written");
                fault.at(Fault::REPORT, called.display())
            }
            Err(error) => {
                tracing::warn!(%error, "no report");
                fault
            }
        }
    }

    /// The same for a job that is done, but in which something failed: the first critical fault has the report.
    pub async fn explain_summary(&self, secrets: &Secrets, spec: &JobSpec, mut summary: Summary) -> Summary {
        let Some(fault) = summary.databases.iter_mut().filter_map(|database| database.fault.as_mut()).find(|fault| is_worth(fault)) else {
            return summary;
        };
        *fault = self.explain(secrets, spec, fault.clone()).await;
        if let Some(report) = fault.report().map(str::to_owned)
            && !summary.causes.is_empty()
        {
            // Where failures are folded into causes, no single fault is printed.
            summary.notes.push(format!("Report: {report}"));
        }
        summary
    }
}

/// Whether a fault is critical, and has no report yet.
fn is_worth(fault: &Fault) -> bool {
    fault.code.severity() >= Severity::Critical && fault.report().is_none()
}
