"""Runs the arithmetic: fused, in chunks, by the algorithm that should be fastest. A first reading may skip this.

It rests on measurements of TensorFlow and XLA, which `python -m benchmarks.tricks` and
`python -m benchmarks.algorithms` repeat. `convolution.py` and `pooling.py` put it around the arithmetic; the other
modules are what they put together.
"""
