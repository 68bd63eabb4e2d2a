//! From a manifest to what the supervisor runs.

use std::path::{Path, PathBuf};

use orrery_packages::Manifest;
use orrery_packages::manifest::{self, Places};
use orrery_store::Desired;
use orrery_supervisor::spec::{
    Activation, BackoffSpec, Handover, HealthSpec, LimitSpec, MetricsSpec, Rest, RestartPolicy, RestartSpec,
    SocketSpec, StartSpec, TriggerSpec,
};
use orrery_supervisor::{Spec, Want};

use crate::config::Dirs;

/// Environment variable that names the config file, for every plugin that has a config.
const CONFIG_VARIABLE: &str = "ORRERY_CONFIG_FILE";

/// What a spec is made from, besides the manifest.
pub(crate) struct Ground<'a> {
    /// Where things are kept.
    pub(crate) dirs: &'a Dirs,
    /// Directory of the package or of the local manifest.
    pub(crate) package: &'a Path,
    /// SHA-256 of the program, in hexadecimal, where it is known.
    pub(crate) program_sha256: Option<String>,
    /// Its config file, when it has a config.
    pub(crate) config_file: Option<&'a Path>,
    /// It has once done its work.
    pub(crate) has_worked: bool,
}

/// How a plugin is run.
pub(crate) fn spec(manifest: &Manifest, ground: &Ground<'_>) -> Spec {
    let id = manifest.id.as_str();
    let dirs = ground.dirs;
    let run = &manifest.run;
    // The supervisor puts the path in, because a candidate's differs. Who takes the directory instead cannot be
    // told a second one that way, and is treated like one that has its own fixed path.
    let makes_own_path = uses(manifest, "{plugins_dir}");
    let places = Places {
        socket: match makes_own_path {
            true => dirs.socket(id),
            false => PathBuf::from("{socket}"),
        },
        state_dir: dirs.state(id),
        config_file: ground
            .config_file
            .map_or_else(|| dirs.config(id).join("none"), Path::to_owned),
        log_file: dirs.state(id).join(format!("{id}.log")),
        package_dir: ground.package.to_owned(),
    };
    let ours = run.chooses_socket();
    let path = if ours {
        dirs.socket(id)
    } else {
        PathBuf::from(places.fill(&run.socket))
    };
    let mut env: std::collections::BTreeMap<String, String> = run
        .env
        .iter()
        .map(|(key, value)| (key.clone(), places.fill(value)))
        .collect();
    if let Some(file) = ground.config_file {
        env.entry(CONFIG_VARIABLE.to_owned())
            .or_insert_with(|| file.to_string_lossy().into_owned());
    }
    Spec {
        sha256: ground.program_sha256.clone(),
        args: run.args.iter().map(|arg| places.fill(arg)).collect(),
        env,
        user: run.user.clone(),
        log_file: Some(dirs.log_file(id)),
        private_tmp: Some(dirs.tmp(id)),
        socket: SocketSpec {
            staging: (ours && !makes_own_path).then(|| dirs.staging(id)),
            ours,
            handover: match run.handover {
                manifest::Handover::Path => Handover::Path,
                manifest::Handover::ListenFd => Handover::ListenFd,
                manifest::Handover::Stdout => Handover::Stdout,
            },
            path: path.clone(),
        },
        activation: activation(manifest, ground.has_worked),
        start: start(&manifest.start),
        stop_timeout: manifest.stop.timeout,
        health: HealthSpec {
            interval: manifest.health.interval,
            timeout: manifest.health.timeout,
            failures: manifest.health.failures,
            declared: manifest.interfaces.contains(&manifest::Interface::Health),
        },
        restart: restart(&manifest.restart),
        limits: LimitSpec {
            memory_bytes: manifest.limits.memory,
            cpu_percent: manifest.limits.cpu,
            pids: manifest.limits.pids,
            open_files: manifest.limits.open_files,
            required: manifest.limits.enforce == manifest::Enforce::Required,
        },
        metrics: MetricsSpec {
            interval: manifest.metrics.interval,
            keep: manifest.metrics.keep as usize,
        },
        ..Spec::new(program(manifest, ground.package), dirs.state(id), path)
    }
}

/// Path of a plugin's program.
pub(crate) fn program(manifest: &Manifest, package: &Path) -> PathBuf {
    // Joining an absolute path gives that path; only local plugins may have one.
    package.join(&manifest.run.entry)
}

/// What is wanted of its process, when it may run on this machine.
pub(crate) fn want(desired: Desired) -> Want {
    match desired {
        Desired::Automatic => Want::Automatic,
        Desired::Started => Want::Run,
        Desired::Stopped => Want::Rest(Rest::Stopped),
        Desired::Disabled => Want::Rest(Rest::Disabled),
    }
}

fn uses(manifest: &Manifest, word: &str) -> bool {
    let run = &manifest.run;
    run.args.iter().any(|arg| arg.contains(word)) || run.env.values().any(|value| value.contains(word))
}

fn activation(manifest: &Manifest, has_worked: bool) -> Activation {
    let run = &manifest.run;
    match (run.activation, &run.trigger) {
        (manifest::Activation::Always, _) => Activation::Always,
        (manifest::Activation::OnDemand, _) => Activation::OnDemand {
            idle_stop: run.idle_stop,
        },
        (manifest::Activation::Manual, _) => Activation::Manual,
        (manifest::Activation::Trigger, trigger) => {
            let trigger = trigger.clone().unwrap_or_default();
            Activation::Trigger(TriggerSpec {
                at_start: trigger.at_start,
                first_start: trigger.first_start && !has_worked,
                every: trigger.every,
                timeout: trigger.timeout,
            })
        }
    }
}

fn start(start: &manifest::Start) -> StartSpec {
    StartSpec {
        attempts: start.attempts,
        timeout: start.timeout,
        backoff: BackoffSpec {
            first: start.backoff.first,
            factor: start.backoff.factor,
            max: start.backoff.max,
            jitter: start.backoff.jitter,
        },
    }
}

fn restart(restart: &manifest::Restart) -> RestartSpec {
    RestartSpec {
        policy: match restart.policy {
            manifest::RestartPolicy::Always => RestartPolicy::Always,
            manifest::RestartPolicy::OnFailure => RestartPolicy::OnFailure,
            manifest::RestartPolicy::Never => RestartPolicy::Never,
        },
        window: restart.window,
        max: restart.max,
        stable_after: restart.stable_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        manifest = 1
        id = "http-stats"
        version = "1.4.0"
        interfaces = ["reporter", "health"]
        [run]
        entry = "bin/http-stats"
        args = ["--quiet", "--listen={socket}", "--config", "{config_file}", "{state_dir}"]
        env = { RUST_LOG = "info", WHERE = "{socket}" }
        [start]
        attempts = 7
        timeout = "3s"
        backoff = { first = "2s", factor = 3.0, max = "1m", jitter = 0.5 }
        [stop]
        timeout = "4s"
        [health]
        interval = "6s"
        timeout = "1s"
        failures = 9
        [restart]
        policy = "always"
        window = "8m"
        max = 4
        stable_after = "90s"
        [limits]
        memory = "64MiB"
        cpu = "150%"
        pids = 32
        open_files = 256
        enforce = "required"
        [metrics]
        interval = "20s"
        keep = 30
    "#;

    fn made(text: &str, config_file: Option<&Path>) -> Spec {
        let dirs = Dirs {
            data: "/data".into(),
            runtime: "/run".into(),
            log: "/log".into(),
        };
        let ground = Ground {
            dirs: &dirs,
            package: Path::new("/pkg"),
            program_sha256: None,
            config_file,
            has_worked: false,
        };
        spec(&Manifest::parse(text).unwrap(), &ground)
    }

    #[test]
    fn everything_of_the_manifest_arrives() {
        let spec = made(MANIFEST, Some(Path::new("/run/config/http-stats/1")));
        assert_eq!(spec.program, Path::new("/pkg/bin/http-stats"));
        assert_eq!(
            spec.args,
            [
                "--quiet",
                "--listen={socket}",
                "--config",
                "/run/config/http-stats/1",
                "/data/plugins/state/http-stats"
            ]
        );
        assert_eq!(spec.env["WHERE"], "{socket}");
        assert_eq!(spec.env[CONFIG_VARIABLE], "/run/config/http-stats/1");
        assert_eq!(spec.cwd, Path::new("/data/plugins/state/http-stats"));
        assert_eq!(
            spec.socket,
            SocketSpec {
                path: "/run/plugins/http-stats/http-stats.sock".into(),
                staging: Some("/run/staging/http-stats/http-stats.sock".into()),
                ours: true,
                handover: Handover::Path,
            }
        );
        let secs = std::time::Duration::from_secs;
        assert_eq!(
            (
                spec.start.attempts,
                spec.start.timeout,
                spec.start.backoff.max,
                spec.stop_timeout
            ),
            (7, secs(3), secs(60), secs(4))
        );
        assert_eq!(
            (
                spec.start.backoff.first,
                spec.start.backoff.factor,
                spec.start.backoff.jitter
            ),
            (secs(2), 3.0, 0.5)
        );
        assert_eq!(
            spec.health,
            HealthSpec {
                interval: secs(6),
                timeout: secs(1),
                failures: 9,
                declared: true
            }
        );
        assert_eq!(
            spec.restart,
            RestartSpec {
                policy: RestartPolicy::Always,
                window: secs(480),
                max: 4,
                stable_after: secs(90)
            }
        );
        assert_eq!(
            spec.limits,
            LimitSpec {
                memory_bytes: Some(64 << 20),
                cpu_percent: Some(150.0),
                pids: Some(32),
                open_files: Some(256),
                required: true
            }
        );
        assert_eq!((spec.metrics.interval, spec.metrics.keep), (secs(20), 30));
    }

    #[test]
    fn who_chooses_its_own_path_has_no_second_one() {
        let check = |run: &str, path: &str, ours: bool| {
            let text = format!("manifest = 1\nid = \"p\"\nversion = \"1.0.0\"\n[run]\n{run}");
            let spec = made(&text, None);
            assert_eq!(spec.socket.staging, None, "{run}");
            assert_eq!(
                (spec.socket.path.as_path(), spec.socket.ours),
                (Path::new(path), ours),
                "{run}"
            );
            spec
        };
        check(
            "entry = \"p\"\nsocket = \"/var/run/scope/plugins/p.sock\"",
            "/var/run/scope/plugins/p.sock",
            false,
        );
        let spec = check(
            "entry = \"p\"\nargs = [\"{plugins_dir}\"]",
            "/run/plugins/p/p.sock",
            true,
        );
        assert_eq!(spec.args, ["/run/plugins"]);
        assert!(!spec.env.contains_key(CONFIG_VARIABLE));
    }

    #[test]
    fn a_trigger_that_worked_once_does_not_fire_for_the_first_time_again() {
        let text = "manifest = 1\nid = \"p\"\nversion = \"1.0.0\"\n[run]\nentry = \"p\"\nactivation = \"trigger\"\n\
                    [run.trigger]\nfirst_start = true";
        let manifest = Manifest::parse(text).unwrap();
        for (has_worked, fires) in [(false, true), (true, false)] {
            let Activation::Trigger(trigger) = activation(&manifest, has_worked) else {
                panic!("no trigger");
            };
            assert_eq!(trigger.first_start, fires);
        }
    }
}
