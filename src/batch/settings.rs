//! `dbbackup config`.

use super::output;
use crate::cli::Config;
use crate::config::environment::Environment;
use crate::config::layers::{Resolved, resolve};
use crate::config::paths::Paths;
use crate::config::print::{self, Origins};
use crate::config::settings::Key;
use crate::domain::job::JobId;
use crate::domain::{Code, Fault};
use crate::runtime::{host, story};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Carries the command out; gives what is to be printed.
pub fn run(config: &Config, paths: &Paths, environment: &Environment, flags: &[(Key, String)]) -> Result<String, Fault> {
    match config {
        Config::Path => Ok(paths
            .files()
            .iter()
            .map(|(what, path)| format!("{what:<9} {} ({})\n", path.display(), if path.exists() { "read" } else { "not there" }))
            .collect()),
        Config::Init => init(paths),
        Config::Show(show) => {
            let resolved = resolve(paths, environment, flags)?.on(host::facts());
            let one = show.key.as_deref().map(print::find).transpose()?;
            if resolved.switch(Key::Json) {
                return Ok(format!("{:#}\n", print::json(&resolved, one)));
            }
            Ok(print::text(&resolved, one, if show.origin { Origins::Shown } else { Origins::Hidden }))
        }
        Config::Check => check(&resolve(paths, environment, flags)?),
    }
}

fn check(resolved: &Resolved) -> Result<String, Fault> {
    let connections = resolved.connections()?;
    resolved.compression()?;
    let mut out = String::new();
    for file in &resolved.files {
        out.push_str(&format!("{}: fine\n", file.display()));
    }
    if resolved.files.is_empty() {
        out.push_str("no configuration file is there; defaults and environment hold\n");
    }
    for connection in connections {
        out.push_str(&format!("{}: {} as {}\n", connection.label(), connection.address(), connection.user));
    }
    Ok(crate::domain::text::clean(&out).replace("\\x0a", "\n"))
}

fn init(paths: &Paths) -> Result<String, Fault> {
    let path = paths.given.as_ref().or(paths.user.as_ref()).unwrap_or(&paths.system);
    let shown = path.display();
    let failed = |error: &std::io::Error| {
        let code = if error.kind() == std::io::ErrorKind::AlreadyExists { Code::OutputExists } else { Code::OutputUnwritable };
        let fault = Fault::new(code, "cannot write a configuration file").at("File", &shown).because(error);
        match code {
            Code::OutputExists => fault.step_run("Write it elsewhere and compare:", "dbbackup config init --config /tmp/dbbackup.toml"),
            _ => fault.step_run("Write it elsewhere:", "dbbackup config init --config ./dbbackup.toml"),
        }
    };
    if let Some(dir) = path.parent().filter(|dir| *dir != Path::new("")) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| failed(&error))?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| failed(&error))?;
    file.write_all(print::template().as_bytes()).map_err(|error| failed(&error))?;
    Ok(format!("{shown}\n"))
}

/// Prints what a command gave, or its fault.
pub fn finish(result: Result<String, Fault>, headline: &str) -> u8 {
    match result {
        Ok(text) => match output::result(&text) {
            Ok(()) => 0,
            Err(_) => Code::Io.exit(),
        },
        Err(fault) => {
            let code = fault.code;
            story::fault(JobId::default(), headline, &fault);
            output::diagnostic(&fault.cured().render(headline));
            code.exit()
        }
    }
}
