//! One body of plain Rust, compiled once per instruction set: the compiler vectorizes each copy.

/// Defines functions whose body is compiled for every instruction set and picks the copy for the
/// one in use. A body should be free of branches in its inner loop, and must not use `mul_add`
/// (a library call where the instruction set has none).
macro_rules! vectorized {
    ($(
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident $(<$($generic:ident: $bound:path),+>)? ($($argument:ident: $type:ty),* $(,)?)
        $(-> $result:ty)? $body:block
    )+) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        #[inline]
        $visibility fn $name $(<$($generic: $bound),+>)? ($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn plain $(<$($generic: $bound),+>)? ($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
                fn avx512 $(<$($generic: $bound),+>)? ($($argument: $type),*) $(-> $result)? {
                    plain($($argument),*)
                }
                #[target_feature(enable = "avx2,fma,f16c")]
                fn avx2 $(<$($generic: $bound),+>)? ($($argument: $type),*) $(-> $result)? {
                    plain($($argument),*)
                }
                match $crate::simd::isa() {
                    // SAFETY: `isa` only names instruction sets this CPU has.
                    $crate::simd::Isa::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    $crate::simd::Isa::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::simd::Isa::Scalar => {}
                }
            }
            plain($($argument),*)
        }
    )+};
}
pub(crate) use vectorized;
