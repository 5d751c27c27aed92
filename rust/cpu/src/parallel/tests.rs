use std::sync::atomic::AtomicU8;

use super::*;

/// Tests that change the number of threads run one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn with_threads(threads: usize, work: impl FnOnce()) {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = num_threads();
    set_num_threads(threads);
    work();
    set_num_threads(before);
}

fn check_once_each(count: usize) {
    let hits: Vec<AtomicU8> = (0..count).map(|_| AtomicU8::new(0)).collect();
    for_chunks(count, &|chunk| {
        hits[chunk].fetch_add(1, Ordering::Relaxed);
    });
    assert!(hits.iter().all(|hit| hit.load(Ordering::Relaxed) == 1));
}

#[test]
fn chunks_cover_the_range_whatever_the_threads() {
    for (len, grain) in [(0, 10), (1, 10), (10, 10), (11, 10), (1_000_000, 7), (12_345_678, 64)] {
        let chunks = chunks(len, grain);
        assert!(chunks.count() <= MAX_CHUNKS);
        let mut end = 0;
        for chunk in 0..chunks.count() {
            assert_eq!(chunks.range(chunk).start, end);
            end = chunks.range(chunk).end;
        }
        assert_eq!(end, len);
    }
}

#[test]
fn every_chunk_runs_once() {
    for threads in [1, 2, 3, 5] {
        with_threads(threads, || {
            for round in 0..3000 {
                check_once_each(round % 17);
            }
        });
    }
}

#[test]
fn workers_wake_after_sleeping() {
    with_threads(3, || {
        for _ in 0..20 {
            check_once_each(8);
            std::thread::sleep(Duration::from_micros(300));
        }
    });
}

#[test]
fn small_jobs_end_whether_workers_sleep_or_not() {
    with_threads(3, || {
        for round in 0..3 * STREAM as usize {
            let hits: Vec<AtomicU8> = (0..round % 7).map(|_| AtomicU8::new(0)).collect();
            for_small_chunks(hits.len(), &|chunk| {
                hits[chunk].fetch_add(1, Ordering::Relaxed);
            });
            assert!(hits.iter().all(|hit| hit.load(Ordering::Relaxed) == 1));
            if round % 3 == 0 {
                std::thread::sleep(2 * SPIN);
            }
        }
    });
}

#[test]
fn work_is_given_up_between_chunks() {
    static GIVE_UP: AtomicBool = AtomicBool::new(true);
    set_interrupt(|| GIVE_UP.load(Ordering::Relaxed));
    for threads in [1, 3] {
        with_threads(threads, || {
            let ran = AtomicUsize::new(0);
            let slow = |_| {
                ran.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| interruptible(|| for_chunks(200, &slow))));
            assert!(outcome.expect_err("it was given up").is::<Interrupted>());
            assert!(ran.load(Ordering::Relaxed) < 150);
            to_the_end(|| check_once_each(8));
            check_once_each(64);
        });
    }
    GIVE_UP.store(false, Ordering::Relaxed);
}

#[test]
fn several_callers_at_once() {
    with_threads(2, || {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|round| check_once_each(round % 9)));
            }
        });
    });
}

#[test]
fn nested_work_runs() {
    with_threads(2, || {
        for_chunks(4, &|_| check_once_each(5));
    });
}

#[test]
fn a_panic_reaches_the_caller_and_the_team_survives() {
    with_threads(2, || {
        for bad in 0..8 {
            let result = catch_unwind(|| for_chunks(8, &|chunk| assert!(chunk != bad, "chunk {bad}")));
            let payload = result.expect_err("the panic is raised again");
            assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some(&*format!("chunk {bad}")));
            check_once_each(8);
        }
    });
}

#[cfg(unix)]
#[test]
fn a_forked_child_builds_its_own_team() {
    with_threads(2, || {
        check_once_each(8);
        // SAFETY: the child only runs chunks and leaves by `_exit`.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: an alarm ends a child that hangs.
            unsafe { libc::alarm(20) };
            let ok = catch_unwind(|| (0..100).for_each(|_| check_once_each(8))).is_ok();
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(i32::from(!ok)) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0, "the child hung or failed");
        check_once_each(8);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_stands_still_gets_the_core_of_the_caller_and_goes_home() {
    /// The processors a thread may run on.
    fn allowed() -> Vec<usize> {
        // SAFETY: all zeros is a set of no processors.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the size is that of the set, which is ours to write.
        assert_eq!(unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) }, 0);
        // SAFETY: every index is below the size of the set.
        (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
    }
    let seat = Seat::new();
    let (ask, asked) = std::sync::mpsc::channel::<bool>();
    let (answer, answers) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let seat = &seat;
        scope.spawn(move || {
            seat.take();
            seat.begin_work();
            answer.send(allowed()).unwrap();
            for ends in asked {
                if ends {
                    seat.end_work(true);
                }
                answer.send(allowed()).unwrap();
            }
        });
        let home = answers.recv().unwrap();
        let look_twice = || {
            seat.look();
            std::thread::sleep(LOOK);
            seat.lend_core()
        };
        // It waits for a message, so it soon stands still.
        let gets_the_core = || (0..10_000).any(|_| look_twice());
        assert!(gets_the_core());
        ask.send(false).unwrap();
        assert_eq!(answers.recv().unwrap().len(), 1);
        seat.end_loan(true);
        ask.send(false).unwrap();
        assert_eq!(answers.recv().unwrap(), home);
        assert!(gets_the_core());
        ask.send(true).unwrap();
        assert_eq!(answers.recv().unwrap(), home);
        assert!(!look_twice(), "it does not work any more");
        drop(ask);
    });
}
