//! What a plugin package is: manifest, archive, signature, where it comes from.
//!
//! A package is an archive whose first entry is `plugin.toml`. It is [`fetch`]ed, [`verify`]ed and
//! [`unpack`]ed into a revision: a read-only directory that is there as a whole or not at all.
//! This crate knows nothing of processes, databases or what is installed. Start reading at [`Manifest`].

mod archive;
mod digest;
mod error;
mod fetch;
mod id;
pub mod limits;
pub mod manifest;
pub mod policy;
mod trust;

pub use archive::{
    Caps, Compression, PackError, Packed, Revision, UnpackError, is_program, pack, peek, place_program,
    program_id, program_manifest, remove_revision, restate_program, sweep, unpack,
};
pub use error::PackageError;
pub use fetch::{Build, FetchError, FetchOptions, Fetched, Index, IndexEntry, Source, fetch, read_index};
pub use id::PluginId;
pub use manifest::{Manifest, ManifestError};
pub use trust::{
    KeyError, KeyPair, Keyring, Signature, Trust, Verified, VerifyError, keygen, sign, sign_program,
    signature_file, verify, verify_program,
};

/// A path with something more at its end, such as `.minisig`.
pub(crate) fn beside(path: &std::path::Path, more: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}
