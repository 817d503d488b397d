//! stub
use crate::cli::CheckArgs;
use crate::exit::{Exit, Failure};
/// stub
pub fn run(_args: &CheckArgs) -> Result<Exit, Failure> {
    todo!()
}
