//! The application: a pure, synchronous state machine. `update(&mut Model, Msg, &mut Vec<Cmd>)` is all that changes it.
//! It knows no terminal, no clock, no file and no thread: time, sizes and answers come in as [`msg::Msg`], wishes go out as [`cmd::Cmd`].

pub mod action;
pub mod availability;
pub mod cmd;
pub mod command;
pub mod form;
pub mod jobs;
pub mod keymap;
pub mod list;
pub mod load;
pub mod modal;
pub mod model;
pub mod moment;
pub mod msg;
pub mod nav;
pub mod palette;
pub mod screens;
pub mod setup;
pub mod toast;
pub mod update;
pub mod waits;
pub mod when;
