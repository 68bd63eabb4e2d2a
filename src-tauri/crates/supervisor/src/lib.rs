//! Keeps plugins running: life cycle, restarts with back-off, health, usage.

pub mod view;
