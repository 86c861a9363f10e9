//! Room for tall queries: `a + a + a…` nests as deeply as it has operators, and whatever walks over it recurses.
//!
//! Queries of few operators fit every stack. What is done with one of more is done on a thread of its own, whose
//! stack is as large as the query is tall; memory is taken only for what is used of it.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

use crate::QueryRefusal;

/// Operators of a query that fits the smallest stack there is, 2 MiB, whatever else it holds.
const OPERATORS_ON_ANY_STACK: usize = 250;
/// The stack of a query without operators, in bytes.
const STACK_BYTES: usize = 2 << 20;
/// What each operator takes, in bytes: about 3 kB were measured, and a build without optimisation takes more.
const STACK_BYTES_PER_OPERATOR: usize = 16 << 10;

/// Whether a query of so many operators needs room of its own.
pub(crate) const fn is_tall(operators: usize) -> bool {
    operators > OPERATORS_ON_ANY_STACK
}

/// Does something that recurses over a query of so many operators.
pub(crate) fn with_room<T: Send>(
    operators: usize,
    work: impl FnOnce() -> T + Send,
) -> Result<T, QueryRefusal> {
    if !is_tall(operators) {
        return Ok(work());
    }
    let thread = Builder::new().name("query".to_owned());
    let thread = thread.stack_size(STACK_BYTES + operators * STACK_BYTES_PER_OPERATOR);
    scope(|scope| {
        let begun = thread.spawn_scoped(scope, work);
        let begun = begun.map_err(|fault| QueryRefusal::NoRoom { problem: fault.to_string() })?;
        Ok(begun.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// As [`with_room`]; where there is no thread to be had, the stack at hand has to do.
pub(crate) fn with_room_or_here<T: Send>(operators: usize, work: impl Fn() -> T + Send + Sync) -> T {
    with_room(operators, &work).unwrap_or_else(|_| work())
}
