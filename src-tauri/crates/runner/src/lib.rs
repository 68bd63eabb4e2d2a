//! One program inside limits: launched, watched, its output kept, ended with all its descendants.
