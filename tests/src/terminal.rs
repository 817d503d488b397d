//! A terminal to start things in.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use nix::pty::{Winsize, openpty};

use crate::process::eventually;

/// Rows and columns of a new terminal.
pub const SIZE: (u16, u16) = (33, 77);

/// A terminal whose other end this process has.
#[derive(Debug)]
pub struct Terminal {
    keyboard: File,
    /// The end for programs.
    program_end: OwnedFd,
    seen: Arc<Mutex<String>>,
}

impl Terminal {
    /// Opens one.
    pub fn open() -> Self {
        let size = Winsize {
            ws_row: SIZE.0,
            ws_col: SIZE.1,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let ends = openpty(Some(&size), None).expect("a terminal");
        let keyboard = File::from(ends.master);
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut screen, shown) = (keyboard.try_clone().expect("a descriptor"), seen.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                shown.lock().expect("the screen").push_str(&text);
            }
        });
        Self {
            keyboard,
            program_end: ends.slave,
            seen,
        }
    }

    /// Starts a command line in this terminal: leader of a session of its own, in the foreground. It begins with setsid(1).
    pub fn start(&self, command: &mut Command) -> Child {
        let end = || self.program_end.try_clone().expect("a descriptor");
        command
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("setsid (util-linux) starts")
    }

    /// Presses keys.
    pub fn press(&self, keys: &[u8]) {
        (&self.keyboard).write_all(keys).expect("the terminal");
    }

    /// Changes the size.
    pub fn resize(&self, rows: u16, columns: u16) {
        let end = self.program_end.try_clone().expect("a descriptor");
        let status = Command::new("stty")
            .args(["rows", &rows.to_string(), "cols", &columns.to_string()])
            .stdin(end)
            .status();
        assert!(status.expect("stty starts").success());
    }

    /// What has been printed so far.
    pub fn text(&self) -> String {
        self.seen.lock().expect("the screen").clone()
    }

    /// Waits until this has been printed.
    #[track_caller]
    pub fn wait_for(&self, expected: &str) {
        eventually(|| {
            let text = self.text();
            if text.contains(expected) {
                Ok(())
            } else {
                Err(format!("{text:?} lacks {expected:?}"))
            }
        });
    }
}
