//! Every op the engine knows, as data. A new op is a new variant here; the compiler then lists
//! what it still lacks (inference, kernel, derivative), because no match on these has a wildcard.

mod names;

use smallvec::SmallVec;

use crate::{DType, Dims, Range, Scalar};

pub type Ranges = SmallVec<[Range; 6]>;
/// Cells added before and after each spatial axis.
pub type Padding = SmallVec<[(usize, usize); 3]>;

/// One call of the engine: what to compute; the operands travel beside it.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    // Creation
    Full {
        shape: Dims,
        value: Scalar,
        dtype: DType,
    },
    /// `0, 1, 2, ...`
    Iota {
        len: usize,
        dtype: DType,
    },
    Random {
        distribution: Distribution,
        shape: Dims,
        dtype: DType,
        key: Key,
    },
    /// Gamma(alpha, 1) samples: (alpha).
    RandomGamma {
        key: Key,
    },

    // Elementwise
    Unary(UnaryOp),
    Binary(BinaryOp),
    Compare(CompareOp),
    /// (condition, a, b)
    Select,
    Cast(DType),

    // Views: layout arithmetic, never a kernel (a reshape that strides cannot express copies first)
    Reshape(Dims),
    Permute(Dims),
    Expand(Dims),
    Slice(Ranges),

    // Movement
    /// A row-major copy.
    Copy,
    /// (base, value): base with that region replaced.
    SliceScatter(Ranges),
    Pad {
        padding: Vec<(usize, usize)>,
        value: Scalar,
    },
    Concat {
        axis: usize,
    },
    /// (x, indices): `x[..., indices, ...]`; the indices' shape takes the place of `axis`.
    Gather {
        axis: usize,
    },
    /// (base, indices, updates): the inverse of `Gather`.
    Scatter {
        axis: usize,
        mode: ScatterMode,
    },
    /// (x, indices): one index per output element along `axis`; other axes equal.
    TakeAlong {
        axis: usize,
    },
    /// (base, indices, updates): the inverse of `TakeAlong`.
    ScatterAlong {
        axis: usize,
        mode: ScatterMode,
    },

    // Reductions and order
    Reduce {
        op: ReduceOp,
        axes: Dims,
        keepdims: bool,
    },
    /// int32 index of the first extreme element (NaN counts as extreme).
    ArgReduce {
        op: ArgReduceOp,
        axis: usize,
        keepdims: bool,
    },
    Scan {
        op: ScanOp,
        axis: usize,
        reverse: bool,
    },
    /// Stable; gives (values, int32 indices). NaN sorts last (ascending) or first (descending).
    Sort {
        axis: usize,
        descending: bool,
    },
    /// The `k` largest of the last axis, largest first: (values, int32 indices).
    TopK {
        k: usize,
    },
    /// (sorted 1-D, values): int32 insertion points.
    SearchSorted {
        right: bool,
    },

    // Linear algebra
    /// (a, b): `(..., m, k) @ (..., k, n)`, batch axes broadcast.
    Matmul,
    /// The same of int8, summed in int32: what quantized layers are made of.
    WideMatmul,
    Linalg(LinalgOp),

    // Convolution and pooling, channels last
    /// (x, w): `(n, spatial..., c_in)`, `(kernel..., c_in / groups, c_out)`.
    Conv(ConvSpec),
    /// (dy, w): gradient with respect to x, whose spatial sizes are given. Also transposed convolution.
    ConvGradInput {
        spec: ConvSpec,
        input: Dims,
    },
    /// (x, dy): gradient with respect to w, whose kernel sizes are given.
    ConvGradWeight {
        spec: ConvSpec,
        kernel: Dims,
    },
    MaxPool(PoolSpec),
    /// (x, dy): gives dy to the first maximum of each window.
    MaxPoolGrad(PoolSpec),
    /// (x, v): of each window, the value of v where x has its first maximum.
    MaxPoolSelect(PoolSpec),
    AvgPool(PoolSpec),
    /// (dy): the input's spatial sizes are given.
    AvgPoolGrad {
        spec: PoolSpec,
        input: Dims,
    },

    Fused(FusedOp),
}

/// Elementwise functions of one operand. Float functions of integers are computed in float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Neg,
    Abs,
    Sign,
    Square,
    Sqrt,
    Rsqrt,
    Reciprocal,
    Exp,
    Exp2,
    Expm1,
    Log,
    Log2,
    Log10,
    Log1p,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Acosh,
    Atanh,
    Erf,
    Erfc,
    Erfinv,
    Lgamma,
    /// `Polygamma(0)` is digamma.
    Polygamma(u32),
    BesselI0,
    BesselI1,
    Floor,
    Ceil,
    /// Half to even.
    Round,
    Trunc,
    Sigmoid,
    Softplus,
    Relu,
    Silu,
    /// With erf.
    Gelu,
    /// With tanh.
    GeluTanh,
    /// Bitwise for integers, logical for bool.
    Not,
    IsNan,
    IsInf,
    IsFinite,
    SignBit,
}

/// Elementwise functions of two operands of one dtype, broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    /// True division; floats only.
    Div,
    /// Rounds towards minus infinity, as Python.
    FloorDiv,
    /// Sign of the divisor, as Python.
    Mod,
    /// Sign of the dividend, as C.
    Fmod,
    Pow,
    /// NaN if either is.
    Max,
    /// NaN if either is.
    Min,
    Atan2,
    Hypot,
    LogAddExp,
    /// Bitwise for integers, logical for bool.
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
    Gcd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Reductions. Integers sum in their own dtype; bool is not summed (cast first).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    Sum,
    Prod,
    Max,
    Min,
    /// Floats only.
    Mean,
    /// bool only.
    Any,
    /// bool only.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgReduceOp {
    Max,
    Min,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanOp {
    Sum,
    Prod,
    Max,
    Min,
}

/// How updates meet the base. Duplicate indices apply in row-major order of the updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScatterMode {
    Set,
    Add,
    Mul,
    Max,
    Min,
}

/// What the counter-based generator draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// 32 random bits (uint32).
    Bits,
    /// [0, 1)
    Uniform,
    /// Mean 0, deviation 1.
    Normal,
    /// Normal, redrawn outside two deviations.
    TruncatedNormal,
    /// Integers in [low, high).
    Integers { low: i64, high: i64 },
}

/// Where in the random sequence an op starts: Philox4x32-10 keyed by `seed`, counter words
/// (position, stream). Equal keys give equal bits on every device and thread count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub seed: u64,
    pub stream: u64,
}

/// Dense linear algebra on the last two axes, batched over the others; float32 and float64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinalgOp {
    /// (a): lower factor; an error if a is not positive definite.
    Cholesky,
    /// (a): (q, r)
    Qr {
        full: bool,
    },
    /// (a): (u, s, v transposed)
    Svd {
        full: bool,
    },
    /// (a symmetric, lower triangle read): (eigenvalues ascending, eigenvectors in columns)
    Eigh,
    Inv,
    Det,
    /// (sign, log of the absolute value)
    SlogDet,
    /// (a, b): `(..., n, n)`, `(..., n, k)`
    Solve,
    /// (a, b); `transposed` solves with a's transpose.
    SolveTriangular {
        upper: bool,
        transposed: bool,
        unit_diagonal: bool,
    },
    /// (lu packed, int32 pivots)
    LuFactor,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ConvSpec {
    pub strides: Dims,
    pub padding: Padding,
    pub dilation: Dims,
    pub groups: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PoolSpec {
    pub window: Dims,
    pub strides: Dims,
    pub padding: Padding,
    pub dilation: Dims,
    /// Average pooling only: whether padding counts in the divisor (Keras: no).
    pub count_padding: bool,
}

/// Activations a fused kernel can apply to its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    Linear,
    Relu,
    Sigmoid,
    Tanh,
    Gelu,
    GeluTanh,
    Silu,
}

/// What a product does at its end: `activation(scale * product + residual + bias)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epilogue {
    pub activation: Activation,
    /// A factor of the product.
    pub scale: f64,
    /// Whether there is a last operand, of the shape of the result, that is added.
    pub residual: bool,
    /// Whether a gradient may be asked for. Without one, a device may keep what it has prepared of the weights.
    pub recorded: bool,
}

/// Ops with a reference composition of the others (`tensor/src/fused.rs`). A backend may have a
/// fast kernel for the forward pass, for the gradient, for both or for neither.
#[derive(Clone, Debug, PartialEq)]
pub enum FusedOp {
    /// (x)
    Softmax { axis: usize },
    /// (x)
    LogSoftmax { axis: usize },
    /// (logits `(..., c)`, target probabilities `(..., c)`): loss `(...)`
    CrossEntropy,
    /// (logits `(..., c)`, integer labels `(...)`): loss `(...)`
    SparseCrossEntropy,
    /// (logits, targets): elementwise loss
    BinaryCrossEntropy,
    /// (x, [scale], [offset]) over the last `axes` axes.
    LayerNorm { axes: usize, epsilon: f64, scale: bool, offset: bool },
    /// (x, [scale]) over the last `axes` axes.
    RmsNorm { axes: usize, epsilon: f64, scale: bool },
    /// Training form over all axes but the last: (x, [scale], [offset]) -> (y, mean, variance)
    BatchNorm { epsilon: f64, scale: bool, offset: bool },
    /// (x `(n, ..., c)`, [scale], [offset])
    GroupNorm { groups: usize, epsilon: f64, scale: bool, offset: bool },
    /// (x `(..., c)`, bias `(c,)`)
    BiasActivation(Activation),
    /// (x `(..., k)`, w `(k, n)`, bias `(n,)`, [residual `(..., n)`]): `activation(scale * (x @ w) + residual + bias)`
    /// and, if [`Epilogue::gives_product`], the same without bias and activation.
    Linear(Epilogue),
    /// (x, w as for `Conv`, bias `(c_out,)`, [residual]): as `Linear` with a convolution in place of the product.
    ConvBias { spec: ConvSpec, epilogue: Epilogue },
    /// (x): kept values are divided by `1 - rate`.
    Dropout(DropoutSpec),
    /// (q `(b, t, n, h)`, k `(b, s, n, h)`, v `(b, s, n, hv)`, [mask]): `(b, t, n, hv)`.
    /// A bool mask says what may be attended; a float mask is added; it broadcasts to `(b, n, t, s)`.
    Attention(AttentionSpec),
    /// (x `(b, t, f)`, kernel `(f, 4u)`, recurrent `(u, 4u)`, bias `(4u,)`, h0, c0 `(b, u)`) ->
    /// (hidden states, cell states `(b, t, u)`, gates after activation `(b, t, 4u)`); order i, f, g, o.
    Lstm,
    /// (x `(b, t, f)`, kernel `(f, 3u)`, recurrent `(u, 3u)`, bias `(2, 3u)`, h0 `(b, u)`) -> (hidden
    /// states `(b, t, u)`, gates z, r and candidate after activation `(b, t, 3u)`, the candidate's
    /// recurrent term `(b, t, u)`); the reset gate is applied after the product.
    Gru,
}

/// How queries attend: with the scores times `scale`, none later than the query if `causal`, under a mask if there is
/// one, and with what is dropped of the weights, as [`FusedOp::Dropout`] drops of a tensor `(b, n, t, s)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionSpec {
    pub scale: f64,
    pub causal: bool,
    pub mask: bool,
    pub dropout: Option<DropoutSpec>,
}

/// A share of elements that become zero, and the random key of which ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutSpec {
    pub rate: f64,
    pub key: Key,
}

/// One optimizer's rule, applied to many parameters in one pass, in place. `slots` lists what each
/// parameter carries. Gradients arrive already clipped. All follow Keras 3's formulas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimizerOp {
    /// slots: momentum if `momentum != 0`
    Sgd { momentum: f64, nesterov: bool },
    /// slots: velocity, [momentum if nonzero], [average gradient if centered]
    RmsProp { rho: f64, momentum: f64, epsilon: f64, centered: bool },
    /// slots: accumulator
    Adagrad { epsilon: f64 },
    /// slots: accumulated gradient, accumulated delta
    Adadelta { rho: f64, epsilon: f64 },
    /// slots: momentum, velocity, [largest velocity if amsgrad]. `step` counts from 1.
    Adam { beta_1: f64, beta_2: f64, epsilon: f64, amsgrad: bool, step: u64 },
    /// slots: momentum, norm
    Adamax { beta_1: f64, beta_2: f64, epsilon: f64, step: u64 },
    /// slots: momentum, velocity. `u_product` is the product of the momentum schedule before this step.
    Nadam { beta_1: f64, beta_2: f64, epsilon: f64, step: u64, u_product: f64 },
    /// slots: momentum
    Lion { beta_1: f64, beta_2: f64 },
}

impl Activation {
    /// Whether the derivative is computed from the operand; else the result says it.
    pub const fn derivative_reads_operand(self) -> bool {
        match self {
            Self::Gelu | Self::GeluTanh | Self::Silu => true,
            Self::Linear | Self::Relu | Self::Sigmoid | Self::Tanh => false,
        }
    }
}

impl Epilogue {
    /// The product, then the activation.
    pub const fn new(activation: Activation) -> Self {
        Self { activation, scale: 1.0, residual: false, recorded: false }
    }

    /// Whether the op gives, after its result, the product before bias and activation: the derivative reads it.
    pub const fn gives_product(self) -> bool {
        self.recorded && self.activation.derivative_reads_operand()
    }
}

impl UnaryOp {
    /// Whether the result is a float even for integers.
    pub const fn is_float_valued(self) -> bool {
        match self {
            Self::Neg
            | Self::Abs
            | Self::Sign
            | Self::Square
            | Self::Floor
            | Self::Ceil
            | Self::Round
            | Self::Trunc
            | Self::Relu
            | Self::Not
            | Self::IsNan
            | Self::IsInf
            | Self::IsFinite
            | Self::SignBit => false,
            Self::Sqrt
            | Self::Rsqrt
            | Self::Reciprocal
            | Self::Exp
            | Self::Exp2
            | Self::Expm1
            | Self::Log
            | Self::Log2
            | Self::Log10
            | Self::Log1p
            | Self::Sin
            | Self::Cos
            | Self::Tan
            | Self::Asin
            | Self::Acos
            | Self::Atan
            | Self::Sinh
            | Self::Cosh
            | Self::Tanh
            | Self::Asinh
            | Self::Acosh
            | Self::Atanh
            | Self::Erf
            | Self::Erfc
            | Self::Erfinv
            | Self::Lgamma
            | Self::Polygamma(_)
            | Self::BesselI0
            | Self::BesselI1
            | Self::Sigmoid
            | Self::Softplus
            | Self::Silu
            | Self::Gelu
            | Self::GeluTanh => true,
        }
    }

    /// Whether the result is bool.
    pub const fn is_predicate(self) -> bool {
        matches!(self, Self::IsNan | Self::IsInf | Self::IsFinite | Self::SignBit)
    }
}
