//! Settings of roles and databases (`pg_db_role_setting`) as SET clauses.

use crate::server::postgres::quote::{ident, literal};

/// Settings whose value is a list of quoted names (`GUC_LIST_QUOTE`; the list is that of `variable_is_guc_list_quote` in PostgreSQL's
/// src/bin/pg_dump/dumputils.c). The catalog has the list as one text; as one literal it would become a list of one.
const LISTS: &[&str] = &[
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// `"name" TO 'value'` from the catalog's `name=value`.
pub fn clause(setting: &str) -> Option<String> {
    let (name, value) = setting.split_once('=')?;
    // Names of extensions' settings have a dot that is no part of a name.
    let quoted: Vec<String> = name.split('.').map(ident).collect();
    let value = if LISTS.contains(&name.to_ascii_lowercase().as_str()) {
        let names: Vec<String> = split(value).iter().map(|name| literal(name)).collect();
        if names.is_empty() { "''".to_owned() } else { names.join(", ") }
    } else {
        literal(value)
    };
    Some(format!("{} TO {value}", quoted.join(".")))
}

/// The names of a list: separated by commas, those in double quotes taken word for word.
fn split(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = list.trim_start();
    while !rest.is_empty() {
        let mut name = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut chars = quoted.char_indices().peekable();
            let mut end = quoted.len();
            while let Some((at, c)) = chars.next() {
                if c != '"' {
                    name.push(c);
                } else if chars.next_if(|(_, next)| *next == '"').is_some() {
                    name.push('"');
                } else {
                    end = at + 1;
                    break;
                }
            }
            rest = &quoted[end..];
            rest = rest.find(',').map_or("", |comma| &rest[comma + 1..]);
        } else {
            let (head, tail) = rest.split_once(',').unwrap_or((rest, ""));
            name.push_str(head.trim_end());
            rest = tail;
        }
        names.push(name);
        rest = rest.trim_start();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stay_lists_and_values_stay_values() {
        for (setting, expected) in [
            ("work_mem=64MB", Some("\"work_mem\" TO '64MB'")),
            ("search_path=\"$user\", public, \"a\"\"b, c\"", Some("\"search_path\" TO '$user', 'public', 'a\"b, c'")),
            ("search_path=\"\"", Some("\"search_path\" TO ''")),
            ("search_path=", Some("\"search_path\" TO ''")),
            ("auto_explain.log_min_duration=5", Some("\"auto_explain\".\"log_min_duration\" TO '5'")),
            ("application_name=it's", Some("\"application_name\" TO 'it''s'")),
            ("nonsense", None),
        ] {
            assert_eq!(clause(setting).as_deref(), expected, "{setting}");
        }
    }
}
