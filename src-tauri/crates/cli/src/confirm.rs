//! Asking before something ends or goes.

use std::io::{IsTerminal as _, Write as _};

use crate::exit::Exit;

/// Asks the person at the terminal, unless `yes` was said already.
///
/// # Errors
/// A refusal when the answer is no, or when nobody is there to ask.
pub(crate) fn confirmed(question: &str, yes: bool) -> Result<(), Exit> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Exit::refused(format!(
            "{question} Nobody is there to ask; say --yes to do it."
        )));
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush().map_err(Exit::failed)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Exit::failed)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Exit::refused("not done"))
    }
}
