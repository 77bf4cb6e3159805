//! `dbbackup config`.

use super::output;
use crate::cli::{Config, ConfigShow};
use crate::config::check::check;
use crate::config::environment::Environment;
use crate::config::layers::{Resolved, resolve};
use crate::config::paths::Paths;
use crate::config::print::{self, Origins, Password};
use crate::config::secrets::Secrets;
use crate::config::settings::Key;
use crate::domain::job::JobId;
use crate::domain::{Code, Fault, text};
use crate::runtime::{host, story};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Carries the command out; gives the exit code.
pub fn run(config: &Config, paths: &Paths, environment: &Environment, flags: &[(Key, String)]) -> u8 {
    match config {
        Config::Check => checked(paths, environment, flags),
        Config::Path => finish(Ok(files(paths)), HEADLINE),
        Config::Init(to) => finish(written(to.path.as_deref(), paths), HEADLINE),
        Config::Show(show) => finish(shown(show, paths, environment, flags), HEADLINE),
    }
}

/// What is said when one of them fails.
const HEADLINE: &str = "Configuration failed";

fn files(paths: &Paths) -> String {
    let line = |(what, path): &(&str, std::path::PathBuf)| {
        format!("{what:<9} {} ({})\n", text::clean(&path.display().to_string()), if path.exists() { "read" } else { "not there" })
    };
    paths.files().iter().map(line).collect()
}

fn written(to: Option<&Path>, paths: &Paths) -> Result<String, Fault> {
    match to {
        Some(path) if path == Path::new("-") => Ok(print::template()),
        Some(path) => init(path),
        None => init(paths.given.as_ref().or(paths.user.as_ref()).unwrap_or(&paths.system)),
    }
}

fn shown(show: &ConfigShow, paths: &Paths, environment: &Environment, flags: &[(Key, String)]) -> Result<String, Fault> {
    let resolved = resolve(paths, environment, flags)?.on(host::facts());
    let one = show.key.as_deref().map(print::find).transpose()?;
    let password = password(&resolved, environment);
    if resolved.switch(Key::Json) {
        return Ok(format!("{:#}\n", print::json(&resolved, one, Some(&password))));
    }
    Ok(print::text(&resolved, one, if show.origin { Origins::Shown } else { Origins::Hidden }, &password))
}

/// Where the password of the connection comes from; one that cannot be had says why.
fn password(resolved: &Resolved, environment: &Environment) -> Password {
    let looked = resolved.connection().and_then(|connection| Secrets::new(resolved, environment).look_up(&connection));
    match looked {
        Ok(looked) => {
            let warning = looked.warning.map(|warning| format!("; {warning}")).unwrap_or_default();
            Password { is_there: looked.password.is_some(), source: format!("{}{warning}", looked.source) }
        }
        Err(fault) => Password { is_there: false, source: format!("{}: {}", fault.what, fault.root_cause()) },
    }
}

/// Carries `config check` out: everything that is wrong on stderr, one after the other, and what holds on stdout.
fn checked(paths: &Paths, environment: &Environment, flags: &[(Key, String)]) -> u8 {
    let found = check(paths, environment, flags);
    if flags.iter().any(|(key, text)| *key == Key::Json && text == "true") {
        let mistakes: Vec<&Fault> = found.mistakes.iter().collect();
        let answer = serde_json::json!({ "mistakes": mistakes, "notes": found.notes });
        return ended(&found.mistakes, output::result(&format!("{answer:#}\n")).is_ok());
    }
    let mut said = String::new();
    for mistake in &found.mistakes {
        said.push_str(&mistake_text(mistake));
    }
    for note in &found.notes {
        said.push_str(&format!("note: {}\n", text::clean(note)));
    }
    if !found.mistakes.is_empty() {
        let count = found.mistakes.len();
        said.push_str(&format!("[FAIL] {count} {}\n", if count == 1 { "mistake" } else { "mistakes" }));
    }
    output::diagnostic(&said);
    let written = found.resolved.as_ref().is_none_or(|resolved| output::result(&fine(resolved)).is_ok());
    ended(&found.mistakes, written)
}

/// 78, or the code of the only kind of mistake there is, such as a file that others can read.
fn ended(mistakes: &[Fault], written: bool) -> u8 {
    match mistakes.first() {
        Some(first) if mistakes.iter().all(|mistake| mistake.code == first.code) => first.code.exit(),
        Some(_) => Code::Config.exit(),
        None if written => 0,
        None => Code::Io.exit(),
    }
}

/// `FILE:LINE:COLUMN: what: why`, and below it what to do.
fn mistake_text(fault: &Fault) -> String {
    let fact = |name: &str| fault.context.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let place = fact("File").or(fact("Variable")).map(|place| format!("{}: ", text::clean(place))).unwrap_or_default();
    let why: String = fault.causes.iter().map(|why| format!(": {}", text::clean(why))).collect();
    let mut out = format!("{place}{}{why}\n", text::clean(&fault.what));
    for step in &fault.steps {
        let command = step.command.as_ref().map(|command| format!(" {}", text::clean(command))).unwrap_or_default();
        out.push_str(&format!("    {}{command}\n", text::clean(&step.text)));
    }
    out
}

/// What is read and where it leads.
fn fine(resolved: &Resolved) -> String {
    let mut out = String::new();
    for file in &resolved.files {
        out.push_str(&format!("{}: fine\n", text::clean(&file.display().to_string())));
    }
    if resolved.files.is_empty() {
        out.push_str("no configuration file is there; defaults and environment hold\n");
    }
    for connection in resolved.connections().unwrap_or_default() {
        let line = format!("{}: {} as {}", connection.label(), connection.address(), connection.user);
        out.push_str(&format!("{}\n", text::clean(&line)));
    }
    out
}

fn init(path: &Path) -> Result<String, Fault> {
    let shown = path.display();
    let failed = |error: &std::io::Error| {
        let code = if error.kind() == std::io::ErrorKind::AlreadyExists { Code::OutputExists } else { Code::OutputUnwritable };
        let fault = Fault::new(code, "cannot write a configuration file").at("File", &shown).because(error);
        match code {
            Code::OutputExists => fault.step_run("It is left as it is. Print a fresh one and compare:", "dbbackup config init --path -"),
            _ => fault.step_run("Write it elsewhere:", "dbbackup config init --path ./dbbackup.toml"),
        }
    };
    if let Some(dir) = path.parent().filter(|dir| *dir != Path::new("")) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| failed(&error))?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| failed(&error))?;
    file.write_all(print::template().as_bytes()).map_err(|error| failed(&error))?;
    file.sync_all().map_err(|error| failed(&error))?;
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
