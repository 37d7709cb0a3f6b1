"""What is TensorFlow's own: devices, seeds, tf.data, graphs, fused updates."""
