//! A terminal to start things in.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use nix::fcntl::{OFlag, open};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;

use crate::process::eventually;

/// Rows and columns of a new terminal.
pub const SIZE: (u16, u16) = (33, 77);

/// A terminal whose other end this process has. Dropping it is closing the window.
#[derive(Debug)]
pub struct Terminal {
    keyboard: Arc<File>,
    /// The end for programs.
    program_end: OwnedFd,
    seen: Arc<Mutex<String>>,
}

impl Terminal {
    /// Opens one.
    pub fn open() -> Self {
        // Closed in every process that is started, also by other threads: nobody else may keep the window open.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let keyboard = posix_openpt(flags).expect("a terminal");
        grantpt(&keyboard).expect("its owner");
        unlockpt(&keyboard).expect("its lock");
        let name = ptsname_r(&keyboard).expect("its name");
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let program_end = open(name.as_str(), flags, Mode::empty()).expect("its other end");
        let keyboard = Arc::new(File::from(OwnedFd::from(keyboard)));
        let seen = Arc::new(Mutex::new(String::new()));
        let (screen, shown) = (Arc::downgrade(&keyboard), seen.clone());
        std::thread::spawn(move || show(&screen, &shown));
        let terminal = Self {
            keyboard,
            program_end,
            seen,
        };
        terminal.resize(SIZE.0, SIZE.1);
        terminal
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
        (&*self.keyboard).write_all(keys).expect("the terminal");
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

/// Collects what is printed as long as the terminal is there.
fn show(screen: &Weak<File>, shown: &Mutex<String>) {
    let mut bytes = [0; 4096];
    while let Some(screen) = screen.upgrade() {
        while let Ok(count @ 1..) = (&*screen).read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            shown.lock().expect("the screen").push_str(&text);
        }
        drop(screen);
        std::thread::sleep(Duration::from_millis(2));
    }
}
