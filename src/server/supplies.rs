//! What a server has to offer to a restore, and what global objects and definitions make or need of it.

/// What a server has to offer to a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supplies {
    /// Names of roles.
    pub roles: Vec<String>,
    /// Names of tablespaces.
    pub tablespaces: Vec<String>,
    /// Extensions that can be created.
    pub extensions: Vec<Extension>,
    /// Whether our role may create databases.
    pub may_create: bool,
    /// Whether our role may create roles.
    pub may_create_roles: bool,
    /// Connections that are kept for superusers and other roles, and that ours may not use.
    pub reserved_connections: u32,
    /// Locales of the C library that the server knows, by their names there.
    pub locales: Vec<String>,
    /// Whether the server was built with ICU.
    pub icu: bool,
}

/// An extension whose files are on the server's host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// The version that is created unless another one is asked for.
    pub version: String,
    /// Whether our role may create it.
    pub allowed: bool,
}

/// What a global object makes that others may need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A role.
    Role(String),
    /// A tablespace and its folder on the server's host.
    Tablespace(String, String),
}

/// Something in a definition that came with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feature {
    /// The major version that it came with.
    pub since: u32,
    /// What it is called: `NULLS NOT DISTINCT`.
    pub name: &'static str,
}
