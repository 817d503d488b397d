//! The system call filter that keeps the payload from pushing characters into a terminal's input queue, where the user's shell
//! would read them as commands (CVE-2017-5226).
//!
//! It refuses two requests of `ioctl` with EPERM and allows everything else. The request is compared in its low 32 bits,
//! which are all that the kernel looks at (CVE-2019-10063); the number of `ioctl` differs between the kernel's own
//! calling convention and the ones of 32-bit programs, which are filtered too.

use libc::sock_filter;

use crate::bpf::{ALLOW, ANSWER, ARCHITECTURE, LOAD, NUMBER, RETURN, jump, statement};

/// Pushes a character into a terminal's input.
const TIOCSTI: u32 = 0x5412;
/// Pastes a selection of the Linux console into its input, among other things.
const TIOCLINUX: u32 = 0x541c;

const REFUSE: u32 = ANSWER | libc::EPERM as u32;

/// Offset in `struct seccomp_data` of the low half of the second argument (little-endian).
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf;

    fn answer(architecture: u32, number: u32, request: u64) -> u32 {
        let data = [
            (ARCHITECTURE, architecture),
            (NUMBER, number),
            (REQUEST, request as u32),
        ];
        bpf::answer(&program(), &data)
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
