//! Who waits for whom. The functions ask level by level, since `pg_blocking_pids` stops all locking for a moment: only for sessions that
//! are known to wait, and never for more than a few.

use super::roll::APPLICATION;
use crate::domain::text;
use crate::domain::time::Stamp;
use crate::domain::wait::Blocker;
pub use crate::server::waits::{flatten, short, sort};
use std::collections::{HashMap, HashSet};
use tokio_postgres::{Client, Error, Row};

/// Levels of the tree that are asked for.
const DEPTH: usize = 6;

/// Sessions of the tree that are asked about.
const MOST: usize = 100;

/// Who is in whose way: each asked or found session with those that it waits for. 0 stands for prepared transactions.
pub async fn edges(client: &Client, waiting: &[i32]) -> Result<HashMap<i32, Vec<i32>>, Error> {
    let mut edges: HashMap<i32, Vec<i32>> = HashMap::new();
    let mut level: Vec<i32> = waiting.to_vec();
    for _ in 0..DEPTH {
        if level.is_empty() {
            break;
        }
        let rows = client.query("SELECT p, pg_catalog.pg_blocking_pids(p) FROM unnest($1::int4[]) p", &[&level]).await?;
        for row in rows {
            let mut by: Vec<i32> = row.get(1);
            by.sort_unstable();
            by.dedup();
            edges.insert(row.get(0), by);
        }
        let found: HashSet<i32> = edges.values().flatten().copied().filter(|pid| *pid != 0 && !edges.contains_key(pid)).collect();
        level = found.into_iter().take(MOST.saturating_sub(edges.len())).collect();
    }
    Ok(edges)
}

/// Everybody that a session waits for, near and far.
pub fn reach(edges: &HashMap<i32, Vec<i32>>, pid: i32) -> HashSet<i32> {
    let mut seen = HashSet::new();
    let mut stack = vec![pid];
    while let Some(at) = stack.pop() {
        for next in edges.get(&at).into_iter().flatten() {
            if seen.insert(*next) {
                stack.push(*next);
            }
        }
    }
    seen
}

/// What is known of sessions. `ours` are sessions of this connector.
pub async fn sessions(client: &Client, pids: &[i32], ours: &[i32]) -> Result<HashMap<i32, Blocker>, Error> {
    let sql = "
SELECT a.pid, coalesce(a.usename, '')::text, coalesce(a.datname, '')::text, coalesce(a.application_name, ''),
       coalesce(host(a.client_addr), 'local'), coalesce(a.state, a.backend_type, ''),
       (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::int8, coalesce(a.query, ''),
       coalesce((extract(epoch FROM a.backend_start) * 1000)::int8, 0)
  FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY ($1::int4[])";
    let rows = client.query(sql, &[&pids]).await?;
    let mut known: HashMap<i32, Blocker> = rows.iter().map(|row| (row.get(0), blocker(row, ours))).collect();
    if pids.contains(&0) {
        let sql = "SELECT coalesce(string_agg(format('%L of %s in %s', gid, owner, database), ', '), 'none is left') FROM pg_catalog.pg_prepared_xacts";
        let statement: String = client.query_one(sql, &[]).await?.get(0);
        known.insert(
            0,
            Blocker {
                state: "prepared".into(),
                statement: short(&statement),
                end: "COMMIT PREPARED or ROLLBACK PREPARED".into(),
                ..Blocker::default()
            },
        );
    }
    Ok(known)
}

fn blocker(row: &Row, ours: &[i32]) -> Blocker {
    let (pid, application): (i32, String) = (row.get(0), row.get(3));
    Blocker {
        pid,
        user: text::clean(row.get(1)),
        database: text::clean(row.get(2)),
        ours: ours.contains(&pid) || is_ours(&application),
        application: text::clean(&application),
        client: row.get(4),
        state: row.get(5),
        transaction_ms: row.get::<_, Option<i64>>(6).map(|ms| u64::try_from(ms).unwrap_or(0)),
        statement: short(row.get(7)),
        since: Stamp(row.get(8)),
        cancel: format!("SELECT pg_cancel_backend({pid});"),
        end: format!("SELECT pg_terminate_backend({pid});"),
        ..Blocker::default()
    }
}

/// Whether an `application_name` is that of a run of dbbackup.
pub fn is_ours(application: &str) -> bool {
    application == APPLICATION || application.strip_prefix(APPLICATION).is_some_and(|rest| rest.starts_with(": "))
}

/// A lock's mode as the documentation writes it: `AccessExclusiveLock` is `ACCESS EXCLUSIVE`.
pub fn mode(name: &str) -> String {
    let mut out = String::new();
    for c in name.strip_suffix("Lock").unwrap_or(name).chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_names_read_well() {
        assert_eq!(mode("AccessExclusiveLock"), "ACCESS EXCLUSIVE");
        assert_eq!(mode("ExclusiveLock"), "EXCLUSIVE");
        assert!(is_ours("dbbackup") && is_ours("dbbackup: pg_dump 1a") && !is_ours("dbbackup2") && !is_ours("psql"));
    }

    #[test]
    fn all_who_are_waited_for_are_found() {
        let edges = HashMap::from([(1, vec![2, 4]), (2, vec![3]), (3, vec![1]), (4, vec![])]);
        assert_eq!(reach(&edges, 2), HashSet::from([1, 2, 3, 4]));
    }
}
