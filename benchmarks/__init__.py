"""Speed, as ratios: ours and TensorFlow's kernels side by side in one run."""
