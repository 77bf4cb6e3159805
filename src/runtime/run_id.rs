//! The number of a run: on each line of the log and of the audit, in reports.

use std::sync::OnceLock;

/// The number of this run of the program: twelve hexadecimal digits by chance.
pub fn run_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        // The last digits of a UUID of version 7 are random.
        let uuid = uuid::Uuid::now_v7().simple().to_string();
        uuid[uuid.len() - 12..].to_owned()
    })
}
