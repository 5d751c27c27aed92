//! Element types and the promotion table.

use half::{bf16, f16};

/// The element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    BF16,
    F16,
    F32,
    F64,
}

/// What a dtype counts as when two of them meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Unsigned,
    Signed,
    Float,
}

/// A Python scalar takes part in promotion by its kind alone ("weak" type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weak {
    Bool,
    Int,
    Float,
}

impl DType {
    pub const ALL: [Self; 13] = [
        Self::Bool,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::BF16,
        Self::F16,
        Self::F32,
        Self::F64,
    ];

    /// Bytes of one element.
    #[inline]
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::BF16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The name NumPy and Keras use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::BF16 => "bfloat16",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// The dtype of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    #[inline]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Bool => Kind::Bool,
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => Kind::Unsigned,
            Self::I8 | Self::I16 | Self::I32 | Self::I64 => Kind::Signed,
            Self::BF16 | Self::F16 | Self::F32 | Self::F64 => Kind::Float,
        }
    }

    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self.kind(), Kind::Float)
    }

    #[inline]
    pub const fn is_integer(self) -> bool {
        matches!(self.kind(), Kind::Unsigned | Kind::Signed)
    }

    /// The float a float-valued function computes in: itself, or float32 for integers and bool
    /// (float64 only when asked for, as in Keras).
    pub const fn to_float(self) -> Self {
        if self.is_float() { self } else { Self::F32 }
    }

    /// The dtype sums and dot products of this dtype accumulate in.
    pub const fn accumulator(self) -> Self {
        if matches!(self, Self::F16 | Self::BF16) { Self::F32 } else { self }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The dtype of a result of two typed operands: Keras 3's table (the JAX lattice).
pub fn promote(a: DType, b: DType) -> DType {
    use DType::{BF16, F16, F32, I16, I32};
    if a == b {
        return a;
    }
    match (a.kind(), b.kind()) {
        (Kind::Bool, _) => b,
        (_, Kind::Bool) => a,
        (Kind::Float, Kind::Float) => {
            if matches!((a, b), (BF16, F16) | (F16, BF16)) {
                F32
            } else if a.size() > b.size() {
                a
            } else {
                b
            }
        }
        (Kind::Float, _) => a,
        (_, Kind::Float) => b,
        (Kind::Unsigned, Kind::Unsigned) | (Kind::Signed, Kind::Signed) => {
            if a.size() > b.size() {
                a
            } else {
                b
            }
        }
        (Kind::Unsigned, Kind::Signed) | (Kind::Signed, Kind::Unsigned) => {
            let (unsigned, signed) = if a.kind() == Kind::Unsigned { (a, b) } else { (b, a) };
            // No integer holds both uint64 and a sign: the lattice's answer is the default float.
            let wide = match unsigned.size() {
                1 => I16,
                2 | 4 => I32,
                _ => return F32,
            };
            if wide.size() > signed.size() { wide } else { signed }
        }
    }
}

/// Whether only int64 holds the values of both: uint32 and a signed dtype of at most 32 bits, whose
/// results Keras's table makes int32.
pub fn needs_int64(a: DType, b: DType) -> bool {
    let signed = |dtype: DType| dtype.kind() == Kind::Signed && dtype.size() <= 4;
    (a == DType::U32 && signed(b)) || (b == DType::U32 && signed(a))
}

/// The dtype of a tensor that meets a Python scalar.
pub fn promote_weak(a: DType, scalar: Weak) -> DType {
    match (a.kind(), scalar) {
        (_, Weak::Bool) | (Kind::Float, _) | (Kind::Unsigned | Kind::Signed, Weak::Int) => a,
        (Kind::Bool, Weak::Int) => DType::I32,
        (Kind::Bool | Kind::Unsigned | Kind::Signed, Weak::Float) => DType::F32,
    }
}

/// A Rust type that is the element of some dtype.
pub trait Element: Copy + Send + Sync + PartialEq + PartialOrd + std::fmt::Debug + 'static {
    const DTYPE: DType;
    const ZERO: Self;
    const ONE: Self;
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn from_i64(value: i64) -> Self;
    fn to_i64(self) -> i64;
}

macro_rules! element_number {
    ($($t:ty => $d:ident),* $(,)?) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$d;
            const ZERO: Self = 0 as $t;
            const ONE: Self = 1 as $t;
            #[inline(always)]
            fn from_f64(value: f64) -> Self { value as $t }
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn from_i64(value: i64) -> Self { value as $t }
            #[inline(always)]
            fn to_i64(self) -> i64 { self as i64 }
        }
    )*};
}
element_number!(u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32, i64 => I64, f32 => F32, f64 => F64);

macro_rules! element_half {
    ($($t:ty => $d:ident),*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$d;
            const ZERO: Self = <$t>::ZERO;
            const ONE: Self = <$t>::ONE;
            #[inline(always)]
            fn from_f64(value: f64) -> Self { <$t>::from_f64(value) }
            #[inline(always)]
            fn to_f64(self) -> f64 { <$t>::to_f64(self) }
            #[inline(always)]
            fn from_i64(value: i64) -> Self { <$t>::from_f64(value as f64) }
            #[inline(always)]
            fn to_i64(self) -> i64 { <$t>::to_f64(self) as i64 }
        }
    )*};
}
element_half!(f16 => F16, bf16 => BF16);

impl Element for bool {
    const DTYPE: DType = DType::Bool;
    const ZERO: Self = false;
    const ONE: Self = true;
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value != 0.0
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
    #[inline(always)]
    fn from_i64(value: i64) -> Self {
        value != 0
    }
    #[inline(always)]
    fn to_i64(self) -> i64 {
        i64::from(self)
    }
}

/// One number with its kind: a fill value, a Python scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
}

impl Scalar {
    pub const fn weak(self) -> Weak {
        match self {
            Self::Bool(_) => Weak::Bool,
            Self::Int(_) => Weak::Int,
            Self::Float(_) => Weak::Float,
        }
    }

    pub fn to_f64(self) -> f64 {
        match self {
            Self::Bool(value) => f64::from(u8::from(value)),
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    pub fn to_element<T: Element>(self) -> T {
        match self {
            Self::Bool(value) => T::from_i64(i64::from(value)),
            Self::Int(value) => T::from_i64(value),
            Self::Float(value) => T::from_f64(value),
        }
    }
}

/// Runs `$body` with the type alias `$t` bound to the Rust type of `$dtype`.
///
/// ```
/// use corten_core::{DType, Element, with_dtype};
/// let bytes = with_dtype!(DType::F16, T => size_of::<T>());
/// assert_eq!(bytes, 2);
/// ```
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::DType::Bool => {
                type $t = bool;
                $body
            }
            $crate::DType::U8 => {
                type $t = u8;
                $body
            }
            $crate::DType::U16 => {
                type $t = u16;
                $body
            }
            $crate::DType::U32 => {
                type $t = u32;
                $body
            }
            $crate::DType::U64 => {
                type $t = u64;
                $body
            }
            $crate::DType::I8 => {
                type $t = i8;
                $body
            }
            $crate::DType::I16 => {
                type $t = i16;
                $body
            }
            $crate::DType::I32 => {
                type $t = i32;
                $body
            }
            $crate::DType::I64 => {
                type $t = i64;
                $body
            }
            $crate::DType::BF16 => {
                type $t = $crate::half::bf16;
                $body
            }
            $crate::DType::F16 => {
                type $t = $crate::half::f16;
                $body
            }
            $crate::DType::F32 => {
                type $t = f32;
                $body
            }
            $crate::DType::F64 => {
                type $t = f64;
                $body
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotion_is_symmetric_and_idempotent() {
        for a in DType::ALL {
            assert_eq!(promote(a, a), a);
            for b in DType::ALL {
                assert_eq!(promote(a, b), promote(b, a), "{a} {b}");
            }
        }
    }

    #[test]
    fn promotion_follows_the_jax_lattice() {
        use DType::*;
        for (a, b, c) in [
            (U8, I8, I16),
            (U32, I8, I32),
            (U32, I64, I64),
            (U64, I64, F32),
            (I64, BF16, BF16),
            (F16, BF16, F32),
            (I32, F16, F16),
            (Bool, U8, U8),
            (F32, F64, F64),
        ] {
            assert_eq!(promote(a, b), c, "{a} {b}");
        }
        assert_eq!(promote_weak(BF16, Weak::Float), BF16);
        assert_eq!(promote_weak(U8, Weak::Int), U8);
        assert_eq!(promote_weak(I64, Weak::Float), F32);
        assert_eq!(promote_weak(Bool, Weak::Int), I32);
    }
}
