//! What is copied: to the terminal's clipboard where there is one that takes it, and shown in any case.

use super::act::spec_in_sight;
use crate::app::cmd::Cmd;
use crate::app::command as line;
use crate::app::modal::{Copied, Modal, Wanted};
use crate::app::model::Model;
use crate::app::nav::Place;
use crate::app::screens::{diagnostics, pitr};
use crate::app::setup::Clipboard;

/// The most bytes of a text that is copied: in base64 they are the 100,000 that terminals take at most.
pub const CLIPBOARD: usize = 74_994;

/// Sends a text to the terminal's clipboard where there is one that takes it, and shows it in any case.
fn copy(model: &mut Model, what: Wanted, lines: Vec<String>, text: String, out: &mut Vec<Cmd>) {
    let copied = match model.setup.clipboard {
        Clipboard::None => Copied::NoClipboard,
        Clipboard::Terminal if text.len() > CLIPBOARD => Copied::TooLong,
        Clipboard::Terminal => Copied::Sent,
    };
    if copied == Copied::Sent {
        out.push(Cmd::Copy(text));
    }
    model.modals.push(Modal::Command { what, lines, copied });
}

/// Copies the command line that does the same as what is in sight.
pub fn command(model: &mut Model, out: &mut Vec<Cmd>) {
    if *model.nav.place() == Place::Diagnostics {
        let (lines, one) = line::as_lines(&line::diagnosis(&diagnostics::about(model)));
        return copy(model, Wanted::Command, lines, one, out);
    }
    if let Some(words) = pitr::words(model) {
        let (lines, one) = line::as_lines(&words);
        return copy(model, Wanted::Command, lines, one, out);
    }
    if let Some(spec) = spec_in_sight(model) {
        let (lines, text) = (line::line(&spec, &model.setup), line::one_line(&spec, &model.setup));
        copy(model, Wanted::Command, lines, text, out);
    }
}

/// Copies the commands that cure the finding under the cursor.
pub fn fix(model: &mut Model, out: &mut Vec<Cmd>) {
    if matches!(model.nav.place(), Place::Pitr | Place::Wal) {
        if let Some(command) = pitr::cure(model) {
            copy(model, Wanted::Fix, vec![command.clone()], command, out);
        }
        return;
    }
    if let Some(commands) = model.diagnostics.current().and_then(|finding| finding.commands()) {
        let lines = commands.lines().map(str::to_owned).collect();
        copy(model, Wanted::Fix, lines, commands, out);
    }
}
