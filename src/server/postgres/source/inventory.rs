//! Everything in a database by name and definition, for comparing a restored database with its source. One query for each kind, so that
//! tens of thousands of objects take seconds; digests are made by the server.
//!
//! No identity and no definition holds an oid or anything else that differs between two databases of the same content. Members of
//! extensions are left out: the extension is there or not. Owners, rights, comments and labels are kinds of their own (`owner`, `acl`,
//! `comment`, `security label`), so that a restore without them can leave them out of the comparison.

use super::kinds::{KINDS, Kind};
use crate::domain::schema::InventoryItem;
use futures_util::future::try_join_all;
use tokio_postgres::{Client, Error};

/// Columns of tables, views and composite foreign tables; their place is counted without dropped columns. Options named `pg_…` are marks of
/// the server's own (17.12 keeps `pg_attver` there), which pg_dump leaves out too.
const COLUMNS: &str = "
SELECT 'column', format('%I.%I %I', n.nspname, c.relname, a.attname),
       concat_ws(' ', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod),
         CASE WHEN a.attnotnull THEN 'not null' END, 'default ' || pg_get_expr(d.adbin, d.adrelid), 'identity ' || nullif(a.attidentity::text, ''),
         'generated ' || nullif(a.attgenerated::text, ''),
         CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || a.attcollation::regcollation::text END,
         CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
         'compression ' || nullif({compression}, ''),
         'statistics ' || nullif(a.attstattarget::text, '-1'), (SELECT array_agg(o ORDER BY o) FROM unnest(a.attoptions) o WHERE o !~ '^pg_')::text, (SELECT md5(string_agg(o, ',' ORDER BY o)) FROM unnest(a.attfdwoptions) o),
         CASE WHEN NOT a.attislocal THEN 'inherited' END)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')";

const COLUMN_RIGHTS: &str = "
SELECT 'acl', format('column %I.%I %I', n.nspname, c.relname, a.attname),
       (SELECT string_agg(concat(CASE WHEN g.grantee = 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END, '=', g.privilege_type,
          CASE WHEN g.is_grantable THEN '*' END), ' ' ORDER BY concat(CASE WHEN g.grantee = 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END,
          '=', g.privilege_type)) FROM aclexplode(a.attacl) g)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL AND cardinality(a.attacl) > 0 AND n.nspname !~ '^pg_'
   AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
   AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')";

/// Comments on whatever is the user's; those of large objects travel with them.
const COMMENTS: &str = "
SELECT 'comment', o.type || ' ' || o.identity, d.description
  FROM pg_description d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o
 WHERE d.classoid <> 'pg_largeobject'::regclass AND (d.objoid >= 16384 OR (d.classoid = 'pg_namespace'::regclass AND d.objoid = 2200))
   AND o.identity IS NOT NULL AND o.identity !~ '^\"?pg_(toast|temp)'
   AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')";

const LABELS: &str = "
SELECT 'security label', concat_ws(' ', o.type, o.identity, 'for', d.provider), d.label
  FROM pg_seclabel d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o
 WHERE d.classoid <> 'pg_largeobject'::regclass AND d.objoid >= 16384 AND o.identity IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')";

/// Rights as text in a fixed order. Who granted them is left out, as is order: both may differ where the rights do not.
fn rights(acl: &str) -> String {
    let entry = "concat(CASE WHEN g.grantee = 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END, '=', g.privilege_type, \
                 CASE WHEN g.is_grantable THEN '*' END)";
    format!("(SELECT string_agg(DISTINCT {entry}, ' ' ORDER BY {entry}) FROM aclexplode({acl}) g)")
}

/// The queries, for a server's version.
fn queries(version: u32) -> Vec<String> {
    // Compression of columns came with 14.
    let columns = COLUMNS.replace("{compression}", if version >= 140_000 { "a.attcompression::text" } else { "''" });
    let mut all: Vec<String> = vec![columns, COLUMN_RIGHTS.to_owned(), COMMENTS.to_owned(), LABELS.to_owned()];
    for kind in KINDS.iter().filter(|kind| kind.since <= version) {
        let Kind { name, from, catalog, filter, identity, definition, .. } = kind;
        let mine = format!(
            "FROM {from} WHERE {filter} AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = '{catalog}'::regclass AND e.objid = x.oid \
             AND e.deptype = 'e')"
        );
        all.push(format!("SELECT '{name}', {identity}, {definition} {mine}"));
        if let Some(owner) = kind.owner {
            all.push(format!("SELECT 'owner', '{name} ' || {identity}, pg_get_userbyid({owner})::text {mine}"));
        }
        if let (Some((acl, default)), Some(owner)) = (kind.acl, kind.owner) {
            let (own, usual) = (rights(acl), rights(&format!("acldefault('{default}', {owner})")));
            // Rights that were granted and taken back are the default again, written out or not.
            all.push(format!(
                "SELECT 'acl', '{name} ' || {identity}, coalesce({own}, '') {mine} AND {acl} IS NOT NULL AND {own} IS DISTINCT FROM {usual}"
            ));
        }
    }
    all
}

/// Reads the inventory, sorted. The queries are sent without waiting for each other's answers.
pub async fn read(client: &Client, version: u32) -> Result<Vec<InventoryItem>, Error> {
    let queries = queries(version);
    let mut items = Vec::new();
    for rows in try_join_all(queries.iter().map(|sql| client.query(sql.as_str(), &[]))).await? {
        items.extend(rows.iter().map(|row| InventoryItem {
            kind: row.get(0),
            identity: row.get(1),
            definition: row.get::<_, Option<String>>(2).unwrap_or_default(),
        }));
    }
    items.sort_unstable();
    Ok(items)
}
