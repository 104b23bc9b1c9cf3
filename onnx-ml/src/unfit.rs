//! Inputs of the right form with a value that an operator does not take.

use std::error::Error;
use std::fmt;

use tract_onnx::prelude::{TractError, TractResult};

/// A value among the inputs that a model does not take; onnxruntime refuses it too.
///
/// The text says what such a value is, and never holds one: it may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit(&'static str);

impl Unfit {
    /// What a run has failed by, if it is this.
    pub fn of(error: &TractError) -> Option<Self> {
        let mut causes = error.chain();
        causes.find_map(|cause| cause.downcast_ref().copied())
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Error for Unfit {}

/// An error unless the values fit; the text says what the others are.
pub(crate) fn fits(do_fit: bool, others: &'static str) -> TractResult<()> {
    match do_fit {
        true => Ok(()),
        false => Err(Unfit(others).into()),
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_hir::internal::*;

    use super::*;

    #[test]
    fn it_is_found_below_what_tract_says_of_it() {
        assert!(fits(true, "odd").is_ok());
        let error = fits(false, "a number is odd").unwrap_err();
        let error = error.context("evaluating a node").context("running");
        assert_eq!(Unfit::of(&error), Some(Unfit("a number is odd")));
        assert_eq!(Unfit::of(&format_err!("a number is odd")), None);
    }
}
