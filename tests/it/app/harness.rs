//! Tests that read as a story: at a size, keys are pressed, something is shown, something is asked of the world.

use crate::view::fixtures;
use dbbackup::app::action::Action;
use dbbackup::app::cmd::Cmd;
use dbbackup::app::model::Model;
use dbbackup::app::msg::{Key, KeyCode, Msg, Reply};
use dbbackup::app::update::update;
use dbbackup::domain::Fault;
use dbbackup::view::look::{Depth, Glyphs, Look};

/// A key by its name: `enter`, `ctrl-c`, `x`.
pub fn key(name: &str) -> Msg {
    let (ctrl, name) = match name.strip_prefix("ctrl-") {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let (shift, name) = match name.strip_prefix("shift-") {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let mut chars = name.chars();
    let code = match (name, chars.next(), chars.next()) {
        ("enter", ..) => KeyCode::Enter,
        ("esc", ..) => KeyCode::Esc,
        ("tab", ..) => KeyCode::Tab,
        ("backtab", ..) => KeyCode::BackTab,
        ("up", ..) => KeyCode::Up,
        ("down", ..) => KeyCode::Down,
        ("left", ..) => KeyCode::Left,
        ("right", ..) => KeyCode::Right,
        ("home", ..) => KeyCode::Home,
        ("end", ..) => KeyCode::End,
        ("backspace", ..) => KeyCode::Backspace,
        ("space", ..) => KeyCode::Char(' '),
        (_, Some(c), None) => KeyCode::Char(c),
        (name, ..) => panic!("no key {name:?}"),
    };
    Msg::Key(Key { code, ctrl, alt: false, shift })
}

/// The model under test, with what it asked since the last look.
pub struct Harness {
    pub model: Model,
    size: (u16, u16),
    cmds: Vec<Cmd>,
}

impl Harness {
    /// Around a model.
    pub fn of(model: Model) -> Self {
        Self { model, size: (100, 30), cmds: Vec::new() }.at(100, 30)
    }

    /// Server and folder have answered.
    pub fn new() -> Self {
        Self::of(fixtures::ready())
    }

    /// At a size.
    pub fn at(mut self, cols: u16, rows: u16) -> Self {
        self.size = (cols, rows);
        self.send(Msg::Resize { cols, rows })
    }

    /// Something happens.
    pub fn send(mut self, msg: Msg) -> Self {
        update(&mut self.model, msg, &mut self.cmds);
        self
    }

    /// Keys are pressed, by name.
    pub fn keys(self, names: &str) -> Self {
        names.split(' ').fold(self, |harness, name| harness.send(key(name)))
    }

    /// A text is typed.
    pub fn types(self, text: &str) -> Self {
        text.chars().fold(self, |harness, c| harness.send(Msg::Key(Key { code: KeyCode::Char(c), ctrl: false, alt: false, shift: false })))
    }

    /// Something is asked for.
    pub fn act(self, action: Action) -> Self {
        self.send(Msg::Act(action))
    }

    /// The last question is answered.
    pub fn answer(self, reply: Result<Reply, Fault>) -> Self {
        let id = fixtures::last_request(&self.cmds);
        self.send(Msg::Done(id, reply))
    }

    /// What it looks like.
    pub fn screen(&self) -> String {
        let (look, _) = Look::load("mono", Depth::Mono, Glyphs::Unicode, "");
        crate::view::draw(&self.model, &look, self.size.0, self.size.1)
    }

    /// A text is on the screen.
    #[track_caller]
    pub fn shows(self, text: &str) -> Self {
        let screen = self.screen();
        assert!(screen.contains(text), "{text:?} is not on the screen:\n{screen}");
        self
    }

    /// A text is not on the screen.
    #[track_caller]
    pub fn hides(self, text: &str) -> Self {
        let screen = self.screen();
        assert!(!screen.contains(text), "{text:?} is on the screen:\n{screen}");
        self
    }

    /// Exactly this was asked of the world since the last look.
    #[track_caller]
    pub fn expect_cmds(mut self, wanted: &[Cmd]) -> Self {
        assert_eq!(std::mem::take(&mut self.cmds), wanted);
        self
    }

    /// Nothing was asked of the world since the last look.
    #[track_caller]
    pub fn sends_nothing(self) -> Self {
        self.expect_cmds(&[])
    }

    /// What was asked of the world since the last look.
    pub fn take(&mut self) -> Vec<Cmd> {
        std::mem::take(&mut self.cmds)
    }

    /// Forgets what was asked so far.
    pub fn quietly(mut self) -> Self {
        self.cmds.clear();
        self
    }
}
