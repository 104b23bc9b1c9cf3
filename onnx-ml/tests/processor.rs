//! Which kernels of tract are used. One test, for tract asks the processor once in a program.
#![cfg(target_arch = "x86_64")]

use tract_onnx::tract_core::tract_linalg::isa::{Isa, native};
use tract_onnx::tract_core::tract_linalg::knobs::TRACT_CPU_ISA;

#[test]
fn kernels_for_matrix_extensions_are_left_out_even_where_they_are_asked_for() {
    TRACT_CPU_ISA.set(Some("+amx-int8,+amx-bf16,-avx512fp16".to_owned()));

    onnx_ml::onnx();

    let used: Vec<Isa> = native().iter().collect();
    assert!(used.contains(&Isa::X86_64), "{used:?}");
    for left_out in [
        Isa::X86_64AmxInt8,
        Isa::X86_64AmxBf16,
        Isa::X86_64Avx512Fp16,
    ] {
        assert!(!used.contains(&left_out), "{used:?}");
    }
}
