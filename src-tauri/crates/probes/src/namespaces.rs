//! Looking into other network namespaces, which takes root.

use std::fs::File;
use std::os::fd::AsFd as _;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Runs `look` inside the network namespace of a process, on a thread that ends afterwards: a thread that
/// changed its namespace is of no other use.
///
/// # Errors
/// When the namespace may not be entered.
pub(crate) fn inside<T: Send>(pid: u32, look: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    let namespace = File::open(format!("/proc/{pid}/ns/net"))?;
    std::thread::scope(|scope| {
        let visitor = std::thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok::<T, std::io::Error>(look())
            })?;
        visitor
            .join()
            .map_err(|_| std::io::Error::other("the visit to a namespace ended in a panic"))?
    })
}
