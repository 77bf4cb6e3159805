//! The file that lists every failure of a cluster restore: `cluster-restore-failures-<time>.json`, readable by its owner only, beside the
//! archive, or in the current folder where that one cannot be written to.

use super::source::blocking;
use crate::archive::reader::Archive;
use crate::domain::cause::Fate;
use crate::domain::fault::Step;
use crate::domain::job::Summary;
use crate::domain::spec::RestoreSpec;
use crate::domain::{Fault, text};
use crate::storage::local::write_small;
use jiff::Zoned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Writes it; gives its path.
pub async fn write(spec: &RestoreSpec, archive: &Archive, summary: &Summary) -> Result<PathBuf, Fault> {
    let now = Zoned::now();
    let name = format!("cluster-restore-failures-{}", now.strftime("%Y%m%d-%H%M%S"));
    let mut content = serde_json::to_vec_pretty(&content(spec, &archive.manifest().head.id, &now, summary))
        .map_err(|error| Fault::internal("the list of failures is no JSON").caused_by(&error))?;
    content.push(b'\n');
    let beside = spec.archive.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    blocking(move || {
        let path = free(&beside, &name);
        write_small(&path, &content).map(|()| path).or_else(|fault| {
            let here = free(Path::new("."), &name);
            // What cannot be written anywhere is told by the place where it should have been.
            write_small(&here, &content).map(|()| here).map_err(|_| fault)
        })
    })
    .await
}

/// A path that no file has.
fn free(dir: &Path, name: &str) -> PathBuf {
    let paths = (1..1000).map(|nth| dir.join(if nth == 1 { format!("{name}.json") } else { format!("{name}_{nth}.json") }));
    paths.into_iter().find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| dir.join(format!("{name}.json")))
}

fn cure(steps: &[Step]) -> Vec<String> {
    let line = |step: &Step| match &step.command {
        Some(command) => format!("{} {command}", step.text),
        None => step.text.clone(),
    };
    steps.iter().map(line).collect()
}

fn content(spec: &RestoreSpec, archive_id: &str, now: &Zoned, summary: &Summary) -> Value {
    let succeeded: Vec<&str> = summary.databases.iter().filter(|one| one.fault.is_none()).map(|one| one.name.as_str()).collect();
    let failed: Vec<Value> = summary
        .databases
        .iter()
        .filter_map(|one| one.fault.as_ref().map(|fault| (one, fault)))
        .map(|(one, fault)| {
            let (fate, name) = match &one.fate {
                Fate::Kept => ("kept", None),
                Fate::Dropped => ("dropped", None),
                Fate::Renamed(name) => ("renamed", Some(name)),
            };
            json!({
                "database": one.name,
                "code": fault.code,
                "message": fault.what,
                "cause": fault.root_cause(),
                "sqlstate": fault.sqlstate,
                "cure": cure(&fault.steps),
                "fate": fate,
                "renamed_to": name,
                "objects": one.objects,
                "failed_objects": one.failures,
                "skipped_objects": one.skipped,
            })
        })
        .collect();
    json!({
        "operation": "restore-cluster",
        "archive": text::clean(&spec.archive.display().to_string()),
        "archive_id": archive_id,
        "finished": now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        "total": summary.databases.len(),
        "succeeded": succeeded,
        "causes": summary.causes,
        "failed": failed,
        "globals": summary.globals,
        "then": summary.then.as_ref().and_then(|step| step.command.clone()),
    })
}
