//! The heap of a component: 256 KiB that are part of its initial memory, then pages of the engine.
//!
//! Growing the memory costs the host two changes of page tables, one now and one when the instance is reset:
//! half the time of a small call. Most calls never need it, because the arena in `.bss` costs nothing in the
//! file and is there at the start. Larger inputs get pages, in steps, so that a growing `Vec` does not grow
//! the memory each time.
//!
//! `talc` was chosen because it takes memory from wherever its `Source` says, merges free blocks, and grows a
//! block in place. Compared with it, for the gate of the crate's first example: `dlmalloc` (the one in `std`)
//! makes the file 6.7 KB larger and grows the memory at its first use; `lol_alloc` is as small, but walks its
//! whole free list for each call, and cannot be given an arena.

#![expect(unsafe_code, reason = "a global allocator hands out raw memory")]

use std::alloc::Layout;
use std::arch::wasm32::memory_grow;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// Part of the initial memory. A gate that parses a small config and a file of some KiB stays well below it;
/// the host resets only the pages that were touched.
const ARENA: usize = 256 * 1024;

const PAGE: usize = 64 * 1024;

/// Least number of pages to grow by.
const STEP: usize = 8;

static mut MEMORY: [MaybeUninit<u8>; ARENA] = [MaybeUninit::uninit(); ARENA];

#[global_allocator]
static HEAP: TalcSyncCell<ArenaThenPages, WasmBinning> = TalcSyncCell::new_wasm(ArenaThenPages::Arena);

/// Where the next memory comes from.
#[derive(Debug)]
enum ArenaThenPages {
    /// From the arena, which has not been handed out.
    Arena,
    /// From the engine. Pages that follow `end` make the last piece longer.
    Pages { end: Option<NonNull<u8>> },
}

// SAFETY: `acquire` allocates nothing.
unsafe impl Source for ArenaThenPages {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let end = match talc.source {
            Self::Arena => {
                talc.source = Self::Pages { end: None };
                // SAFETY: `MEMORY` is named nowhere else, and `Arena` is left for ever.
                unsafe { talc.claim((&raw mut MEMORY).cast(), ARENA) };
                // If `layout` is larger than the arena, `acquire` is called again.
                return Ok(());
            }
            Self::Pages { end } => end,
        };
        // Room for the block, its own bookkeeping, and any alignment.
        let bytes = layout.size().saturating_add(layout.align()).saturating_add(1024);
        let pages = bytes.div_ceil(PAGE).max(STEP);
        let before = memory_grow::<0>(pages);
        if before == usize::MAX {
            return Err(());
        }
        // A memory can end at 4 GiB sharp, where the address after it cannot be told: leave the last bytes alone.
        let Some(size) = (pages * PAGE).checked_sub(16) else { return Err(()) };
        let start = (before * PAGE) as *mut u8;
        // SAFETY: the engine gave these pages just now, to this one caller, and never takes them back.
        let end = unsafe {
            match end {
                Some(end) if end.as_ptr().wrapping_add(16) == start => {
                    Some(talc.extend(end, start.wrapping_add(size)))
                }
                _ => talc.claim(start, size),
            }
        };
        talc.source = Self::Pages { end };
        end.map(|_| ()).ok_or(())
    }
}
