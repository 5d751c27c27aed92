"""Recurrent layers: the loop over steps, its cells, and the wrappers over time."""

from corten.layers.recurrent.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from corten.layers.recurrent.gru import GRU, GRUCell
from corten.layers.recurrent.loop import RNN
from corten.layers.recurrent.lstm import LSTM, LSTMCell
from corten.layers.recurrent.simple import SimpleRNN, SimpleRNNCell
from corten.layers.recurrent.stacked import StackedRNNCells
from corten.layers.recurrent.wrappers import Bidirectional, TimeDistributed

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
    "TimeDistributed",
]
