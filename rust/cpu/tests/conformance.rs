//! The CPU passes the suite every backend passes.

use corten_cpu::Cpu;

#[test]
fn elementwise() {
    corten_testkit::elementwise(&Cpu);
}

#[test]
fn movement() {
    corten_testkit::movement(&Cpu);
}

#[test]
fn order() {
    corten_testkit::order(&Cpu);
}

#[test]
fn products() {
    corten_testkit::products(&Cpu);
}

#[test]
fn windows() {
    corten_testkit::windows(&Cpu);
}
