//! `state.db`: what must survive a restart.
