//! Writes to stdout and stderr as a program in a pipe should: a reader that goes away is no error of ours and no panic.

use std::io::{self, Write};

/// Writes results to stdout. When the reader is gone, says so by its error; prints nothing about it.
pub fn result(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes to stderr. There is nobody to tell when that fails.
pub fn diagnostic(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    let _ = err.flush();
}
