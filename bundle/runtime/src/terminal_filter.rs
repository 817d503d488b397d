//! The system call filter that keeps the payload from pushing characters into a terminal's input queue, where the user's shell
//! would read them as commands (CVE-2017-5226).
//!
//! It refuses two requests of `ioctl` with EPERM and allows everything else. The request is compared in its low 32 bits,
//! which are all that the kernel looks at (CVE-2019-10063); the number of `ioctl` differs between the kernel's own
//! calling convention and the ones of 32-bit programs, which are filtered too.

use libc::sock_filter;

/// Pushes a character into a terminal's input.
const TIOCSTI: u32 = 0x5412;
/// Pastes a selection of the Linux console into its input, among other things.
const TIOCLINUX: u32 = 0x541c;

pub(crate) const LOAD: u16 = 0x20;
pub(crate) const JUMP_IF_EQUAL: u16 = 0x15;
pub(crate) const RETURN: u16 = 0x06;
pub(crate) const ALLOW: u32 = 0x7fff_0000;
const REFUSE: u32 = 0x0005_0000 | libc::EPERM as u32;

/// Offsets in `struct seccomp_data`: number, architecture, low half of the second argument (little-endian).
pub(crate) const NUMBER: u32 = 0;
pub(crate) const ARCHITECTURE: u32 = 4;
const REQUEST: u32 = 24;

#[cfg(target_arch = "x86_64")]
const CONVENTIONS: [(u32, &[u32]); 2] = [
    // x86-64, and x32 with its bit set; i386.
    (0xc000_003e, &[16, 0x4000_0000 + 514]),
    (0x4000_0003, &[54]),
];
#[cfg(target_arch = "aarch64")]
const CONVENTIONS: [(u32, &[u32]); 2] = [(0xc000_00b7, &[29]), (0x4000_0028, &[54])];

/// The filter's program.
pub(crate) fn program() -> Vec<sock_filter> {
    let mut program = vec![statement(LOAD, ARCHITECTURE)];
    for (architecture, numbers) in CONVENTIONS {
        // Behind this jump: load, the comparisons, allow, and four instructions that look at the request.
        let length = 1 + numbers.len() + 1;
        program.push(jump(architecture, 0, (length + 5) as u8));
        program.push(statement(LOAD, NUMBER));
        for (index, number) in numbers.iter().enumerate() {
            program.push(jump(*number, (numbers.len() - index) as u8, 0));
        }
        program.push(statement(RETURN, ALLOW));
        program.push(statement(LOAD, REQUEST));
        program.push(jump(TIOCSTI, 2, 0));
        program.push(jump(TIOCLINUX, 1, 0));
        program.push(statement(RETURN, ALLOW));
        program.push(statement(RETURN, REFUSE));
    }
    program.push(statement(RETURN, ALLOW));
    program
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would.
    fn answer(architecture: u32, number: u32, request: u64) -> u32 {
        let program = program();
        let (mut at, mut loaded) = (0, 0);
        loop {
            let step = &program[at];
            at += 1;
            match step.code {
                LOAD => {
                    loaded = match step.k {
                        NUMBER => number,
                        ARCHITECTURE => architecture,
                        REQUEST => request as u32,
                        other => panic!("offset {other}"),
                    }
                }
                JUMP_IF_EQUAL => {
                    at += usize::from(if loaded == step.k { step.jt } else { step.jf });
                }
                RETURN => return step.k,
                other => panic!("instruction {other}"),
            }
        }
    }

    #[test]
    fn two_requests_are_refused_by_every_way_of_calling_and_nothing_else() {
        for (architecture, numbers) in CONVENTIONS {
            for number in numbers {
                for request in [TIOCSTI, TIOCLINUX] {
                    let high = 0xdead_beef_0000_0000 | u64::from(request);
                    assert_eq!(answer(architecture, *number, request.into()), REFUSE);
                    assert_eq!(answer(architecture, *number, high), REFUSE);
                }
                // TCGETS, TIOCGWINSZ.
                for request in [0x5401, 0x5413] {
                    assert_eq!(answer(architecture, *number, request), ALLOW);
                }
            }
            assert_eq!(answer(architecture, 3, TIOCSTI.into()), ALLOW);
        }
        assert_eq!(answer(0x1234, 16, TIOCSTI.into()), ALLOW);
    }
}
