//! What holds rows in a database, and how large it is. A handful of queries, whatever the number of tables.
//!
//! Names of `pg_catalog` stand unqualified in the queries of this folder: with the session's empty search_path they can mean nothing else.

use super::roots::{self, Root};
use crate::domain::schema::{RowFormat, Table, TableKind, TableName};
use crate::domain::{Code, Fault};
use crate::server::Survey;
use crate::server::postgres::connect::Connector;
use crate::server::postgres::quote::{ident, literal, qualified};
use std::collections::{HashMap, HashSet};
use tokio_postgres::Client;

/// Ordinary tables and leaf partitions, with what is needed to judge them. Members of extensions only where the extension says that their
/// rows are the user's (`pg_extension.extconfig`).
const TABLES: &str = "
SELECT n.nspname::text, c.relname::text, c.oid, c.reltoastrelid,
       coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}'),
       pg_relation_size(c.oid, 'main'), pg_table_size(c.oid), pg_indexes_size(c.oid), c.reltuples::float8,
       coalesce(am.amname = 'heap', false), has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'),
       row_security_active(c.oid), x.condition,
       CASE WHEN c.reltoastrelid <> 0 THEN pg_relation_size(c.reltoastrelid, 'main') ELSE 0 END,
       CASE WHEN c.reltoastrelid <> 0 THEN has_table_privilege(c.reltoastrelid, 'SELECT') AND has_schema_privilege('pg_toast', 'USAGE')
            ELSE false END,
       coalesce(c.reltoastrelid::regclass::text, ''), x.oid IS NOT NULL
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_am am ON am.oid = c.relam
  LEFT JOIN (SELECT unnest(extconfig) AS oid, unnest(extcondition) AS condition FROM pg_extension) x ON x.oid = c.oid
 WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND (x.oid IS NOT NULL OR NOT EXISTS (SELECT 1 FROM pg_depend d
         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
 ORDER BY 1, 2";

/// A table, and what a backup of it must know beyond the plan.
pub struct Found {
    /// The table.
    pub table: Table,
    /// Why its rows cannot be read, if so.
    pub obstacle: Option<&'static str>,
    oid: u32,
    toast: Toast,
}

struct Toast {
    name: String,
    bytes: u64,
    readable: bool,
}

/// See [`crate::server::Server::survey`].
pub async fn survey(connector: &Connector, database: &str) -> Result<Vec<Table>, Fault> {
    let session = connector.session(database).await?;
    let failed = |error: tokio_postgres::Error| connector.fault("cannot list the tables", &error, database);
    let version = version_num(&session.client).await.map_err(failed)?;
    let mut tables: Vec<Table> = list(&session.client, version).await.map_err(failed)?.into_iter().map(|found| found.table).collect();
    tables.extend(super::large_objects::tables(&session.client).await.map_err(failed)?);
    session.close().await;
    Ok(tables)
}

/// Relations that a backup locks, and sequences whose value this role may not read.
const BESIDE: &str = "
SELECT count(*) FILTER (WHERE c.relkind <> 'S'),
       coalesce(array_agg(n.nspname || '.' || c.relname ORDER BY 1)
         FILTER (WHERE c.relkind = 'S' AND NOT (has_sequence_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'))), '{}')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND (c.relkind <> 'S' OR EXISTS (SELECT 1 FROM pg_extension x WHERE c.oid = ANY (x.extconfig))
        OR NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))";

/// See [`crate::server::Server::inspect`]. A few queries for all tables together: a role that may not read something is known before a backup
/// begins, by the same rules by which the snapshot would refuse.
pub async fn inspect(connector: &Connector, database: &str) -> Result<Survey, Fault> {
    let session = connector.session(database).await?;
    let failed = |error: tokio_postgres::Error| connector.fault("cannot list the tables", &error, database);
    let version = version_num(&session.client).await.map_err(failed)?;
    let found = list(&session.client, version).await.map_err(failed)?;
    let beside = session.client.query_one(BESIDE, &[]).await.map_err(failed)?;
    let large = super::large_objects::tables(&session.client).await.map_err(failed)?;
    let mut survey = Survey::default();
    survey.hidden.extend(found.iter().filter_map(|one| Some((one.table.name.to_string(), one.obstacle?.to_owned()))));
    survey.hidden.extend(beside.get::<_, Vec<String>>(1).into_iter().map(|name| (name, "no right to read the sequence's value".into())));
    if !large.is_empty()
        && let Some(fault) = super::large_objects::complete(&session.client).await.map_err(failed)?
    {
        survey.hidden.push(("large objects".into(), fault.what.clone()));
    }
    session.close().await;
    survey.tables = found.into_iter().map(|one| one.table).chain(large).collect();
    // Each is locked by the session that holds the snapshot, by pg_dump and by a reader; the server has room for two holders of each lock.
    survey.locks = size(Some(beside.get::<_, i64>(0))) * 3 / 2;
    Ok(survey)
}

/// `server_version_num`.
pub async fn version_num(client: &Client) -> Result<u32, tokio_postgres::Error> {
    let row = client.query_one("SELECT current_setting('server_version_num')::int4", &[]).await?;
    Ok(u32::try_from(row.get::<_, i32>(0)).unwrap_or(0))
}

fn size(bytes: Option<i64>) -> u64 {
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
}

/// All tables with rows of the user's, by name.
pub async fn list(client: &Client, version: u32) -> Result<Vec<Found>, tokio_postgres::Error> {
    let rows = client.query(TABLES, &[]).await?;
    let found = rows.iter().map(|row| {
        let condition: Option<String> = row.get::<_, Option<String>>(12).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let heap_bytes = size(row.get(5));
        let (is_heap, readable, filtered): (bool, bool, bool) = (row.get(9), row.get(10), row.get(11));
        // Scans of a range of tuple identifiers came with version 14; before, each range would read the whole table.
        let splittable = is_heap && version >= 140_000 && condition.is_none() && heap_bytes > 0;
        Found {
            obstacle: if !readable {
                Some("no right to read it")
            } else if filtered {
                Some("row security hides rows from this role")
            } else {
                None
            },
            oid: row.get(2),
            toast: Toast { name: row.get(15), bytes: size(row.get(13)), readable: row.get(14) },
            table: Table {
                name: TableName { schema: row.get(0), name: row.get(1) },
                kind: TableKind::Table,
                columns: row.get(4),
                format: RowFormat::Text,
                condition,
                heap_bytes,
                total_bytes: size(row.get(6)),
                index_bytes: size(row.get(7)),
                // The server keeps estimates as float4; what was never analysed is -1 since 14.
                estimated_rows: row.get::<_, f64>(8) as i64,
                splittable,
                root: None,
                object: None,
                ..Table::default()
            },
        }
    });
    let mut found: Vec<Found> = found.collect();
    let mut roots: HashMap<u32, Root> = roots::read(client).await?.into_iter().map(|root| (root.leaf, root)).collect();
    for one in &mut found {
        if let Some(root) = roots.remove(&one.oid) {
            one.table.columns = root.columns;
            one.table.root = Some(root.name);
        }
    }
    Ok(found)
}

/// The fault for tables whose rows cannot be read in full by a role, naming them.
pub fn complete(found: &[Found], role: &str) -> Result<(), Fault> {
    let blocked: Vec<(&TableName, &str)> = found.iter().filter_map(|one| Some((&one.table.name, one.obstacle?))).collect();
    if blocked.is_empty() {
        return Ok(());
    }
    let mut fault = Fault::new(Code::Incomplete, format!("{} of {} tables cannot be read completely", blocked.len(), found.len()));
    for (name, why) in blocked.iter().take(20) {
        fault = fault.because(format!("{name}: {why}"));
    }
    if blocked.len() > 20 {
        fault = fault.because(format!("and {} more", blocked.len() - 20));
    }
    Err(fault
        .step("Back up as a superuser, or as a role with BYPASSRLS that may read all data:")
        .step_run("Give the role both:", format!("ALTER ROLE {role} BYPASSRLS; GRANT pg_read_all_data TO {role};", role = ident(role))))
}

/// A stored (compressed) value of as many bytes could be a giant: the server's compression gives 1 byte for 255 at best, and the text form
/// of a row ends at 1 GB.
const SUSPECT_BYTES: u64 = 4 << 20;

/// Bytes of a value in one chunk of a TOAST table (`TOAST_MAX_CHUNK_SIZE` with 8 KiB pages).
const TOAST_CHUNK: u64 = 1996;

/// Rows whose text might be larger than this travel in binary.
const TEXT_LIMIT: u64 = 900_000_000;

/// Finds the tables with rows that do not fit the server's text form, and has them travel in binary.
///
/// Tables with little TOAST are settled by their size. For the others the TOAST index is asked for a value of many chunks, in one query for
/// a hundred tables; only where there is one, the sizes of the columns are looked at, which reads the table without its TOAST.
pub async fn choose_formats(client: &Client, found: &mut [Found]) -> Result<(), tokio_postgres::Error> {
    let suspects: Vec<usize> = (0..found.len()).filter(|at| found[*at].toast.bytes >= SUSPECT_BYTES).collect();
    if suspects.is_empty() {
        return Ok(());
    }
    // The planner would expect a third of the chunks to match and read the TOAST table from its start.
    client.batch_execute("SET enable_seqscan = off; SET enable_bitmapscan = off").await?;
    let mut large = Vec::new();
    for batch in suspects.chunks(100) {
        let asked: Vec<String> = batch
            .iter()
            .filter(|at| found[**at].toast.readable)
            .map(|at| {
                format!(
                    "SELECT {at}::int4 WHERE EXISTS (SELECT 1 FROM {} WHERE chunk_seq >= {})",
                    found[*at].toast.name,
                    SUSPECT_BYTES / TOAST_CHUNK
                )
            })
            .collect();
        if !asked.is_empty() {
            let rows = client.query(&asked.join(" UNION ALL "), &[]).await?;
            large.extend(rows.iter().filter_map(|row| usize::try_from(row.get::<_, i32>(0)).ok()));
        }
        // Where the TOAST table itself may not be read, its size has to do.
        large.extend(batch.iter().filter(|at| !found[**at].toast.readable && found[**at].toast.bytes > TEXT_LIMIT / 4));
    }
    client.batch_execute("RESET enable_seqscan; RESET enable_bitmapscan").await?;
    for at in large {
        if has_giant(client, &found[at]).await? {
            found[at].table.format = RowFormat::Binary;
        }
    }
    // Rows that may change places among partitions have one form in all of them: their fingerprints are added up.
    let roots: HashSet<TableName> =
        found.iter().filter(|one| one.table.format == RowFormat::Binary).filter_map(|one| one.table.root.clone()).collect();
    for one in found.iter_mut().filter(|one| one.table.root.as_ref().is_some_and(|root| roots.contains(root))) {
        one.table.format = RowFormat::Binary;
    }
    Ok(())
}

/// Whether the text of a row might pass the limit: bytes double as hexadecimal digits, text may be all escapes, and what other types look
/// like as text is guessed from their stored size.
async fn has_giant(client: &Client, found: &Found) -> Result<bool, tokio_postgres::Error> {
    let columns = client
        .query(
            "SELECT attname::text, atttypid IN ('bytea'::regtype, 'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) \
               FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attlen = -1 ORDER BY attnum",
            &[&found.oid],
        )
        .await?;
    let sizes: Vec<String> = columns
        .iter()
        .map(|row| {
            let column = ident(row.get(0));
            // `octet_length` of these reads the length from the TOAST pointer, not the value.
            if row.get(1) {
                format!("coalesce(octet_length({column}), 0)::int8 * 2")
            } else {
                format!("coalesce(pg_column_size({column}), 0)::int8 * 16")
            }
        })
        .collect();
    if sizes.is_empty() {
        return Ok(false);
    }
    let sql = format!("SELECT EXISTS (SELECT 1 FROM ONLY {} WHERE {} > {TEXT_LIMIT})", qualified(&found.table.name), sizes.join(" + "));
    Ok(client.query_one(&sql, &[]).await?.get(0))
}

/// Columns of a table whose type has no binary form, as "column (type)".
pub async fn without_binary(client: &Client, table: &TableName) -> Result<Vec<String>, tokio_postgres::Error> {
    let sql = format!(
        "SELECT a.attname || ' (' || format_type(a.atttypid, a.atttypmod) || ')' FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
          WHERE a.attrelid = {}::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND (t.typsend = 0 OR t.typreceive = 0)",
        literal(&qualified(table))
    );
    Ok(client.query(&sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}
