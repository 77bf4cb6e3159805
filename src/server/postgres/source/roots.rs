//! Partitions whose rows may belong into other partitions in a copy.
//!
//! Hash partitioning takes the hash of an enum's label from its OID, and a copy has other OIDs (pg_dump loads such tables through their root
//! for that reason: `forcePartitionRootLoad` in pg_dump.c). The same holds for whatever contains an enum, and for names of objects.

use crate::domain::schema::TableName;
use tokio_postgres::{Client, Error};

/// The topmost ancestor of each leaf among those that are partitioned by such a hash: from there rows find their way down through all
/// levels. With the columns of that ancestor in its order.
///
/// The type of an expression is not in the catalog, only its operator class: those of enums, containers and object names count as
/// affected, as does every multirange. That is never wrong, only slower.
const ROOTS: &str = "
WITH RECURSIVE keys AS (
    SELECT p.partrelid, k.attnum, k.opclass, a.atttypid
      FROM pg_partitioned_table p
     CROSS JOIN LATERAL unnest(p.partattrs::int2[], p.partclass::oid[]) AS k(attnum, opclass)
      LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.attnum AND k.attnum > 0
     WHERE p.partstrat = 'h'
), parts(whole, part) AS (
    SELECT DISTINCT atttypid, atttypid FROM keys WHERE atttypid IS NOT NULL
     UNION
    SELECT parts.whole, inner_type.oid
      FROM parts
      JOIN pg_type t ON t.oid = parts.part
     CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
         UNION ALL SELECT t.typelem WHERE t.typelem <> 0
         UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
         UNION ALL SELECT a.atttypid FROM pg_attribute a
                    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS inner_type(oid)
), affected AS (
    SELECT partrelid FROM keys
     WHERE (atttypid IS NULL AND opclass IN (
               SELECT o.oid FROM pg_opclass o
                WHERE o.opcname IN ('enum_ops', 'array_ops', 'record_ops', 'range_ops', 'multirange_ops', 'oid_ops')))
        OR atttypid IN (
               SELECT parts.whole FROM parts JOIN pg_type t ON t.oid = parts.part
                WHERE t.typtype IN ('e', 'm') OR t.typnamespace = 'pg_catalog'::regnamespace AND t.typname ~ '^reg')
), roots AS (
    SELECT DISTINCT ON (c.oid) c.oid AS leaf, up.relid::oid AS root
      FROM pg_class c
     CROSS JOIN LATERAL pg_partition_ancestors(c.oid) WITH ORDINALITY AS up(relid, height)
     WHERE c.relispartition AND c.relkind = 'r' AND EXISTS (SELECT 1 FROM affected)
       AND up.relid IN (SELECT partrelid FROM affected)
     ORDER BY c.oid, up.height DESC
)
SELECT roots.leaf, n.nspname::text, c.relname::text,
       coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}')
  FROM roots JOIN pg_class c ON c.oid = roots.root JOIN pg_namespace n ON n.oid = c.relnamespace";

/// A leaf's root.
pub struct Root {
    /// The leaf's OID.
    pub leaf: u32,
    /// The table through which its rows are loaded.
    pub name: TableName,
    /// That table's columns that are copied, in its order.
    pub columns: Vec<String>,
}

/// The roots of all leaves that need one.
pub async fn read(client: &Client) -> Result<Vec<Root>, Error> {
    let rows = client.query(ROOTS, &[]).await?;
    let root = |row: &tokio_postgres::Row| Root {
        leaf: row.get(0),
        name: TableName::new(row.get::<_, String>(1), row.get::<_, String>(2)),
        columns: row.get(3),
    };
    Ok(rows.iter().map(root).collect())
}
