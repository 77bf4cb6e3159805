//! Decides who looks on, starts the application, and says how it ended.

use super::jsonl::JsonLines;
use super::result::{self, Volume};
use super::text::{Stderr, Text};
use super::{archive, archiving, binlog, diagnose, logging, output, query, script, settings, wal};
use crate::app::action::Action;
use crate::app::model::{Model, Outcome};
use crate::app::msg::Msg;
use crate::app::setup::{Clipboard, Mode, Setup};
use crate::cli::archive::Archive;
use crate::cli::parse::{self, Parsed};
use crate::cli::{Cli, Command};
use crate::config::environment::Environment;
use crate::config::layers::{Resolved, resolve};
use crate::config::paths::Paths;
use crate::config::print;
use crate::config::secrets::Secrets;
use crate::config::settings::Key;
use crate::domain::job::JobId;
use crate::domain::{Code, Fault, fault, text};
use crate::runtime::audit::{Audit, Audited};
use crate::runtime::debug_log::{DebugLog, Recording};
use crate::runtime::exec::Executor;
use crate::runtime::inbox::Inbox;
use crate::runtime::log::chosen;
use crate::runtime::report::ByItself;
use crate::runtime::run::{Front, run};
use crate::runtime::screen::Screen;
use crate::runtime::settings::{Source, views};
use crate::runtime::work::{Engine, Work};
use crate::runtime::{host, log, look, panic, password, signals, story};
use crate::view::look::Look;
use std::ffi::OsString;
use std::io::{IsTerminal, stdin, stdout};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the last lines of the log are waited for.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Runs the program on its arguments, its own name first; gives the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = story::command(&arguments);
    let exits = wal::Exits::of(&arguments);
    let parsed = match parse::parse(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help goes to stdout, errors to stderr; there is nobody to tell when that fails.
            let _ = error.print();
            return match parse::exit_code(&error) {
                0 => 0,
                code => exits.failure(code),
            };
        }
    };
    let began = Instant::now();
    let mut debug = DebugLog::new(parsed.cli.globals.log.save_debug_log.clone(), &command);
    let result = carry_out(&parsed, environment, &command, &mut debug);
    if let Err(fault) = &result {
        story::fault(JobId::default(), "the run cannot start", fault);
        debug.outcome(serde_json::json!({ "exit": fault.code.exit(), "fault": fault }));
    }
    let exit = result.as_ref().map_or_else(|fault| exits.failure(fault.code.exit()), |code| *code);
    story::over(exit, u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    // Before the debug log is written, so that its end is in it; a log that hangs must not keep the program.
    log::flush(LAST_WAIT);
    if debug.is_wanted()
        && let Err(fault) = debug.save()
    {
        output::diagnostic(&fault.render("Debug log not written"));
    }
    match result {
        Ok(code) => code,
        Err(fault) => {
            if parsed.cli.globals.json {
                let outcome = Outcome { exit: fault.code.exit(), fault: Some(fault.clone()), plan: None, jobs: Vec::new() };
                JsonLines::default().finish(&outcome);
            }
            output::diagnostic(&fault.cured().render("dbbackup cannot start"));
            exit
        }
    }
}

/// The exit code of a run that panicked.
pub fn after_panic(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    wal::Exits::of(&arguments).failure(panic::EXIT)
}

/// What a code means, or the list of all of them.
fn explain(name: Option<&str>) -> Result<String, Fault> {
    let Some(name) = name else {
        return Ok(Code::ALL.iter().map(|code| format!("{:<24} {:>3}  {}\n", code.as_str(), code.exit(), code.title())).collect());
    };
    let wanted = name.to_ascii_uppercase();
    let names = || Code::ALL.iter().map(|code| code.as_str());
    match Code::ALL.iter().find(|code| code.as_str() == wanted) {
        Some(code) => Ok(fault::explain(*code)),
        None => {
            let fault = Fault::new(Code::Usage, format!("there is no code {}", text::clean(name)));
            Err(match text::nearest(&wanted, names()) {
                Some(near) => fault.step_run("Did you mean this one?", format!("dbbackup explain {near}")),
                None => fault.step_run("See all of them:", "dbbackup explain"),
            })
        }
    }
}

/// The program's manual page; each command explains itself by `--help`.
fn manual() -> Result<String, Fault> {
    let mut text = Vec::new();
    clap_mangen::Man::new(parse::command())
        .render(&mut text)
        .map_err(|error| Fault::new(Code::Io, "cannot write the manual page").because(error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn carry_out(
    Parsed { cli, settings: flags }: &Parsed,
    environment: &Environment,
    command: &str,
    debug: &mut DebugLog,
) -> Result<u8, Fault> {
    let paths = Paths::of_host(cli.globals.config.clone(), environment);
    match &cli.command {
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut parse::completed(), "dbbackup", &mut text);
            return Ok(settings::finish(Ok(String::from_utf8_lossy(&text).into_owned()), "Completions failed"));
        }
        Some(Command::Man) => {
            return Ok(settings::finish(manual(), "The manual page failed"));
        }
        Some(Command::Explain { code }) => {
            return Ok(settings::finish(explain(code.as_deref()), "There is no explanation"));
        }
        Some(Command::Diagnose(wanted)) => {
            return Ok(settings::finish(diagnose::run(wanted, &paths, environment, flags), "No report"));
        }
        Some(Command::Config(config)) => {
            return Ok(settings::run(config, &paths, environment, flags));
        }
        _ => {}
    }
    let resolved = resolve(&paths, environment, flags)?;
    if let Some(Command::Wal(asked)) = &cli.command
        && let Some(call) = wal::Call::of(asked)
    {
        if cli.globals.dry_run {
            return Err(Fault::new(Code::Usage, "what a server runs for each segment has no dry run").step("Leave --dry-run out."));
        }
        // The server runs these for each segment: a log is started only where it was asked for.
        if debug.is_wanted() || wal::wants_log(&resolved, environment) {
            logging::start(cli, &resolved, environment, debug)?;
            story::begun(command, environment);
        }
        return Ok(wal::run(&call, &resolved));
    }
    debug.config(print::json(&resolved, None, None));
    logging::start(cli, &resolved, environment, debug)?;
    story::begun(command, environment);
    let secrets = Arc::new(Secrets::new(&resolved, environment));
    if let Some(Command::Archive(Archive::Cat { archive, entry, database })) = &cli.command {
        let done = archive::cat(&archive.archive, entry, database.as_deref(), &mut stdout().lock());
        return Ok(match done {
            Err(fault) if fault.code == Code::Io && fault.root_cause().contains("roken pipe") => fault.code.exit(),
            done => settings::finish(done.map(|()| String::new()), "Reading the archive failed"),
        });
    }
    let changes = || {
        work(
            &resolved,
            &Source { paths: paths.clone(), environment: environment.clone(), flags: flags.clone() },
            &secrets,
            command,
            ByItself::No,
        )
    };
    if let Some(code) = archiving::run(cli, &resolved, &secrets, changes) {
        return Ok(code);
    }
    if let Some(code) = binlog::run(cli, &resolved, &secrets, changes) {
        return Ok(code);
    }
    if let Some(answer) = query::answer(cli, &resolved, &secrets) {
        return Ok(settings::finish(answer, "Query failed"));
    }
    let source = Source { paths, environment: environment.clone(), flags: flags.clone() };
    application(cli, resolved, source, secrets, command, debug)
}

/// Who looks on: a terminal on both ends that can do more than print lines, and nobody who said otherwise.
fn mode(cli: &Cli, resolved: &Resolved, environment: &Environment) -> Result<Mode, Fault> {
    let is_command = !matches!(cli.command, None | Some(Command::Interactive(_)));
    let wants_lines = [Key::Batch, Key::Json, Key::Quiet].into_iter().any(|key| resolved.switch(key)) || cli.globals.dry_run;
    let term = environment.get("TERM").unwrap_or("dumb");
    let can_draw = stdout().is_terminal() && stdin().is_terminal() && term != "dumb";
    match (is_command, can_draw && !wants_lines) {
        (true, true) => Ok(Mode::Command),
        (true, false) => Ok(Mode::Batch),
        (false, true) => Ok(Mode::Interactive),
        (false, false) => Err(Fault::new(
            Code::Usage,
            if can_draw { "the full screen excludes --batch, --json, --quiet and --dry-run" } else { "the full screen needs a terminal" },
        )
        .at("TERM", term)
        .step_run("Give a command:", "dbbackup backup single DB --batch")
        .step_run("See all commands:", "dbbackup --help")),
    }
}

/// What the application is started with.
pub fn setup(cli: &Cli, resolved: &Resolved, mode: Mode) -> Result<Setup, Fault> {
    let host = host::facts();
    Ok(Setup {
        connections: resolved.connections()?,
        dir: script::backup_dir(resolved),
        compression: resolved.compression()?,
        effort: resolved.effort(host),
        verify: resolved.verify(),
        name_time: resolved.name_time(),
        mode,
        job: script::job(cli, resolved, host)?,
        dry_run: cli.globals.dry_run,
        confirm: cli.globals.confirm.clone(),
        settings: Vec::new(),
        settings_file: None,
        clipboard: Clipboard::default(),
    })
}

/// The engine, audited where that is wanted.
fn work(resolved: &Resolved, source: &Source, secrets: &Arc<Secrets>, command: &str, by_itself: ByItself) -> Arc<dyn Work> {
    let reports = diagnose::reports(resolved, by_itself);
    let engine: Arc<dyn Work> = Arc::new(Engine::new(Arc::clone(secrets), source.clone(), reports));
    match chosen::audit(resolved, &source.environment) {
        Some((path, wish)) => Arc::new(Audited::new(engine, Audit::new(path, wish, &source.environment, command))),
        None => engine,
    }
}

fn application(
    cli: &Cli,
    resolved: Resolved,
    source: Source,
    secrets: Arc<Secrets>,
    command: &str,
    debug: &mut DebugLog,
) -> Result<u8, Fault> {
    let environment = source.environment.clone();
    let mode = mode(cli, &resolved, &environment)?;
    let resolved = resolved.on(host::facts());
    let setup = Setup {
        settings: views(&resolved, &source.paths),
        settings_file: source.paths.user.clone(),
        clipboard: look::clipboard(&environment),
        ..setup(cli, &resolved, mode)?
    };
    let needs_server = setup.job.as_ref().is_none_or(|job| job.connection().is_some());
    let noun = setup.job.as_ref().map(crate::domain::spec::JobSpec::noun);
    let by_itself = if setup.dry_run { ByItself::No } else { ByItself::Yes };
    let inbox = Arc::new(Inbox::default());
    let mut executor = Executor::new(Arc::clone(&inbox), work(&resolved, &source, &secrets, command, by_itself))?;
    let interrupts = if needs_server { password::ask_if_wanted(executor.handle(), &secrets, &resolved.connection()?)? } else { None };
    signals::listen(executor.handle(), &inbox)?;
    drop(interrupts);
    let volume = if resolved.switch(Key::Quiet) { Volume::Quiet } else { Volume::Normal };
    let (mut model, first) = Model::new(setup);
    let play = |front: &mut dyn Front| {
        let outcome = run(&mut model, first, &inbox, &mut executor, &mut Recording { front, log: &mut *debug });
        // A job's own failure is told by the job, and that of a plan by the plan.
        if let (Some(fault), Some(_)) = (&outcome.fault, &outcome.plan) {
            story::fault(JobId::default(), "not started", fault);
        }
        debug.outcome(result::json(&outcome));
        outcome
    };
    Ok(match mode {
        Mode::Batch if resolved.switch(Key::Json) => {
            let mut lines = JsonLines::default();
            let outcome = play(&mut lines);
            lines.finish(&outcome);
            outcome.exit
        }
        Mode::Batch => {
            let mut text = Text::new(Stderr::now(), volume);
            let outcome = play(&mut text);
            text.finish();
            result::print(&outcome, volume, noun)
        }
        Mode::Interactive | Mode::Command => {
            let depth = look::depth(&environment, resolved.switch(Key::NoColor));
            let glyphs = look::glyphs(&environment);
            let dress = move |theme: &str| Look::load(theme, depth, glyphs, &own_theme(theme));
            let (look, notice) = dress(resolved.text(Key::Theme).unwrap_or("default-dark"));
            if let Some(notice) = notice {
                inbox.answer(Msg::Act(Action::Notice(notice)));
            }
            // Lines on a terminal that is drawn on would be in the way.
            let news = Arc::clone(&inbox);
            log::on_trouble(move |text| news.answer(Msg::Act(Action::Notice(text.to_owned()))));
            let mut screen = Screen::open(Arc::clone(&inbox), look, Box::new(dress), look::pace(&environment))
                .map_err(|error| Fault::new(Code::Io, "cannot take the terminal").because(error).step("Use --batch."))?;
            let outcome = play(&mut screen);
            drop(screen);
            result::print(&outcome, volume, noun)
        }
    })
}

/// The text of the user's own theme file of a name, or nothing: `themes/NAME.toml` beside the user's configuration.
fn own_theme(name: &str) -> String {
    // The name is a part of a path here.
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let dirs = directories::ProjectDirs::from("", "", "dbbackup").filter(|_| is_plain);
    dirs.and_then(|dirs| std::fs::read_to_string(dirs.config_dir().join(format!("themes/{name}.toml"))).ok()).unwrap_or_default()
}
