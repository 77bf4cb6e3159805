//! docs/configuration.md, made from the table of settings.

use super::per_run::PER_RUN;
use super::settings::{Kind, SETTINGS};

const HEAD: &str = "# Configuration

Every setting is a flag, an environment variable and a key in a file. What stands further to the left wins, key by key:

    flags  >  [servers.NAME] that was chosen  >  environment  >  --config FILE  >  the user's file  >  /etc/dbbackup/config.toml  >  default

The user's file is `~/.config/dbbackup/config.toml` (`$XDG_CONFIG_HOME` is heeded). A switch that a file turns on is turned off by its flag: `--prove=false`.

    dbbackup config show --origin [KEY]    what holds, and where each value came from
    dbbackup config check                  everything that is wrong: file, line, column, nearest name; exit code 78
    dbbackup config init [--path FILE]     a file with every key explained, readable by its owner only; never overwrites; - prints it
    dbbackup config path                   the files that are read, in order

In the full screen `,` opens the settings: value, origin, check while typing. They are saved to the user's file, whose comments and order stay.

`[servers.NAME]` sections take the keys of `[connection]` and are chosen by `--server NAME` or in the full screen:

    [servers.shop]
    host = \"db02\"
    user = \"backup\"

";

/// The text of docs/configuration.md.
pub fn document() -> String {
    let mut out = HEAD.to_owned();
    let mut section = "";
    for setting in SETTINGS {
        let (part, key) = setting.parts();
        if part != section {
            section = part;
            out.push_str(&format!("## [{section}]\n\n| key | flag | variable | default | what it is |\n|---|---|---|---|---|\n"));
        }
        let flag = setting.flag.map_or_else(|| "—".to_owned(), |flag| format!("`--{flag}`"));
        let mut variables: Vec<String> = setting.variable().into_iter().chain(setting.also.iter().map(|name| (*name).to_owned())).collect();
        if setting.kind == Kind::Secret {
            variables = vec!["PGPASSWORD".to_owned(), "MYSQL_PWD".to_owned()];
        }
        let variables = variables.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let default = setting.default.map_or_else(|| "—".to_owned(), |default| format!("`{default}`"));
        let doc = setting.doc.replace('|', "\\|");
        out.push_str(&format!("| `{key}` | {flag} | {variables} | {default} | {doc}; {} |\n", setting.kind.expects()));
        let next = SETTINGS.iter().skip_while(|other| other.key != setting.key).nth(1);
        if next.is_none_or(|next| next.parts().0 != section) {
            out.push('\n');
        }
    }
    out.push_str("## What is no setting\n\nA password has no flag: arguments are visible to everybody on the host. These flags belong to one run:\n\n");
    out.push_str("| flag | why |\n|---|---|\n");
    for (flag, why) in PER_RUN {
        out.push_str(&format!("| `--{flag}` | {why} |\n"));
    }
    out
}
