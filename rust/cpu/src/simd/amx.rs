//! AMX, which the standard library does not detect yet: the CPU must have it, the system must keep its registers,
//! and the process must ask for them.

use std::sync::OnceLock;

use super::isa;

#[derive(Clone, Copy, Debug, Default)]
struct Found {
    brain: bool,
    integers: bool,
}

/// Products of bfloat16.
pub(crate) fn has_brain() -> bool {
    found().brain
}

/// Products of 8-bit integers.
pub(crate) fn has_integers() -> bool {
    found().integers
}

fn found() -> Found {
    static FOUND: OnceLock<Found> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // A narrower instruction set asked for rules this one out, and so does its widest neighbour by name.
        const NEIGHBOUR: &str = "avx512";
        let is_wanted = isa().name() == NEIGHBOUR && std::env::var("CORTEN_ISA").map_or(true, |name| name != NEIGHBOUR);
        if is_wanted { detect() } else { Found::default() }
    })
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn detect() -> Found {
    use std::arch::{
        asm,
        x86_64::{__cpuid, __cpuid_count},
    };
    /// Bits 17 and 18 of the mask of registers the system keeps: the shapes of tiles and their data.
    const TILES: u32 = 3 << 17;
    const DATA: libc::c_ulong = 18;
    const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
    // Whether the system keeps extended registers at all: else `xgetbv` does not exist.
    if __cpuid(0).eax < 7 || __cpuid(1).ecx & 1 << 27 == 0 {
        return Found::default();
    }
    let features = __cpuid_count(7, 0).edx;
    let kept: u32;
    // SAFETY: OSXSAVE is set, so the instruction exists; it reads a register.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") kept, out("edx") _, options(nomem, nostack, preserves_flags)) };
    if features & 1 << 24 == 0 || kept & TILES != TILES {
        return Found::default();
    }
    // Threads made from now on inherit it, and so do those that are there.
    // SAFETY: a request that reads and writes no memory of this process.
    let is_granted = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, DATA) } == 0;
    Found { brain: is_granted && features & 1 << 22 != 0, integers: is_granted && features & 1 << 25 != 0 }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn detect() -> Found {
    Found::default()
}
