//! A disk that is full.

use std::path::{Path, PathBuf};
use std::process::Command;

use http::StatusCode;

use crate::package::Package;
use crate::stage::Stage;

/// A small file system in memory; gone with this value.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Option<Small> {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs"])
            .arg(at)
            .status();
        status.is_ok_and(|s| s.success()).then(|| Small(at.to_owned()))
    }

    /// Fills it to the last byte, as if by somebody else.
    fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[1; 512]).is_ok() {}
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_what_runs_runs_on_and_what_fails_can_be_ordered_again() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let Some(small) = Small::mount(home.path()) else {
        println!("skipped: no right to mount a small file system");
        return;
    };
    let stage = Stage::set_in(home).await;
    stage.install(&Package::lamp("1.0.0", "dim")).await;
    let order = async |package: &Package| {
        let source = serde_json::json!({ "from": "file", "path": package.pack(elsewhere.path()) });
        stage.post("/api/plugins?wait=true", &source).await
    };
    let packages = [Package::lamp("2.0.0", "bright"), Package::new("second", "1.0.0")];
    let filler = small.fill();
    for package in &packages {
        let (status, failed) = order(package).await;
        assert!(
            status.is_server_error() || status == StatusCode::UNPROCESSABLE_ENTITY,
            "{status} {failed:#}"
        );
    }
    // Long enough for everything that is written regularly to have failed.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    // It runs, it is asked, it comes back.
    let pid = stage.pid("lamp").await.unwrap();
    crate::stage::kill(pid);
    stage
        .until("it comes back", async || {
            stage.pid("lamp").await.is_some_and(|now| now != pid)
        })
        .await;
    assert_eq!(stage.word("lamp").await, "dim");
    stage.is_gone("second").await;
    std::fs::remove_file(filler).unwrap();
    for package in &packages {
        let (status, done) = order(package).await;
        assert_eq!(status, StatusCode::OK, "{done:#}");
    }
    stage
        .until("the new one reports", async || {
            stage.word("lamp").await == "bright"
        })
        .await;
    let stage = Stage::set_in(stage.end().await).await;
    for id in ["lamp", "second"] {
        stage.reaches(id, "running").await;
    }
    // What happened when there was room again was written down.
    let (lamp, second) = (stage.events("lamp").await, stage.events("second").await);
    assert!(lamp.iter().any(|kind| kind == "upgrade_done"), "{lamp:?}");
    assert!(second.iter().any(|kind| kind == "install_done"), "{second:?}");
    stage.end().await;
    drop(small);
}
