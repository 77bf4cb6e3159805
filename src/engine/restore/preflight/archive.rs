//! Is the archive whole, and is everything that is wanted in it?

use super::checklist::{Checklist, Found, ok, refuse, warn};
use crate::archive::manifest::Status;
use crate::archive::reader::Archive;
use crate::domain::size::grouped;
use crate::domain::spec::Depth;
use crate::domain::{Bytes, Code, Fault, text};
use crate::engine::restore::source;
use crate::engine::verify;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The name of the line.
pub const NAME: &str = "archive";

/// Checks it: its structure, or every byte. Not limited in time: how long every byte takes is a matter of the archive's size.
pub async fn check(
    archive: &Arc<Archive>,
    depth: Depth,
    jobs: u32,
    failed: &[(String, String)],
    cancel: &CancellationToken,
    list: &Checklist<'_>,
) -> Result<Vec<Found>, Fault> {
    let (of, path, stop) = (archive.bytes(), archive.path().to_owned(), cancel.clone());
    // A place for one figure: the thread that reads writes it, this task tells it now and then.
    let (sender, mut told) = tokio::sync::watch::channel(0_u64);
    let work = source::blocking(move || {
        verify::check(&path, depth, jobs, None, &|bytes| {
            sender.send_replace(bytes);
            !stop.is_cancelled()
        })
    });
    tokio::pin!(work);
    let mut every = tokio::time::interval(std::time::Duration::from_millis(200));
    let damages = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = every.tick() => {
                let bytes = *told.borrow_and_update();
                if depth == Depth::Full {
                    list.at_work(NAME, format!("{} of {} checked", Bytes(bytes), Bytes(of)));
                }
            }
        }
    };
    let damages = match damages {
        Ok(damages) => damages,
        Err(fault) if fault.code == Code::Cancelled => return Err(fault),
        Err(fault) => return Ok(vec![damaged(&fault)]),
    };
    if let Some(fault) = verify::damage_fault(archive.path(), &damages) {
        return Ok(vec![damaged(&fault)]);
    }
    let head = &archive.manifest().head;
    let deep = match depth {
        Depth::Quick => "structure checked",
        Depth::Full => "every byte checked",
    };
    let detail =
        format!("{} tables, {} rows, {} frames, {deep}", grouped(head.tables), grouped(head.rows), grouped(archive.frames().len() as u64));
    let mut found = vec![match head.status {
        Status::Complete => ok(NAME, detail),
        Status::Partial => warn(NAME, format!("{detail}; some databases are not in it"), None),
    }];
    found.extend(failed.iter().map(|(name, why)| {
        let cure = Some("Restore it from an earlier archive.".to_owned());
        warn(NAME, format!("{} is not in it: {}", text::clean(name), text::clean(why)), cure)
    }));
    Ok(found)
}

fn damaged(fault: &Fault) -> Found {
    let places = fault.context.iter().filter(|(name, _)| name == "Damage").take(3).map(|(_, place)| place.as_str());
    let places = places.collect::<Vec<_>>().join("; ");
    let detail = match (places.is_empty(), fault.causes.last()) {
        (false, _) => places,
        (true, Some(cause)) => format!("{}: {cause}", fault.what),
        (true, None) => fault.what.clone(),
    };
    let cure = fault.steps.first().map(|step| step.text.clone());
    refuse(fault.code, NAME, text::clean(&detail), cure)
}
