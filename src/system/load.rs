//! How many processes want a processor or wait for a disk.

use super::Roots;
use std::io::{self, Error};

/// The averages of one, five and fifteen minutes.
pub fn averages(roots: &Roots) -> io::Result<[f64; 3]> {
    let text = std::fs::read_to_string(roots.proc.join("loadavg"))?;
    let numbers: Vec<f64> = text.split_whitespace().take(3).filter_map(|number| number.parse().ok()).collect();
    <[f64; 3]>::try_from(numbers).map_err(|_| Error::other("the kernel does not say how much load there is"))
}
