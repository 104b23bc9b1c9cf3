//! Errors in words for the log and for who starts the function: each with its causes, on one line.

use std::error::Error;

/// An error and its causes on one line.
pub(crate) fn report(error: &(dyn Error + 'static)) -> String {
    let texts = causes(error).map(ToString::to_string);
    texts.collect::<Vec<_>>().join(": ").replace('\n', " ")
}

pub(crate) fn reports<E: Error + 'static>(problems: &[E]) -> Vec<String> {
    problems.iter().map(|problem| report(problem)).collect()
}

/// An error and its causes, the outermost first.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}
