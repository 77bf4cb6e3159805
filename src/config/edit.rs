//! Changes one setting in the user's file. Comments, order and everything else stay; the file is replaced as a whole, or not at all.

use super::file;
use super::settings::{Kind, Setting};
use crate::domain::{Code, Fault};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use toml_edit::{DocumentMut, Item, Table, Value};

/// Writes a value, or takes the key out where there is none. The value has been checked by whoever let it be typed, and is checked again.
pub fn save(path: &Path, setting: &Setting, text: Option<&str>) -> Result<(), Fault> {
    let failed = |error: &dyn std::fmt::Display| {
        Fault::new(Code::OutputUnwritable, "cannot write the configuration file").at("File", path.display()).because(error)
    };
    if let Some(text) = text {
        setting.check(text).map_err(|why| Fault::new(Code::Usage, format!("{} has a wrong value", setting.name)).because(why))?;
    }
    // A link stays one: what it leads to is replaced.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let before = match std::fs::read_to_string(&target) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(&error)),
    };
    let after = edit(&before, path, setting, text)?;
    let folder = target.parent().filter(|dir| *dir != Path::new("")).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(&error))?;
    // Made with 0600, which it keeps.
    let mut new = tempfile::Builder::new().prefix(".config-").tempfile_in(folder).map_err(|error| failed(&error))?;
    new.write_all(after.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(|error| failed(&error))?;
    new.persist(&target).map_err(|error| failed(&error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(&error))
}

/// The text of a file with a setting changed.
fn edit(before: &str, path: &Path, setting: &Setting, text: Option<&str>) -> Result<String, Fault> {
    let wrong = || {
        let first = file::parse(before, path).1.into_iter().next();
        first.unwrap_or_else(|| Fault::new(Code::Config, "the configuration file cannot be read").at("File", path.display()))
    };
    let mut document: DocumentMut = before.parse().map_err(|_| wrong())?;
    let (section, key) = setting.parts();
    let Some(text) = text else {
        if let Some(table) = document.get_mut(section).and_then(Item::as_table_like_mut) {
            table.remove(key);
        }
        return Ok(document.to_string());
    };
    let table = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
    let Some(table) = table.as_table_like_mut() else { return Err(wrong()) };
    let mut value = match (setting.kind, text.parse::<i64>(), super::settings::switch(text)) {
        (Kind::Number(..), Ok(number), _) => Value::from(number),
        (Kind::Switch, _, Ok(switch)) => Value::from(switch),
        _ => Value::from(text),
    };
    match table.get_mut(key) {
        Some(Item::Value(known)) => {
            // The comment behind the old value belongs to the line.
            *value.decor_mut() = known.decor().clone();
            *known = value;
        }
        _ => {
            table.insert(key, Item::Value(value));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn edited(before: &str, name: &str, text: Option<&str>) -> String {
        let setting = Setting::named(name).expect("a setting");
        edit(before, Path::new("config.toml"), setting, text).expect("a text")
    }

    #[test]
    fn comments_and_order_stay() {
        let before = "# mine\n[cluster]\nparallelism = 3   # two is too few\n\n[backup]   # how\n# many\njobs = 4 # as many as there are\ndir = '/b'\n";
        let after = edited(before, "backup.jobs", Some("9"));
        assert_eq!(after, before.replace("jobs = 4", "jobs = 9"));
        assert_eq!(edited(&after, "backup.dir", Some("/c\"d")), after.replace("'/b'", "'/c\"d'"));
        assert_eq!(edited(before, "backup.jobs", None), before.replace("# many\njobs = 4 # as many as there are\n", ""));
        assert_eq!(edited("", "restore.prove", Some("yes")), "[restore]\nprove = true\n");
        assert_eq!(edited("[backup]\n# x = 1\n", "backup.jobs", Some("2")), "[backup]\njobs = 2\n# x = 1\n");
    }

    #[test]
    fn what_cannot_be_read_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deeper/config.toml");
        let jobs = Setting::named("backup.jobs").expect("a setting");
        save(&path, jobs, Some("3")).expect("it is written");
        let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!((mode & 0o777, std::fs::read_to_string(&path).expect("a text")), (0o600, "[backup]\njobs = 3\n".into()));
        assert_eq!(save(&path, jobs, Some("many")).expect_err("no number").code, Code::Usage);
        std::fs::write(&path, "[backup\n").expect("a file");
        let fault = save(&path, jobs, Some("4")).expect_err("no TOML");
        assert!(fault.code == Code::Config && fault.render("x").contains("config.toml:1:"), "{fault:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("a text"), "[backup\n");
        assert_eq!(std::fs::read_dir(folder.path().join("deeper")).expect("the folder").count(), 1, "nothing is left behind");
    }
}
