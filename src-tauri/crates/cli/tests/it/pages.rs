//! Help, completions, manual pages.

use std::process::Stdio;

use crate::run::{command, orrery};

#[test]
fn every_command_about_plugins_is_shown_and_says_how_it_is_used() {
    let home = tempfile::tempdir().unwrap();
    let help = orrery(home.path(), &["plugin", "--help"]).expect(0).out;
    for name in [
        "list", "show", "install", "upgrade", "rollback", "remove", "start", "stop", "restart", "enable",
        "disable", "dismiss", "config", "logs", "health", "retry", "init", "pack", "index", "keygen", "sign",
        "verify", "probe",
    ] {
        let listed = help
            .lines()
            .any(|line| line.split_whitespace().next() == Some(name));
        assert!(listed, "{name} is not in {help}");
    }
    for name in [
        "install", "upgrade", "rollback", "remove", "config", "logs", "init", "pack", "index", "keygen",
        "sign", "verify", "probe",
    ] {
        let help = orrery(home.path(), &["plugin", name, "--help"]).expect(0).out;
        let example = format!("orrery plugin {name}");
        assert!(
            help.contains("Example") && help.contains(&example),
            "{name} has no example: {help}"
        );
    }
}

#[test]
fn completions_know_the_commands_about_plugins() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = orrery(home.path(), &["completions", shell]).expect(0).out;
        assert!(
            script.contains("rollback") && script.contains("keygen"),
            "{shell}"
        );
    }
    // bash reads what is meant for it.
    let script = orrery(home.path(), &["completions", "bash"]).expect(0).out;
    let read = std::process::Command::new("bash")
        .args(["-n", "-c", &script])
        .output();
    match read {
        Ok(read) => assert!(read.status.success(), "{read:?}"),
        Err(_) => println!("skipped: there is no bash"),
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let home = tempfile::tempdir().unwrap();
    let page = orrery(home.path(), &["man"]).expect(0).out;
    assert!(page.contains(".TH orrery 1"), "{page}");
    orrery(home.path(), &["man", "--out", "man1"]).expect(0);
    for page in [
        "orrery.1",
        "orrery-serve.1",
        "orrery-plugin.1",
        "orrery-plugin-install.1",
    ] {
        let text = std::fs::read_to_string(home.path().join("man1").join(page)).unwrap();
        assert!(text.contains(".SH"), "{page}");
    }
}

#[test]
fn a_reader_who_leaves_is_no_failure_of_ours() {
    let home = tempfile::tempdir().unwrap();
    for words in [&["completions", "zsh"][..], &["man"], &["doctor"], &["token"]] {
        let mut child = command(home.path(), words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
}
