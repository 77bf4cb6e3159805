//! What is restored to where: the form before the plan.

use super::{Here, contents, form};
use crate::app::form::FieldId;
use crate::app::jobs::file_name;
use crate::app::model::Model;
use crate::domain::Product;
use crate::view::look::Role;
use crate::view::page::{Row, Size};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    let screen = &model.target;
    let what = screen.choice.as_ref().map(contents::words).unwrap_or_default();
    let mut rows = vec![Row::of("Restore ", Role::Muted).then(text::cut(&what, size.cols.saturating_sub(8)), Role::Title)];
    if size.rows > 12 {
        let to = model.server().map(|server| server.connection.address()).unwrap_or_default();
        let from = text::cut_middle(&file_name(&model.contents.path), size.cols.saturating_sub(text::width(&to) + 12));
        rows.push(Row::of(format!("from {from} → {to}"), Role::Muted));
        rows.push(Row::new());
    }
    let room = size.rows.saturating_sub(rows.len() + 2);
    rows.extend(form::rows(&screen.form, Here::Yes, &|id| screen.problem(id), size.cols, room));
    if let Some(field) = screen.form.current() {
        rows.push(Row::new());
        rows.extend(
            text::wrap(hint(field.id, screen.product), size.cols.saturating_sub(2))
                .into_iter()
                .map(|line| Row::new().gap(2).then(line, Role::Muted)),
        );
    }
    rows
}

const fn hint(id: FieldId, product: Product) -> &'static str {
    match id {
        FieldId::Rename if product.is_mysql() => "Another name restores beside the table that is there.",
        FieldId::Owners if product.is_mysql() => "Left out, views, routines, triggers and events are defined by the user who restores.",
        FieldId::Roles if product.is_mysql() => {
            "old=new, old2=new2: what the user old defines in the archive, new defines here. Empty: the same names."
        }
        FieldId::Force if product.is_mysql() => "Space, locks, connections, version. What cannot work at all never starts.",
        FieldId::Enough if product.is_mysql() => {
            "So many percent of the databases must come back. 100: all, and a user who cannot be made ends the restore."
        }
        FieldId::Logged => "Replicas, and recovery to a later moment, take what is restored from there. Leaving it out needs a right.",
        FieldId::Target => "The database that it becomes; it may have another name than in the archive.",
        FieldId::Existing => "Dropping needs the name typed on the next screen. Nothing is touched before that.",
        FieldId::What => "Rows only go into tables that exist.",
        FieldId::Rename => "schema.table: another name restores beside the table that is there.",
        FieldId::Owners => "Left out, everything belongs to the role that restores.",
        FieldId::Roles => "old=new, old2=new2: what belongs to the role old in the archive belongs to new here. Empty: the same names.",
        FieldId::LongValues => "TOAST: lz4 makes loading long values faster and takes a little more room. PostgreSQL 14 and later.",
        FieldId::Rights => "Left out, no GRANT is restored.",
        FieldId::Tablespaces => "Left out, everything goes to the default tablespace.",
        FieldId::Prove => "Compares fingerprints of all rows, indexes, constraints and sequences with the backup afterwards.",
        FieldId::VerifyFirst => "How much of the archive is read before anything is touched.",
        FieldId::Rehearse => {
            "Tries the definitions out in a scratch database, which is dropped again: what is missing is known in seconds."
        }
        FieldId::Force => "Space, locks, connections, version, extensions, roles, locale. What cannot work at all never starts.",
        FieldId::OnFailure => "What could not be restored is listed at the end, with its statement.",
        FieldId::Fate => "A database that this restore made and that is not complete. One that was there before always stays.",
        FieldId::Enough => "So many percent of the databases must come back. 100: all, and a role that cannot be made ends the restore.",
        FieldId::Jobs => "Connections that load and build indexes at the same time.",
        FieldId::More => "How long to wait for locks and for a silent network, how often to try again, where temporary files lie.",
        FieldId::LockTimeout => "How long one statement waits for a lock. 0: for ever.",
        FieldId::NetworkTimeout => {
            "After so long without a byte the server is asked about the session; a dead one is given up. Long statements are not."
        }
        FieldId::Retries => "For what may pass: a lost connection, a conflict, a lock that is not granted, a full server.",
        FieldId::Workdir => "Only a dump that has to be unpacked needs one; archives go straight to the server.",
        FieldId::KeepTemp => "What was unpacked, and the records of programs that ran.",
        _ => "",
    }
}
