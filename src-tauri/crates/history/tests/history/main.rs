//! The history as its users see it: real files, real processes.

#[cfg(test)]
mod common;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod range;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod samples;
