//! Errors of the server and of the line to it, as faults. Owner: wire.
