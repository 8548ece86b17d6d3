//! Whether AMX may be used. Its names are not stable in Rust 1.95, so the processor and the system are asked directly.

#![allow(unsafe_code)]

/// Whether the processor multiplies tiles of bf16 and of 8-bit integers and the system lets this process do so.
#[cfg(target_os = "linux")]
pub(super) fn is_there() -> bool {
    use std::arch::asm;
    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
    use std::sync::OnceLock;

    #[target_feature(enable = "xsave")]
    fn enabled_state() -> u64 {
        // SAFETY: register 0 exists wherever the instruction does.
        unsafe { _xgetbv(0) }
    }

    /// Bits of CPUID's leaf 7: bf16, tiles, 8-bit integers.
    const INSTRUCTIONS: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    /// Bits of the state that the system saves: the tiles' shapes and contents.
    const STATE: u64 = 0b11 << 17;
    const ARCH_PRCTL: usize = 158;
    const REQUEST_PERMISSION: usize = 0x1023;
    const TILE_DATA: usize = 18;

    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE.get_or_init(|| {
        let has_instructions = __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & INSTRUCTIONS == INSTRUCTIONS;
        // SAFETY: whether the processor has `xsave` is asked first.
        let has_state = || std::arch::is_x86_feature_detected!("xsave") && unsafe { enabled_state() } & STATE == STATE;
        let is_permitted = || {
            let result: isize;
            // SAFETY: the call asks Linux for the use of a part of the processor and touches no memory.
            unsafe {
                asm!(
                    "syscall",
                    inlateout("rax") ARCH_PRCTL => result,
                    in("rdi") REQUEST_PERMISSION,
                    in("rsi") TILE_DATA,
                    lateout("rcx") _,
                    lateout("r11") _,
                    options(nostack)
                );
            }
            result == 0
        };
        has_instructions && has_state() && is_permitted()
    })
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_there() -> bool {
    false
}
