//! Settings for the screen: what holds now, without secrets, and the way a changed one is saved.

use crate::app::screens::settings::SettingView;
use crate::config::connection::Host;
use crate::config::edit;
use crate::config::environment::Environment;
use crate::config::layers::{Origin, Resolved, resolve};
use crate::config::paths::Paths;
use crate::config::print::MASK;
use crate::config::settings::{Key, Kind, SETTINGS, Setting};
use crate::domain::{Code, Fault};

/// Where settings come from and are saved to.
#[derive(Clone, Default)]
pub struct Source {
    /// The files.
    pub paths: Paths,
    /// The environment.
    pub environment: Environment,
    /// The flags.
    pub flags: Vec<(Key, String)>,
}

impl Source {
    /// What a setting is now; none where it is not set, or the files cannot be read any more.
    pub fn text(&self, key: Key) -> Option<String> {
        resolve(&self.paths, &self.environment, &self.flags).ok()?.text(key).map(str::to_owned)
    }

    /// Saves a setting to the user's file, or takes it out; gives what holds then.
    pub fn save(&self, name: &str, text: Option<&str>, host: Host) -> Result<Vec<SettingView>, Fault> {
        let setting = Setting::named(name).ok_or_else(|| Fault::internal(format!("there is no setting {name}")))?;
        let path = self.paths.user.as_ref().ok_or_else(|| Fault::new(Code::Config, "there is no home folder for a configuration file"))?;
        edit::save(path, setting, text)?;
        Ok(views(&resolve(&self.paths, &self.environment, &self.flags)?.on(host), &self.paths))
    }
}

/// The settings as they are shown.
pub fn views(resolved: &Resolved, paths: &Paths) -> Vec<SettingView> {
    SETTINGS.iter().map(|setting| view(setting, resolved, paths)).collect()
}

fn view(setting: &'static Setting, resolved: &Resolved, paths: &Paths) -> SettingView {
    let value = resolved.values.get(&setting.key);
    let covered = value.map(|value| &value.origin).filter(|origin| match origin {
        Origin::Default | Origin::Host | Origin::OptionFile(..) => false,
        Origin::File(path, _) => paths.given.as_ref() == Some(path),
        Origin::Environment(_) | Origin::Section(..) | Origin::Flag(_) => true,
    });
    SettingView {
        name: setting.name,
        doc: setting.doc,
        kind: setting.kind,
        flag: setting.flag,
        variable: setting.variable(),
        default: setting.default,
        value: value.map(|value| if setting.kind == Kind::Secret { MASK.to_owned() } else { value.text.clone() }),
        origin: value.map_or_else(|| "not set".to_owned(), |value| value.origin.to_string()),
        covered: covered.map(Origin::to_string),
    }
}
