"""The arithmetic of convolution and pooling, and of their gradients: what one reads.

Everything here is a function of TensorFlow's tensors, written from the definition. How it is run fast stands apart, in
`kerasconv.engine`. To follow a convolution, read `convolution.py`, `direct.py`, `groups.py`, `windows.py` and
`tensors.py`, in this order; to follow a pooling, `pooling.py` and the last two.
"""
