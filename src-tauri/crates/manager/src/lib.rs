//! What is done to plugins: install, upgrade, roll back, remove, configure; journalled.

pub mod view;
