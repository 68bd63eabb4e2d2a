//! Reads and sets netem queueing disciplines inside a network namespace, by running
//! `nsenter --net=… tc …`. Arguments are passed one by one; no shell is involved.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::limits;
use crate::settings::Settings;

/// The programs to run.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) nsenter: String,
    pub(crate) tc: String,
}

/// What `tc` says of an interface's root discipline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Discipline {
    /// The kernel's own choice: nobody has set one.
    Default,
    /// Ours, or set by hand in the same way.
    Netem(Settings),
    /// Somebody's, by kind: it is left alone.
    Foreign(String),
}

/// Interfaces of a namespace, the loopback left out, with their root disciplines.
pub(crate) type Interfaces = BTreeMap<String, Discipline>;

impl Programs {
    /// What the interfaces of the namespace are set to. Those that are down are not listed.
    pub(crate) async fn show(&self, namespace: &Path) -> Result<Interfaces> {
        let output = self.run(namespace, &["-j", "qdisc", "show"]).await?;
        parse(&output).context("tc prints what cannot be read; iproute2 4.17 or newer is needed")
    }

    /// Sets every interface of the namespace. Nothing is changed when one carries a foreign discipline.
    pub(crate) async fn set(&self, namespace: &Path, change: impl Fn(Settings) -> Settings) -> Result<()> {
        let interfaces = self.show(namespace).await?;
        if interfaces.is_empty() {
            bail!("no interface is up in this network namespace");
        }
        for (name, discipline) in &interfaces {
            if let Discipline::Foreign(kind) = discipline {
                bail!("{name} has a {kind} discipline that this plugin did not set; remove it first");
            }
        }
        for (name, discipline) in interfaces {
            let before = match discipline {
                Discipline::Netem(settings) => Some(settings),
                _ => None,
            };
            let after = change(before.unwrap_or_default());
            if before.unwrap_or_default() != after {
                self.set_interface(namespace, &name, after).await?;
            }
        }
        Ok(())
    }

    async fn set_interface(&self, namespace: &Path, interface: &str, settings: Settings) -> Result<()> {
        if settings.is_none() {
            self.run(namespace, &["qdisc", "del", "dev", interface, "root"])
                .await?;
            return Ok(());
        }
        let latency = format!("{}ms", settings.latency_ms);
        let loss = format!("{}.{:02}%", settings.loss / 100, settings.loss % 100);
        let mut arguments = vec!["qdisc", "replace", "dev", interface, "root", "netem"];
        if settings.latency_ms > 0 {
            arguments.extend(["delay", latency.as_str()]);
        }
        if settings.loss > 0 {
            arguments.extend(["loss", loss.as_str()]);
        }
        self.run(namespace, &arguments).await?;
        Ok(())
    }

    async fn run(&self, namespace: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut net = std::ffi::OsString::from("--net=");
        net.push(namespace);
        let mut child = Command::new(&self.nsenter)
            .arg(net)
            .arg("--")
            .arg(&self.tc)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", self.nsenter))?;
        let stdout = child.stdout.take().ok_or_else(|| anyhow!("no output of tc"))?;
        let stderr = child.stderr.take().ok_or_else(|| anyhow!("no errors of tc"))?;
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let work = async {
            let (mut stdout, mut stderr) = (stdout.take(limits::TC_BYTES), stderr.take(limits::TC_BYTES));
            let (out, err) = tokio::join!(stdout.read_to_end(&mut output), stderr.read_to_end(&mut errors));
            out?;
            err?;
            child.wait().await
        };
        let status = tokio::time::timeout(limits::TC_TIMEOUT, work)
            .await
            .map_err(|_| anyhow!("tc gave no answer within {} s", limits::TC_TIMEOUT.as_secs()))??;
        if !status.success() {
            bail!(explain(&String::from_utf8_lossy(&errors)));
        }
        Ok(output)
    }
}

/// What `tc` complains of, and what to do about it.
fn explain(complaint: &str) -> String {
    let first = complaint
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("tc failed")
        .trim();
    let advice = if complaint.contains("qdisc kind is unknown") {
        " (the kernel has no netem: load or build the module sch_netem)"
    } else if complaint.contains("not permitted") || complaint.contains("Permission denied") {
        " (the plugin must run as root)"
    } else {
        ""
    };
    format!("{first}{advice}")
}

#[derive(Debug, Deserialize)]
struct Line {
    kind: String,
    #[serde(default)]
    handle: String,
    #[serde(default)]
    dev: String,
    #[serde(default)]
    root: bool,
    #[serde(default)]
    options: Options,
}

#[derive(Debug, Default, Deserialize)]
struct Options {
    #[serde(default)]
    delay: Option<Delay>,
    #[serde(default, rename = "loss-random")]
    loss: Option<Loss>,
}

#[derive(Debug, Deserialize)]
struct Delay {
    /// Seconds.
    delay: f64,
}

#[derive(Debug, Deserialize)]
struct Loss {
    /// From 0 to 1.
    loss: f64,
}

fn parse(output: &[u8]) -> Result<Interfaces> {
    let lines: Vec<Line> = serde_json::from_slice(output)?;
    let roots = lines
        .into_iter()
        .filter(|line| line.root && !line.dev.is_empty() && line.dev != "lo");
    Ok(roots
        .take(limits::INTERFACES)
        .map(|line| (line.dev.clone(), discipline(&line)))
        .collect())
}

fn discipline(line: &Line) -> Discipline {
    if line.kind == "netem" {
        let latency = line.options.delay.as_ref().map_or(0.0, |d| d.delay * 1_000.0);
        let loss = line.options.loss.as_ref().map_or(0.0, |l| l.loss * 10_000.0);
        // Casts saturate, and what is not a number becomes nothing.
        return Discipline::Netem(Settings {
            latency_ms: latency.round() as u32,
            loss: loss.round() as u32,
        });
    }
    // Only disciplines that the kernel attached by itself have the handle zero.
    if line.handle == "0:" {
        Discipline::Default
    } else {
        Discipline::Foreign(line.kind.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, output: &str, wanted: &[(&str, Discipline)]) {
        let found: Vec<(String, Discipline)> = parse(output.as_bytes()).unwrap().into_iter().collect();
        let wanted: Vec<(String, Discipline)> =
            wanted.iter().map(|(n, d)| ((*n).to_owned(), d.clone())).collect();
        assert_eq!(found, wanted, "{name}");
    }

    #[test]
    fn disciplines_as_tc_prints_them() {
        let netem = |latency_ms, loss| Discipline::Netem(Settings { latency_ms, loss });
        check("nothing", "[]", &[]);
        check(
            "defaults",
            r#"[{"kind":"noqueue","handle":"0:","dev":"lo","root":true,"refcnt":2,"options":{}},
                {"kind":"noqueue","handle":"0:","dev":"eth0","root":true,"refcnt":2,"options":{}}]"#,
            &[("eth0", Discipline::Default)],
        );
        check(
            "latency and loss",
            r#"[{"kind":"netem","handle":"8001:","dev":"eth0","root":true,"refcnt":2,"options":{"limit":1000,
                "delay":{"delay":0.5,"jitter":0,"correlation":0},"loss-random":{"loss":0.1,"correlation":0},
                "ecn":false,"gap":0}}]"#,
            &[("eth0", netem(500, 1_000))],
        );
        check(
            "loss alone, and a netem that does nothing",
            r#"[{"kind":"netem","handle":"8001:","dev":"a","root":true,"options":{"loss-random":{"loss":0.0025}}},
                {"kind":"netem","handle":"8002:","dev":"b","root":true,"options":{"limit":1000}}]"#,
            &[("a", netem(0, 25)), ("b", netem(0, 0))],
        );
        check(
            "somebody's own, with its leaves",
            r#"[{"kind":"htb","handle":"1:","dev":"eth0","root":true,"options":{"r2q":10}},
                {"kind":"netem","handle":"10:","dev":"eth0","parent":"1:1","options":{"delay":{"delay":1}}}]"#,
            &[("eth0", Discipline::Foreign("htb".to_owned()))],
        );
        for bad in [
            "",
            "qdisc noqueue 0: dev lo root refcnt 2",
            "{}",
            r#"[{"dev":"eth0"}]"#,
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn complaints_say_what_to_do() {
        assert!(explain("Error: Specified qdisc kind is unknown.\n").contains("sch_netem"));
        assert!(explain("nsenter: cannot open /run/netns/x: Permission denied\n").contains("root"));
        assert_eq!(explain(""), "tc failed");
    }
}
