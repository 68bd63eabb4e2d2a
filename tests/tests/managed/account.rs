//! Plugins that run as an account of their own.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use http::StatusCode;
use serde_json::json;

use crate::package::Package;
use crate::stage::{Stage, kill};

const NOBODY: u32 = 65_534;

/// Tells its account, its config's colour, and how often it has started.
fn proof(version: &str) -> Package {
    Package::new("lamp", version)
        .way("proof")
        .with("[[policy]]\nkey = \"colour\"\ntype = \"string\"\ndefault = \"red\"\n")
}

/// The same as another account, which is a key of the table that the package's text ends with.
fn as_user(version: &str, user: &str) -> Package {
    proof(version).run(&format!("user = {user:?}"))
}

#[expect(clippy::print_stdout, reason = "what is skipped is said")]
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: only root can run programs as somebody else");
    }
    root
}

/// A directory that everybody may pass, as the system's are.
async fn open_stage() -> Stage {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    Stage::set_in(home).await
}

/// Whether the account could do that.
fn may(program: &str, args: &[&Path]) -> bool {
    let mut command = std::process::Command::new(program);
    let output = command.args(args).uid(NOBODY).gid(NOBODY).output().unwrap();
    output.status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_runs_as_an_account_of_its_own_from_install_to_removal() {
    if !is_root() {
        return;
    }
    let stage = open_stage().await;
    stage.install(&as_user("1.0.0", "nobody")).await;
    stage.says("lamp", "65534 red 1").await;
    let pid = stage.pid("lamp").await.unwrap();
    assert_eq!(std::fs::metadata(format!("/proc/{pid}")).unwrap().uid(), NOBODY);

    // The next one runs beside it, as the same account.
    stage.install(&as_user("1.1.0", "nobody")).await;
    stage.says("lamp", "65534 red 2").await;
    // The account changes, and what the one before kept is the next one's.
    stage.install(&proof("1.2.0")).await;
    stage.says("lamp", "0 red 3").await;
    stage.tell("lamp", "rollback").await;
    stage.says("lamp", "65534 red 4").await;
    // One that does not start gives the place back, to the account that had it.
    let (_, failed) = stage.order(&proof("1.3.0").way("exit=3")).await;
    assert_eq!(failed["state"], "failed", "{failed:#}");
    stage.says("lamp", "65534 red 5").await;

    let config = json!({ "colour": "blue" });
    let (status, done) = stage
        .send(
            http::Method::PUT,
            "/api/plugins/lamp/config?wait=true",
            config.to_string().into_bytes(),
        )
        .await;
    assert_eq!(
        (status, &done["state"]),
        (StatusCode::OK, &json!("done")),
        "{done:#}"
    );
    stage.says("lamp", "65534 blue 6").await;
    kill(stage.pid("lamp").await.unwrap());
    stage.says("lamp", "65534 blue 7").await;

    // What is its own is closed to others, and what is ours to it.
    let base = stage.home();
    let state = base.join("plugins/state/lamp");
    let found = std::fs::metadata(&state).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o777), (NOBODY, 0o700));
    assert!(may("ls", &[&state]), "its own");
    for ours in [
        "",
        "plugins",
        "plugins/revisions",
        "run",
        "run/config",
        "run/config/lamp",
        "plugins/incoming",
    ] {
        assert!(!may("ls", &[&base.join(ours)]), "{ours} can be listed");
    }
    assert!(!may("cat", &[&base.join("state.db")]), "our records can be read");
    assert!(!may("touch", &[&base.join("plugins/revisions/lamp/x")]));

    let home = stage.end().await;
    let stage = Stage::set_in(home).await;
    stage.says("lamp", "65534 blue 8").await;
    let (status, _) = stage.delete("/api/plugins/lamp?wait=true").await;
    assert_eq!(status, StatusCode::OK);
    stage.is_gone("lamp").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_handed_over_to_another_account() {
    if !is_root() {
        return;
    }
    let stage = open_stage().await;
    let lamp = |version: &str| {
        as_user(version, "65534")
            .way("listen-fd")
            .run("handover = \"listen-fd\"")
    };
    stage.install(&lamp("1.0.0")).await;
    stage.says("lamp", "65534 red 1").await;
    stage.install(&lamp("1.1.0")).await;
    stage.says("lamp", "65534 red 2").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_run_as_that_account_is_told_why() {
    if !is_root() {
        return;
    }
    let stage = open_stage().await;
    let (_, failed) = stage.order(&as_user("1.0.0", "no-such-account")).await;
    let text = failed["outcome"].as_str().unwrap_or_default().to_owned();
    assert!(
        text.contains("'no-such-account'") && text.contains("no account"),
        "{failed:#}"
    );
    stage.is_gone("lamp").await;
    stage.end().await;

    // A directory above ours that the account cannot pass is named: opening that is not our business.
    let above = tempfile::tempdir().unwrap();
    std::fs::set_permissions(above.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let stage = Stage::set_in(tempfile::tempdir_in(above.path()).unwrap()).await;
    let (_, failed) = stage.order(&as_user("1.0.0", "nobody")).await;
    let text = failed["outcome"].as_str().unwrap_or_default().to_owned();
    let why = format!("user nobody may not enter {} (mode 700)", above.path().display());
    assert!(text.contains(&why), "{failed:#}");
    stage.is_gone("lamp").await;
    stage.end().await;
}
