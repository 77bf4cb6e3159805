//! The write probe: would the next value of a sequence collide with what is in its column already?

use super::loader::Target;
use crate::domain::Fault;
use crate::domain::schema::TableName;
use crate::server::Behind;
use crate::server::postgres::quote::{ident, qualified};

/// How many columns are looked at in one query. Each is a lookup in an index where one leads with the column, else a scan.
const COLUMNS_AT_ONCE: usize = 50;

/// A column that a sequence feeds.
struct Fed {
    table: TableName,
    column: String,
    sequence: TableName,
}

/// Every column that a sequence feeds: owned by it (serial, identity), or with a default that calls `nextval` on it. Which sequence a default
/// uses is a recorded dependency; its text only tells whether it takes the next value.
const FED: &str = "\
WITH fed AS (
  SELECT d.refobjid AS relation, d.refobjsubid::int4 AS attribute, d.objid AS sequence
    FROM pg_catalog.pg_depend d
   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
     AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
  UNION
  SELECT f.adrelid, f.adnum::int4, d.refobjid
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
   WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
     AND pg_catalog.pg_get_expr(f.adbin, f.adrelid) LIKE 'nextval(%'
)
SELECT tn.nspname::text, t.relname::text, a.attname::text, sn.nspname::text, s.relname::text
  FROM fed
  JOIN pg_catalog.pg_class s ON s.oid = fed.sequence AND s.relkind = 'S'
  JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
  JOIN pg_catalog.pg_class t ON t.oid = fed.relation AND t.relkind IN ('r', 'p')
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = fed.attribute AND NOT a.attisdropped
  JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
 WHERE COALESCE(NULLIF(y.typbasetype, 0), y.oid) IN (20, 21, 23)
   AND tn.nspname <> 'information_schema' AND tn.nspname NOT LIKE 'pg\\_%'
 ORDER BY 1, 2, 3";

/// See [`crate::server::Loader::write_probe`].
pub async fn run(target: &mut Target) -> Result<(u64, Vec<Behind>), Fault> {
    let target = &*target;
    let failed = |error: tokio_postgres::Error| target.fault("cannot compare sequences with their columns", &error);
    // The catalogs of a database just restored have no statistics: the planner expects one row of each and would compare every sequence
    // with every other row, for minutes with 10,000 tables.
    let client = &target.session.client;
    client.batch_execute("SET enable_nestloop = off").await.map_err(failed)?;
    let rows = client.query(FED, &[]).await.map_err(failed)?;
    client.batch_execute("RESET enable_nestloop").await.map_err(failed)?;
    let fed: Vec<Fed> = rows
        .iter()
        .map(|row| Fed {
            table: TableName::new(row.get::<_, String>(0), row.get::<_, String>(1)),
            column: row.get(2),
            sequence: TableName::new(row.get::<_, String>(3), row.get::<_, String>(4)),
        })
        .collect();
    let mut behind = Vec::new();
    for some in fed.chunks(COLUMNS_AT_ONCE) {
        let sql = some.iter().enumerate().map(|(at, one)| question(at, one)).collect::<Vec<_>>().join(" UNION ALL ");
        for row in target.session.client.query(&sql, &[]).await.map_err(failed)? {
            let at = usize::try_from(row.get::<_, i32>(0)).unwrap_or(0);
            let (Some(greatest), Some(next)) = (row.get::<_, Option<i64>>(1), row.get::<_, Option<i64>>(2)) else { continue };
            let increment: i64 = row.get(3);
            let is_behind = if increment > 0 { next <= greatest } else { next >= greatest };
            if let Some(one) = some.get(at).filter(|_| is_behind) {
                let column = crate::domain::text::clean(&format!("{}.{}.{}", one.table.schema, one.table.name, one.column));
                behind.push(Behind { column, greatest, next });
            }
        }
    }
    Ok((fed.len() as u64, behind))
}

/// One column's row: number, greatest value in the sequence's direction, next value, increment. A value that the sequence cannot reach
/// any more (it stands at its limit) has no next one to collide.
fn question(at: usize, one: &Fed) -> String {
    let column = ident(&one.column);
    format!(
        "SELECT {at}::int4, \
           CASE WHEN q.seqincrement > 0 THEN (SELECT max({column}) FROM {table})::int8 ELSE (SELECT min({column}) FROM {table})::int8 END, \
           (CASE WHEN s.is_called THEN s.last_value::numeric + q.seqincrement ELSE s.last_value END \
             + CASE WHEN s.is_called AND (s.last_value::numeric + q.seqincrement > q.seqmax OR s.last_value::numeric + q.seqincrement < q.seqmin) \
                    THEN NULL ELSE 0 END)::int8, \
           q.seqincrement \
         FROM {sequence} s, pg_catalog.pg_sequence q \
         WHERE q.seqrelid = {regclass}::pg_catalog.regclass",
        table = qualified(&one.table),
        sequence = qualified(&one.sequence),
        regclass = crate::server::postgres::quote::literal(&qualified(&one.sequence)),
    )
}
