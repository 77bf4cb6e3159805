//! How names of databases and tables become names of entries, and back. No entry name can leave its folder.

use crate::domain::schema::{Table, TableKind};

/// One path component: slashes, control bytes, `%`, a leading dot, and whatever else is unsafe in a path are percent-encoded.
pub fn component(name: &str) -> String {
    let _ = name;
    unimplemented!()
}

/// `databases/shop`.
pub fn database_dir(name: &str) -> String {
    format!("databases/{}", component(name))
}

/// `databases/shop/data/public.orders`, or the large objects' folders.
pub fn table_dir(database_dir: &str, table: &Table) -> String {
    match table.kind {
        TableKind::Table => format!("{database_dir}/data/{}.{}", component(&table.name.schema), component(&table.name.name)),
        TableKind::LargeObjectMetadata => format!("{database_dir}/large-objects/metadata"),
        TableKind::LargeObjectData => format!("{database_dir}/large-objects/data"),
    }
}
