//! Waiting for what the graphics library calls a future: on native platforms it is ready at once.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}
