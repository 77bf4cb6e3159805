//! `dbbackup diagnose`: works without a server that answers, and without a configuration that can be read.

use super::query::Form;
use super::script;
use crate::cli::diagnose::Diagnose;
use crate::config::environment::Environment;
use crate::config::layers::{Resolved, resolve};
use crate::config::paths::Paths;
use crate::config::secrets::Secrets;
use crate::config::settings::Key;
use crate::domain::diagnosis::{Diagnosis, text};
use crate::domain::{Code, Fault};
use crate::engine::diagnose::{self, Use};
use crate::runtime::report::{ByItself, Reports};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long what hangs is waited for once there is a report.
const LAST_WAIT: Duration = Duration::from_millis(100);

/// Carries the command out; gives what is to be printed.
pub fn run(wanted: &Diagnose, paths: &Paths, environment: &Environment, flags: &[(Key, String)]) -> Result<String, Fault> {
    let given = wanted.error.as_deref().map(diagnose::fault_of);
    // A configuration that cannot be read is what is wrong, if nothing else is known to be: flags and environment hold without it.
    let (resolved, broken) = match resolve(paths, environment, flags) {
        Ok(resolved) => (resolved, None),
        Err(fault) => (resolve(&Paths::default(), environment, flags)?, Some(fault)),
    };
    let connection = resolved.connection()?;
    let secrets = Secrets::new(&resolved, environment);
    let reports = reports(&resolved, ByItself::No);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Fault::internal("cannot start threads").because(error))?;
    let dir = script::backup_dir(&resolved);
    let fault = given.as_ref().or(broken.as_ref());
    let diagnosis = runtime.block_on(reports.collect(&secrets, Some(&connection), &dir, fault));
    runtime.shutdown_timeout(LAST_WAIT);
    let report = rendered(&diagnosis, if resolved.switch(Key::Json) { Form::Json } else { Form::Text })?;
    match &wanted.output {
        Some(path) => write(path, &report).map(|()| format!("{}\n", path.display())),
        None => Ok(report),
    }
}

fn rendered(diagnosis: &Diagnosis, form: Form) -> Result<String, Fault> {
    if form == Form::Text {
        return Ok(text::render(diagnosis));
    }
    let json =
        serde_json::to_string_pretty(diagnosis).map_err(|error| Fault::internal("a report cannot be written as JSON").caused_by(&error))?;
    Ok(json + "\n")
}

fn write(path: &Path, report: &str) -> Result<(), Fault> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    opened.and_then(|mut file| file.write_all(report.as_bytes())).map_err(|error| {
        Fault::new(Code::OutputUnwritable, "the report cannot be written")
            .at("File", path.display())
            .because(error)
            .step("Choose another file with --output.")
    })
}

/// What every report of this program looks at, and where it goes.
pub fn reports(resolved: &Resolved, by_itself: ByItself) -> Reports {
    let work = resolved.path(Key::Workdir).unwrap_or_else(std::env::temp_dir);
    let state = state_dir();
    let mut paths = vec![Use { what: "work".to_owned(), path: work.clone() }];
    paths.extend(resolved.path(Key::LogFile).map(|path| Use { what: "log".to_owned(), path }));
    paths.extend(state.clone().map(|path| Use { what: "state".to_owned(), path }));
    Reports { paths, spare: state.into_iter().chain([work]).collect(), by_itself, ..Reports::default() }
}

/// The folder of the program's own state; none where the user has no home, or one that is not there.
fn state_dir() -> Option<PathBuf> {
    directories::BaseDirs::new().filter(|dirs| dirs.home_dir().is_dir())?;
    let dirs = directories::ProjectDirs::from("", "", "dbbackup")?;
    Some(dirs.state_dir().unwrap_or(dirs.data_local_dir()).to_path_buf())
}
