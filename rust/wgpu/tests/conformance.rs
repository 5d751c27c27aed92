//! The suite that every backend passes, over the dtypes of the GPU.

mod common;

use std::sync::Mutex;

/// An index out of range is told to whoever reads next: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn elementwise() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    corten_testkit::elementwise(&gpu, &common::dtypes(&gpu));
}

#[test]
fn movement() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    corten_testkit::movement(&gpu, &common::dtypes(&gpu));
}

#[test]
fn order() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    corten_testkit::order(&gpu, &common::dtypes(&gpu));
}

#[test]
fn random() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    corten_testkit::random(&gpu, &common::dtypes(&gpu));
}

#[test]
fn products() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    corten_testkit::products(&gpu, &common::dtypes(&gpu));
}

#[test]
fn windows() {
    let Some(gpu) = common::gpu() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    corten_testkit::windows(&gpu, &common::dtypes(&gpu));
}
