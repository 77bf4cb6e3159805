//! The one table of keys. Dispatch, footer, help and docs/keys.md are read from it.

use super::action::{Action, Motion, ScreenId, Toward};
use super::modal::Modal;
use super::model::Model;
use super::msg::{Key, KeyCode};
use super::nav::Place;
use super::screens::backup::Part;
use crate::domain::wait::Ending;

/// Where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everywhere.
    Always,
    /// On every screen, under no question.
    Screens,
    /// Wherever there is a cursor.
    Moving,
    /// Home.
    Home,
    /// The databases of the backup screen.
    BackupDatabases,
    /// Its options.
    BackupOptions,
    /// The archives to restore from.
    Restore,
    /// The contents of an archive.
    Contents,
    /// The restore's options.
    Target,
    /// A plan.
    Plan,
    /// The list of jobs.
    Jobs,
    /// A job.
    Job,
    /// A database of a job.
    Database,
    /// The archives.
    Archives,
    /// What can be recovered, along a timeline.
    Pitr,
    /// A moment that is being typed.
    Moment,
    /// What is recovered to where.
    Recover,
    /// The archive of the log in figures.
    Wal,
    /// What state host and server are in.
    Diagnostics,
    /// The reports that were kept.
    Reports,
    /// The log.
    Log,
    /// The settings.
    Settings,
    /// A setting that is being typed.
    Editing,
    /// The command palette.
    Palette,
    /// A filter that is being typed.
    Typing,
    /// Help.
    Help,
    /// "Cancel the job?"
    AskCancel,
    /// "End this session?"
    AskEnd,
    /// "Leave though jobs run?"
    AskQuit,
    /// "Delete this archive?"
    AskDelete,
    /// "Delete these archives?", with a word to type.
    AskDeleteMany,
    /// A password that is being typed.
    AskPassword,
    /// An error in full.
    Error,
    /// The command line that does the same.
    Command,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: [Scope; 34] = [
        Scope::Always,
        Scope::Screens,
        Scope::Moving,
        Scope::Home,
        Scope::BackupDatabases,
        Scope::BackupOptions,
        Scope::Restore,
        Scope::Contents,
        Scope::Target,
        Scope::Plan,
        Scope::Jobs,
        Scope::Job,
        Scope::Database,
        Scope::Archives,
        Scope::Pitr,
        Scope::Moment,
        Scope::Recover,
        Scope::Wal,
        Scope::Diagnostics,
        Scope::Reports,
        Scope::Log,
        Scope::Settings,
        Scope::Editing,
        Scope::Palette,
        Scope::Typing,
        Scope::Help,
        Scope::AskCancel,
        Scope::AskEnd,
        Scope::AskQuit,
        Scope::AskDelete,
        Scope::AskDeleteMany,
        Scope::AskPassword,
        Scope::Error,
        Scope::Command,
    ];

    /// A headline.
    pub const fn title(self) -> &'static str {
        match self {
            Scope::Always => "Everywhere",
            Scope::Screens => "On every screen",
            Scope::Moving => "Moving",
            Scope::Home => "Home",
            Scope::BackupDatabases => "Backup: databases",
            Scope::BackupOptions => "Backup: options",
            Scope::Restore => "Restore: archives",
            Scope::Contents => "Restore: contents of an archive",
            Scope::Target => "Restore: target and options",
            Scope::Plan => "Plan",
            Scope::Jobs => "Jobs",
            Scope::Job => "A job",
            Scope::Database => "A database of a job",
            Scope::Archives => "Archives",
            Scope::Pitr => "PITR",
            Scope::Moment => "PITR: while a moment is typed",
            Scope::Recover => "PITR: target and options",
            Scope::Wal => "WAL",
            Scope::Diagnostics => "Diagnostics",
            Scope::Reports => "Diagnostics: past reports",
            Scope::Log => "Log",
            Scope::Settings => "Settings",
            Scope::Editing => "While a setting is typed",
            Scope::Palette => "The command palette",
            Scope::Typing => "While a filter is typed",
            Scope::Help => "Help",
            Scope::AskCancel => "Question: cancel a job",
            Scope::AskEnd => "Question: end a session that is in the way",
            Scope::AskQuit => "Question: leave while jobs run",
            Scope::AskDelete => "Question: delete an archive",
            Scope::AskDeleteMany => "Question: delete several archives",
            Scope::AskPassword => "While a password is typed",
            Scope::Error => "An error in full",
            Scope::Command => "The command line",
        }
    }

    /// The scopes that are asked when this one has the keys, nearest first.
    pub fn chain(self) -> Vec<Scope> {
        match self {
            Scope::Always => vec![Scope::Always],
            Scope::Screens | Scope::Moving => vec![self, Scope::Always],
            Scope::Typing
            | Scope::Moment
            | Scope::Editing
            | Scope::Palette
            | Scope::Help
            | Scope::AskCancel
            | Scope::AskEnd
            | Scope::AskQuit
            | Scope::AskDelete
            | Scope::AskDeleteMany
            | Scope::AskPassword
            | Scope::Error
            | Scope::Command => {
                vec![self, Scope::Moving, Scope::Always]
            }
            _ => vec![self, Scope::Moving, Scope::Screens, Scope::Always],
        }
    }
}

/// Where a key is advertised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    /// In the footer, before others.
    First,
    /// In the footer while there is room.
    Footer,
    /// At the footer's end.
    Last,
    /// In help only.
    Help,
}

/// A key with its meaning.
#[derive(Clone, Debug)]
pub struct Bind {
    /// Where.
    pub scope: Scope,
    /// Which key.
    pub key: Key,
    /// What it does.
    pub action: Action,
    /// A word or two for people.
    pub label: &'static str,
    /// Where it is advertised.
    pub hint: Hint,
}

const fn plain(code: KeyCode) -> Key {
    Key { code, ctrl: false, alt: false, shift: false }
}

const fn ch(c: char) -> Key {
    plain(KeyCode::Char(c))
}

const fn shift(code: KeyCode) -> Key {
    Key { code, ctrl: false, alt: false, shift: true }
}

const fn ctrl(c: char) -> Key {
    Key { code: KeyCode::Char(c), ctrl: true, alt: false, shift: false }
}

const fn bind(scope: Scope, key: Key, action: Action, label: &'static str, hint: Hint) -> Bind {
    Bind { scope, key, action, label, hint }
}

const ENTER: Key = plain(KeyCode::Enter);
const ESC: Key = plain(KeyCode::Esc);
const SPACE: Key = ch(' ');
const TAB: Key = plain(KeyCode::Tab);
const BACK_TAB: Key = plain(KeyCode::BackTab);

use Hint::{First, Footer, Help as InHelp, Last};
use Scope::{
    Always, Archives, AskCancel, AskDelete, AskDeleteMany, AskEnd, AskPassword, AskQuit, BackupDatabases, BackupOptions, Contents,
    Database, Diagnostics, Error, Home, Job, Jobs, Log, Moving, Plan, Reports, Restore, Screens, Target, Typing,
};

/// All keys.
pub static KEYS: &[Bind] = &[
    bind(Always, ctrl('c'), Action::Interrupt, "cancel job or leave", InHelp),
    bind(Always, ctrl('z'), Action::Suspend, "suspend (fg resumes)", InHelp),
    bind(Always, ctrl('l'), Action::Redraw, "paint anew", InHelp),
    bind(Always, ESC, Action::Back, "back", InHelp),
    bind(Screens, ch(':'), Action::Palette, "commands", Last),
    bind(Screens, ch('?'), Action::Help, "help", Last),
    bind(Screens, ch('q'), Action::Quit, "quit", Last),
    bind(Screens, ch('1'), Action::Screen(ScreenId::Home), "Home", InHelp),
    bind(Screens, ch('2'), Action::Screen(ScreenId::Backup), "Backup", InHelp),
    bind(Screens, ch('3'), Action::Screen(ScreenId::Restore), "Restore", InHelp),
    bind(Screens, ch('4'), Action::Screen(ScreenId::Jobs), "Jobs", InHelp),
    bind(Screens, ch('5'), Action::Screen(ScreenId::Archives), "Archives", InHelp),
    bind(Screens, ch('6'), Action::Screen(ScreenId::Pitr), "PITR", InHelp),
    bind(Screens, ch('7'), Action::Screen(ScreenId::Wal), "WAL", InHelp),
    bind(Screens, ch('8'), Action::Screen(ScreenId::Diagnostics), "Diagnostics", InHelp),
    bind(Screens, ch('9'), Action::Screen(ScreenId::Log), "Log", InHelp),
    bind(Screens, ch(','), Action::Screen(ScreenId::Settings), "Settings", InHelp),
    bind(Screens, ch('R'), Action::Refresh, "ask again", InHelp),
    bind(Screens, ch('Y'), Action::CopyCommand, "copy command", InHelp),
    bind(Moving, plain(KeyCode::Up), Action::Move(Motion::Up), "up", InHelp),
    bind(Moving, ch('k'), Action::Move(Motion::Up), "up", InHelp),
    bind(Moving, plain(KeyCode::Down), Action::Move(Motion::Down), "down", InHelp),
    bind(Moving, ch('j'), Action::Move(Motion::Down), "down", InHelp),
    bind(Moving, plain(KeyCode::PageUp), Action::Move(Motion::PageUp), "a page up", InHelp),
    bind(Moving, ctrl('u'), Action::Move(Motion::PageUp), "a page up", InHelp),
    bind(Moving, plain(KeyCode::PageDown), Action::Move(Motion::PageDown), "a page down", InHelp),
    bind(Moving, ctrl('d'), Action::Move(Motion::PageDown), "a page down", InHelp),
    bind(Moving, plain(KeyCode::Home), Action::Move(Motion::First), "to the top", InHelp),
    bind(Moving, ch('g'), Action::Move(Motion::First), "to the top", InHelp),
    bind(Moving, plain(KeyCode::End), Action::Move(Motion::Last), "to the end", InHelp),
    bind(Moving, ch('G'), Action::Move(Motion::Last), "to the end", InHelp),
    bind(Home, ENTER, Action::Enter, "next step", First),
    bind(Home, ch('p'), Action::Login, "password", InHelp),
    bind(Home, ch('b'), Action::Screen(ScreenId::Backup), "backup", Footer),
    bind(Home, ch('r'), Action::Screen(ScreenId::Restore), "restore", Footer),
    bind(BackupDatabases, ENTER, Action::Enter, "plan", First),
    bind(BackupDatabases, SPACE, Action::Mark, "mark", First),
    bind(BackupDatabases, TAB, Action::Part(Toward::Next), "options", First),
    bind(BackupDatabases, ch('w'), Action::WholeCluster, "whole cluster", Footer),
    bind(BackupDatabases, ch('B'), Action::BaseBackup, "base backup", Footer),
    bind(BackupDatabases, ch('a'), Action::MarkAll, "all or none", Footer),
    bind(BackupDatabases, ch('n'), Action::DryRun, "dry run", Footer),
    bind(BackupDatabases, ch('/'), Action::Filter, "filter", Footer),
    bind(BackupOptions, ENTER, Action::Enter, "plan", First),
    bind(BackupOptions, plain(KeyCode::Left), Action::Change(Toward::Previous), "change", InHelp),
    bind(BackupOptions, plain(KeyCode::Right), Action::Change(Toward::Next), "←→ change", First),
    bind(BackupOptions, SPACE, Action::Change(Toward::Next), "change", InHelp),
    bind(BackupOptions, TAB, Action::Part(Toward::Next), "databases", First),
    bind(BackupOptions, ch('w'), Action::WholeCluster, "whole cluster", Footer),
    bind(BackupOptions, ch('B'), Action::BaseBackup, "base backup", Footer),
    bind(BackupOptions, ch('n'), Action::DryRun, "dry run", Footer),
    bind(BackupOptions, BACK_TAB, Action::Part(Toward::Previous), "databases", InHelp),
    bind(Restore, ENTER, Action::Enter, "look inside", First),
    bind(Restore, ch('s'), Action::Sort(Toward::Next), "sort", Footer),
    bind(Restore, ch('S'), Action::Reverse, "turn around", InHelp),
    bind(Restore, ch('/'), Action::Filter, "filter", Footer),
    bind(Contents, ENTER, Action::Enter, "choose target", First),
    bind(Contents, SPACE, Action::Mark, "mark", First),
    bind(Contents, plain(KeyCode::Left), Action::Change(Toward::Previous), "fold", InHelp),
    bind(Contents, plain(KeyCode::Right), Action::Change(Toward::Next), "unfold", Footer),
    bind(Contents, ch('/'), Action::Filter, "filter", Footer),
    bind(Contents, ch('a'), Action::MarkAll, "all or none", Footer),
    bind(Target, ENTER, Action::Enter, "review plan", First),
    bind(Target, plain(KeyCode::Left), Action::Change(Toward::Previous), "change", InHelp),
    bind(Target, plain(KeyCode::Right), Action::Change(Toward::Next), "←→ change", First),
    bind(Target, SPACE, Action::Change(Toward::Next), "change", InHelp),
    bind(Target, TAB, Action::Move(Motion::Down), "next field", InHelp),
    bind(Target, BACK_TAB, Action::Move(Motion::Up), "field before", InHelp),
    bind(Target, ch('n'), Action::DryRun, "dry run", Footer),
    bind(Plan, ENTER, Action::Enter, "start", First),
    bind(Plan, ch('d'), Action::Diagnose, "diagnose", InHelp),
    bind(Jobs, ENTER, Action::Enter, "open", First),
    bind(Jobs, ch('e'), Action::ShowError, "error", Footer),
    bind(Jobs, ch('d'), Action::Diagnose, "diagnose", Footer),
    bind(Jobs, ch('c'), Action::CancelJob, "cancel", Footer),
    bind(Jobs, ch('r'), Action::Resume, "resume", Footer),
    bind(Jobs, ch('l'), Action::ShowLog, "log", Footer),
    bind(Job, ENTER, Action::Enter, "database", First),
    bind(Job, ch('e'), Action::ShowError, "error", Footer),
    bind(Job, ch('d'), Action::Diagnose, "diagnose", Footer),
    bind(Job, ch('c'), Action::CancelJob, "cancel", Footer),
    bind(Job, ch('l'), Action::ShowLog, "log", Footer),
    bind(Job, ch('f'), Action::Freeze, "freeze", Footer),
    bind(Job, ch('r'), Action::Resume, "resume", Footer),
    bind(Job, ch('b'), Action::NextBlocker, "next blocker", InHelp),
    bind(Job, ch('x'), Action::EndBlocker(Ending::Cancel), "cancel blocker", InHelp),
    bind(Job, ch('X'), Action::EndBlocker(Ending::Terminate), "terminate blocker", InHelp),
    bind(Database, ch('e'), Action::ShowError, "error", Footer),
    bind(Database, ch('d'), Action::Diagnose, "diagnose", Footer),
    bind(Database, ch('c'), Action::CancelJob, "cancel", Footer),
    bind(Database, ch('f'), Action::Freeze, "freeze", Footer),
    bind(Archives, ENTER, Action::Inside, "open", First),
    bind(Archives, ch('i'), Action::Inside, "look inside", InHelp),
    bind(Archives, SPACE, Action::Mark, "mark", Footer),
    bind(Archives, ch('a'), Action::MarkAll, "all or none", InHelp),
    bind(Archives, ch('v'), Action::Verify, "verify", Footer),
    bind(Archives, ch('r'), Action::RestoreThis, "restore", Footer),
    bind(Archives, ch('d'), Action::Delete, "delete", Footer),
    bind(Archives, ch('t'), Action::RestoreTest, "restore test", Footer),
    bind(Archives, ch('s'), Action::Sort(Toward::Next), "sort", Footer),
    bind(Archives, ch('>'), Action::Sort(Toward::Next), "sort by the next column", InHelp),
    bind(Archives, ch('<'), Action::Sort(Toward::Previous), "sort by the column before", InHelp),
    bind(Archives, ch('S'), Action::Reverse, "turn around", InHelp),
    bind(Archives, ch('/'), Action::Filter, "filter", Footer),
    bind(Scope::Pitr, ENTER, Action::Enter, "recover", First),
    bind(Scope::Pitr, plain(KeyCode::Left), Action::Change(Toward::Previous), "move", InHelp),
    bind(Scope::Pitr, plain(KeyCode::Right), Action::Change(Toward::Next), "←→ move", First),
    bind(Scope::Pitr, shift(KeyCode::Left), Action::Finer(Toward::Previous), "a tenth of a column back", InHelp),
    bind(Scope::Pitr, shift(KeyCode::Right), Action::Finer(Toward::Next), "a tenth of a column on", InHelp),
    bind(Scope::Pitr, ch('<'), Action::Finer(Toward::Previous), "a tenth of a column back", InHelp),
    bind(Scope::Pitr, ch('>'), Action::Finer(Toward::Next), "finer", Footer),
    bind(Scope::Pitr, ch('t'), Action::TypeMoment, "type a moment", First),
    bind(Scope::Pitr, ch('n'), Action::Jump(Toward::Next), "next backup or gap", Footer),
    bind(Scope::Pitr, ch('p'), Action::Jump(Toward::Previous), "backup or gap before", InHelp),
    bind(Scope::Pitr, ch('+'), Action::Zoom(Toward::Next), "nearer", Footer),
    bind(Scope::Pitr, ch('-'), Action::Zoom(Toward::Previous), "farther", InHelp),
    bind(Scope::Pitr, ch('v'), Action::CheckLog, "verify the log", Footer),
    bind(Scope::Pitr, ch('y'), Action::CopyFix, "copy the fix", Footer),
    bind(Scope::Moment, ENTER, Action::Enter, "go there", First),
    bind(Scope::Recover, ENTER, Action::Enter, "review plan", First),
    bind(Scope::Recover, plain(KeyCode::Left), Action::Change(Toward::Previous), "change", InHelp),
    bind(Scope::Recover, plain(KeyCode::Right), Action::Change(Toward::Next), "←→ change", First),
    bind(Scope::Recover, SPACE, Action::Change(Toward::Next), "change", InHelp),
    bind(Scope::Recover, TAB, Action::Move(Motion::Down), "next field", InHelp),
    bind(Scope::Recover, BACK_TAB, Action::Move(Motion::Up), "field before", InHelp),
    bind(Scope::Recover, ch('n'), Action::DryRun, "dry run", Footer),
    bind(Scope::Wal, ENTER, Action::Enter, "what can be recovered", First),
    bind(Scope::Wal, ch('v'), Action::CheckLog, "verify the log", Footer),
    bind(Scope::Wal, ch('y'), Action::CopyFix, "copy the fix", Footer),
    bind(Diagnostics, ENTER, Action::Enter, "evidence", First),
    bind(Diagnostics, ch('y'), Action::CopyFix, "copy the fix", First),
    bind(Diagnostics, ch('w'), Action::KeepReport, "write report", Footer),
    bind(Diagnostics, ch('h'), Action::PastReports, "history", Footer),
    bind(Reports, ENTER, Action::Enter, "open", First),
    bind(Log, ch('f'), Action::Follow, "follow", First),
    bind(Log, ch('l'), Action::Level, "level", Footer),
    bind(Log, ch('/'), Action::Filter, "search", Footer),
    bind(Log, ch('n'), Action::Match(Toward::Previous), "match before", InHelp),
    bind(Log, ch('N'), Action::Match(Toward::Next), "next match", InHelp),
    bind(Log, ch('&'), Action::OnlyMatches, "only matches", InHelp),
    bind(Log, ch('w'), Action::Wrap, "wrap", Footer),
    bind(Log, plain(KeyCode::Left), Action::Change(Toward::Previous), "to the left", InHelp),
    bind(Log, plain(KeyCode::Right), Action::Change(Toward::Next), "to the right", InHelp),
    bind(Log, ch('s'), Action::SaveDebugLog, "save debug log", Footer),
    bind(Scope::Settings, ENTER, Action::Enter, "change", First),
    bind(Scope::Settings, ch('u'), Action::Unset, "take out of the file", Footer),
    bind(Scope::Settings, ch('/'), Action::Filter, "filter", Footer),
    bind(Scope::Editing, ENTER, Action::Enter, "save", First),
    bind(Scope::Editing, TAB, Action::Change(Toward::Next), "next choice", First),
    bind(Scope::Palette, ENTER, Action::Enter, "do it", First),
    bind(Typing, ENTER, Action::Enter, "keep", First),
    bind(Scope::Help, ch('?'), Action::Help, "all keys", First),
    bind(Scope::Help, ch('q'), Action::Back, "close", Footer),
    bind(AskCancel, ch('y'), Action::Accept, "yes, cancel it", First),
    bind(AskEnd, ch('y'), Action::Accept, "yes, end it", First),
    bind(AskQuit, ch('y'), Action::Accept, "cancel them and leave", First),
    bind(AskDelete, ch('y'), Action::Accept, "yes, delete it", First),
    bind(AskDeleteMany, ENTER, Action::Accept, "delete (when the word is right)", First),
    bind(AskPassword, ENTER, Action::Accept, "log in", First),
    bind(Error, ch('d'), Action::Diagnose, "diagnose", First),
    bind(Error, ch('q'), Action::Back, "close", Footer),
    bind(Scope::Command, ch('q'), Action::Back, "close", Footer),
];

/// The scope that has the keys.
pub fn scope(model: &Model) -> Scope {
    match model.modals.last() {
        Some(Modal::Help { .. }) => return Scope::Help,
        Some(Modal::Cancel(_)) => return AskCancel,
        Some(Modal::End { .. }) => return AskEnd,
        Some(Modal::Quit) => return AskQuit,
        Some(Modal::Password { .. }) => return AskPassword,
        Some(Modal::Delete { paths, .. }) => return if paths.len() > 1 { AskDeleteMany } else { AskDelete },
        Some(Modal::Error { .. }) => return Error,
        Some(Modal::Command { .. }) => return Scope::Command,
        Some(Modal::Palette { .. }) => return Scope::Palette,
        None => {}
    }
    if super::update::keys::filter(model).is_some_and(super::list::Filter::is_typing) {
        return Typing;
    }
    if *model.nav.place() == Place::Settings && model.settings.edit.is_some() {
        return Scope::Editing;
    }
    if *model.nav.place() == Place::Pitr && model.recovery.typing.is_some() {
        return Scope::Moment;
    }
    place_scope(model)
}

/// The scope of the place, whatever stands before it.
pub fn place_scope(model: &Model) -> Scope {
    match (model.nav.place(), model.backup.part) {
        (Place::Home, _) => Home,
        (Place::Backup, Part::Databases) => BackupDatabases,
        (Place::Backup, Part::Options) => BackupOptions,
        (Place::Restore, _) => Restore,
        (Place::Contents, _) => Contents,
        (Place::Target, _) => Target,
        (Place::Plan, _) => Plan,
        (Place::Jobs, _) => Jobs,
        (Place::Job(_), _) => Job,
        (Place::Database(..), _) => Database,
        (Place::Archives, _) => Archives,
        (Place::Pitr, _) => Scope::Pitr,
        (Place::Recover, _) => Scope::Recover,
        (Place::Wal, _) => Scope::Wal,
        (Place::Diagnostics, _) => Diagnostics,
        (Place::Reports, _) => Reports,
        (Place::Log, _) => Log,
        (Place::Settings, _) => Scope::Settings,
    }
}

/// What a key means where a scope has the keys.
pub fn lookup(scope: Scope, key: Key) -> Option<&'static Bind> {
    scope.chain().into_iter().find_map(|scope| KEYS.iter().find(|bind| bind.scope == scope && bind.key == key))
}

/// The keys that the footer shows for a scope, most important first.
pub fn hints(scope: Scope) -> Vec<&'static Bind> {
    let chain = scope.chain();
    let mut hints: Vec<&Bind> = KEYS.iter().filter(|bind| bind.hint != InHelp && chain.contains(&bind.scope)).collect();
    hints.sort_by_key(|bind| bind.hint);
    hints
}

/// A key as people write it.
pub fn name(key: Key) -> String {
    let code = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "Enter".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        KeyCode::Tab => "Tab".to_owned(),
        KeyCode::BackTab => "Shift-Tab".to_owned(),
        KeyCode::Backspace => "Backspace".to_owned(),
        KeyCode::Delete => "Delete".to_owned(),
        KeyCode::Up => "Up".to_owned(),
        KeyCode::Down => "Down".to_owned(),
        KeyCode::Left => "Left".to_owned(),
        KeyCode::Right => "Right".to_owned(),
        KeyCode::Home => "Home".to_owned(),
        KeyCode::End => "End".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        KeyCode::F(number) => format!("F{number}"),
    };
    let mut name = String::new();
    if key.ctrl {
        name.push_str("Ctrl-");
    }
    if key.alt {
        name.push_str("Alt-");
    }
    if key.shift {
        name.push_str("Shift-");
    }
    name.push_str(&if key.ctrl { code.to_uppercase() } else { code });
    name
}

/// The text of docs/keys.md.
pub fn document() -> String {
    let mut out = String::from(
        "# Keys\n\nThe same table drives the program, its footer and its help (`?`). A text field takes letters and digits before any of these keys.\n",
    );
    for scope in Scope::ALL {
        out.push_str(&format!("\n## {}\n\n| key | what it does | action |\n|---|---|---|\n", scope.title()));
        for bind in KEYS.iter().filter(|bind| bind.scope == scope) {
            let key = match name(bind.key).as_str() {
                "|" => "\\|".to_owned(),
                key => key.to_owned(),
            };
            out.push_str(&format!("| `{key}` | {} | `{}` |\n", bind.label.trim_start_matches("←→ "), action_name(&bind.action)));
        }
    }
    out
}

/// The stable name of an action: `move up`, `cancel-job`.
pub fn action_name(action: &Action) -> String {
    match serde_json::to_value(action) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(fields)) => match fields.iter().next() {
            Some((name, serde_json::Value::String(what))) => format!("{name} {what}"),
            Some((name, _)) => name.clone(),
            None => String::new(),
        },
        _ => String::new(),
    }
}
