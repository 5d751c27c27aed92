//! AMX: eight registers of 16 rows of 64 bytes, and an instruction that multiplies two of them. The compiler knows
//! these registers as clobbers only, so a whole pass is one piece of assembly.

use std::{arch::asm, sync::OnceLock};

use super::{EDGE, Kernel, SIDE, STEP, TILE, twin};
use crate::simd::amx;

/// bfloat16, if this CPU has the instructions, the system lets this process use them and they agree with their twin.
pub(in super::super) fn brain() -> Option<Kernel<f32>> {
    static AGREES: OnceLock<bool> = OnceLock::new();
    let kernel = Kernel { run: brain_pass, around: configured, is_offset: false };
    // The upper halves of words are bfloat16 1 to 3, the lower ones 2 to 4: their sums are exact.
    let word = |i: usize| [0x3f80_4000, 0x4000_4040, 0x4040_4080][i % 3];
    let agrees = || amx::has_brain() && agrees(&kernel, &twin::BRAIN, word);
    AGREES.get_or_init(agrees).then_some(kernel)
}

/// 8-bit integers, likewise.
pub(in super::super) fn integers() -> Option<Kernel<i32>> {
    static AGREES: OnceLock<bool> = OnceLock::new();
    let kernel = Kernel { run: integer_pass, around: configured, is_offset: false };
    let word = |i: usize| (i as u32).wrapping_mul(2_654_435_761);
    let agrees = || amx::has_integers() && agrees(&kernel, &twin::INTEGERS, word);
    AGREES.get_or_init(agrees).then_some(kernel)
}

/// Whether two kernels give the same sums: an emulator or a hypervisor may have the instructions and not do them right.
fn agrees<T: Copy + Default + PartialEq>(kernel: &Kernel<T>, twin: &Kernel<T>, word: impl Fn(usize) -> u32) -> bool {
    let a: Vec<u32> = (0..2 * STEP).map(&word).collect();
    let b: Vec<u32> = (0..2 * STEP).map(|i| word(i / 7 + 1)).collect();
    let (mut sums, mut expected) = (vec![T::default(); SIDE * SIDE], vec![T::default(); SIDE * SIDE]);
    // SAFETY: the caller found the instructions of `kernel`; the twin needs none. The operands are whole steps.
    unsafe {
        (kernel.around)(&mut || (kernel.run)(&a, &b, &mut sums, SIDE));
        (twin.run)(&a, &b, &mut expected, SIDE);
    }
    sums == expected
}

/// Shapes of the registers, as `ldtilecfg` reads them: the palette, then bytes per row and rows of each.
#[repr(C, align(64))]
struct Shapes([u8; 64]);

static ALL_WHOLE: Shapes = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = EDGE as u8;
        tile += 1;
    }
    Shapes(bytes)
};

/// Gives the registers back when dropped, so that a switch of threads need not save them.
struct Configured;

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: only `configured` makes one of these, where the instruction exists.
        unsafe {
            asm!(
                "tilerelease",
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nomem, nostack, preserves_flags)
            );
        }
    }
}

/// Other libraries use the registers of a thread too and leave them in any shape: they are configured for each
/// task, which takes some 100 ns, and released after it.
///
/// # Safety
/// The CPU must have AMX, and the process the leave to use it.
unsafe fn configured(work: &mut dyn FnMut()) {
    // SAFETY: the caller knows that the CPU has AMX; the shapes are 64 readable bytes of a valid configuration.
    unsafe {
        asm!(
            "ldtilecfg [{shapes}]",
            shapes = in(reg) &raw const ALL_WHOLE,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(readonly, nostack, preserves_flags)
        );
    }
    let _configured = Configured;
    work();
}

/// A pass: the four tiles of sums are loaded, two tiles of `a` are multiplied with two of `b` for each step, and
/// the sums are stored. Registers: 0 to 3 the sums (above left, above right, below left, below right), 4 and 5 the
/// rows, 6 and 7 the columns.
///
/// # Safety
/// Runs within [`configured`].
macro_rules! pass {
    ($name:ident, $sum:ty, $multiply:literal) => {
        unsafe fn $name(a: &[u32], b: &[u32], c: &mut [$sum], stride: usize) {
            assert!(a.len() == b.len() && a.len().is_multiple_of(STEP) && c.len() >= (SIDE - 1) * stride + SIDE);
            let steps = a.len() / STEP;
            if steps == 0 {
                return;
            }
            // SAFETY: the CPU has AMX and the registers are configured, by the contract of `Kernel`. The operands
            // are read for `steps` steps of 2048 bytes, the sums for 32 rows of 128 bytes: extents just asserted.
            unsafe {
                let below = c.as_mut_ptr().add(EDGE * stride);
                asm!(
                    "tileloadd tmm0, [{c} + {stride}*1]",
                    "tileloadd tmm1, [{c} + {stride}*1 + 64]",
                    "tileloadd tmm2, [{below} + {stride}*1]",
                    "tileloadd tmm3, [{below} + {stride}*1 + 64]",
                    "2:",
                    "tileloadd tmm4, [{a} + {row}*1]",
                    "tileloadd tmm6, [{b} + {row}*1]",
                    "tileloadd tmm5, [{a} + {row}*1 + 1024]",
                    concat!($multiply, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{b} + {row}*1 + 1024]",
                    concat!($multiply, " tmm2, tmm5, tmm6"),
                    concat!($multiply, " tmm1, tmm4, tmm7"),
                    concat!($multiply, " tmm3, tmm5, tmm7"),
                    "add {a}, 2048",
                    "add {b}, 2048",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{c} + {stride}*1], tmm0",
                    "tilestored [{c} + {stride}*1 + 64], tmm1",
                    "tilestored [{below} + {stride}*1], tmm2",
                    "tilestored [{below} + {stride}*1 + 64], tmm3",
                    a = inout(reg) a.as_ptr() => _,
                    b = inout(reg) b.as_ptr() => _,
                    c = in(reg) c.as_mut_ptr(),
                    below = in(reg) below,
                    stride = in(reg) stride * size_of::<$sum>(),
                    row = in(reg) EDGE * size_of::<u32>(),
                    steps = inout(reg) steps => _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack)
                );
            }
        }
    };
}
pass!(brain_pass, f32, "tdpbf16ps");
pass!(integer_pass, i32, "tdpbssd");

const _: () = assert!(STEP * size_of::<u32>() == 2048 && TILE * size_of::<u32>() == 1024);
