"""ONNX graphs: export, constant folding, rewrites for small recurrent networks, parity and complexity.

Nothing here imports torch, but for `bedside.graph.export` and `bedside.graph.parity`.
"""
