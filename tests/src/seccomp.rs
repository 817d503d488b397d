//! Starting processes as a container engine does that allows no namespaces.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Runs `body` in a thread whose processes may not make namespaces or mount: as under Docker's default profile, `unshare`,
/// `mount`, `setns` and `clone` with a namespace's flag answer EPERM, and `clone3`, whose flags no filter sees, ENOSYS.
///
/// # Panics
///
/// When the filter cannot be put in place, or `body` does.
pub fn without_namespaces<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // A filter holds for the thread that asks for it and whatever that starts.
            for filter in [refuse_clone3(), refuse_namespaces()] {
                seccompiler::apply_filter(&filter).expect("a seccomp filter");
            }
            body()
        });
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn refuse_clone3() -> BpfProgram {
    filter([(libc::SYS_clone3, vec![])].into(), libc::ENOSYS)
}

fn refuse_namespaces() -> BpfProgram {
    let flag = libc::CLONE_NEWUSER as u64;
    let is_set = SeccompCmpOp::MaskedEq(flag);
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, is_set, flag);
    let rule = SeccompRule::new(vec![condition.expect("a condition")]).expect("a rule");
    let rules = [
        (libc::SYS_clone, vec![rule]),
        (libc::SYS_unshare, vec![]),
        (libc::SYS_setns, vec![]),
        (libc::SYS_mount, vec![]),
    ];
    filter(rules.into(), libc::EPERM)
}

fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> BpfProgram {
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    let architecture = std::env::consts::ARCH
        .try_into()
        .expect("an architecture that seccompiler knows");
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture)
        .and_then(BpfProgram::try_from)
        .expect("a filter")
}
