//! The few fields of an ELF header that decide whether a program can be packed at all.

use std::path::Path;

use anyhow::{Result, bail};

/// Kind of machine, as the ELF header numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine(u16);

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            3 => f.write_str("32-bit x86"),
            40 => f.write_str("32-bit Arm"),
            62 => f.write_str("x86_64"),
            183 => f.write_str("aarch64"),
            243 => f.write_str("RISC-V"),
            other => write!(f, "machine number {other}"),
        }
    }
}

/// The machine that a program is made for. `path` is for the message.
pub(crate) fn machine_of(bytes: &[u8], path: &Path) -> Result<Machine> {
    const LITTLE_ENDIAN_64: [u8; 2] = [2, 1];
    let [0x7f, b'E', b'L', b'F', class, order, ..] = bytes else {
        let hint = if bytes.starts_with(b"#!") {
            "a script: pack its interpreter"
        } else {
            "pack a compiled program"
        };
        bail!(
            "cannot pack '{}': it is not an ELF program ({hint})",
            path.display()
        );
    };
    match bytes.get(18..20) {
        Some(machine) if [*class, *order] == LITTLE_ENDIAN_64 => {
            Ok(Machine(u16::from_le_bytes([machine[0], machine[1]])))
        }
        _ => bail!(
            "cannot pack '{}': it is not a 64-bit little-endian program",
            path.display()
        ),
    }
}
