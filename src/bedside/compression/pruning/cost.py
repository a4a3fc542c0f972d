"""Multiply-accumulates of a CNN-LSTM for one window, from its shape alone: what an allocation may spend."""

from bedside.models.cnn_lstm import CnnLstm


def macs(shape: CnnLstm) -> int:
    """Multiply-accumulates of convolutions, LSTM and linear layers for one window (as `graph.complexity`).

    Worked: a convolution 2 -> 16 channels with kernel 7 and stride 2 on 120 samples: 60 x 16 x 2 x 7 = 13,440. An LSTM
    of 8 units on 4 inputs over 10 steps: 10 x 4 x 8 x (4 + 8) = 3,840. A linear layer 39 -> 32: 1,248.
    """
    total, inputs, time = 0, shape.signal_channels, shape.signal_length
    for block in shape.convolutions:
        time = block.walk.length(time)
        total += time * block.channels * inputs * block.kernel
        inputs = block.channels
    for units in shape.lstm:
        total += time * 4 * units * (inputs + units)
        inputs = units
    read = inputs if shape.lstm else inputs * time
    return total + (read + shape.rhythm_features) * shape.head + shape.head * shape.classes
