//! MySQL's protocol. Owner: wire.
