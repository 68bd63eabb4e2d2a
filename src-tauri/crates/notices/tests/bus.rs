//! Notices on a real bus, taken by a service that stands in for a desktop's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![expect(clippy::print_stdout, reason = "what is skipped is told")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use orrery_notices::limits::AT_ONCE;
use orrery_notices::{Desktop, Shown};
use tokio::sync::mpsc;
use zbus::zvariant::OwnedValue;

/// A bus of this test's own.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    /// None where there is no such program.
    fn start() -> Option<Bus> {
        let started = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut daemon) = started else {
            println!("skipped: there is no dbus-daemon");
            return None;
        };
        let mut address = String::new();
        let mut out = BufReader::new(daemon.stdout.take().unwrap());
        out.read_line(&mut address).unwrap();
        Some(Bus {
            daemon,
            address: address.trim().to_owned(),
        })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }
}

/// Takes notices as a desktop does.
struct StandIn(mpsc::Sender<(String, String, String)>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl StandIn {
    #[expect(clippy::too_many_arguments, reason = "that is what the service is asked with")]
    fn notify(
        &self,
        app_name: String,
        _replaces_id: u32,
        _app_icon: String,
        summary: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        self.0.try_send((app_name, summary, body)).unwrap();
        1
    }
}

async fn stand_in(address: &str) -> (zbus::Connection, mpsc::Receiver<(String, String, String)>) {
    let (sender, taken) = mpsc::channel(100);
    let service = zbus::connection::Builder::address(address)
        .unwrap()
        .name("org.freedesktop.Notifications")
        .unwrap()
        .serve_at("/org/freedesktop/Notifications", StandIn(sender))
        .unwrap();
    (service.build().await.unwrap(), taken)
}

#[tokio::test]
async fn a_desktop_gets_notices_and_not_too_many() {
    let Some(bus) = Bus::start() else { return };
    let mut desktop = Desktop::at(&bus.address);
    assert!(desktop.show("t", "nobody is there").await.is_err());
    let (service, mut taken) = stand_in(&bus.address).await;
    let long = "x".repeat(10_000);
    desktop
        .show("Alert", &format!("load of box;<host> is 4 & rises {long}"))
        .await
        .unwrap();
    let (app, title, text) = taken.recv().await.unwrap();
    assert_eq!((app.as_str(), title.as_str()), ("Orrery", "Alert"));
    assert!(
        text.starts_with("load of box;&lt;host&gt; is 4 &amp; rises x"),
        "{text}"
    );
    assert!(text.chars().count() < 500, "it is cut");
    let mut shown = 0;
    for _ in 0..50 {
        if desktop.show("Alert", "again").await.unwrap() != Shown::No {
            shown += 1;
        }
    }
    assert!(shown < AT_ONCE, "{shown} of 50");

    // The desktop's service restarts, as when somebody logs in anew.
    drop(service);
    let mut fresh = Desktop::at(&bus.address);
    let (_service, mut taken) = stand_in(&bus.address).await;
    fresh.show("Alert", "and again").await.unwrap();
    assert_eq!(taken.recv().await.unwrap().2, "and again");
}

#[tokio::test]
async fn where_there_is_no_bus_it_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = format!("unix:path={}", dir.path().join("bus").display());
    let error = Desktop::at(&nowhere).show("t", "x").await.unwrap_err();
    assert!(error.to_string().contains("no desktop"), "{error}");
}
