//! Instruction sets: which one this process uses.

mod vectorized;

pub(crate) mod amx;
pub(crate) mod convert;
pub(crate) mod lanes;
pub(crate) mod map;
pub(crate) mod stream;

use std::sync::OnceLock;

pub(crate) use vectorized::vectorized;

/// The instruction sets kernels are compiled for, from plain to wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Whatever the target guarantees (SSE2 on x86-64).
    Scalar,
    /// NEON, which aarch64 guarantees.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, DQ, VL besides the above.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    pub(crate) const ALL: &[Self] = &[
        Self::Scalar,
        #[cfg(target_arch = "aarch64")]
        Self::Neon,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
    ];

    /// Its name in `CORTEN_ISA`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
        }
    }
}

/// The widest instruction set of this CPU.
#[cfg(target_arch = "x86_64")]
fn detect() -> Isa {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
    let avx512 = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    if avx512 {
        Isa::Avx512
    } else if avx2 {
        Isa::Avx2
    } else {
        Isa::Scalar
    }
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Isa {
    Isa::Neon
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Isa {
    Isa::Scalar
}

/// The instruction set in use: the widest of this CPU, or a narrower one named by `CORTEN_ISA`.
#[inline]
pub fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| {
        let widest = detect();
        let wanted = std::env::var("CORTEN_ISA").unwrap_or_default();
        Isa::ALL.iter().copied().find(|isa| isa.name() == wanted).unwrap_or(widest).min(widest)
    })
}

/// Whether one instruction multiplies and adds four bytes.
#[cfg(target_arch = "x86_64")]
fn has_vnni() -> bool {
    is_x86_feature_detected!("avx512vnni")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_vnni() -> bool {
    false
}

/// Whether one instruction of the instruction set in use multiplies and adds two bfloat16.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_brain() -> bool {
    isa() == Isa::Avx512 && is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_brain() -> bool {
    false
}

/// What this CPU offers and what is used of it, for reports.
pub fn features() -> Vec<(&'static str, bool)> {
    let uses = |name| Isa::ALL.iter().any(|known| known.name() == name && *known <= isa());
    vec![
        ("neon", uses("neon")),
        ("avx2", uses("avx2")),
        ("avx512", uses("avx512")),
        ("avx512_vnni", uses("avx512") && has_vnni()),
        ("avx512_bf16", has_brain()),
        ("amx_bf16", amx::has_brain()),
        ("amx_int8", amx::has_integers()),
    ]
}

/// Work that is compiled once per instruction set. `FMA` says whether a fused multiply-add is one
/// instruction. All that `run` calls must be `#[inline(always)]`, or it is compiled for the baseline.
pub(crate) trait Routine {
    type Output;
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// Runs a routine compiled for the instruction set in use.
#[inline]
pub(crate) fn dispatch<R: Routine>(routine: R) -> R::Output {
    match isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `isa` found these features on this CPU.
        Isa::Avx512 => unsafe { run_avx512(routine) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { run_avx2(routine) },
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => routine.run::<true>(),
        Isa::Scalar => routine.run::<false>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn run_avx512<R: Routine>(routine: R) -> R::Output {
    routine.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn run_avx2<R: Routine>(routine: R) -> R::Output {
    routine.run::<true>()
}
