//! What tract may use of the processor.

use tract_onnx::tract_core::tract_linalg::knobs::TRACT_CPU_ISA;

/// Leaves out the kernels for Intel's matrix extensions (AMX), before tract first asks which kernels there are.
///
/// In tract 0.23.9 the one for integers (`avx512amx_mmm_i32_*`) reads rows of 64 values where its second factor is
/// padded to 4: up to 960 bytes behind the end of it, which ends the process where no memory follows. The one for
/// floats is off unless asked for, and rounds to 8 bits of mantissa. What `TRACT_CPU_ISA` says of other extensions holds.
pub(crate) fn leave_out_matrix_extensions() {
    if cfg!(target_arch = "x86_64") {
        let said = TRACT_CPU_ISA.get();
        if !said.as_deref().is_some_and(is_left_out) {
            TRACT_CPU_ISA.set(Some(with_left_out(said.as_deref())));
        }
    }
}

const LEFT_OUT: &str = "-amx-int8,-amx-bf16";

fn is_left_out(said: &str) -> bool {
    said.ends_with(LEFT_OUT)
}

/// The last word on a feature is the one that holds.
fn with_left_out(said: Option<&str>) -> String {
    match said {
        Some(said) => format!("{said},{LEFT_OUT}"),
        None => LEFT_OUT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_comes_after_what_was_said() {
        assert_eq!(with_left_out(None), "-amx-int8,-amx-bf16");
        assert_eq!(
            with_left_out(Some("+amx-int8,-avx512f")),
            "+amx-int8,-avx512f,-amx-int8,-amx-bf16"
        );
    }

    #[test]
    fn it_is_said_once() {
        leave_out_matrix_extensions();
        let said = TRACT_CPU_ISA.get();
        leave_out_matrix_extensions();
        assert_eq!(TRACT_CPU_ISA.get(), said);
    }
}
