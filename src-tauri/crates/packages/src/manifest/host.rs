//! Machines that a plugin runs on.

use schemars::JsonSchema;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

/// `[host]`: all rules must match; an empty one matches every machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Host {
    /// Operating systems, such as `linux`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub os: Vec<String>,
    /// Processor architectures, such as `x86_64` or `aarch64`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
    /// Versions of the kernel, such as `>=4.9`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub kernel: Option<VersionReq>,
}

impl Host {
    /// Whether a machine fits.
    ///
    /// # Errors
    /// Every rule that does not match, as a sentence each.
    pub fn check(&self, machine: &Machine) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        if !self.os.is_empty() && !self.os.iter().any(|os| os.eq_ignore_ascii_case(&machine.os)) {
            wrong.push(format!(
                "it runs on {}, and this is {}",
                self.os.join(" or "),
                machine.os
            ));
        }
        let arch = usual_arch(&machine.arch);
        if !self.arch.is_empty() && !self.arch.iter().any(|wanted| usual_arch(wanted) == arch) {
            wrong.push(format!(
                "it is built for {}, and this is {}",
                self.arch.join(" or "),
                machine.arch
            ));
        }
        if let Some(wanted) = &self.kernel {
            match kernel_version(&machine.kernel) {
                Some(version) if wanted.matches(&version) => {}
                _ => wrong.push(format!(
                    "it needs a kernel {wanted}, and this is {}",
                    machine.kernel
                )),
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

/// A machine as host rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Operating system, such as `linux`.
    pub os: String,
    /// Processor architecture, such as `x86_64`.
    pub arch: String,
    /// Release of the kernel, such as `6.1.0-13-amd64`.
    pub kernel: String,
}

impl Machine {
    /// The machine that this runs on.
    #[must_use]
    pub fn this() -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        }
    }
}

/// One name for an architecture that goes by several.
fn usual_arch(name: &str) -> &str {
    match name {
        "amd64" | "x64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}

/// The numbers at the front of a kernel's release.
fn kernel_version(release: &str) -> Option<Version> {
    let end = release
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(release.len());
    let mut numbers = release[..end].split('.').map(|number| number.parse::<u64>().ok());
    let major = numbers.next()??;
    let minor = numbers.next().flatten().unwrap_or(0);
    let patch = numbers.next().flatten().unwrap_or(0);
    Some(Version::new(major, minor, patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rules_must_match_and_every_mismatch_is_said() {
        let machine = Machine {
            os: "linux".into(),
            arch: "x86_64".into(),
            kernel: "6.1.0-13-amd64".into(),
        };
        for (rules, wrong) in [
            ("", 0),
            ("os = ['linux']", 0),
            ("os = ['macos', 'linux']", 0),
            ("os = ['macos']", 1),
            ("arch = ['amd64']", 0),
            ("arch = ['aarch64']", 1),
            ("kernel = '>=4.9'", 0),
            ("kernel = '>=4.9, <6'", 1),
            ("os = ['macos']\narch = ['arm64']\nkernel = '>=7'", 3),
        ] {
            let host: Host = toml::from_str(rules).unwrap();
            let found = host.check(&machine).err().map_or(0, |sentences| sentences.len());
            assert_eq!(found, wrong, "{rules}");
        }
    }

    #[test]
    fn kernels_of_every_spelling_have_a_version() {
        for (release, version) in [
            ("6.1.0-13-amd64", Some((6, 1, 0))),
            ("5.15.167.4-microsoft-standard-WSL2", Some((5, 15, 167))),
            ("6.8", Some((6, 8, 0))),
            ("6.12+", Some((6, 12, 0))),
            ("odd", None),
            ("", None),
        ] {
            let expected = version.map(|(major, minor, patch)| Version::new(major, minor, patch));
            assert_eq!(kernel_version(release), expected, "{release}");
        }
        assert!(kernel_version(&Machine::this().kernel).is_some());
    }
}
