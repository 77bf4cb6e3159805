//! The only function that changes the model.

use super::cmd::Cmd;
use super::model::Model;
use super::msg::Msg;

/// Takes something that happened. Total: it never panics, and a failure is state.
pub fn update(model: &mut Model, msg: Msg, out: &mut Vec<Cmd>) {
    let _ = (&msg, &out);
    model.dirty = true;
}
