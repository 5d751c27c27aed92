//! Stores that go past the caches. A result larger than the caches is not found there by whoever reads
//! it next; storing it the usual way would first read every line of it from memory.

// Loads here need no alignment, and stores have it: see the functions.
#![allow(clippy::cast_ptr_alignment)]

/// Results of at least this many bytes are stored so: twice what the second-level caches hold.
pub(crate) const STREAM_FROM: usize = 8 << 20;

/// Copies `from` to `to`, which must be of one length. [`fence`] must follow before other threads read.
#[cfg(target_arch = "x86_64")]
pub(crate) fn copy_past_cache<T: Copy>(from: &[T], to: &mut [T]) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};

    const STEP: usize = 16;
    let bytes = size_of_val(from);
    assert_eq!(bytes, size_of_val(to), "copies have one length");
    let (from, to) = (from.as_ptr().cast::<u8>(), to.as_mut_ptr().cast::<u8>());
    let lead = to.align_offset(STEP).min(bytes);
    let whole = (bytes - lead) / STEP * STEP;
    // SAFETY: all places are within both slices, whose bytes may be copied; stores are aligned.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, lead);
        let (from, to) = (from.add(lead), to.add(lead));
        if super::isa() == super::Isa::Avx512 && to.align_offset(64) == 0 {
            stream_lines(from, to, whole);
        } else {
            for at in (0..whole).step_by(STEP) {
                _mm_stream_si128(to.add(at).cast::<__m128i>(), _mm_loadu_si128(from.add(at).cast::<__m128i>()));
            }
        }
        std::ptr::copy_nonoverlapping(from.add(whole), to.add(whole), bytes - lead - whole);
    }
}

/// Copies `bytes`, a multiple of 16, a line at a time.
///
/// # Safety
/// Both must be valid for the bytes, and `to` the start of a line.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn stream_lines(from: *const u8, to: *mut u8, bytes: usize) {
    use std::arch::x86_64::{__m512i, _mm512_loadu_si512, _mm512_stream_si512};

    let whole = bytes / 64 * 64;
    // SAFETY: see the function.
    unsafe {
        for at in (0..whole).step_by(64) {
            _mm512_stream_si512(to.add(at).cast::<__m512i>(), _mm512_loadu_si512(from.add(at).cast::<__m512i>()));
        }
        std::ptr::copy_nonoverlapping(from.add(whole), to.add(whole), bytes - whole);
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn copy_past_cache<T: Copy>(from: &[T], to: &mut [T]) {
    to.copy_from_slice(from);
}

/// Orders the stores of [`copy_past_cache`] before later ones.
#[inline]
pub(crate) fn fence() {
    // SAFETY: a baseline instruction without preconditions.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_any_length_from_and_to_any_place() {
        let from: Vec<u8> = (0..400u32).map(|i| (i * 7 % 251) as u8).collect();
        for start in [0, 1, 3, 16, 33] {
            for len in [0, 1, 5, 15, 16, 17, 64, 130, 300] {
                let mut to = vec![0u8; 400];
                copy_past_cache(&from[start..start + len], &mut to[start..start + len]);
                fence();
                assert_eq!(to[start..start + len], from[start..start + len]);
                assert!(to[..start].iter().chain(&to[start + len..]).all(|&byte| byte == 0));
            }
        }
    }
}
