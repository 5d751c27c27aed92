//! What each op is called in messages, profiles and by Python.

use super::{
    Activation, ArgReduceOp, BinaryOp, CompareOp, FusedOp, LinalgOp, Op, OptimizerOp, ReduceOp, ScanOp, ScatterMode,
    UnaryOp,
};

/// Defines `name` and `from_name` for an enum of unit variants.
macro_rules! names {
    ($enum:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $enum {
            /// Every variant that needs no payload.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The name used in messages and by Python.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
            /// The variant of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names!(BinaryOp {
    Add = "add",
    Sub = "subtract",
    Mul = "multiply",
    Div = "divide",
    FloorDiv = "floor_divide",
    Mod = "mod",
    Fmod = "fmod",
    Pow = "power",
    Max = "maximum",
    Min = "minimum",
    Atan2 = "arctan2",
    Hypot = "hypot",
    LogAddExp = "logaddexp",
    And = "bitwise_and",
    Or = "bitwise_or",
    Xor = "bitwise_xor",
    ShiftLeft = "left_shift",
    ShiftRight = "right_shift",
    Gcd = "gcd",
});
names!(CompareOp { Eq = "equal", Ne = "not_equal", Lt = "less", Le = "less_equal", Gt = "greater", Ge = "greater_equal" });
names!(ReduceOp { Sum = "sum", Prod = "prod", Max = "max", Min = "min", Mean = "mean", Any = "any", All = "all" });
names!(ArgReduceOp { Max = "argmax", Min = "argmin" });
names!(ScanOp { Sum = "cumsum", Prod = "cumprod", Max = "cummax", Min = "cummin" });
names!(ScatterMode { Set = "set", Add = "add", Mul = "multiply", Max = "max", Min = "min" });
names!(Activation {
    Linear = "linear",
    Relu = "relu",
    Sigmoid = "sigmoid",
    Tanh = "tanh",
    Gelu = "gelu",
    GeluTanh = "gelu_tanh",
    Silu = "silu",
});

/// The unary ops with their names; `Polygamma` is listed once, as digamma.
const UNARY: &[(UnaryOp, &str)] = {
    use UnaryOp as U;
    &[
        (U::Neg, "negative"),
        (U::Abs, "absolute"),
        (U::Sign, "sign"),
        (U::Square, "square"),
        (U::Sqrt, "sqrt"),
        (U::Rsqrt, "rsqrt"),
        (U::Reciprocal, "reciprocal"),
        (U::Exp, "exp"),
        (U::Exp2, "exp2"),
        (U::Expm1, "expm1"),
        (U::Log, "log"),
        (U::Log2, "log2"),
        (U::Log10, "log10"),
        (U::Log1p, "log1p"),
        (U::Sin, "sin"),
        (U::Cos, "cos"),
        (U::Tan, "tan"),
        (U::Asin, "arcsin"),
        (U::Acos, "arccos"),
        (U::Atan, "arctan"),
        (U::Sinh, "sinh"),
        (U::Cosh, "cosh"),
        (U::Tanh, "tanh"),
        (U::Asinh, "arcsinh"),
        (U::Acosh, "arccosh"),
        (U::Atanh, "arctanh"),
        (U::Erf, "erf"),
        (U::Erfc, "erfc"),
        (U::Erfinv, "erfinv"),
        (U::Lgamma, "lgamma"),
        (U::Polygamma(0), "digamma"),
        (U::BesselI0, "i0"),
        (U::BesselI1, "i1"),
        (U::Floor, "floor"),
        (U::Ceil, "ceil"),
        (U::Round, "round"),
        (U::Trunc, "trunc"),
        (U::Sigmoid, "sigmoid"),
        (U::Softplus, "softplus"),
        (U::Relu, "relu"),
        (U::Silu, "silu"),
        (U::Gelu, "gelu"),
        (U::GeluTanh, "gelu_tanh"),
        (U::Not, "bitwise_not"),
        (U::IsNan, "isnan"),
        (U::IsInf, "isinf"),
        (U::IsFinite, "isfinite"),
        (U::SignBit, "signbit"),
    ]
};

impl UnaryOp {
    /// Every variant, polygamma by its order 0.
    pub fn all() -> impl Iterator<Item = Self> {
        UNARY.iter().map(|(op, _)| *op)
    }

    /// The name used in messages and by Python.
    pub fn name(self) -> &'static str {
        if matches!(self, Self::Polygamma(1..)) {
            return "polygamma";
        }
        UNARY.iter().find(|(op, _)| *op == self).map_or("unary", |(_, name)| name)
    }

    /// The variant of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        UNARY.iter().find(|(_, known)| *known == name).map(|(op, _)| *op)
    }
}

impl LinalgOp {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cholesky => "cholesky",
            Self::Qr { .. } => "qr",
            Self::Svd { .. } => "svd",
            Self::Eigh => "eigh",
            Self::Inv => "inv",
            Self::Det => "det",
            Self::SlogDet => "slogdet",
            Self::Solve => "solve",
            Self::SolveTriangular { .. } => "solve_triangular",
            Self::LuFactor => "lu_factor",
        }
    }
}

impl FusedOp {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Softmax { .. } => "softmax",
            Self::LogSoftmax { .. } => "log_softmax",
            Self::CrossEntropy => "cross_entropy",
            Self::SparseCrossEntropy => "sparse_cross_entropy",
            Self::BinaryCrossEntropy => "binary_cross_entropy",
            Self::LayerNorm { .. } => "layer_normalization",
            Self::RmsNorm { .. } => "rms_normalization",
            Self::BatchNorm { .. } => "batch_normalization",
            Self::GroupNorm { .. } => "group_normalization",
            Self::BiasActivation(_) => "bias_activation",
            Self::Linear(_) => "linear",
            Self::ConvBias { .. } => "conv_bias",
            Self::Dropout(_) => "dropout",
            Self::Attention(_) => "dot_product_attention",
            Self::Lstm => "lstm",
            Self::Gru => "gru",
        }
    }
}

impl OptimizerOp {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sgd { .. } => "sgd",
            Self::RmsProp { .. } => "rmsprop",
            Self::Adagrad { .. } => "adagrad",
            Self::Adadelta { .. } => "adadelta",
            Self::Adam { .. } => "adam",
            Self::Adamax { .. } => "adamax",
            Self::Nadam { .. } => "nadam",
            Self::Lion { .. } => "lion",
        }
    }
}

impl Op {
    /// The name used in messages, profiles and the op table.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::Iota { .. } => "arange",
            Self::Random { .. } => "random",
            Self::RandomGamma { .. } => "random_gamma",
            Self::Unary(op) => op.name(),
            Self::Binary(op) => op.name(),
            Self::Compare(op) => op.name(),
            Self::Select => "where",
            Self::Cast(_) => "cast",
            Self::Reshape(_) => "reshape",
            Self::Permute(_) => "transpose",
            Self::Expand(_) => "broadcast_to",
            Self::Slice(_) => "slice",
            Self::Copy => "copy",
            Self::SliceScatter(_) => "slice_update",
            Self::Pad { .. } => "pad",
            Self::Concat { .. } => "concatenate",
            Self::Gather { .. } => "take",
            Self::Scatter { .. } => "scatter",
            Self::TakeAlong { .. } => "take_along_axis",
            Self::ScatterAlong { .. } => "scatter_along_axis",
            Self::Reduce { op, .. } => op.name(),
            Self::ArgReduce { op, .. } => op.name(),
            Self::Scan { op, .. } => op.name(),
            Self::Sort { .. } => "sort",
            Self::TopK { .. } => "top_k",
            Self::SearchSorted { .. } => "searchsorted",
            Self::Matmul | Self::WideMatmul => "matmul",
            Self::Linalg(op) => op.name(),
            Self::Conv(_) => "conv",
            Self::ConvGradInput { .. } => "conv_transpose",
            Self::ConvGradWeight { .. } => "conv_grad_weight",
            Self::MaxPool(_) => "max_pool",
            Self::MaxPoolGrad(_) => "max_pool_grad",
            Self::MaxPoolSelect(_) => "max_pool_select",
            Self::AvgPool(_) => "average_pool",
            Self::AvgPoolGrad { .. } => "average_pool_grad",
            Self::Fused(op) => op.name(),
        }
    }
}
