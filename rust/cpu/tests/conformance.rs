//! The CPU passes the suite every backend passes.

use corten_core::DType;
use corten_cpu::Cpu;

#[test]
fn elementwise() {
    corten_testkit::elementwise(&Cpu, &DType::ALL);
}

#[test]
fn movement() {
    corten_testkit::movement(&Cpu, &DType::ALL);
}

#[test]
fn order() {
    corten_testkit::order(&Cpu, &DType::ALL);
}

#[test]
fn products() {
    corten_testkit::products(&Cpu, &DType::ALL);
}

#[test]
fn windows() {
    corten_testkit::windows(&Cpu, &DType::ALL);
}
