//! What a program finds when it starts, and why it does not.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use orrery_runner::{Enforce, Launch, LaunchError, Limits, Runner, RunnerConfig};

use crate::support::{config, is_root, line, runner, sh, soon, written};

#[tokio::test]
async fn the_environment_is_exactly_as_stated() {
    let runner = runner().await;
    let dir = tempfile::tempdir().expect("a directory");
    let mut launch = Launch::new("env", "/usr/bin/env", dir.path());
    launch.env.insert("OWN".to_owned(), "its own value".to_owned());
    launch.env.insert("LANG".to_owned(), "de_AT.UTF-8".to_owned());
    let mut found = written(&runner, launch).await;
    found.sort();
    let mark = found
        .iter()
        .position(|entry| entry.starts_with("ORRERY_RUN=orrery-test-"))
        .expect("is marked");
    found.remove(mark);
    let home = format!("HOME={}", dir.path().display());
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(
        found,
        [
            home.as_str(),
            "LANG=de_AT.UTF-8",
            "OWN=its own value",
            path,
            "TMPDIR=/tmp"
        ]
    );
    runner.shutdown(std::time::Duration::from_secs(5)).await;
}

#[tokio::test]
async fn the_process_is_set_up_before_its_first_instruction() {
    // A descriptor that an application leaks into everything it starts.
    let leak = std::fs::File::open("/etc/passwd").expect("opens");
    rustix::io::fcntl_setfd(leak.as_fd(), rustix::io::FdFlags::empty()).expect("leaks");
    let runner = runner().await;
    let dir = tempfile::tempdir().expect("a directory");
    let mut launch = sh(
        "umask; pwd; grep NoNewPrivs /proc/self/status; ulimit -c; ulimit -n; \
        echo $$ $(cut -d ' ' -f 5,6 /proc/$$/stat); readlink /proc/$$/fd/0; ls /proc/$$/fd | tr '\\n' ' '; echo; echo \"$0|$*\"; \
        grep SigBlk /proc/self/status",
    );
    let cwd = dir.path().canonicalize().expect("exists");
    launch.cwd.clone_from(&cwd);
    launch
        .args
        .extend(["zero".to_owned(), "a b".to_owned(), "$HOME".to_owned()]);
    launch.limits.open_files = Some(77);
    let found = written(&runner, launch).await;
    assert_eq!(found[0], "0077");
    assert_eq!(found[1], cwd.display().to_string());
    assert_eq!(found[2], "NoNewPrivs:\t1");
    assert_eq!((found[3].as_str(), found[4].as_str()), ("0", "77"));
    let ids: Vec<&str> = found[5].split(' ').collect();
    assert_eq!(
        (ids[0], ids[0]),
        (ids[1], ids[2]),
        "leads its own group and session"
    );
    assert_eq!(found[6], "/dev/null");
    assert_eq!(found[7].trim(), "0 1 2");
    assert_eq!(found[8], "zero|a b $HOME");
    assert_eq!(found[9], "SigBlk:\t0000000000000000");

    let guardian = format!("/proc/{}/fd", runner.guardian_pid());
    let open = std::fs::read_dir(guardian)
        .expect("reads")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let open: Vec<_> = open.map(|path| path.display().to_string()).collect();
    assert!(open.iter().all(|path| path != "/etc/passwd"), "{open:?}");
}

#[tokio::test]
async fn what_cannot_be_launched_says_why() {
    let runner = runner().await;
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str, mode: u32| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("writes");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("changes");
        path
    };
    let launch = |program: std::path::PathBuf| Launch::new("demo", program, dir.path());
    let mut cases: Vec<(&str, Launch)> = vec![
        ("missing", launch(dir.path().join("none"))),
        ("missing", launch(file("plain", "x", 0o755).join("below"))),
        ("permission", launch(file("no-mode", "#!/bin/sh\n", 0o644))),
        ("permission", launch(dir.path().to_owned())),
        (
            "not_executable",
            launch(file("text", "echo a shell would run this\n", 0o755)),
        ),
        ("not_executable", launch(file("empty", "", 0o755))),
        (
            "not_executable",
            launch(file("no-interpreter", "#!/none/such -x\n", 0o755)),
        ),
        (
            "directory",
            Launch::new("demo", "/bin/true", dir.path().join("none")),
        ),
        ("invalid", Launch::new("de/mo", "/bin/true", "/")),
        ("invalid", Launch::new("", "/bin/true", "/")),
        ("invalid", Launch::new("demo", "true", "/")),
    ];
    let with = |change: fn(&mut Launch)| {
        let mut launch = Launch::new("demo", "/bin/true", "/");
        change(&mut launch);
        launch
    };
    cases.push((
        "user",
        with(|launch| launch.user = Some("no-such-account".to_owned())),
    ));
    cases.push(("invalid", with(|launch| launch.args.push("with\0nul".to_owned()))));
    cases.push(("invalid", with(|launch| launch.args.push("x".repeat(1_000_000)))));
    cases.push((
        "invalid",
        with(|launch| drop(launch.env.insert("A=B".to_owned(), String::new()))),
    ));
    cases.push((
        "invalid",
        with(|launch| launch.limits.cpu_percent = Some(f64::NAN)),
    ));
    cases.push(("invalid", with(|launch| launch.limits.memory_bytes = Some(0))));
    cases.push((
        "directory",
        with(|launch| launch.private_tmp = Some("/none/such/tmp".into())),
    ));
    for (code, launch) in cases {
        let what = format!("{launch:?}");
        let error = runner.launch(launch).await.expect_err(&what);
        assert_eq!(error.code(), code, "{error}: {what}");
    }
    let error = runner
        .launch(launch(dir.path().join("no-interpreter")))
        .await
        .expect_err("no interpreter");
    assert_eq!(error.to_string().rsplit(' ').next(), Some("/none/such"));
    assert_eq!(runner.running(), 0, "nothing is left of any of them");
}

#[tokio::test]
async fn a_program_runs_as_another_account() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let runner = runner().await;
    let mut launch = sh("id -u; id -g; id -G; echo x > \"$TMPDIR/f\" && echo wrote; \
        sleep 0; grep -c . /proc/self/limits > /dev/null; ulimit -n; exec sleep 1000");
    let tmp = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(tmp.path(), std::fs::Permissions::from_mode(0o755)).expect("changes");
    let private = tmp.path().join("private");
    launch.user = Some("nobody".to_owned());
    launch.private_tmp = Some(private.clone());
    launch.limits.open_files = Some(50);
    let process = runner.launch(launch).await.expect("launches");
    line(&process, "50").await;
    let found: Vec<String> = process
        .output()
        .page(0, 10)
        .lines
        .into_iter()
        .map(|line| line.text)
        .collect();
    let nobody = orrery_runner::account("nobody").expect("exists");
    assert_eq!(found[0], nobody.uid.to_string());
    assert_eq!(found[1], nobody.gid.to_string());
    assert_eq!(found[2], nobody.gid.to_string(), "no group of ours");
    assert_eq!(found[3], "wrote");
    assert!(private.join("f").exists());
    soon(process.kill()).await;
    crate::support::until("its temporary directory is gone", || !private.exists()).await;
}

#[tokio::test]
async fn a_bound_socket_is_handed_over() {
    let runner = runner().await;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("demo.sock");
    // Connected before there is a program: the socket waits for it.
    let listener = UnixListener::bind(&path).expect("binds");
    let mut client = UnixStream::connect(&path).expect("connects");
    client.write_all(b"hello\n").expect("writes");
    let script = "import os,socket\n\
        assert os.environ['LISTEN_FDS'] == '1' and os.environ['LISTEN_PID'] == str(os.getpid())\n\
        peer, _ = socket.socket(fileno=3).accept()\n\
        peer.sendall(peer.recv(100).upper())\n";
    let Some(python) = ["/usr/bin/python3", "/usr/local/bin/python3"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
    else {
        println!("skipped: needs python3");
        return;
    };
    let mut launch = Launch::new("demo", python, dir.path());
    launch.args = vec!["-c".to_owned(), script.to_owned()];
    launch.listener = Some(listener);
    let process = runner.launch(launch).await.expect("launches");
    let exit = soon(process.gone()).await;
    assert_eq!(exit.code, Some(0), "{exit:?}");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("reads");
    assert_eq!(answer, "HELLO\n");
}

#[tokio::test]
async fn a_helper_that_is_none_is_said_so() {
    let helper = |path: &str| RunnerConfig {
        helper: path.into(),
        ..config()
    };
    for (path, words) in [("/none/such", "No such file"), ("/bin/true", "run_if_asked")] {
        let error = Runner::start(helper(path))
            .await
            .expect_err("is no helper")
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    for name in ["", "a/b", "..", "a b"] {
        assert!(
            Runner::start(RunnerConfig {
                name: name.to_owned(),
                ..config()
            })
            .await
            .is_err(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_helper_alone_does_nothing() {
    let helper = env!("CARGO_BIN_EXE_orrery-guardian");
    let status = std::process::Command::new(helper)
        .stdin(std::process::Stdio::null())
        .status()
        .expect("runs");
    assert_eq!(status.code(), Some(2));
}

#[tokio::test]
async fn limits_that_cannot_be_enforced_are_refused_when_required() {
    let runner = crate::support::plain_runner().await;
    let mut launch = sh("echo started");
    launch.limits = Limits {
        memory_bytes: Some(1 << 30),
        cpu_percent: Some(50.0),
        pids: Some(99),
        open_files: Some(99),
    };
    launch.enforce = Enforce::Required;
    let output = launch.output.clone();
    let error = runner.launch(launch).await.expect_err("cannot be enforced");
    assert!(matches!(error, LaunchError::Unsupported { .. }), "{error}");
    assert_eq!(error.code(), "unsupported");
    assert_eq!(output.newest(), 0, "it never ran");

    let mut launch = sh("exec sleep 1000");
    launch.limits = Limits {
        memory_bytes: Some(1 << 30),
        cpu_percent: Some(50.0),
        pids: Some(99),
        open_files: Some(99),
    };
    let process = runner.launch(launch).await.expect("best effort");
    let advisory: Vec<bool> = process.limits().iter().map(|limit| limit.advisory).collect();
    assert_eq!(advisory, [true, true, true, false]);
    assert!(
        process
            .limits()
            .iter()
            .all(|limit| limit.advisory != limit.why.is_empty())
    );
}
