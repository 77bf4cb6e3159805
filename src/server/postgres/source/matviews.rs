//! Populated materialized views, in an order in which each finds what it reads.

use crate::domain::schema::TableName;
use std::collections::{HashMap, HashSet};
use tokio_postgres::Client;

/// Reads them in two queries: the views, and what views (plain ones too) read by their rules.
pub async fn read(client: &Client) -> Result<Vec<TableName>, tokio_postgres::Error> {
    let views = client
        .query(
            "SELECT c.oid, n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
              WHERE c.relkind = 'm' AND c.relispopulated AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
                AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') \
              ORDER BY 2, 3",
            &[],
        )
        .await?;
    if views.is_empty() {
        return Ok(Vec::new());
    }
    let edges = client
        .query(
            "SELECT DISTINCT r.ev_class, d.refobjid FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid \
               JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid AND c.relkind IN ('v', 'm') \
              WHERE r.ev_class <> d.refobjid AND c.oid >= 16384",
            &[],
        )
        .await?;
    let mut reads: HashMap<u32, Vec<u32>> = HashMap::new();
    for edge in &edges {
        reads.entry(edge.get(0)).or_default().push(edge.get(1));
    }
    let names = views.iter().map(|row| (row.get::<_, u32>(0), TableName { schema: row.get(1), name: row.get(2) })).collect::<Vec<_>>();
    let mut by_oid: HashMap<u32, TableName> = names.iter().cloned().collect();
    let order = sorted(&names.iter().map(|(oid, _)| *oid).collect::<Vec<_>>(), &reads);
    Ok(order.into_iter().filter_map(|oid| by_oid.remove(&oid)).collect())
}

/// The roots and everything they read, what is read first; each once. Cycles cannot be among views; one would end the walk, not hang it.
fn sorted(roots: &[u32], reads: &HashMap<u32, Vec<u32>>) -> Vec<u32> {
    let mut done = Vec::new();
    let mut seen = HashSet::new();
    // A stack of its own: chains of views can be deeper than a thread's stack likes.
    let mut stack: Vec<(u32, bool)> = roots.iter().rev().map(|root| (*root, false)).collect();
    while let Some((oid, is_left)) = stack.pop() {
        if is_left {
            done.push(oid);
        } else if seen.insert(oid) {
            stack.push((oid, true));
            stack.extend(reads.get(&oid).into_iter().flatten().map(|next| (*next, false)));
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_comes_first_through_plain_views_and_cycles_end() {
        let reads = HashMap::from([(1, vec![2]), (2, vec![3]), (4, vec![1, 3]), (5, vec![6]), (6, vec![5])]);
        assert_eq!(sorted(&[4, 1, 3], &reads), [3, 2, 1, 4]);
        assert_eq!(sorted(&[5], &reads).len(), 2);
    }
}
