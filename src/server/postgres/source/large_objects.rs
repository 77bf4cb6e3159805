//! Large objects, as two tables that are none: what they are (oid, owner, rights, comment), and their pages.

use crate::domain::schema::{RowFormat, Table, TableKind, TableName};
use crate::domain::{Code, Fault};
use tokio_postgres::Client;

/// One row a large object. The form is part of the archive format.
pub const METADATA: &str = "SELECT oid, pg_get_userbyid(lomowner), lomacl::text, obj_description(oid, 'pg_largeobject') \
                            FROM pg_largeobject_metadata ORDER BY oid";

/// One row a page, for roles that may read the catalog of pages.
pub const PAGES: &str = "SELECT loid, pageno, data FROM pg_largeobject ORDER BY loid, pageno";

/// The same through the functions that respect each object's own rights, for everybody else. Holes come as zeros.
pub const PAGES_BY_FUNCTION: &str = "SELECT m.oid, p.n, lo_get(m.oid, p.n::int8 * 2048, 2048) FROM pg_largeobject_metadata m, \
     LATERAL generate_series(0, (octet_length(lo_get(m.oid)) - 1) / 2048) p(n) WHERE octet_length(lo_get(m.oid)) > 0 ORDER BY m.oid, p.n";

/// The two tables when there are large objects; none otherwise.
pub async fn tables(client: &Client) -> Result<Vec<Table>, tokio_postgres::Error> {
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM pg_largeobject_metadata), pg_relation_size('pg_largeobject_metadata'), \
                    pg_relation_size('pg_largeobject'), (SELECT reltuples::int8 FROM pg_class WHERE oid = 'pg_largeobject'::regclass)",
            &[],
        )
        .await?;
    let (count, metadata_bytes, data_bytes, pages): (i64, i64, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
    if count == 0 {
        return Ok(Vec::new());
    }
    let table = |name: &str, kind, columns: &[&str], bytes: i64, estimated_rows| {
        let bytes = u64::try_from(bytes).unwrap_or(0);
        Table {
            name: TableName::new("pg_catalog", name),
            kind,
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            format: RowFormat::Text,
            heap_bytes: bytes,
            total_bytes: bytes,
            estimated_rows,
            ..Table::default()
        }
    };
    Ok(vec![
        table("pg_largeobject_metadata", TableKind::LargeObjectMetadata, &["oid", "owner", "acl", "comment"], metadata_bytes, count),
        table("pg_largeobject", TableKind::LargeObjectData, &["loid", "pageno", "data"], data_bytes, pages),
    ])
}

/// Whether this role may read the catalog of pages itself.
pub async fn may_read_pages(client: &Client) -> Result<bool, tokio_postgres::Error> {
    Ok(client.query_one("SELECT has_table_privilege('pg_largeobject', 'SELECT')", &[]).await?.get(0))
}

/// The fault for large objects that this role may not read.
pub async fn complete(client: &Client) -> Result<Option<Fault>, tokio_postgres::Error> {
    if may_read_pages(client).await? {
        return Ok(None);
    }
    // A grant to a role that is not the owner's counts as none here: better to refuse than to leave something out.
    let row = client.query_one("SELECT count(*) FROM pg_largeobject_metadata WHERE NOT pg_has_role(lomowner, 'USAGE')", &[]).await?;
    let hidden: i64 = row.get(0);
    Ok((hidden > 0).then(|| {
        Fault::new(Code::Incomplete, format!("{hidden} large objects cannot be read"))
            .because("they belong to other roles")
            .step("Back up as a superuser.")
            .step_run("Or let the role read them:", "GRANT SELECT ON pg_catalog.pg_largeobject TO backup;")
    }))
}
