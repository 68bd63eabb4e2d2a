//! The notification service of a desktop.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use zbus::zvariant::Value;

use crate::limits::{SHOW_TIMEOUT, TEXT_CHARS_MAX, TITLE_CHARS_MAX};
use crate::pace::{Pace, Shown};

/// Why a notice was not shown.
#[derive(Debug, thiserror::Error)]
pub enum NoDesktop {
    /// There is no session bus, or nobody on it shows notices.
    #[error("no desktop shows notices here: {0}")]
    Nobody(#[from] zbus::Error),
    /// The desktop takes too long.
    #[error("the desktop did not take a notice within {SHOW_TIMEOUT:?}")]
    Slow,
}

#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications"
)]
trait Notifications {
    #[expect(clippy::too_many_arguments, reason = "that is what the service is asked with")]
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, &Value<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;
}

/// Shows notices at a bearable pace.
pub struct Desktop {
    /// Address of the bus; that of the session when none is given.
    address: Option<String>,
    bus: Option<zbus::Connection>,
    began: Instant,
    pace: Pace,
}

impl Default for Desktop {
    fn default() -> Self {
        Desktop {
            address: None,
            bus: None,
            began: Instant::now(),
            pace: Pace::default(),
        }
    }
}

impl Desktop {
    /// A desktop on another bus than that of the session.
    #[must_use]
    pub fn at(address: &str) -> Desktop {
        Desktop {
            address: Some(address.to_owned()),
            ..Desktop::default()
        }
    }

    /// Shows a notice, unless there were too many just now; the next one that is shown tells how many.
    ///
    /// # Errors
    /// When no desktop takes it.
    pub async fn show(&mut self, title: &str, text: &str) -> Result<Shown, NoDesktop> {
        let shown = self.pace.notice(self.began.elapsed());
        let Shown::Yes { passed_over } = shown else {
            return Ok(shown);
        };
        let mut body = escaped(&cut(text, TEXT_CHARS_MAX));
        if passed_over > 0 {
            body.push_str(&format!("\n({passed_over} more were not shown)"));
        }
        let sent = timeout(SHOW_TIMEOUT, self.send(&cut(title, TITLE_CHARS_MAX), &body)).await;
        if !matches!(sent, Ok(Ok(()))) {
            // The bus may have gone; the next notice looks for it again.
            self.bus = None;
        }
        sent.map_err(|_| NoDesktop::Slow)??;
        Ok(shown)
    }

    async fn send(&mut self, title: &str, body: &str) -> Result<(), zbus::Error> {
        let bus = match self.bus.take() {
            Some(bus) => bus,
            None => self.connect().await?,
        };
        let service = NotificationsProxy::new(&bus).await?;
        let until_the_desktop_likes = -1;
        let hints = HashMap::new();
        service
            .notify(
                "Orrery",
                0,
                "orrery",
                title,
                body,
                &[],
                hints,
                until_the_desktop_likes,
            )
            .await?;
        self.bus = Some(bus);
        Ok(())
    }

    async fn connect(&self) -> Result<zbus::Connection, zbus::Error> {
        let builder = match &self.address {
            Some(address) => zbus::connection::Builder::address(address.as_str())?,
            None => zbus::connection::Builder::session()?,
        };
        builder.method_timeout(Duration::from_secs(5)).build().await
    }
}

/// Desktops read markup in texts; a node's name such as `box;<host>` is none.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().take(most).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
