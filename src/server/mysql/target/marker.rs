//! How the sessions of a run are known to the server: each holds a user lock with a name that only this run and this database have.
//!
//! The server gives a user lock back when its session ends, however it ends, and anybody may ask who holds one. So what a run that died has
//! left at work is found without any right, where connection attributes would need the performance schema.

use super::loader::Target;
use crate::domain::{Code, Fault};
use crate::server::mysql::quote::literal;
use crate::server::mysql::wire::Error;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_128;

/// How many sessions of a run in one database can be told apart.
const PLACES: usize = 256;

/// How long sessions that were told to end are waited for, and how often is looked.
const END_LIMIT: Duration = Duration::from_secs(30);
const END_EVERY: Duration = Duration::from_millis(50);

/// "There is no such session", and "it is not yours".
const GONE: u16 = 1094;

/// What the names of a run's locks in a database begin with. A lock's name has at most 64 characters.
pub fn name(run: &str, database: &str) -> String {
    format!("dbbackup.{:032x}", xxh3_128(format!("{run}\0{database}").as_bytes()))
}

/// The lock of a place.
fn lock(marker: &str, place: usize) -> String {
    literal(&format!("{marker}.{place}"))
}

/// Who holds which places: the numbers of sessions.
async fn holders(target: &mut Target, marker: &str) -> Result<Vec<Option<u64>>, Fault> {
    let asked: Vec<String> = (0..PLACES).map(|place| format!("IS_USED_LOCK({})", lock(marker, place))).collect();
    let rows = target.query("cannot look for the sessions of this run", &format!("SELECT {}", asked.join(","))).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    Ok((0..PLACES).map(|place| row.number(place)).collect())
}

/// Takes the first free place. A server that has no user locks leaves the session without a mark.
pub async fn set(target: &mut Target) -> Result<(), Fault> {
    let Some(marker) = target.marker.clone() else { return Ok(()) };
    let held = match holders(target, &marker).await {
        Ok(held) => held,
        Err(fault) if fault.sqlstate.is_some() => {
            tracing::debug!(%fault, "no user locks");
            target.marker = None;
            return Ok(());
        }
        Err(fault) => return Err(fault),
    };
    for place in (0..PLACES).filter(|place| held.get(*place).is_none_or(Option::is_none)) {
        let sql = format!("SELECT GET_LOCK({}, 0)", lock(&marker, place));
        let rows = target.query("cannot mark a session", &sql).await?;
        if rows.first().and_then(|row| row.number::<u8>(0)) == Some(1) {
            return Ok(());
        }
    }
    Ok(())
}

/// See [`crate::server::Loader::end_others`].
pub async fn end_others(target: &mut Target) -> Result<u64, Fault> {
    let Some(marker) = target.marker.clone() else { return Ok(0) };
    let own = target.session.id();
    let until = tokio::time::Instant::now() + END_LIMIT;
    let mut ended = None;
    loop {
        let others: Vec<u64> = holders(target, &marker).await?.into_iter().flatten().filter(|id| *id != own).collect();
        let first = *ended.get_or_insert(others.len() as u64);
        if others.is_empty() {
            return Ok(first);
        }
        for id in others {
            match target.session.run(&format!("KILL CONNECTION {id}")).await {
                Ok(_) => {}
                Err(error) if error.number() == Some(GONE) => {}
                Err(error @ Error::Server { .. }) => tracing::debug!(%error, id, "a session that cannot be ended"),
                Err(error) => return Err(target.fault("cannot end the sessions of the interrupted run", &error)),
            }
        }
        if tokio::time::Instant::now() > until {
            let fault = Fault::new(Code::AnotherRun, "sessions of the interrupted run do not end");
            return Err(target.placed(fault).step("Wait until the server has ended them (SHOW PROCESSLIST), then resume again."));
        }
        tokio::time::sleep(END_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_differ_by_run_and_database() {
        let one = name("0192-run", "shop");
        assert!(one.len() + 4 <= 64, "{one}");
        assert_ne!(one, name("0192-run", "shop2"));
        assert_ne!(one, name("0193-run", "shop"));
        assert_eq!(lock("m", 7), "'m.7'");
    }
}
