//! Views of a dump that cannot be made when it is their turn.

use std::collections::VecDeque;

/// How many settings before a view are its own: mysqldump writes six, mydumper seven.
const SETTINGS: usize = 7;

/// Views that stand on what comes after them: the programs write them by their names, and a stand-in does not do for all of them.
#[derive(Default)]
pub struct Late {
    /// Those that wait.
    pub views: Vec<View>,
    /// The last settings of the session.
    settings: VecDeque<Vec<u8>>,
}

/// A view that is made later, under the settings that it has in the dump.
pub struct View {
    pub target: String,
    pub settings: Vec<Vec<u8>>,
    pub sql: Vec<u8>,
    pub line: u64,
}

impl Late {
    /// Notes a setting that was made.
    pub fn set(&mut self, sql: &[u8]) {
        if self.settings.len() == SETTINGS {
            self.settings.pop_front();
        }
        self.settings.push_back(sql.to_vec());
    }

    /// Has a view wait.
    pub fn put_off(&mut self, target: &str, sql: Vec<u8>, line: u64) {
        self.views.push(View { target: target.to_owned(), settings: self.settings.iter().cloned().collect(), sql, line });
    }
}
