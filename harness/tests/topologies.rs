//! Thread plans on recorded topologies of real machines, and on hosts that hide or lack things.

use std::fmt::Write;
use std::path::Path;

use expect_test::{Expect, expect};
use harness::placement::{Affinity, place};
use harness::topology::{recorded, recorded_file};
use results::machine::{CoreKind, CpuList, Machine};

fn machine(file: &str) -> Machine {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/topologies");
    recorded_file(&path.join(file)).unwrap()
}

/// The default plan, then those of four threads.
fn plans(machine: &Machine) -> String {
    let mut text = String::new();
    for (threads, affinity) in [
        (None, "compact"),
        (Some(4), "compact"),
        (Some(4), "scatter"),
    ] {
        let placement = place(machine, threads, &affinity.parse().unwrap()).unwrap();
        let cpus = placement
            .cpus
            .map_or_else(|| "any".to_owned(), |cpus| CpuList(cpus).to_string());
        writeln!(text, "{}: {cpus} ({})", placement.threads, placement.reason).unwrap();
    }
    text
}

fn check(machine: &Machine, expected: &Expect) {
    expected.assert_eq(&plans(machine));
}

#[test]
fn two_packages_with_siblings() {
    check(
        &machine("xeon-6140-dual.xml"),
        &expect![[r"
        36: 0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35 (one thread to a physical core, compact)
        4: 0,2,4,6 (one thread to a physical core, compact)
        4: 0-3 (one thread to a physical core, scatter)
    "]],
    );
}

#[test]
fn many_l3_caches() {
    check(
        &machine("epyc-7763-dual.xml"),
        &expect![[r"
        128: 0-127 (one thread to a physical core, compact)
        4: 0-3 (one thread to a physical core, compact)
        4: 0,64,8,72 (one thread to a physical core, scatter)
    "]],
    );
}

#[test]
fn arm_server() {
    check(
        &machine("arm-128.xml"),
        &expect![[r"
        128: 0-127 (one thread to a physical core, compact)
        4: 0-3 (one thread to a physical core, compact)
        4: 0,64,32,96 (one thread to a physical core, scatter)
    "]],
    );
}

#[test]
fn a_hybrid_with_one_performance_core() {
    check(
        &machine("hybrid-lakefield.xml"),
        &expect![[r"
            5: 4,0-3 (one thread to a physical core (equal tiles on all do more than performance cores alone), compact)
            4: 4,0-2 (one thread to a physical core (equal tiles on all do more than performance cores alone), compact)
            4: 4,0-2 (one thread to a physical core (equal tiles on all do more than performance cores alone), scatter)
        "]],
    );
}

#[test]
fn many_numa_nodes_and_a_cpuset() {
    check(
        &machine("opteron-8n-cpuset.xml"),
        &expect![[r"
        10: 0-3,5-6,12-15 (one thread to a physical core, compact)
        4: 0-3 (one thread to a physical core, compact)
        4: 0,2,5-6 (one thread to a physical core, scatter)
    "]],
    );
}

#[test]
fn a_control_group_that_leaves_few_cpus() {
    check(
        &machine("opteron-cgroup.xml"),
        &expect![[r"
        6: 0-5 (one thread to a physical core, compact)
        4: 0-3 (one thread to a physical core, compact)
        4: 0,4,1,5 (one thread to a physical core, scatter)
    "]],
    );
}

#[test]
fn offline_cpus() {
    check(
        &machine("offline-cpus.xml"),
        &expect![[r"
        17: 4,6,8,10,12,14,16,18,20,5,7,9,11,13,15,17,19 (one thread to a physical core, compact)
        4: 4,6,8,10 (one thread to a physical core, compact)
        4: 4-7 (one thread to a physical core, scatter)
    "]],
    );
    check(
        &machine("xeon-smt-offline.xml"),
        &expect![[r"
        6: 0,4,1,6,3,15 (one thread to a physical core, compact)
        4: 0,4,1,6 (one thread to a physical core, compact)
        4: 0-1,6,3 (one thread to a physical core, scatter)
    "]],
    );
}

#[test]
fn an_affinity_to_cpu_1_only() {
    let mut machine = machine("xeon-6140-dual.xml");
    machine.affinity_cpus = Some(CpuList(vec![1]));
    let placement = place(&machine, None, &Affinity::Compact).unwrap();
    assert_eq!(placement.cpus, Some(vec![1]));
}

#[test]
fn a_quota_of_one_and_a_half_cpus() {
    let mut machine = machine("xeon-6140-dual.xml");
    machine.cpu_quota = Some(1.5);
    let placement = place(&machine, None, &Affinity::Compact).unwrap();
    assert_eq!(placement.cpus, Some(vec![0]));
    assert!(
        placement.reason.contains("quota of 1.5"),
        "{}",
        placement.reason
    );
}

#[test]
fn no_cores_shown() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/topologies/hybrid-lakefield.xml");
    let xml = std::fs::read_to_string(path).unwrap();
    let xml = xml.replace("type=\"Core\"", "type=\"Group\"");
    let machine = recorded(&xml, "no-cores.xml").unwrap();
    assert_eq!(machine.cores.len(), 5);
}

#[test]
fn no_sys() {
    let machine = harness::topology::from_affinity(Some(CpuList(vec![0, 3, 5])), None, "no /sys");
    let placement = place(&machine, None, &Affinity::Compact).unwrap();
    assert_eq!(placement.cpus, Some(vec![0, 3, 5]));
    let machine = harness::topology::from_affinity(None, None, "no /sys");
    assert_eq!(
        place(&machine, None, &Affinity::Compact).unwrap().cpus,
        None
    );
}

/// A machine with these cores: kind, number, highest clock.
fn hybrid(cores: &[(CoreKind, usize, f64)]) -> Machine {
    let mut machine = Machine::default();
    for (kind, count, clock_max_mhz) in cores {
        for _ in 0..*count {
            let cpu = machine.cores.len();
            machine.allowed_cpus.0.push(cpu);
            machine.cores.push(results::machine::Core {
                cpus: CpuList(vec![cpu]),
                kind: Some(*kind),
                clock_max_mhz: Some(*clock_max_mhz),
                ..results::machine::Core::default()
            });
        }
    }
    machine
}

#[test]
fn efficiency_cores_take_part_where_equal_tiles_gain_by_them() {
    let threads = |fast, thrifty, thrifty_mhz| {
        let machine = hybrid(&[
            (CoreKind::Performance, fast, 5200.0),
            (CoreKind::Efficiency, thrifty, thrifty_mhz),
        ]);
        place(&machine, None, &Affinity::Compact).unwrap().threads
    };
    // 8 × 5200 against 16 × 3900 / 2.
    assert_eq!(threads(8, 8, 3900.0), 8);
    // 2 × 5200 against 10 × 3900 / 2.
    assert_eq!(threads(2, 8, 3900.0), 10);
}

#[test]
fn lists_are_taken_as_they_are_or_refused() {
    let machine = machine("xeon-smt-offline.xml");
    let listed = |text: &str, threads| {
        let affinity = text
            .parse::<Affinity>()
            .map_err(|error| error.to_string())?;
        let placement = place(&machine, threads, &affinity).map_err(|error| error.to_string())?;
        Ok::<_, String>(placement.cpus.unwrap_or_default())
    };
    assert_eq!(listed("12,0", None), Ok(vec![12, 0]));
    assert_eq!(listed("12,0", Some(1)), Ok(vec![12]));
    for (text, threads, reason) in [
        ("0,0", None, "CPU 0 is named twice"),
        ("2", None, "CPU 2 is offline"),
        ("99", None, "CPU 99 is not there"),
        ("0", Some(2), "cannot bind 2 threads to the 1 CPUs"),
        ("", None, "it names no CPU"),
        ("near", None, "neither a CPU's number"),
    ] {
        let error = listed(text, threads).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn siblings_come_after_all_cores_and_nothing_is_bound_with_none() {
    let machine = machine("xeon-6140-dual.xml");
    let cpus = place(&machine, Some(38), &Affinity::Compact)
        .unwrap()
        .cpus
        .unwrap();
    assert_eq!(cpus[36..], [36, 38]);
    assert_eq!(place(&machine, None, &Affinity::None).unwrap().cpus, None);
}

fn thread_plan(machine: &Machine) -> reports::topology::ThreadPlan {
    let placement = place(machine, None, &Affinity::Compact).unwrap();
    harness::topology_command::thread_plan(placement)
}

#[test]
fn the_text_says_what_there_is_and_what_is_planned() {
    let machine = machine("xeon-smt-offline.xml");
    let text = reports::topology_text::text(&machine, &thread_plan(&machine));
    expect![[r"
        machine     4 packages, 6 physical cores, 7 logical CPUs
        read from   hwloc XML
        hypervisor  none seen
        allowed     CPUs 0-1,3-4,6,12,15
        offline     CPUs 2,5,7-11,13-14
        affinity    unknown
        quota       none
        clock       range unknown
        NUMA 0      size unknown, CPUs 0-1,3-4,6,12,15
        L1 cache    5 of 16 KiB, for 1 CPU each (the first: 0)
        L1 cache    1 of 16 KiB, shared by 2 CPUs each (the first: 4,12)
        L2 cache    5 of 1 MiB, for 1 CPU each (the first: 0)
        L2 cache    1 of 1 MiB, shared by 2 CPUs each (the first: 4,12)
        L3 cache    1 of 4 MiB, shared by 3 CPUs each (the first: 0,4,12)
        L3 cache    2 of 4 MiB, for 1 CPU each (the first: 1)
        L3 cache    1 of 4 MiB, shared by 2 CPUs each (the first: 3,15)

        package  NUMA  L3   core  CPUs          kind         threads
        0        0     0    0     0             -            0 on 0
        0        0     0    1     4,12          -            1 on 4
        1        0     1    2     1             -            2 on 1
        2        0     2    3     6             -            3 on 6
        3        0     3    4     3             -            4 on 3
        3        0     3    5     15            -            5 on 15

        thread plan: 6 threads on CPUs 0,4,1,6,3,15 because: one thread to a physical core, compact"]].assert_eq(&text);
}

#[test]
fn the_picture_shows_each_cpu_once_and_marks_the_planned_ones() {
    for file in [
        "opteron-cgroup.xml",
        "epyc-7763-dual.xml",
        "xeon-6140-dual.xml",
    ] {
        let machine = machine(file);
        let plan = thread_plan(&machine);
        let svg = reports::topology_svg::svg(&machine, &plan);
        let cpus: usize = machine.cores.iter().map(|core| core.cpus.len()).sum();
        assert_eq!(
            svg.matches("text-anchor=\"middle\"").count(),
            cpus,
            "{file}"
        );
        // One more stands in the legend.
        assert_eq!(svg.matches("#E69F00").count(), plan.threads + 1, "{file}");
    }
}
