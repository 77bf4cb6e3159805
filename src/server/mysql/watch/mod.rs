//! What our sessions wait for, who is in their way, and how a person ends that.

mod end;
mod locks;
mod monitor;
mod roll;

pub use end::end;
pub use monitor::{all, open};
pub use roll::{Entry, Roll};
