//! The suite that every backend passes, over the dtypes of the GPU.

mod common;

#[test]
fn elementwise() {
    let Some(gpu) = common::gpu() else { return };
    corten_testkit::elementwise(&gpu, &common::DTYPES);
}

#[test]
fn movement() {
    let Some(gpu) = common::gpu() else { return };
    corten_testkit::movement(&gpu, &common::DTYPES);
}

#[test]
fn order() {
    let Some(gpu) = common::gpu() else { return };
    corten_testkit::order(&gpu, &common::DTYPES);
}

#[test]
fn random() {
    let Some(gpu) = common::gpu() else { return };
    corten_testkit::random(&gpu, &common::DTYPES);
}

#[test]
fn products() {
    let Some(gpu) = common::gpu() else { return };
    corten_testkit::products(&gpu, &common::DTYPES);
}

#[test]
fn windows() {
    let Some(gpu) = common::gpu() else { return };
    corten_testkit::windows(&gpu, &common::DTYPES);
}
