//! Brings a session's settings to what the session had that ran a statement. Only what differs is set.

use crate::domain::Product;
use crate::server::mysql::binlog::query::Settings;
use crate::server::mysql::quote;
use std::collections::HashMap;

/// What is set, by name, as it was written.
#[derive(Debug, Default)]
pub struct Held(HashMap<&'static str, String>);

impl Held {
    /// The statement that sets what differs; none where nothing does.
    pub fn change(&mut self, settings: &Settings<'_>, product: Product) -> Option<String> {
        let mut wanted: Vec<(&'static str, String)> = Vec::new();
        let mut number = |name: &'static str, value: Option<u64>| wanted.extend(value.map(|value| (name, value.to_string())));
        number("sql_mode", settings.sql_mode);
        if let Some(flags) = settings.flags {
            number("foreign_key_checks", Some(u64::from(flags & Settings::NO_FOREIGN_KEYS == 0)));
            number("unique_checks", Some(u64::from(flags & Settings::NO_UNIQUE == 0)));
            number("sql_auto_is_null", Some(u64::from(flags & Settings::AUTO_IS_NULL != 0)));
        }
        // The server leaves these out where they are 1.
        let (increment, offset) = settings.auto_increment.unwrap_or((1, 1));
        number("auto_increment_increment", Some(u64::from(increment)));
        number("auto_increment_offset", Some(u64::from(offset)));
        if let Some((client, connection, server)) = settings.charset {
            number("character_set_client", Some(u64::from(client)));
            number("collation_connection", Some(u64::from(connection)));
            number("collation_server", Some(u64::from(server)));
        }
        number("lc_time_names", Some(settings.lc_time_names.map_or(0, u64::from)));
        if product == Product::Mysql {
            number("default_collation_for_utf8mb4", settings.utf8mb4.map(u64::from));
            number("sql_require_primary_key", settings.require_primary_key.map(u64::from));
            number("default_table_encryption", settings.table_encryption.map(u64::from));
            number("explicit_defaults_for_timestamp", settings.explicit_timestamp.map(u64::from));
        }
        // Else the database's own.
        let collation = settings.collation_database.map_or_else(|| "DEFAULT".to_owned(), |number| number.to_string());
        if product == Product::Mariadb {
            wanted.push(("collation_database", collation));
        }
        if let Some(zone) = settings.time_zone {
            wanted.push(("time_zone", quote::literal(&String::from_utf8_lossy(zone))));
        }
        // Temporary tables and CONNECTION_ID() go by it.
        if settings.session != 0 {
            wanted.push(("pseudo_thread_id", settings.session.to_string()));
        }
        wanted.push(("timestamp", format!("{}.{:06}", settings.timestamp, settings.micros.unwrap_or(0))));
        wanted.retain(|(name, value)| self.0.get(name) != Some(value));
        if wanted.is_empty() {
            return None;
        }
        let sql = wanted.iter().map(|(name, value)| format!("@@SESSION.{name} = {value}")).collect::<Vec<_>>().join(", ");
        self.0.extend(wanted);
        Some(format!("SET {sql}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_set() {
        let mut held = Held::default();
        let settings = Settings { sql_mode: Some(4), flags: Some(Settings::NO_FOREIGN_KEYS), timestamp: 7, ..Settings::default() };
        let first = held.change(&settings, Product::Mysql).expect("all is new");
        assert!(
            first.contains("sql_mode = 4") && first.contains("foreign_key_checks = 0") && first.contains("timestamp = 7.000000"),
            "{first}"
        );
        assert_eq!(held.change(&settings, Product::Mysql), None);
        let later = held.change(&Settings { timestamp: 8, ..settings }, Product::Mysql);
        assert_eq!(later.as_deref(), Some("SET @@SESSION.timestamp = 8.000000"));
    }
}
