use super::*;

/// A version 2 tree in which `slice` may hand out `controllers`, and our own group `slice/scope`.
fn fake_tree(root: &Path, controllers: &str) -> Mounts {
    let scope = root.join("slice/scope");
    fs::create_dir_all(scope.join("ours")).expect("makes");
    // The kernel makes these files with the directory, and in a group with processes refuses to change them.
    fs::create_dir(scope.join("cgroup.subtree_control")).expect("makes");
    fs::create_dir_all(root.join("slice/ours")).expect("makes");
    fs::write(root.join("slice/cgroup.subtree_control"), controllers).expect("writes");
    fs::write(root.join("slice/ours/cgroup.subtree_control"), controllers).expect("writes");
    Mounts {
        unified: Some(Place {
            mount: root.to_owned(),
            own: scope,
        }),
        legacy: Vec::new(),
    }
}

fn within(mounts: &Mounts) -> Hierarchy {
    Hierarchy::within(mounts, "ours", |_, _| true)
}

fn limits() -> Limits {
    Limits {
        memory_bytes: Some(64 << 20),
        cpu_percent: Some(150.0),
        pids: Some(32),
        open_files: None,
    }
}

fn text(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).unwrap_or_default()
}

#[test]
fn version_two_files_hold_what_was_asked_for() {
    let root = tempfile::tempdir().expect("a directory");
    let hierarchy = within(&fake_tree(root.path(), "cpu memory pids"));
    let (group, held) = hierarchy.create("demo-1", &limits()).expect("makes");
    assert!(held.values().all(|held| *held == Ok(Version::Two)), "{held:?}");
    assert_eq!(held.len(), 3);
    let dir = root.path().join("slice/ours/demo-1");
    assert_eq!(
        group.unified.as_deref(),
        Some(dir.as_path()),
        "the group above our own, which holds processes"
    );
    let check = |file: &str, value: &str| assert_eq!(text(&dir, file), value, "{file}");
    check("memory.max", "67108864");
    check("memory.high", "60397920");
    check("memory.swap.max", "0");
    check("memory.oom.group", "1");
    check("cpu.max", "150000 100000");
    check("pids.max", "32");
    group.join().expect("joins");
    check("cgroup.procs", "0");
    group.kill();
    check("cgroup.kill", "1");
}

#[test]
fn what_version_two_lacks_comes_from_version_one() {
    let root = tempfile::tempdir().expect("a directory");
    let mut mounts = fake_tree(root.path(), "pids");
    for name in ["memory", "cpu", "cpuacct"] {
        let own = root.path().join("legacy").join(name);
        fs::create_dir_all(&own).expect("makes");
        mounts.legacy.push((
            name.to_owned(),
            Place {
                mount: own.clone(),
                own,
            },
        ));
    }
    // The fake tree cannot refuse what a kernel would.
    fs::remove_file(root.path().join("slice/ours/cgroup.subtree_control")).expect("removes");
    fs::create_dir(root.path().join("slice/ours/cgroup.subtree_control")).expect("makes");
    let hierarchy = within(&mounts);
    let (group, held) = hierarchy.create("demo-1", &limits()).expect("makes");
    assert_eq!(held.get(&Controller::Memory), Some(&Ok(Version::One)));
    assert_eq!(held.get(&Controller::Cpu), Some(&Ok(Version::One)));
    let pids = held.get(&Controller::Pids).expect("was asked for");
    assert_eq!(*pids, Err("the pids controller is not available".to_owned()));
    let memory = group.memory.clone().expect("is there");
    assert_eq!(text(&memory, "memory.limit_in_bytes"), "67108864");
    assert_eq!(text(&memory, "memory.memsw.limit_in_bytes"), "67108864");
    let cpu = group.cpu.clone().expect("is there");
    assert_eq!(
        (text(&cpu, "cpu.cfs_quota_us"), text(&cpu, "cpu.cfs_period_us")),
        ("150000".into(), "100000".into())
    );
    assert_eq!(hierarchy.leftovers().len(), 1);
    assert!(
        group.unified.is_some(),
        "still useful to find and kill what belongs together"
    );
}

#[test]
fn without_any_place_nothing_is_held() {
    let hierarchy = within(&Mounts::default());
    let (group, held) = hierarchy.create("demo-1", &limits()).expect("nothing to make");
    assert!(group.is_none());
    assert!(held.values().all(Result::is_err) && held.len() == 3);
    assert!(hierarchy.leftovers().is_empty());
}

#[test]
fn only_limits_that_were_asked_for_are_written() {
    let root = tempfile::tempdir().expect("a directory");
    let hierarchy = within(&fake_tree(root.path(), "cpu memory pids"));
    let (group, held) = hierarchy.create("demo-1", &Limits::default()).expect("makes");
    assert!(held.is_empty());
    let dir = group.unified.expect("is there");
    assert_eq!(fs::read_dir(dir).expect("reads").count(), 0);
    assert!(
        hierarchy.create("demo-1", &Limits::default()).is_err(),
        "a unit's name is used once"
    );
}

#[test]
fn leftovers_are_found_by_unit() {
    let root = tempfile::tempdir().expect("a directory");
    let hierarchy = within(&fake_tree(root.path(), "cpu memory pids"));
    for unit in ["a-1", "b-2"] {
        hierarchy.create(unit, &Limits::default()).expect("makes");
    }
    let found = hierarchy.leftovers();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(Group::remove));
    assert!(hierarchy.leftovers().is_empty());
}

#[test]
fn small_shares_get_a_longer_period() {
    let check = |percent: f64, expected: (u64, u64)| assert_eq!(cpu_quota(percent), expected, "{percent} %");
    check(50.0, (50_000, 100_000));
    check(100.0, (100_000, 100_000));
    check(1_600.0, (1_600_000, 100_000));
    check(1.0, (1_000, 100_000));
    check(0.5, (5_000, 1_000_000));
    check(0.01, (1_000, 1_000_000));
}
