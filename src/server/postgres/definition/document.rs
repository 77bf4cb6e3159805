//! Definitions as a script for psql.

use crate::domain::schema::{SchemaObject, SequenceState};
use crate::server::postgres::quote;
use std::fmt::Write as _;

/// What every SQL file begins with; understood by every server version that we know.
pub const PREAMBLE: &str = "SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET idle_in_transaction_session_timeout = 0;\n\
                            SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSET check_function_bodies = false;\n\
                            SELECT pg_catalog.set_config('search_path', '', false);\nSET xmloption = content;\n\
                            SET client_min_messages = warning;\nSET row_security = off;\n\n";

/// An object as it stands in a script.
pub fn scripted(object: &SchemaObject) -> String {
    let mut out = String::new();
    if let Some(tablespace) = &object.tablespace {
        let _ = writeln!(out, "SET default_tablespace = {};", quote::literal(tablespace));
    }
    if let Some(method) = &object.access_method {
        let _ = writeln!(out, "SET default_table_access_method = {};", quote::ident(method));
    }
    for sql in [Some(&object.sql), object.owner_sql.as_ref()].into_iter().flatten() {
        let sql = sql.trim_end();
        if !sql.is_empty() {
            out.push_str(sql);
            // A body may end in a line comment: the semicolon must not be part of it.
            out.push_str(if sql.ends_with(';') { "\n" } else { "\n;\n" });
        }
    }
    if object.tablespace.is_some() {
        out.push_str("RESET default_tablespace;\n");
    }
    if object.access_method.is_some() {
        out.push_str("RESET default_table_access_method;\n");
    }
    out.push('\n');
    out
}

/// What gives a sequence its value.
pub fn sequence(state: &SequenceState) -> String {
    let name = quote::literal(&quote::qualified(&state.name));
    format!("SELECT pg_catalog.setval({name}, {}, {});\n", state.last_value, state.is_called)
}
