//! The one way kernels reach threads: a resident team that claims fixed chunks from counters.
//!
//! Each thread has a part of the chunks that it claims first: the same part of every job, so that what it wrote in one
//! op is in its caches in the next. Then it claims from the parts of others. The caller works too, never waits for a
//! worker that has not claimed a chunk, and lends its core to one that lost its own ([`seat`]), so a busy core costs
//! little. Workers spin for a moment after a job, then sleep. How work is cut depends on its shape alone, never on the
//! number of threads.

mod interrupt;
mod seat;

use std::{
    any::Any,
    cell::Cell,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    time::{Duration, Instant},
};

pub use self::interrupt::{Interrupted, interruptible, set_interrupt, to_the_end};
use self::seat::Seat;
use crate::fork;

/// How long an idle worker spins before it sleeps: longer than the pauses between the ops of a training step, since
/// waking costs some 70 us.
const SPIN: Duration = Duration::from_micros(200);
/// How long the caller spins for chunks that others still run before it looks whether they are at it.
const PATIENCE: Duration = Duration::from_micros(100);
/// Between two looks at the clock of a worker.
const LOOK: Duration = Duration::from_micros(20);
/// How long the caller spins at most; then it sleeps, for so long at a time.
const REST: Duration = Duration::from_millis(1);
/// Small jobs among which one wakes the team.
const STREAM: u32 = 32;
/// The most chunks [`chunks`] cuts, so that bookkeeping stays small next to the work.
const MAX_CHUNKS: usize = 128;
/// Elements of cheap elementwise work (an addition) worth one chunk: some ten microseconds.
pub const GRAIN_CHEAP: usize = 64 * 1024;
/// Elements of dear elementwise work (an exponential) worth one chunk.
pub const GRAIN_DEAR: usize = 16 * 1024;

/// The most parts of a job; of many threads several share one.
const MOST_PARTS: usize = 8;

type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// What one job needs, in memory that outlives it: workers may look at any time.
#[repr(align(128))]
struct Shared {
    /// For each part of the chunks: epoch (high half) and how many of them nobody has claimed (low half).
    tickets: Box<[Line<AtomicU64>]>,
    /// Chunks that ended.
    done: Line<AtomicUsize>,
    /// Written by the caller before the tickets; read by workers between reading and changing one. A claim
    /// succeeds only while the ticket's job is alive, so what was read belongs to it.
    work: [AtomicPtr<()>; 2],
    total: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    sleepers: AtomicUsize,
    /// Small jobs that found workers asleep.
    unheard: AtomicU32,
    sleep: Mutex<()>,
    wake: Condvar,
    /// One for each thread; the caller has the first.
    seats: Box<[Line<Seat>]>,
    /// Whether the caller sleeps until the last chunk ended.
    is_awaited: AtomicBool,
    end: Mutex<()>,
    ended: Condvar,
    stop: AtomicBool,
}

/// A value alone on its cache lines.
#[repr(align(128))]
struct Line<T>(T);

struct Team {
    generation: u32,
    workers: usize,
    shared: Arc<Shared>,
}

/// Zero, or the fork generation of the thread whose job the team runs.
static HOLDER: AtomicU32 = AtomicU32::new(0);
/// The team; touched only by the holder.
static TEAM: AtomicPtr<Team> = AtomicPtr::new(std::ptr::null_mut());
/// Zero until first asked.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is inside a chunk: work it starts then runs serially.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Gives a thread-local value back when dropped.
struct Restore<T: Copy + 'static>(&'static std::thread::LocalKey<Cell<T>>, T);

impl<T: Copy + 'static> Drop for Restore<T> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

/// How many threads kernels use: what [`set_num_threads`] said, else `CORTEN_NUM_THREADS`, else the
/// cores that affinity and container limits leave.
pub fn num_threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            let threads = std::env::var("CORTEN_NUM_THREADS")
                .ok()
                .and_then(|value| value.trim().parse().ok())
                .filter(|&threads| threads > 0)
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
            THREADS.store(threads, Ordering::Relaxed);
            threads
        }
        threads => threads,
    }
}

/// Sets how many threads kernels use, the calling one included. Results do not depend on it.
pub fn set_num_threads(threads: usize) {
    THREADS.store(threads.max(1), Ordering::Relaxed);
}

/// A cut of `0..len` into chunks of one size (the last may be shorter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    len: usize,
    size: usize,
}

impl Chunks {
    /// How many chunks there are.
    #[inline]
    pub const fn count(&self) -> usize {
        self.len.div_ceil(self.size)
    }
    /// Where the chunk lies.
    #[inline]
    pub fn range(&self, chunk: usize) -> Range<usize> {
        let start = chunk * self.size;
        start..(start + self.size).min(self.len)
    }
}

/// Cuts `0..len` into chunks of at least `grain` (fewer only if there is no more).
#[inline]
pub fn chunks(len: usize, grain: usize) -> Chunks {
    let grain = grain.max(1);
    // Sizes are multiples of the grain so that chunks of elements start on cache lines.
    let size = len.div_ceil(MAX_CHUNKS).div_ceil(grain).max(1) * grain;
    Chunks { len, size }
}

/// Runs `work` on the ranges of [`chunks`]`(len, grain)`, in parallel where there are several.
#[inline]
pub fn for_ranges(len: usize, grain: usize, work: impl Fn(Range<usize>) + Sync) {
    if len == 0 {
        return;
    }
    let chunks = chunks(len, grain);
    if chunks.count() == 1 {
        work(0..len);
    } else {
        for_chunks(chunks.count(), &|chunk| work(chunks.range(chunk)));
    }
}

/// Runs `work(0)`, ..., `work(count - 1)`, each once, on any threads in any order; returns when all
/// ended. A panic in any of them is raised here.
pub fn for_chunks(count: usize, work: &Work<'_>) {
    run(count, work, true);
}

/// The same for so little work that waking a worker costs more than it brings: with those that are awake, and only now
/// and then with the others.
pub fn for_small_chunks(count: usize, work: &Work<'_>) {
    run(count, work, false);
}

fn run(count: usize, work: &Work<'_>, wakes: bool) {
    if interrupt::gives_up() {
        interrupt::raise();
    }
    if count <= 1 || INSIDE.get() || num_threads() == 1 || !run_on_team(count, work, wakes) {
        for chunk in 0..count {
            if chunk > 0 && interrupt::gives_up() {
                interrupt::raise();
            }
            work(chunk);
        }
    }
}

/// Runs `work` with all that it starts on this thread alone: what a thread beside the training does takes the
/// team from nobody.
pub fn serially<R>(work: impl FnOnce() -> R) -> R {
    let _restore = Restore(&INSIDE, INSIDE.replace(true));
    work()
}

/// Gives whether the team was free and did the work.
fn run_on_team(count: usize, work: &Work<'_>, wakes: bool) -> bool {
    let generation = fork::generation();
    let holder = HOLDER.load(Ordering::Relaxed);
    // A holder of another generation is a thread that a fork left behind in the parent.
    if holder == generation
        || HOLDER.compare_exchange(holder, generation, Ordering::Acquire, Ordering::Relaxed).is_err()
        || u32::try_from(count).is_err()
    {
        return false;
    }
    let shared = team(generation);
    let outcome = shared.run(count, work, wakes);
    HOLDER.store(0, Ordering::Release);
    if let Some(payload) = outcome {
        resume_unwind(payload);
    }
    true
}

/// The team of this process with the wanted number of workers. Called by the holder only.
fn team(generation: u32) -> Arc<Shared> {
    let workers = num_threads() - 1;
    let current = TEAM.load(Ordering::Relaxed);
    // SAFETY: the pointer came from `Box::into_raw` below and only the holder, which we are, replaces it.
    if let Some(team) = unsafe { current.as_ref() } {
        if team.generation == generation && team.workers == workers {
            return Arc::clone(&team.shared);
        }
        if team.generation == generation {
            team.shared.shut_down();
            // SAFETY: as above; workers hold the shared part by their own `Arc`.
            drop(unsafe { Box::from_raw(current) });
        }
        // A team of the parent process stays untouched: its locks may be held by threads that are gone.
    }
    let shared = Arc::new(Shared::new(workers + 1));
    for index in 0..workers {
        let shared = Arc::clone(&shared);
        let name = format!("corten-{}", index + 1);
        // Where no more threads are to be had, fewer do the work: the caller alone suffices.
        let _ = std::thread::Builder::new().name(name).spawn(move || shared.serve(index + 1));
    }
    let team = Team { generation, workers, shared: Arc::clone(&shared) };
    TEAM.store(Box::into_raw(Box::new(team)), Ordering::Relaxed);
    shared
}

impl Shared {
    fn new(threads: usize) -> Self {
        Self {
            tickets: (0..threads.min(MOST_PARTS)).map(|_| Line(AtomicU64::new(0))).collect(),
            done: Line(AtomicUsize::new(0)),
            work: [AtomicPtr::new(std::ptr::null_mut()), AtomicPtr::new(std::ptr::null_mut())],
            total: AtomicUsize::new(0),
            panic: Mutex::new(None),
            sleepers: AtomicUsize::new(0),
            unheard: AtomicU32::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            seats: (0..threads).map(|_| Line(Seat::new())).collect(),
            is_awaited: AtomicBool::new(false),
            end: Mutex::new(()),
            ended: Condvar::new(),
            stop: AtomicBool::new(false),
        }
    }

    /// Publishes a job, helps with it and waits for the claimed chunks; gives the panic of one of them.
    fn run(&self, count: usize, work: &Work<'_>, wakes: bool) -> Option<Box<dyn Any + Send>> {
        // SAFETY: a reference to a trait object is two pointers; it is put together again in `claim`.
        let [data, table]: [*mut (); 2] = unsafe { std::mem::transmute(std::ptr::from_ref(work)) };
        self.work[0].store(data, Ordering::Relaxed);
        self.work[1].store(table, Ordering::Relaxed);
        self.total.store(count, Ordering::Relaxed);
        self.done.0.store(0, Ordering::Relaxed);
        for (part, ticket) in self.tickets.iter().enumerate() {
            let epoch = (ticket.0.load(Ordering::Relaxed) >> 32).wrapping_add(1);
            ticket.0.store(epoch << 32 | self.part(part, count).len() as u64, Ordering::Release);
        }
        // Orders the tickets before the look at the sleepers; the counterpart is in `doze`.
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::Relaxed) > 0 && (wakes || self.is_due()) {
            drop(self.sleep.lock().unwrap_or_else(PoisonError::into_inner));
            self.wake.notify_all();
        }
        INSIDE.set(true);
        self.seats[0].0.take();
        self.work_off(0, true);
        INSIDE.set(false);
        self.wait(count);
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether it is time that a small job wakes the team: in a stream of them it stays awake.
    fn is_due(&self) -> bool {
        self.unheard.fetch_add(1, Ordering::Relaxed) % STREAM == STREAM - 1
    }

    /// The chunks of a part.
    fn part(&self, part: usize, count: usize) -> Range<usize> {
        let parts = self.tickets.len();
        part * count / parts..(part + 1) * count / parts
    }

    /// Whether a chunk is left to claim.
    fn has_work(&self) -> bool {
        self.tickets.iter().any(|ticket| ticket.0.load(Ordering::Relaxed) as u32 != 0)
    }

    /// Claims and runs chunks while there are any, those of the thread's own part first; gives whether there were.
    /// They are counted at the end: a shared line less for each chunk.
    fn work_off(&self, thread: usize, is_caller: bool) -> bool {
        let mut count = 0;
        let seat = &self.seats[thread].0;
        seat.begin_work();
        for turn in 0..self.tickets.len() {
            let part = (thread + turn) % self.tickets.len();
            while self.claim(part) {
                count += 1;
                if is_caller && interrupt::gives_up() {
                    count += self.drop_rest();
                }
            }
        }
        if count > 0 {
            // Either this thread sees that it is awaited, or the caller sees the new count.
            self.done.0.fetch_add(count, Ordering::SeqCst);
            if !is_caller && self.is_awaited.load(Ordering::SeqCst) {
                drop(self.end.lock().unwrap_or_else(PoisonError::into_inner));
                self.ended.notify_one();
            }
        }
        seat.end_work(!is_caller);
        count > 0
    }

    /// Claims all chunks that are left without running them, and says why; gives how many.
    #[cold]
    fn drop_rest(&self) -> usize {
        let take_all = |ticket: &Line<AtomicU64>| ticket.0.fetch_and(!0xffff_ffff, Ordering::AcqRel) as u32 as usize;
        let left = self.tickets.iter().map(take_all).sum();
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| Box::new(Interrupted));
        left
    }

    /// Claims and runs one chunk of a part; gives whether there was one. The job it belongs to ends when the chunk is
    /// counted.
    fn claim(&self, part: usize) -> bool {
        let place = &self.tickets[part].0;
        let mut ticket = place.load(Ordering::Acquire);
        loop {
            let left = ticket & 0xffff_ffff;
            if left == 0 {
                return false;
            }
            let total = self.total.load(Ordering::Relaxed);
            let halves = [self.work[0].load(Ordering::Relaxed), self.work[1].load(Ordering::Relaxed)];
            if let Err(now) = place.compare_exchange_weak(ticket, ticket - 1, Ordering::Acquire, Ordering::Acquire) {
                ticket = now;
                continue;
            }
            // SAFETY: the claim succeeded, so the job of this epoch is alive, the halves are those its
            // caller stored, and it waits for this chunk before it returns.
            let work: &Work<'_> = unsafe { &*std::mem::transmute::<[*mut (); 2], *const Work<'_>>(halves) };
            let chunk = self.part(part, total).end - left as usize;
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| work(chunk))) {
                self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(payload);
            }
            return true;
        }
    }

    /// Waits until `count` chunks ended; those still running were claimed by workers.
    fn wait(&self, count: usize) {
        let is_over = || self.done.0.load(Ordering::Acquire) >= count;
        if is_over() {
            return;
        }
        let begun = Instant::now();
        let spin = |time: Duration| {
            let until = begun.elapsed() + time;
            while !is_over() && begun.elapsed() < until {
                std::hint::spin_loop();
            }
        };
        spin(PATIENCE);
        while !is_over() {
            self.seats[1..].iter().for_each(|seat| seat.0.look());
            spin(LOOK);
            if is_over() {
                break;
            }
            let lent = self.seats[1..].iter().filter(|seat| seat.0.lend_core()).count() > 0;
            if lent || begun.elapsed() > REST {
                self.await_end(count);
                self.seats[1..].iter().for_each(|seat| seat.0.end_loan(true));
            } else {
                spin(PATIENCE);
            }
        }
    }

    /// Sleeps until `count` chunks ended, or for a while.
    #[cold]
    fn await_end(&self, count: usize) {
        let guard = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_awaited.store(true, Ordering::SeqCst);
        if self.done.0.load(Ordering::SeqCst) < count {
            drop(self.ended.wait_timeout(guard, REST).unwrap_or_else(PoisonError::into_inner));
        }
        self.is_awaited.store(false, Ordering::SeqCst);
    }

    /// The life of a worker.
    fn serve(&self, thread: usize) {
        INSIDE.set(true);
        self.seats[thread].0.take();
        while !self.stop.load(Ordering::Relaxed) {
            if self.work_off(thread, false) {
                continue;
            }
            let idle_since = Instant::now();
            while !self.has_work() {
                // One pause between looks: with more, hearing of a job takes several times as long.
                std::hint::spin_loop();
                if idle_since.elapsed() > SPIN {
                    self.help_caller();
                    self.doze();
                    break;
                }
            }
        }
    }

    /// Lends the caller this worker's core if it was pushed off its own within a chunk.
    #[cold]
    fn help_caller(&self) {
        let caller = &self.seats[0].0;
        caller.look();
        let begun = Instant::now();
        while begun.elapsed() < LOOK {
            std::hint::spin_loop();
        }
        if !self.has_work() {
            caller.lend_core();
        }
    }

    /// Sleeps until it is woken: there is work then, or soon will be.
    fn doze(&self) {
        let mut guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        // Either this thread sees the new ticket, or the caller sees this sleeper and takes the lock.
        fence(Ordering::SeqCst);
        if !self.has_work() && !self.stop.load(Ordering::Relaxed) {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    fn shut_down(&self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.sleep.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_all();
    }
}

/// A slice that chunks write at disjoint places.
#[derive(Debug)]
pub struct DisjointMut<'a, T> {
    pointer: *mut T,
    len: usize,
    life: std::marker::PhantomData<&'a mut [T]>,
}

// SAFETY: the only access is `range`, whose callers promise that ranges in use do not overlap.
unsafe impl<T: Send> Sync for DisjointMut<'_, T> {}
// SAFETY: as for `&mut [T]`.
unsafe impl<T: Send> Send for DisjointMut<'_, T> {}

impl<'a, T> DisjointMut<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { pointer: slice.as_mut_ptr(), len: slice.len(), life: std::marker::PhantomData }
    }

    /// The elements of a range, for writing.
    ///
    /// # Safety
    /// No two ranges that are in use at one time may overlap.
    ///
    /// # Panics
    /// If the range is out of bounds.
    #[allow(clippy::mut_from_ref)]
    #[inline]
    pub unsafe fn range(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "a range is out of bounds");
        // SAFETY: in bounds; the caller promises that nobody else uses these elements.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(range.start), range.len()) }
    }
}

#[cfg(test)]
mod tests;
