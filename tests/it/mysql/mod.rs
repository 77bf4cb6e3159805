//! MySQL and MariaDB, on real servers.

mod target;
