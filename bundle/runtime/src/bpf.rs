//! System call filters in the kernel's language (classic BPF over `struct seccomp_data`): what they are written in, and a machine for
//! their tests.

use libc::sock_filter;

pub(crate) const LOAD: u16 = 0x20;
pub(crate) const JUMP_IF_EQUAL: u16 = 0x15;
pub(crate) const RETURN: u16 = 0x06;
pub(crate) const ALLOW: u32 = 0x7fff_0000;
/// Answers with the error in the low bits instead of calling; without one, as if it had been done.
pub(crate) const ANSWER: u32 = 0x0005_0000;

/// Offsets in `struct seccomp_data`: number, architecture.
pub(crate) const NUMBER: u32 = 0;
pub(crate) const ARCHITECTURE: u32 = 4;

pub(crate) fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

pub(crate) fn jump(k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter {
        code: JUMP_IF_EQUAL,
        jt,
        jf,
        k,
    }
}

/// What the program answers, run as the kernel would, when the data at these offsets are these.
#[cfg(test)]
pub(crate) fn answer(program: &[sock_filter], data: &[(u32, u32)]) -> u32 {
    let (mut at, mut loaded) = (0, 0);
    loop {
        let step = &program[at];
        at += 1;
        match step.code {
            LOAD => {
                let found = data.iter().find(|(offset, _)| *offset == step.k);
                loaded = found.unwrap_or_else(|| panic!("offset {}", step.k)).1;
            }
            JUMP_IF_EQUAL => {
                at += usize::from(if loaded == step.k { step.jt } else { step.jf });
            }
            RETURN => return step.k,
            other => panic!("instruction {other}"),
        }
    }
}
