//! Where a thread of the team runs. Another process may take its core in the middle of a chunk, and the system then lets
//! it wait for a time slice while everybody else waits for the chunk. The caller sees that from the clock of the worker,
//! which stands still, lends the worker its own core and sleeps. So does an idle worker for the caller.

#[cfg(target_os = "linux")]
pub(super) use self::linux::Seat;
#[cfg(not(target_os = "linux"))]
pub(super) use self::other::Seat;

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        cell::Cell,
        mem::MaybeUninit,
        sync::{
            Mutex, PoisonError,
            atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering},
        },
    };

    use crate::fork;

    /// Nanoseconds that a running thread gains between two looks, at the very least.
    const STIR: i64 = 2_000;

    pub(in super::super) struct Seat {
        /// Zero until somebody has the seat.
        thread: AtomicI32,
        clock: AtomicI32,
        is_working: AtomicBool,
        /// What its clock said at the first look, in nanoseconds.
        seen: AtomicI64,
        /// Where the thread may run again, while it has the core of another.
        lent: Mutex<Option<Lent>>,
    }

    #[derive(Clone, Copy)]
    struct Lent {
        cpu: usize,
        home: libc::cpu_set_t,
    }

    impl Seat {
        pub(in super::super) const fn new() -> Self {
            Self {
                thread: AtomicI32::new(0),
                clock: AtomicI32::new(0),
                is_working: AtomicBool::new(false),
                seen: AtomicI64::new(0),
                lent: Mutex::new(None),
            }
        }

        /// The seat is the calling thread's.
        pub(in super::super) fn take(&self) {
            if let Some((thread, clock)) = this_thread() {
                self.clock.store(clock, Ordering::Relaxed);
                self.thread.store(thread, Ordering::Release);
            }
        }

        pub(in super::super) fn begin_work(&self) {
            self.is_working.store(true, Ordering::Relaxed);
        }

        /// The thread has counted its chunks. If it has the core of another that wants it back, it leaves.
        pub(in super::super) fn end_work(&self, leaves: bool) {
            self.is_working.store(false, Ordering::Relaxed);
            self.end_loan(leaves);
        }

        /// A first look at its clock.
        pub(in super::super) fn look(&self) {
            self.seen.store(self.time(), Ordering::Relaxed);
        }

        /// Lends the thread the core of the calling one if it works and yet its clock stood still since the look.
        pub(in super::super) fn lend_core(&self) -> bool {
            let stood = self.time() - self.seen.load(Ordering::Relaxed) < STIR;
            if !stood || !self.is_working.load(Ordering::Relaxed) {
                return false;
            }
            let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
            // Who ends its work takes the lock after it said so.
            if lent.is_some() || !self.is_working.load(Ordering::Relaxed) {
                return false;
            }
            let thread = self.thread.load(Ordering::Acquire);
            // SAFETY: without preconditions.
            let cpu = unsafe { libc::sched_getcpu() };
            let (1.., Ok(cpu)) = (thread, usize::try_from(cpu)) else { return false };
            let Some(home) = allowed(thread) else { return false };
            // SAFETY: the set is initialised; the index is checked against its size.
            if cpu >= libc::CPU_SETSIZE as usize || !unsafe { libc::CPU_ISSET(cpu, &home) } {
                return false;
            }
            let is_moved = allow(thread, &only(cpu));
            if is_moved {
                *lent = Some(Lent { cpu, home });
            }
            is_moved
        }

        /// Ends the loan, if there is one.
        pub(in super::super) fn end_loan(&self, leaves: bool) {
            let mut guard = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(lent) = guard.take() else { return };
            let thread = self.thread.load(Ordering::Acquire);
            if leaves {
                let mut away = lent.home;
                // SAFETY: the set is initialised and the index was checked when the core was lent.
                unsafe { libc::CPU_CLR(lent.cpu, &mut away) };
                allow(thread, &away);
            }
            allow(thread, &lent.home);
        }

        /// Processor time of the thread in nanoseconds.
        fn time(&self) -> i64 {
            let mut time = MaybeUninit::<libc::timespec>::uninit();
            // SAFETY: `time` is ours to write; a clock that is gone is an error.
            if unsafe { libc::clock_gettime(self.clock.load(Ordering::Relaxed), time.as_mut_ptr()) } != 0 {
                return 0;
            }
            // SAFETY: written, as the call succeeded.
            let time = unsafe { time.assume_init() };
            time.tv_sec * 1_000_000_000 + time.tv_nsec
        }
    }

    thread_local! {
        /// What [`this_thread`] gave, and in which generation of forks.
        static THIS: Cell<Option<(u32, i32, i32)>> = const { Cell::new(None) };
    }

    /// The calling thread and its clock.
    fn this_thread() -> Option<(i32, i32)> {
        let generation = fork::generation();
        if let Some((known, thread, clock)) = THIS.get()
            && known == generation
        {
            return Some((thread, clock));
        }
        let mut clock = 0;
        // SAFETY: the thread is alive, and `clock` is ours to write.
        if unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) } != 0 {
            return None;
        }
        // SAFETY: without preconditions.
        let thread = unsafe { libc::gettid() };
        THIS.set(Some((generation, thread, clock)));
        Some((thread, clock))
    }

    const SIZE: usize = size_of::<libc::cpu_set_t>();

    fn only(cpu: usize) -> libc::cpu_set_t {
        // SAFETY: all zeros is a set of no processors; the index was checked.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut set);
            set
        }
    }

    fn allowed(thread: i32) -> Option<libc::cpu_set_t> {
        // SAFETY: all zeros is a set of no processors.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the size is that of the set, which is ours to write.
        (unsafe { libc::sched_getaffinity(thread, SIZE, &raw mut set) } == 0).then_some(set)
    }

    fn allow(thread: i32, set: &libc::cpu_set_t) -> bool {
        // SAFETY: the size is that of the set.
        unsafe { libc::sched_setaffinity(thread, SIZE, set) == 0 }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    /// Elsewhere the system is left to find a core.
    pub(in super::super) struct Seat;

    impl Seat {
        pub(in super::super) const fn new() -> Self {
            Self
        }
        pub(in super::super) const fn take(&self) {}
        pub(in super::super) const fn begin_work(&self) {}
        pub(in super::super) const fn end_work(&self, _leaves: bool) {}
        pub(in super::super) const fn look(&self) {}
        pub(in super::super) const fn lend_core(&self) -> bool {
            false
        }
        pub(in super::super) const fn end_loan(&self, _leaves: bool) {}
    }
}
