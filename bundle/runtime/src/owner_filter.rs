//! The system call filter of a user who plays root: changing owners, users and groups succeeds and does nothing.
//!
//! Only one user exists in such a namespace, so all of it would fail, and package managers would give up. What Enroot does is
//! done here: all calls that change owners or ids answer 0. `setfsuid` and `setfsgid` with -1 only ask, and go on doing so.

use libc::sock_filter;

use crate::bpf::{ALLOW, ANSWER as PRETEND, ARCHITECTURE, LOAD, NUMBER, RETURN, jump, statement};

/// Offset in `struct seccomp_data` of the low half of the first argument (little-endian).
const FIRST_ARGUMENT: u32 = 16;

#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xc000_00b7;

const CALLS: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
];

const ASKING_CALLS: [libc::c_long; 2] = [libc::SYS_setfsuid, libc::SYS_setfsgid];

/// The filter's program.
pub(crate) fn program() -> Vec<sock_filter> {
    let count = CALLS.len() + ASKING_CALLS.len();
    let mut program = vec![
        statement(LOAD, ARCHITECTURE),
        // Programs of another architecture are let alone.
        jump(NATIVE, 1, 0),
        statement(RETURN, ALLOW),
        statement(LOAD, NUMBER),
    ];
    // Behind the comparisons: allow, pretend, and three instructions that look at the argument.
    for (index, call) in CALLS.iter().enumerate() {
        program.push(jump(*call as u32, (count - index) as u8, 0));
    }
    for (index, call) in ASKING_CALLS.iter().enumerate() {
        program.push(jump(
            *call as u32,
            (ASKING_CALLS.len() - index + 1) as u8,
            0,
        ));
    }
    program.push(statement(RETURN, ALLOW));
    program.push(statement(RETURN, PRETEND));
    program.push(statement(LOAD, FIRST_ARGUMENT));
    program.push(jump(u32::MAX, 0, 1));
    program.push(statement(RETURN, ALLOW));
    program.push(statement(RETURN, PRETEND));
    program
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf;

    fn answer(architecture: u32, number: u32, argument: u32) -> u32 {
        let data = [
            (ARCHITECTURE, architecture),
            (NUMBER, number),
            (FIRST_ARGUMENT, argument),
        ];
        bpf::answer(&program(), &data)
    }

    #[test]
    fn owners_and_ids_seem_to_change_and_nothing_else() {
        for call in CALLS {
            assert_eq!(answer(NATIVE, *call as u32, 7), PRETEND);
            assert_eq!(answer(0x1234, *call as u32, 7), ALLOW);
        }
        for call in ASKING_CALLS {
            assert_eq!(answer(NATIVE, call as u32, 7), PRETEND);
            assert_eq!(answer(NATIVE, call as u32, u32::MAX), ALLOW);
        }
        for call in [libc::SYS_read, libc::SYS_chmod, libc::SYS_getuid] {
            assert_eq!(answer(NATIVE, call as u32, 0), ALLOW);
        }
    }
}
