//! A disk that is full for a while.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use orrery_history::NewEvent;

use crate::common::{Place, SECOND, T0};

/// A small file system in memory; gone with this value.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Option<Small> {
        std::fs::create_dir_all(at).unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs"])
            .arg(at)
            .status();
        status.is_ok_and(|s| s.success()).then(|| Small(at.to_owned()))
    }

    fn fill(&self) -> PathBuf {
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

fn event(n: i64) -> NewEvent {
    NewEvent {
        at_ms: T0 + n * SECOND,
        kind: "control".into(),
        subject: "node".into(),
        label: "node".into(),
        text: n.to_string().repeat(3_000),
        user: "".into(),
    }
}

#[tokio::test]
async fn what_a_full_disk_refused_is_written_when_there_is_room_and_so_is_what_follows() {
    let place = Place::new();
    let Some(small) = Small::mount(place.path().parent().unwrap()) else {
        println!("skipped: no right to mount a small file system");
        return;
    };
    let history = place.open().await;
    history.record(event(1));
    history.flush().await.unwrap();
    for round in 0..2 {
        let filler = small.fill();
        for n in 0..20 {
            history.record(event(100 * (round + 1) + n));
        }
        for _ in 0..3 {
            history.flush().await.unwrap_err();
        }
        std::fs::remove_file(filler).unwrap();
        history.flush().await.unwrap();
        history.record(event(150 + 100 * round));
        history.flush().await.unwrap();
    }
    history.close().await.unwrap();

    let history = place.open().await;
    assert_eq!(history.set_aside(), None);
    let events = history.events(0, i64::MAX, 1_000).await.unwrap();
    assert_eq!(events.len(), 1 + 2 * 21, "all of them");
    history.close().await.unwrap();
}
