//! MySQL and MariaDB, on real servers.

mod source;
