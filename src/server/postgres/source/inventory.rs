//! Everything in a database by name and definition, for comparing a restored database with its source. One query for each kind, so that
//! tens of thousands of objects take seconds; digests are made by the server.
//!
//! No identity and no definition holds an oid or anything else that differs between two databases of the same content. Members of
//! extensions are left out: the extension is there or not. Owners, rights, comments and labels are kinds of their own (`owner`, `acl`,
//! `comment`, `security label`), so that a restore without them can leave them out of the comparison.

use super::kinds::{KINDS, Kind};
use crate::domain::schema::InventoryItem;
use futures_util::future::{try_join, try_join_all};
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

/// What asks which kinds there are: a row with the number of each that has an object of the user's. Most databases have a handful of the
/// forty, and a look at each catalog costs far less than a query with everything that is compared. The same sources and conditions are used
/// for both, so that nothing that is there is passed over.
fn presence(kinds: &[&Kind]) -> String {
    let one = |(at, kind): (usize, &&Kind)| format!("SELECT {at}::int4 WHERE EXISTS (SELECT 1 FROM {} WHERE {})", kind.from, kind.filter);
    kinds.iter().enumerate().map(one).collect::<Vec<_>>().join("\nUNION ALL ")
}

/// The query for a kind: name, definition, owner, and rights where they are not the usual ones.
fn query(kind: &Kind) -> String {
    let Kind { name, from, catalog, filter, identity, definition, .. } = kind;
    let owner = kind.owner.map_or_else(|| "NULL::text".to_owned(), |owner| format!("pg_get_userbyid({owner})::text"));
    let acl = match (kind.acl, kind.owner) {
        (Some((acl, default)), Some(owner)) => {
            let (own, usual) = (rights(acl), rights(&format!("acldefault('{default}', {owner})")));
            // Rights that were granted and taken back are the default again, written out or not.
            format!("CASE WHEN {acl} IS NOT NULL AND {own} IS DISTINCT FROM {usual} THEN coalesce({own}, '') END")
        }
        _ => "NULL::text".to_owned(),
    };
    format!(
        "SELECT '{name}', {identity}, {definition}, {owner}, {acl} FROM {from} WHERE {filter} AND NOT EXISTS (SELECT 1 FROM pg_depend e \
         WHERE e.classid = '{catalog}'::regclass AND e.objid = x.oid AND e.deptype = 'e')"
    )
}

/// The queries whose rows are items as they are, for a server's version.
fn beside(version: u32) -> [String; 4] {
    // Compression of columns came with 14.
    let columns = COLUMNS.replace("{compression}", if version >= 140_000 { "a.attcompression::text" } else { "''" });
    [columns, COLUMN_RIGHTS.to_owned(), COMMENTS.to_owned(), LABELS.to_owned()]
}

/// Reads the inventory, sorted. The queries are sent without waiting for each other's answers.
pub async fn read(client: &Client, version: u32) -> Result<Vec<InventoryItem>, Error> {
    let known: Vec<&Kind> = KINDS.iter().filter(|kind| kind.since <= version).collect();
    let there = client.query(presence(&known).as_str(), &[]).await?;
    let there = there.iter().filter_map(|row| known.get(usize::try_from(row.get::<_, i32>(0)).ok()?));
    let queries: Vec<String> = there.map(|kind| query(kind)).collect();
    let beside = beside(version);
    let (objects, others) = try_join(
        try_join_all(queries.iter().map(|sql| client.query(sql.as_str(), &[]))),
        try_join_all(beside.iter().map(|sql| client.query(sql.as_str(), &[]))),
    )
    .await?;
    let mut items = Vec::new();
    for row in objects.iter().flatten() {
        let (kind, identity): (&str, &str) = (row.get(0), row.get(1));
        let mut of = |what: &str, definition: Option<String>| {
            let Some(definition) = definition else { return };
            items.push(InventoryItem { kind: what.to_owned(), identity: format!("{kind} {identity}"), definition });
        };
        of("owner", row.get(3));
        of("acl", row.get(4));
        items.push(InventoryItem {
            kind: kind.to_owned(),
            identity: identity.to_owned(),
            definition: row.get::<_, Option<String>>(2).unwrap_or_default(),
        });
    }
    items.extend(others.iter().flatten().map(|row| InventoryItem {
        kind: row.get(0),
        identity: row.get(1),
        definition: row.get::<_, Option<String>>(2).unwrap_or_default(),
    }));
    items.sort_unstable();
    Ok(items)
}
