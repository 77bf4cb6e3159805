//! Which flags are settings, what their help says, and which of them were typed. All from the table of settings.

use crate::config::settings::{Key, Kind, SETTINGS};
use clap::builder::{BoolishValueParser, PossibleValuesParser, ValueHint};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Gives every flag that is a setting its help: what it is, its default, its variable, its key in files.
pub fn explain(command: Command) -> Command {
    let command = command.mut_args(explain_one);
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, explain))
}

fn explain_one(arg: Arg) -> Arg {
    let Some(setting) = arg.get_long().and_then(|long| SETTINGS.iter().find(|setting| setting.flag == Some(long))) else {
        return arg;
    };
    let mut help = setting.doc.to_owned();
    if let Some(default) = setting.default {
        help.push_str(&format!(" [default: {default}]"));
    }
    if let Some(variable) = setting.variable() {
        help.push_str(&format!(" [env: {variable}"));
        for other in setting.also {
            help.push_str(&format!(", {other}"));
        }
        help.push(']');
    }
    help.push_str(&format!(" [config: {}]", setting.name));
    let arg = arg.help(help);
    if setting.kind != Kind::Switch {
        return arg;
    }
    // A switch that a file or the environment turns on can be turned off by its flag: flags are the strongest layer for it too.
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .value_name("true|false")
        .value_parser(BoolishValueParser::new())
        .default_missing_value("true")
        .default_value("false")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// Gives every flag the words or files that complete it. For completion scripts alone: what is typed is checked by `config`, whose answer says
/// more than a list.
pub fn with_choices(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let setting = arg.get_long().and_then(|long| SETTINGS.iter().find(|setting| setting.flag == Some(long)));
        match setting.map(|setting| setting.kind) {
            Some(Kind::Path) => arg.value_hint(ValueHint::AnyPath),
            Some(kind @ (Kind::Word(_) | Kind::Verify | Kind::SslMode)) => arg.value_parser(PossibleValuesParser::new(kind.words())),
            _ if arg.get_id() == "key" => arg.value_parser(PossibleValuesParser::new(SETTINGS.iter().map(|setting| setting.name))),
            _ => arg,
        }
    });
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_choices))
}

/// The settings that were typed as flags, before or behind the command; what stands behind it holds.
pub fn typed(matches: &ArgMatches) -> Vec<(Key, String)> {
    let mut out = Vec::new();
    let mut level = Some(matches);
    while let Some(matches) = level {
        for (key, text) in typed_here(matches) {
            out.retain(|(known, _)| *known != key);
            out.push((key, text));
        }
        level = matches.subcommand().map(|(_, deeper)| deeper);
    }
    out
}

fn typed_here(matches: &ArgMatches) -> Vec<(Key, String)> {
    let mut out = Vec::new();
    for setting in SETTINGS {
        let Some(id) = setting.flag.map(|flag| flag.replace('-', "_")) else { continue };
        // A flag that this command does not have is no error here.
        let known = matches.try_contains_id(&id).is_ok();
        if !known || matches.value_source(&id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let text = match setting.kind {
            Kind::Switch => matches.try_get_one::<bool>(&id).ok().flatten().map(bool::to_string),
            _ => matches.try_get_one::<String>(&id).ok().flatten().cloned(),
        };
        out.extend(text.map(|text| (setting.key, text)));
    }
    if matches.try_get_one::<bool>("no_verify").ok().flatten() == Some(&true) {
        out.push((Key::Verify, "off".to_owned()));
    }
    out
}
