//! The application: a pure, synchronous state machine. `update(&mut Model, Msg, &mut Vec<Cmd>)` is all that changes it.
//! It knows no terminal, no clock, no file and no thread: time, sizes and answers come in as [`msg::Msg`], wishes go out as [`cmd::Cmd`].

pub mod action;
pub mod cmd;
pub mod jobs;
pub mod load;
pub mod model;
pub mod msg;
pub mod setup;
pub mod update;
